"""Rows of a table of texts, good and bad."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from ostinato.data.files.bad import Bad
from ostinato.data.files.file import flaw
from ostinato.data.tables.labels import Label, LabelColumn, label_text
from ostinato.errors import quoted


class Row(NamedTuple):
    """The texts of a row, each checked.

    Attributes:
        place: where it is, such as `line 3`.
        texts: the texts of the columns that were asked for, in their order.
        label: the text of the column with labels, or a tuple of several; "" where none was asked.
    """

    place: str
    texts: list[str]
    label: Label = ""


class RawRow(NamedTuple):
    """A row as it stands in the table.

    Attributes:
        place: where it is.
        columns: the value of each column.
    """

    place: str
    columns: Mapping[str, object]


R = TypeVar("R", Row, RawRow)


@dataclass(frozen=True)
class Wanted(Generic[R]):
    """What a reader wants of a table.

    Attributes:
        columns: the columns; None for all.
        check: makes a row of its place and a value for each column, as `row` and `RawRow` do.
    """

    columns: Sequence[str] | None
    check: Callable[[str, Mapping[str, object]], R | Bad]


def row(
    place: str,
    columns: Mapping[str, object],
    label: LabelColumn | None = None,
    blank: bool = False,
) -> Row | Bad:
    """A row from its values, each checked.

    Args:
        place: where it is.
        columns: a value for each column, as the file gives it.
        label: the column with labels, which may be numbers; all others are texts.
        blank: whether a value may be blank.
    """
    texts: list[str] = []
    labels: Label = ""
    for name, value in columns.items():
        own = label if label is not None and name == label.name else None
        if own and not own.several and isinstance(value, list | tuple):
            several = "data.multi_label = true allows several"
            return Bad(place, f"the {name} is a list, not a text; {several}")
        parts = [label_text(part) for part in own.parts(value)] if own else [value]
        checked: list[str] = []
        for part in parts:
            if fault := _fault(name, part, blank):
                return Bad(place, fault)
            checked.append(str(part))
        if own and own.several:
            labels = tuple(sorted(set(checked)))
        elif own:
            labels = _with_plain_ends(checked[0])
        else:
            texts.append(_with_plain_ends(checked[0]))
    return Row(place, texts, labels)


def _with_plain_ends(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def two_parts(name: str) -> str:
    """What is said of a column that is to be two things, such as text and label."""
    return f"column {quoted(name)} is given two parts; it can have one"


def _fault(name: str, value: object, blank: bool) -> str | None:
    """Why a value of a column is no text that can be used."""
    if value is None or (isinstance(value, float) and value != value):
        return f"the {name} is missing"
    if not isinstance(value, str):
        return f"the {name} is {_kind(value)}, not a text"
    if fault := flaw(value):
        return f"{fault[1]} in the {name}"
    return None if blank or value.strip() else f"the {name} is empty"


def _kind(value: object) -> str:
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
