"""Tag schemes against the rules of conlleval, and against sequences written out."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostinato.data.sentences.schemes import (
    SCHEMES,
    Span,
    in_scheme,
    is_tag,
    lookalike,
    may_follow,
    spans,
    tags_of,
)
from ostinato.data.sentences.schemes import unusual as count_unusual

TYPES = ("PER", "LOC")
EVERY = ["O", *(f"{prefix}-{kind}" for prefix in "BIES" for kind in TYPES)]


def begins(before, tag):
    """Whether an entity begins with a tag: the table of conlleval's `startOfChunk`."""
    (a, x), (b, y) = before, tag
    if (a, b) in {
        ("B", "B"),
        ("I", "B"),
        ("O", "B"),
        ("O", "I"),
        ("E", "E"),
        ("E", "I"),
        ("O", "E"),
    }:
        return True
    return b != "O" and x != y


def ends(before, tag):
    """Whether one ends before a tag: the table of its `endOfChunk`."""
    (a, x), (b, y) = before, tag
    pairs = {("B", "B"), ("B", "O"), ("I", "B"), ("I", "O"), ("E", "E"), ("E", "I"), ("E", "O")}
    return (a, b) in pairs or (a != "O" and x != y)


def conlleval(tags):
    """Entities as that script finds them, going from word to word."""
    found, open_ = [], None
    pairs = [("O", ""), *((tag[0], tag[2:]) for tag in tags), ("O", "")]
    for k, (before, tag) in enumerate(itertools.pairwise(pairs)):
        if open_ is not None and ends(before, tag):
            found.append(Span(before[1], open_, k))
            open_ = None
        if begins(before, tag):
            open_ = k
    return found


IOB = st.lists(st.sampled_from(["O", *(f"{p}-{kind}" for p in "BI" for kind in TYPES)]), max_size=8)
MIXED = st.lists(st.sampled_from(EVERY), max_size=8)


@given(IOB)
def test_entities_are_those_of_conlleval(tags):
    assert spans(tags) == conlleval(tags)


@given(MIXED)
def test_every_sequence_of_tags_has_entities_that_every_scheme_can_write(tags):
    found = spans(tags)
    inside = sorted(k for span in found for k in range(span.start, span.end))
    assert inside == [k for k, tag in enumerate(tags) if tag != "O"]
    assert all(tags[k][2:] == s.kind for s in found for k in range(s.start, s.end))
    for scheme in SCHEMES:
        written = tags_of(found, len(tags), scheme)
        assert spans(written) == found
        assert in_scheme(written, scheme) == written
        assert count_unusual([written])[scheme] == 0


def test_schemes_by_hand():
    words = [Span("PER", 0, 2), Span("LOC", 3, 4), Span("LOC", 4, 6), Span("PER", 6, 7)]
    written = {
        "iob1": "I-PER I-PER O I-LOC B-LOC I-LOC I-PER",
        "iob2": "B-PER I-PER O B-LOC B-LOC I-LOC B-PER",
        "bioes": "B-PER E-PER O S-LOC B-LOC E-LOC S-PER",
    }
    for scheme, tags in written.items():
        assert tags_of(words, 7, scheme) == tags.split()
        assert spans(tags.split()) == words
    assert count_unusual([written["iob2"].split()]) == {"iob1": 3, "iob2": 0, "bioes": 4}


@pytest.mark.parametrize("length", [1, 2, 3, 4])
def test_what_may_follow_makes_exactly_the_legal_sequences(length):
    for tags in itertools.product(EVERY, repeat=length):
        pairs = itertools.pairwise([None, *tags, None])
        assert all(may_follow(a, b) for a, b in pairs) == (in_scheme(tags, "bioes") == [*tags])


@pytest.mark.parametrize(
    ("tag", "known"),
    [("O", True), ("B-PER", True), ("S-a-b", True), ("B-", False), ("X-PER", False), ("NN", False)],
)
def test_tags_of_the_schemes(tag, known):
    assert is_tag(tag) is known


@pytest.mark.parametrize(
    ("tags", "like"),
    [
        ({"O", "S:PER"}, ("S:PER", "S-PER")),
        ({"O", "S.B-C"}, ("S.B-C", "S-B-C")),
        ({"O", "B_PER", "NN"}, None),
        ({"B_PER", "I_PER"}, None),  # nothing is outside
        ({"O", "BX", "IN"}, None),
        ({"O", "B_"}, None),
        ({"O"}, None),
        (set(), None),
    ],
)
def test_tags_that_look_like_entities_written_otherwise(tags, like):
    assert lookalike(tags) == like
