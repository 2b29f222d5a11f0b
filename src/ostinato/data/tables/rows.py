"""Rows of a table of texts, good and bad."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, TypeAlias, TypeVar

from ostinato.data.files.file import flaw
from ostinato.data.tables.labels import LabelColumn, label_text
from ostinato.errors import DataError, counted, quoted


class Row(NamedTuple):
    """A row as it was read.

    Attributes:
        place: where it is, such as `line 3`; empty where the file itself is the row.
        values: the values of the columns that were asked for, in their order, as the check of the
            reader gives them; of texts each a text, several labels a tuple of them.
        fault: why the row cannot be used; None for a good row.
    """

    place: str
    values: list[Any]
    fault: str | None = None


class Judged(Protocol):
    """What a reader gives that may be bad: a `Row`, or a sentence."""

    @property
    def place(self) -> str:
        """Where it is."""

    @property
    def fault(self) -> str | None:
        """Why it cannot be used."""


R = TypeVar("R", bound=Judged)
T = TypeVar("T")
Check: TypeAlias = Callable[[str, dict[str, Any], LabelColumn | None], Row]
"""Makes a row of its place, a value for each column, and the column with labels; as `row` does."""


@dataclass
class Skipped:
    """Counts the bad rows that a reader goes on without.

    Attributes:
        title: the file.
        places: which rows of the file were left out, counted from 0.
        reasons: the first few, each with its place.
    """

    title: str = ""
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
        return f"{self.title}: {count} left out: {'; '.join(self.reasons)}{more}"

    def merged(self, answers: Iterable[T]) -> Iterator[T | None]:
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

    def to_json(self) -> dict[str, Any]:
        """What a run's manifest says of it."""
        return {"rows": len(self.places), "first": self.reasons}


def good(rows: Iterable[R], title: str, skipped: Skipped | None) -> Iterator[R]:
    """The rows that can be used.

    Args:
        rows: all rows.
        title: the file, for errors.
        skipped: counts the bad rows; None refuses the first.

    Raises:
        DataError: for a bad row, or when there is no good one.
    """
    first, number = "", -1
    found = False
    for number, row in enumerate(rows):
        if row.fault is None:
            found = True
            yield row
            continue
        reason = f"{row.place}: {row.fault}" if row.place else row.fault
        first = first or reason
        if skipped is None:
            raise DataError(f"{title}{', ' if row.place else ': '}{reason}")
        skipped.title = title
        skipped.places.append(number)
        if len(skipped.reasons) < 3:
            skipped.reasons.append(reason)
    if number < 0:
        raise DataError(f"{title}: no rows")
    if not found:
        raise DataError(f"{title}: no row can be used; {first}")


def row(place: str, columns: dict[str, Any], label: LabelColumn | None, blank: bool = False) -> Row:
    """A row from its values, each checked.

    Args:
        place: where it is.
        columns: a value for each column, as the file gives it.
        label: the column with labels, which may be numbers; all others are texts.
        blank: whether a value may be blank.
    """
    values: list[Any] = []
    for name, value in columns.items():
        if label is None or name != label.name:
            parts = [value]
        else:
            parts = [label_text(part) for part in label.parts(value)]
            if not label.several and isinstance(value, list | tuple):
                several = "data.multi_label = true allows several"
                return Row(place, [], f"the {name} is a list, not a text; {several}")
        for part in parts:
            if fault := _fault(name, part, blank):
                return Row(place, [], fault)
        if label is not None and name == label.name and label.several:
            values.append(tuple(sorted(set(parts))))
        else:
            values.append(parts[0].replace("\r\n", "\n").replace("\r", "\n"))
    return Row(place, values)


def two_parts(name: str) -> str:
    """What is said of a column that is to be two things, such as text and label."""
    return f"column {quoted(name)} is given two parts; it can have one"


def _fault(name: str, value: Any, blank: bool) -> str | None:
    """Why a value of a column is no text that can be used."""
    if value is None or (isinstance(value, float) and value != value):
        return f"the {name} is missing"
    if not isinstance(value, str):
        return f"the {name} is {_kind(value)}, not a text"
    if fault := flaw(value):
        return f"{fault[1]} in the {name}"
    return None if blank or value.strip() else f"the {name} is empty"


def untouched(place: str, columns: dict[str, Any], label: LabelColumn | None) -> Row:
    """A row whose values are for the reader to check: its one value is the whole `columns`."""
    return Row(place, [columns])


def _kind(value: Any) -> str:
    match value:
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case list() | tuple():
            return "a list"
        case dict():
            return "an object"
        case _:
            return f"of type {type(value).__name__}"
