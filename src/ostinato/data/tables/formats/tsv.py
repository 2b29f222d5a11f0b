"""Tab-separated values (IANA text/tab-separated-values) with a header.

A field cannot hold a tab or the end of a line, and so nothing is quoted: a quotation mark is a
character like any other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ostinato.data.files.file import File, flaw
from ostinato.data.tables.formats._header import first_line, pick, places
from ostinato.data.tables.labels import LabelColumn
from ostinato.data.tables.rows import Check, Row, row
from ostinato.errors import DataError

SUFFIXES = (".tsv", ".tab")


def sniff(head: bytes, columns: Sequence[str]) -> bool:
    """Whether the first line is a header of two columns or more with these among them."""
    header = next(iter(first_line(head)), "").split("\t")
    return len(header) > 1 and set(columns) <= set(header)


def rows(
    file: File, columns: Sequence[str] | None, label: LabelColumn | None, check: Check = row
) -> Iterator[Row]:
    """The named columns of each line; blank lines are passed over.

    Raises:
        DataError: when the file is empty, or its header wrong.
    """
    header: list[str] = []
    for number, line in file.lines():
        line = line.removesuffix("\n")
        found = flaw(line)
        if not line.strip() and not found:
            continue
        if not header:
            if found:
                raise file.fault(number, found[1])
            header = line.split("\t")
            wanted = places(file, number, header, columns)
        elif found:
            yield Row(f"line {number}", [], found[1])
        else:
            yield pick(number, line.split("\t"), header, wanted, label, check)
    if not header:
        raise DataError(f"{file.title}: the file is empty")
