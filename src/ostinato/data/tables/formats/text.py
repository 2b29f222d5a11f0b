"""Plain text: a text on each line, without labels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ostinato.data.files.file import File, flaw
from ostinato.data.tables.labels import LabelColumn
from ostinato.data.tables.rows import Check, Row, row
from ostinato.errors import DataError, first_few, quoted

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
    if len(columns) > 1:
        needed = first_few(map(quoted, columns))
        raise DataError(
            f"{file.title}: plain text has one column, and {needed} are needed; give a table"
        )
    if label:
        raise DataError(f"{file.title}: plain text has no labels; give a table, or a folder each")
    blank, blamed, empty = 0, "", True  # held back: a blank file is told as one fault
    for number, line in file.lines():
        if blank and not line.strip():  # quickly: a small packed file may hold millions
            blank += 1
            continue
        place = f"line {number}"
        line = line.removesuffix("\n")
        found = flaw(line)
        read = Row(place, [], found[1]) if found else check(place, {"text": line}, None)
        if empty and read.fault and not line.strip():
            blank, blamed = 1, read.fault
            continue
        yield from (Row(f"line {k}", [], blamed) for k in range(number - blank, number))
        blank, empty = 0, False
        yield read
    if empty:
        raise DataError(f"{file.title}: the file is empty")
