"""Comma-separated values (RFC 4180) with a header; a quoted field may go over several lines."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator, Sequence

from ostinato.data.files import LINE, File, flaw
from ostinato.data.formats._header import pick, places
from ostinato.data.labels import LabelColumn
from ostinato.data.rows import Check, Row, row
from ostinato.errors import DataError

SUFFIXES = (".csv",)


def sniff(head: bytes, columns: Sequence[str]) -> bool:
    """Whether the first line is a header of two columns or more with these among them."""
    first = head.decode("utf-8-sig", "replace").lstrip().splitlines()[:1]
    header = next(csv.reader(first), [])
    return len(header) > 1 and set(columns) <= set(header)


def rows(
    file: File, columns: Sequence[str] | None, label: LabelColumn | None, check: Check = row
) -> Iterator[Row]:
    """The named columns of each record.

    A bad record is named by the line on which it starts, a faulty byte by its own. After a
    quotation mark that is wrong, reading goes on with the next line.

    Raises:
        DataError: when the file is empty, or its header wrong.
    """
    records = _records(file)
    line, header, fault = next(records, (0, [], None))
    while len(header) == 1 and not header[0].strip():
        line, header, fault = next(records, (0, [], None))
    if fault:
        raise file.fault(line, fault)
    if not header:
        raise DataError(f"{file.title}: the file is empty")
    wanted = places(file, line, header, columns)
    for line, fields, fault in records:
        yield (
            Row(f"line {line}", [], fault)
            if fault
            else pick(line, fields, header, wanted, label, check)
        )


def _records(file: File) -> Iterator[tuple[int, list[str], str | None]]:
    """The records, blank lines left out: line, fields, and what is wrong."""
    csv.field_size_limit(LINE)  # a text may be a whole book; the default is 131 072
    lines = _Lines(file)
    reader = csv.reader(lines, strict=True)
    while True:
        lines.begin()
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            why = "a quotation mark is not closed" if "end of data" in str(error) else str(error)
            yield lines.flaw or (lines.record[0][0], [], why)
            lines.again()
            reader = csv.reader(lines, strict=True)
            continue
        if lines.flaw:
            yield lines.flaw
        elif fields:
            yield lines.record[0][0], fields, None


class _Lines:
    """The lines for a reader of CSV; those of the present record can be read again."""

    def __init__(self, file: File) -> None:
        self._lines = file.lines()
        self._next: deque[tuple[int, str]] = deque()
        self.record: list[tuple[int, str]] = []
        self.flaw: tuple[int, list[str], str] | None = None

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        number, line = self._next.popleft() if self._next else next(self._lines)
        self.record.append((number, line))
        if self.flaw is None and (found := flaw(line)):
            self.flaw = (number, [], found[1])
        return line

    def begin(self) -> None:
        """A new record begins with the next line."""
        self.record, self.flaw = [], None

    def again(self) -> None:
        """All lines of the record but its first are read once more."""
        self._next.extendleft(reversed(self.record[1:]))
