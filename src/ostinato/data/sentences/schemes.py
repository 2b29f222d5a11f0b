"""How tags say where an entity begins and ends: IO, IOB1, IOB2 and BIOES.

    words    Angela  Merkel  met  Macron  Paris
    io       I-PER   I-PER   O    I-PER   I-LOC     neighbours of one type are one entity
    iob1     I-PER   I-PER   O    I-PER   I-LOC     B- only where one follows another of its type
    iob2     B-PER   I-PER   O    B-PER   B-LOC     B- at every beginning
    bioes    B-PER   E-PER   O    S-PER   S-LOC     E- at every end, S- for a single word

Ramshaw & Marcus 1995 (IOB1); Tjong Kim Sang & Veenstra 1999 (IOB2). BIOES is also called IOBES,
and in other letters BILOU or BMES: see `notation`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

SCHEMES = ("iob1", "iob2", "bioes")
IO = "io"
OUTSIDE = "O"


_TAG = re.compile(r"[BIES]-.+")


class Span(NamedTuple):
    """An entity: its type, its first word, and the one after its last."""

    kind: str
    start: int
    end: int


def is_tag(tag: str) -> bool:
    """Whether a tag is of one of the schemes."""
    return tag == OUTSIDE or _TAG.fullmatch(tag) is not None


def spans(tags: Sequence[str]) -> list[Span]:
    """The entities of a sentence, in whatever scheme its tags are.

    A word begins an entity where its tag says so (B, S), where the one before it is outside or an
    end (E, S), and where it is of another type; so does `conlleval` of the CoNLL-2000 task, which
    knows B, I and O. Thus every sequence of tags has its entities, also one that a scheme forbids.

    >>> [tuple(span) for span in spans(["I-PER", "I-PER", "O", "B-LOC", "B-LOC"])]
    [('PER', 0, 2), ('LOC', 3, 4), ('LOC', 4, 5)]
    """
    found: list[Span] = []
    kind, start, open_ = "", 0, False
    for k, tag in enumerate([*tags, OUTSIDE]):
        prefix, _, own = tag.partition("-")
        begins = prefix in ("B", "S") or not open_ or own != kind
        if open_ and (tag == OUTSIDE or begins):
            found.append(Span(kind, start, k))
        if tag == OUTSIDE:
            open_ = False
            continue
        if begins:
            kind, start = own, k
        open_ = prefix not in ("E", "S")
        if not open_:
            found.append(Span(kind, start, k + 1))
    return found


def tags_of(entities: Iterable[Span], length: int, scheme: str) -> list[str]:
    """The tags of a sentence of so many words, in a scheme.

    >>> tags_of([Span("LOC", 0, 2), Span("LOC", 2, 3)], 4, "bioes")
    ['B-LOC', 'E-LOC', 'S-LOC', 'O']
    """
    tags, before = [OUTSIDE] * length, Span("", 0, 0)
    for span in entities:
        kind, start, end = span
        adjoins = before.end == start and before.kind == kind
        first = "I" if scheme == IO or (scheme == "iob1" and not adjoins) else "B"
        tags[start:end] = [f"{first}-{kind}", *[f"I-{kind}"] * (end - start - 1)]
        if scheme == "bioes":
            tags[end - 1] = f"{'S' if end - start == 1 else 'E'}-{kind}"
        before = span
    return tags


def in_scheme(tags: Sequence[str], scheme: str) -> list[str]:
    """The same entities in another scheme."""
    return tags_of(spans(tags), len(tags), scheme)


def unusual(sentences: Iterable[Sequence[str]]) -> dict[str, int]:
    """For each scheme how many tags are not as it would write them."""
    count = dict.fromkeys(SCHEMES, 0)
    for tags in sentences:
        entities = spans(tags)
        for scheme in SCHEMES:
            written = tags_of(entities, len(tags), scheme)
            count[scheme] += sum(a != b for a, b in zip(tags, written, strict=True))
    return count


def may_follow(before: str | None, after: str | None) -> bool:
    """Whether a BIOES tag may stand after another; None is the sentence's beginning or end.

    >>> may_follow("B-PER", "E-PER"), may_follow("B-PER", "O"), may_follow(None, "I-PER")
    (True, False, False)
    """
    inside = before is not None and before[:2] in ("B-", "I-")
    goes_on = after is not None and after[:2] in ("I-", "E-")
    if before is not None and after is not None and inside and goes_on:
        return before[2:] == after[2:]
    return not inside and not goes_on
