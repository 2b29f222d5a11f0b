"""Plain text: a text on each line, without labels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ostinato.data.files import File, flaw
from ostinato.data.labels import LabelColumn
from ostinato.data.rows import Check, Row, row
from ostinato.errors import DataError

SUFFIXES = (".txt", ".text")


def sniff(head: bytes, columns: Sequence[str]) -> bool:
    """Never: any text may be plain text."""
    return False


def rows(
    file: File, columns: Sequence[str] | None, label: LabelColumn | None, check: Check = row
) -> Iterator[Row]:
    """Each line; one that is blank has an empty text.

    Raises:
        DataError: when the file is blank and no text may be; for labels, or all columns.
    """
    if columns is None:
        raise DataError(f"{file.title}: plain text has no columns; give a table")
    if label:
        raise DataError(f"{file.title}: plain text has no labels; give a table, or a folder each")
    blank: list[Row] = []  # held back: a file of blank lines alone is told as one fault
    empty = True
    for number, line in file.lines():
        place = f"line {number}"
        line = line.removesuffix("\n")
        found = flaw(line)
        read = Row(place, [], found[1]) if found else check(place, {"text": line}, None)
        if empty and read.fault and not found and not line.strip():
            blank.append(read)
            continue
        yield from blank
        blank, empty = [], False
        yield read
    if empty:
        raise DataError(f"{file.title}: the file is empty")
