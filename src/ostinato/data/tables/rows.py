"""Rows of a table of texts, good and bad."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Generic, NamedTuple, TypeVar

from ostinato.data.files.bad import Bad
from ostinato.data.files.file import flaw
from ostinato.data.files.numerals import Numerals, Unclear, is_missing
from ostinato.data.tables.dialect import DETECTED, Dialect
from ostinato.data.tables.labels import Label, LabelColumn, label_text
from ostinato.errors import quoted


class Row(NamedTuple):
    """The texts of a row, each checked.

    Attributes:
        place: where it is, such as `line 3`.
        texts: the texts of the columns that were asked for, in their order.
        label: the text of the column with labels, or a tuple of labels; "" if none was requested.
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
        dialect: how the table is written.
    """

    columns: Sequence[str] | None
    check: Callable[[str, Mapping[str, object]], R | Bad]
    dialect: Dialect = DETECTED


def row(
    place: str,
    columns: Mapping[str, object],
    label: LabelColumn | None = None,
    blank: bool = False,
    numerals: Numerals | None = None,
) -> Row | Bad:
    """A row from its values, each checked.

    Args:
        place: where it is.
        columns: a value for each column, as the file gives it.
        label: the column with labels, which may be numbers; all others are texts.
        blank: whether a value may be blank.
        numerals: reads the numbers of the table.
    """
    texts: list[str] = []
    own: Label = ""
    try:
        for name, value in columns.items():
            if label is not None and name == label.name:
                own = _label(label, value, blank, numerals)
            else:
                texts.append(with_plain_ends(_text(name, value, blank)))
    except ValueError as fault:
        return Bad(place, str(fault), isinstance(fault, _Empty))
    return Row(place, texts, own)


def two_parts(name: str) -> str:
    """What is said of a column that is to be two things, such as text and label."""
    return f"column {quoted(name)} is used for two parts; it can only have one"


class _Empty(ValueError):
    """A text without any."""


def _label(column: LabelColumn, value: object, blank: bool, numerals: Numerals | None) -> Label:
    """The label in a value, or all of them.

    Raises:
        ValueError: when it is none.
    """
    if column.numeric:
        return target_text(column.name, value, numerals)
    if not column.multi_label and isinstance(value, list | tuple):
        hint = "use data.multi_label = true for lists of labels"
        raise ValueError(f"the {column.name} is a list, not a text; {hint}")
    parts = [_text(column.name, label_text(part), blank) for part in column.parts(value)]
    return tuple(sorted(set(parts))) if column.multi_label else with_plain_ends(parts[0])


def target_text(name: str, value: object, numerals: Numerals | None = None) -> str:
    """A finite number as text, from which `float` reads the same number.

    >>> target_text("target", " 2.50 "), target_text("target", 7)
    ('2.5', '7.0')

    Raises:
        ValueError: when it is none.
    """
    if hasattr(value, "item") and getattr(value, "ndim", 0) == 0:  # a NumPy scalar
        value = value.item()
    if is_missing(value):
        raise ValueError(f"the {name} is missing")
    if isinstance(value, str):
        if not value.strip():
            raise ValueError(f"the {name} is empty")
        try:
            value = (numerals or Numerals()).read(value)
        except Unclear as fault:
            raise ValueError(f"the {name} {fault}") from None
        except ValueError:
            raise ValueError(f"the {name} is {quoted(value, 40)}, not a number") from None
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise ValueError(f"the {name} is {_kind(value)}, not a number")
    try:
        found = float(value)
    except OverflowError:
        found = math.inf
    if not math.isfinite(found):
        raise ValueError(f"the {name} is not a finite number")
    return repr(found)


def _text(name: str, value: object, blank: bool) -> str:
    """The text that a value of a column is.

    Raises:
        ValueError: when it is none that can be used.
    """
    if not isinstance(value, str):
        missing = is_missing(value)
        raise ValueError(f"the {name} is {'missing' if missing else f'{_kind(value)}, not a text'}")
    if fault := flaw(value):
        raise ValueError(f"{fault[1]} in the {name}")
    if not blank and not value.strip():
        raise _Empty(f"the {name} is empty")
    return value


def with_plain_ends(text: str) -> str:
    r"""A text whose lines all end with `\n`."""
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


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
