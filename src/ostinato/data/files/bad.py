"""What cannot be used of a file: refused, or left out and counted."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, TypedDict, TypeVar

from ostinato.errors import DataError, counted

R = TypeVar("R")
NOT_UTF8 = "not UTF-8"
"""What is said of bytes that are no text, where no encoding is given."""


class Bad(NamedTuple):
    """Something that was read and cannot be used: a line, a row, a sentence.

    Attributes:
        place: where it is, such as `line 3`; empty where the file itself is meant.
        fault: why it cannot be used.
        empty: whether it is a text without any.
    """

    place: str
    fault: str
    empty: bool = False

    def __str__(self) -> str:
        return f"{self.place}: {self.fault}" if self.place else self.fault


class SkippedRecord(TypedDict):
    """What a run's manifest says of the rows that were left out: how many, and the first few."""

    rows: int
    first: list[str]


@dataclass
class Skipped:
    """Counts the bad rows that a reader leaves out.

    Attributes:
        title: the file.
        only_empty: whether it is empty texts alone that are left out; other faults are refused.
        places: which rows of the file were left out, counted from 0.
        reasons: the first few, each with its place.
    """

    title: str = ""
    only_empty: bool = False
    places: array[int] = field(default_factory=lambda: array("q"))
    reasons: list[str] = field(default_factory=list)

    @property
    def rows(self) -> list[int]:
        """The same as a list."""
        return self.places.tolist()

    def summary(self) -> str:
        """The count and the first reasons, in a line; empty when nothing was left out."""
        if not self.places:
            return ""
        more = "; …" if len(self.places) > len(self.reasons) else ""
        count = counted(len(self.places), "bad row")
        return f"{self.title}: {count} skipped: {'; '.join(self.reasons)}{more}"

    def merged(self, answers: Iterable[R]) -> Iterator[R | None]:
        """An answer for each good row, and None for each that was left out, as they stood."""
        bad, following, number = iter(self.places), iter(answers), 0
        left_out = next(bad, None)
        while True:
            if number == left_out:
                left_out = next(bad, None)
                yield None
            else:
                try:
                    yield next(following)
                except StopIteration:
                    return
            number += 1

    def to_json(self) -> SkippedRecord:
        """What a run's manifest says of it."""
        return {"rows": len(self.places), "first": self.reasons}


def good(records: Iterable[R | Bad], title: str, skipped: Skipped | None) -> Iterator[R]:
    """What can be used of all that was read.

    Args:
        records: rows, lines or sentences, good and bad.
        title: the file, for errors.
        skipped: counts the bad ones; None refuses the first.

    Raises:
        DataError: for a bad one, or when there is no good one.
    """
    first: Bad | None = None
    number, found = -1, False
    for number, record in enumerate(records):
        if not isinstance(record, Bad):
            found = True
            yield record
            continue
        first = first or record
        if skipped is None or (skipped.only_empty and not record.empty):
            raise refused(title, record)
        skipped.title = title
        skipped.places.append(number)
        if len(skipped.reasons) < 3:
            skipped.reasons.append(str(record))
    if number < 0:
        raise DataError(f"{title}: no rows")
    if first and not found:
        raise DataError(f"{title}: no valid row; {first}{_remedy(first)}")


def refused(title: str, bad: Bad) -> DataError:
    """An error that names the file, the place in it, what is wrong there, and what to do."""
    return DataError(f"{title}{', ' if bad.place else ': '}{bad}{_remedy(bad)}")


def _remedy(bad: Bad) -> str:
    if bad.fault == NOT_UTF8:
        return "; name its encoding: --data.encoding cp1252 or another"
    return ""
