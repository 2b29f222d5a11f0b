"""Columns found by their names in a header."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ostinato.data.files.file import File
from ostinato.data.tables.labels import LabelColumn
from ostinato.data.tables.rows import Check, Row, row
from ostinato.errors import counted, first_few, quoted


def places(
    file: File, line: int, header: Sequence[str], columns: Sequence[str] | None
) -> dict[str, int]:
    """Where in the header each column is; None asks for all.

    Raises:
        DataError: when there is none of a name, or more than one.
    """
    columns = header if columns is None else columns
    count, place = Counter(header), {name: k for k, name in enumerate(header)}
    for name in columns:
        if count[name] != 1:
            raise file.fault(line, missing(name, header))
    return {name: place[name] for name in columns}


def missing(name: str, header: Sequence[str]) -> str:
    """What is said of a column that is not there once."""
    found = "more than one" if name in header else "no"
    return f"{found} column {quoted(name)}; the columns are {first_few(map(quoted, header))}"


def first_line(head: bytes) -> list[str]:
    """The first line of a file's beginning that is not blank; none where there is none."""
    return head.decode("utf-8-sig", "replace").lstrip().splitlines()[:1]


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
