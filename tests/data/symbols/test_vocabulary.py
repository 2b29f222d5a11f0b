import json
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostinato.data import Vocabulary
from ostinato.errors import ConfigError, DataError

token_lists = st.lists(st.lists(st.sampled_from([*"abcdef", "<unk>"])))


@given(token_lists, st.none() | st.integers(1, 8), st.integers(1, 3))
def test_build_keeps_the_most_frequent(lists, max_size, min_count):
    vocabulary = Vocabulary.build(lists, max_size, min_count)
    counts = Counter(token for tokens in lists for token in tokens if token != "<unk>")
    ranked = sorted((-count, symbol) for symbol, count in counts.items() if count >= min_count)
    expected = ["<unk>", *(symbol for _, symbol in ranked)][:max_size]
    assert vocabulary.to_json() == expected
    assert len(vocabulary) == len(expected)


@given(token_lists, st.integers(1, 4))
def test_encode_then_decode_gives_the_known_symbols(lists, max_size):
    vocabulary = Vocabulary.build(lists, max_size)
    for tokens in lists:
        indices = vocabulary.encode(tokens)
        assert indices.dtype == np.int64
        assert indices.shape == (len(tokens),)
        assert vocabulary.decode(indices) == [t if t in vocabulary else "<unk>" for t in tokens]


@given(token_lists)
def test_json_round_trip(lists):
    vocabulary = Vocabulary.build(lists)
    again = Vocabulary.from_json(json.loads(json.dumps(vocabulary.to_json())))
    assert again.symbols == vocabulary.symbols
    for tokens in lists:
        np.testing.assert_array_equal(again.encode(tokens), vocabulary.encode(tokens))


def test_index_zero_is_unknown():
    vocabulary = Vocabulary(["to", "be"])
    assert vocabulary.encode(["to", "be", "or", "<unk>"]).tolist() == [1, 2, 0, 0]
    assert vocabulary.decode([0, 1, 2]) == ["<unk>", "to", "be"]
    assert "to" in vocabulary
    assert "or" not in vocabulary


def test_what_to_json_gives_is_a_copy():
    vocabulary = Vocabulary(["a"])
    vocabulary.to_json().append("b")
    assert len(vocabulary) == 2


def test_faults_are_refused():
    with pytest.raises(DataError, match="'a' more than once"):
        Vocabulary(["a", "b", "a"])
    with pytest.raises(DataError, match="'<unk>' more than once"):
        Vocabulary(["<unk>"])
    for symbols in ([], ["a"], ["a", "<unk>"]):
        with pytest.raises(DataError, match="begins with '<unk>'"):
            Vocabulary.from_json(symbols)
    with pytest.raises(ConfigError, match="max_size"):
        Vocabulary.build([["a"]], max_size=0)
