"""Columns found by their names in a header."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ostinato.data.files.bad import Bad
from ostinato.data.files.file import File
from ostinato.data.tables.rows import R, Wanted
from ostinato.errors import counted, first_few, quoted


def places(file: File, line: int, header: Sequence[str], wanted: Wanted[R]) -> dict[str, int]:
    """Where in the header each wanted column is.

    Raises:
        DataError: when there is none of a name, or more than one.
    """
    columns = header if wanted.columns is None else wanted.columns
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
    place: str, fields: Sequence[str], width: int, at: dict[str, int], wanted: Wanted[R]
) -> R | Bad:
    """The wanted fields of a record.

    Args:
        place: where the record is.
        fields: its fields.
        width: how many the header has.
        at: where each wanted one is.
        wanted: what becomes of them.
    """
    if len(fields) != width:
        return Bad(place, f"{counted(len(fields), 'field')}, but the header has {width}")
    return wanted.check(place, {name: fields[k] for name, k in at.items()})
