"""Plain text: a text on each line, without labels."""

from __future__ import annotations

from collections.abc import Iterator

from ostinato.data.files.bad import Bad
from ostinato.data.files.file import File
from ostinato.data.tables.rows import R, Wanted
from ostinato.errors import DataError, first_few, quoted

SUFFIXES = (".txt", ".text")


def sniff(head: bytes, wanted: Wanted[R]) -> bool:
    """Never: any text may be plain text."""
    return False


def read(file: File, wanted: Wanted[R]) -> Iterator[R | Bad]:
    """Each line; one that is blank has an empty text.

    Raises:
        DataError: when the file is blank and no text may be; for several columns, or all.
    """
    if wanted.columns is None:
        raise DataError(f"{file.title}: plain text has no columns; use a table")
    if len(wanted.columns) > 1:
        needed = first_few(map(quoted, wanted.columns))
        raise DataError(
            f"{file.title}: plain text has one column, but {needed} are required; use a table"
        )
    blank, blamed, empty = 0, "", True  # held back: a blank file is one fault
    for number, line in enumerate(file.good_lines(), start=1):
        row: R | Bad
        if isinstance(line, Bad):
            row = line
        elif blank and not line.text.strip():  # quickly: a small packed file may hold millions
            blank += 1
            continue
        else:
            row = wanted.check(line.place, {"text": line.text.removesuffix("\n")})
            if empty and isinstance(row, Bad) and not line.text.strip():
                blank, blamed = 1, row.fault
                continue
        yield from (Bad(f"line {k}", blamed) for k in range(number - blank, number))
        blank, empty = 0, False
        yield row
    if empty:
        raise DataError(f"{file.title}: the file is empty")
