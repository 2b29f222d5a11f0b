"""Comma-separated values (RFC 4180) with a header; a quoted field may go over several lines."""

from __future__ import annotations

import csv
import sys
from collections import deque
from collections.abc import Iterator

from ostinato.data.files.bad import Bad
from ostinato.data.files.file import File, flaw
from ostinato.data.files.limits import too_long
from ostinato.data.tables.formats._header import first_line, pick, places
from ostinato.data.tables.rows import R, Wanted
from ostinato.data.tables.spreadsheet import unmarked
from ostinato.errors import DataError

SUFFIXES = (".csv",)
_AGAIN = 2**20
"""Lines that may be read again after wrong quotation marks, besides as many as there
are: else each mark could have all that follows it read once more."""


def sniff(head: bytes, wanted: Wanted[R]) -> bool:
    """Whether the first line is a header of two columns or more with these among them."""
    csv.field_size_limit(sys.maxsize)
    header = list(map(unmarked, next(csv.reader(first_line(head)), [])))
    return len(header) > 1 and set(wanted.columns or ()) <= set(header)


def read(file: File, wanted: Wanted[R]) -> Iterator[R | Bad]:
    """The named columns of each record.

    A bad record is named by the line on which it starts, a faulty byte by its own. After a
    wrong quotation mark, reading continues with the next line.

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
    header = list(map(unmarked, header))
    at = places(file, line, header, wanted)
    for line, fields, fault in records:
        place = f"line {line}"
        yield Bad(place, fault) if fault else pick(place, fields, len(header), at, wanted)


def _records(file: File) -> Iterator[tuple[int, list[str], str | None]]:
    """The records, blank lines left out: line, fields, and what is wrong."""
    csv.field_size_limit(sys.maxsize)  # a text may be a whole book; the default is 131 072
    lines = _Lines(file)
    reader = csv.reader(lines, strict=True)
    while True:
        lines.begin()
        try:
            fields = next(reader)
        except StopIteration:
            return
        except (csv.Error, _TooLong) as error:
            why = "a quotation mark is not closed" if "end of data" in str(error) else str(error)
            yield lines.flaw or (lines.first, [], why)
            lines.again()
            reader = csv.reader(lines, strict=True)
            continue
        if lines.flaw:
            yield lines.flaw
        elif fields:
            yield lines.first, fields, None


class _TooLong(Exception):
    """A record is longer than a row may be."""


class _Lines:
    """The lines for a reader of CSV; those of the present record can be read again."""

    def __init__(self, file: File) -> None:
        self._file, self._lines = file, file.lines()
        self._next: deque[str] = deque()
        self._number = 0  # of the line that was given last
        self._count = self._again = 0  # lines of the file, and those that were read again
        self._length = 0  # characters of the record
        self.record: list[str] = []
        self.flaw: tuple[int, list[str], str] | None = None

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        if self._next:
            line = self._next.popleft()
        else:
            _, line = next(self._lines)
            self._count += 1
        self._number += 1
        self.record.append(line)
        self._length += len(line)
        if self.flaw is None and (found := flaw(line)):
            self.flaw = (self._number, [], found[1])
        if self._length > self._file.limits.row:
            what = too_long("a record", self._file.limits.row)
            raise _TooLong(f"{what}, if no quotation mark is missing")
        return line

    @property
    def first(self) -> int:
        """The number of the record's first line."""
        return self._number - len(self.record) + 1

    def begin(self) -> None:
        """A new record begins with the next line."""
        self.record, self.flaw, self._length = [], None, 0

    def again(self) -> None:
        """All lines of the record but its first are read once more.

        Raises:
            DataError: where that happens so often that the file is no CSV.
        """
        more = len(self.record) - 1
        self._again += more
        if self._again > self._count + _AGAIN:
            raise self._file.fault(self.first, "too many quotation marks are not closed")
        self._number -= more
        self._next.extendleft(reversed(self.record[1:]))
