"""Columns found by their names in a header."""

from __future__ import annotations

from collections.abc import Sequence

from ostinato.data.files import File
from ostinato.data.labels import LabelColumn
from ostinato.data.rows import Check, Row, row
from ostinato.errors import counted


def places(
    file: File, line: int, header: Sequence[str], columns: Sequence[str] | None
) -> dict[str, int]:
    """Where in the header each column is; None asks for all.

    Raises:
        DataError: when there is none of a name, or more than one.
    """
    columns = header if columns is None else columns
    for name in columns:
        if list(header).count(name) != 1:
            raise file.fault(line, missing(name, header))
    return {name: list(header).index(name) for name in columns}


def missing(name: str, header: Sequence[str]) -> str:
    """What is said of a column that is not there once."""
    found = "more than one" if name in header else "no"
    shown = ", ".join(map(repr, header))[:200]
    return f"{found} column {name!r}; the columns are {shown}"


def pick(
    line: int,
    fields: Sequence[str],
    header: Sequence[str],
    wanted: dict[str, int],
    label: LabelColumn | None,
    check: Check = row,
) -> Row:
    """The wanted fields of a record, which has as many as the header."""
    if len(fields) != len(header):
        count = counted(len(fields), "field")
        return Row(f"line {line}", [], f"{count}, but the header has {len(header)}")
    return check(f"line {line}", {name: fields[at] for name, at in wanted.items()}, label)
