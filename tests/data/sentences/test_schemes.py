"""Tag schemes against the rules of conlleval, and against sequences written out."""

import itertools
import json
from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostinato.data.sentences.notation import Notation, notation_of
from ostinato.data.sentences.schemes import (
    IO,
    SCHEMES,
    Span,
    in_scheme,
    is_tag,
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


NOTATIONS = [
    Notation(),
    Notation("BILU"),
    Notation("BMES", "_"),
    Notation("bmew", ":", suffix=True, outside="o"),
    Notation("BIES", "-", suffix=True),
    Notation("bies"),
]


@pytest.mark.parametrize("notation", NOTATIONS, ids=str)
def test_a_notation_is_known_by_its_tags_and_says_the_same(notation):
    kinds = ("PER", "a-b") if notation.sign == "-" else ("PER", "LOC")
    every = ["O", *(f"{prefix}-{kind}" for prefix in "BIES" for kind in kinds)]
    written = [notation.write(tag) for tag in every]
    assert len(set(written)) == len(every)
    assert notation_of(written) == notation
    assert [notation.read(tag) for tag in written] == every
    assert Notation.from_json(json.loads(json.dumps(asdict(notation)))) == notation
    assert notation.read("NN") is None


@pytest.mark.parametrize(
    ("tags", "read"),
    [
        ("O PER-B PER-I", "O B-PER I-PER"),
        ("O S:PER", "O S-PER"),
        ("O B_X-Y", "O B-X-Y"),
        ("o b-per", "o B-per"),
        ("O PER LOC", "O I-PER I-LOC"),
        ("O B I", "O B-entity I-entity"),
        ("B M E S", "B-entity I-entity E-entity S-entity"),
        ("B-PER L-PER U-LOC", "B-PER E-PER S-LOC"),
        ("B-PER I-PER", "B-PER I-PER"),
        ("O S-X U-X", None),  # of two systems
        ("O B_PER NN", None),
        ("O B-PER NN", None),
        ("B_PER I_PER", None),  # nothing is outside
        ("O N V", None),  # parts of speech
        ("O ,", None),
        ("O", None),
        ("NN VB-S", None),
        ("", None),
    ],
)
def test_tags_are_read_as_entities_or_are_just_tags(tags, read):
    found = notation_of(tags.split())
    if read is None:
        assert found is None
    else:
        outside = read.replace("o ", "O ").split()
        assert [found.read(tag) for tag in tags.split()] == outside


def test_types_alone_are_one_entity_where_they_adjoin():
    assert in_scheme("B-PER E-PER S-PER O S-LOC".split(), IO) == "I-PER I-PER I-PER O I-LOC".split()
