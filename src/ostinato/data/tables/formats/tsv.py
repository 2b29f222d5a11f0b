"""Tab-separated values (IANA text/tab-separated-values) with a header.

A field cannot hold a tab or the end of a line, and so nothing is quoted: a quotation mark is a
character like any other.
"""

from __future__ import annotations

from collections.abc import Iterator

from ostinato.data.files.bad import Bad, refused
from ostinato.data.files.file import File
from ostinato.data.tables.formats._header import beginning, pick, places
from ostinato.data.tables.rows import R, Wanted
from ostinato.errors import DataError

SUFFIXES = (".tsv", ".tab")


def sniff(head: bytes, wanted: Wanted[R]) -> bool:
    """Whether the first line is a header of two columns or more with these among them."""
    header = wanted.dialect.names(beginning(head).partition("\n")[0].split("\t"))
    return len(header) > 1 and set(wanted.columns or ()) <= set(header)


def read(file: File, wanted: Wanted[R]) -> Iterator[R | Bad]:
    """The named columns of each line; blank lines are passed over.

    Raises:
        DataError: when the file is empty, or its header wrong.
    """
    header: list[str] = []
    at: dict[str, int] = {}
    for line in file.good_lines():
        if isinstance(line, Bad):
            if not header:
                raise refused(file.title, line)
            yield line
        elif line.text.strip():
            fields = line.text.removesuffix("\n").split("\t")
            if not header:
                header = wanted.dialect.names(fields)
                at = places(file, line.number, header, wanted)
                if wanted.dialect.header is not False:
                    continue
            yield pick(line.place, fields, len(header), at, wanted)
    if not header:
        raise DataError(f"{file.title}: the file is empty")
