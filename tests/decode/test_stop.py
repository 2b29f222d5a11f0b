from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostinato.decode import until
from ostinato.errors import ConfigError

letters = st.text("ab", max_size=4)


@given(st.lists(letters), st.lists(letters.filter(bool), max_size=3))
def test_the_text_ends_before_the_first_stop_string(pieces, stops):
    text, found = "".join(pieces), "".join(until(pieces, stops))
    # the oracle reads the text piece by piece and looks at all of it each time
    for n in range(len(pieces) + 1):
        places = [p for p in ("".join(pieces[:n]).find(stop) for stop in stops) if p >= 0]
        if places:
            assert found == text[: min(places)]
            return
    assert found == text


@given(st.lists(letters), st.lists(letters.filter(bool), max_size=3))
def test_nothing_is_shown_that_is_taken_back(pieces, stops):
    shown = list(until(pieces, stops))
    final, so_far = "".join(shown), ""
    for piece in shown:
        so_far += piece
        assert final.startswith(so_far)
    if not stops:
        assert shown == pieces


def test_what_cannot_begin_a_stop_string_is_not_held_back():
    shown = until(iter(["ab", "ac", "x"]), ["acd"])
    assert [next(shown) for _ in range(3)] == ["ab", "", "acx"]


def test_no_more_is_taken_than_needed():
    taken = count()
    pieces = ("ab"[next(taken) % 2] for _ in count())
    assert "".join(until(pieces, ["bab"])) == "a"
    assert next(taken) == 4


def test_an_empty_stop_string_is_refused():
    with pytest.raises(ConfigError, match="must not be empty"):
        list(until(["a"], ["b", ""]))
