"""Values separated by commas (RFC 4180) or another character, with a header.

A quoted field may go over several lines. The delimiter is a comma, semicolon, tab or vertical bar,
found by the first rows, unless it is given or said by a line `sep=;` before the header.
"""

from __future__ import annotations

import csv
import io
import re
import sys
from collections import deque
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from ostinato.data.files.bad import Bad
from ostinato.data.files.file import File
from ostinato.data.files.limits import too_long
from ostinato.data.tables.formats._header import beginning, pick, places
from ostinato.data.tables.rows import R, Wanted
from ostinato.data.tables.spreadsheet import unmarked
from ostinato.errors import DataError

if TYPE_CHECKING:
    from _csv import Dialect

SUFFIXES = (".csv",)
_DELIMITERS = ",;\t|"
_SEPARATOR = re.compile(r'"?sep=(.)"?[^\S\n]*\n', re.IGNORECASE)
_ROWS = 20  # by which the delimiter is found
_AGAIN = 2**20
"""Lines that may be read again after wrong quotation marks, besides as many as there
are: else each mark could have all that follows it read once more."""


def sniff(head: bytes, wanted: Wanted[R]) -> bool:
    """Whether the first line is a header of two columns or more with these among them."""
    found = _layout(head, wanted)
    if found.delimiter == "\t" and not wanted.dialect.delimiter:
        return False  # which is TSV
    return len(found.names) > 1 and set(wanted.columns or ()) <= set(found.names)


def read(file: File, wanted: Wanted[R]) -> Iterator[R | Bad]:
    """The named columns of each record; those without any value are passed over.

    A bad record is named by the line on which it starts, a faulty byte by its own. After a
    wrong quotation mark, reading continues with the next line.

    Raises:
        DataError: when the file is empty, or its header wrong.
    """
    layout = _layout(file.head, wanted)
    records = _records(file, layout.delimiter)
    line, first, fault = next(records, (0, [], None))
    while (len(first) == 1 and not first[0].strip()) or (layout.says and line == 1):
        line, first, fault = next(records, (0, [], None))
    if fault:
        raise file.fault(line, fault)
    if not first:
        raise DataError(f"{file.title}: the file is empty")
    header = list(map(unmarked, wanted.dialect.names(first)))
    at = places(file, line, header, wanted)
    if wanted.dialect.header is False:
        yield pick(f"line {line}", first, len(header), at, wanted)
    for line, fields, fault in records:
        place = f"line {line}"
        if fault:
            yield Bad(place, fault)
        elif fields[0] or len(fields) == 1 or any(fields):
            yield pick(place, fields, len(header), at, wanted)


class _Layout(NamedTuple):
    """What the beginning of a file shows.

    Attributes:
        delimiter: between its fields.
        names: of its columns.
        says: whether its first line only says what the delimiter is.
    """

    delimiter: str
    names: list[str]
    says: bool


def _layout(head: bytes, wanted: Wanted[R]) -> _Layout:
    """The layout under which most of the first rows are as long as the header.

    One that has all wanted columns goes before others.
    """
    csv.field_size_limit(sys.maxsize)  # a text may be a whole book; the default is 131 072
    text = beginning(head)
    said = _SEPARATOR.match(text)
    if said:
        text = text[said.end() :]

    def names(delimiter: str) -> list[str]:
        header = next(csv.reader(io.StringIO(text, ""), delimiter=delimiter), [])
        return list(map(unmarked, wanted.dialect.names(header)))

    def suits(delimiter: str) -> tuple[bool, bool, float]:
        rows = list(islice(csv.reader(io.StringIO(text, ""), delimiter=delimiter), _ROWS))
        rows = [row for row in rows if row]
        rows = rows[:-1] or rows  # the last may be cut off
        width = len(rows[0]) if rows else 0
        alike = sum(len(row) == width for row in rows) / max(len(rows), 1)
        return set(wanted.columns or ()) <= set(names(delimiter)), width > 1, alike

    given = wanted.dialect.delimiter or (said[1] if said else None)
    delimiter = given or max(_DELIMITERS, key=suits)
    return _Layout(delimiter, names(delimiter), bool(said))


def _records(file: File, delimiter: str) -> Iterator[tuple[int, list[str], str | None]]:
    """The records, blank lines left out: line, fields, and what is wrong."""
    lines = _Lines(file)
    reader = csv.reader(lines, strict=True, delimiter=delimiter)
    while line := lines.take():
        if '"' not in line:  # a line is a record; a bare carriage return is in it
            if fault := file.flaw(line):
                yield lines.number, [], fault
            elif line != "\n":
                yield lines.number, line.removesuffix("\n").split(delimiter), None
            continue
        if fields := _alone(line, reader.dialect):
            fault = file.flaw(line)
            yield lines.number, [] if fault else fields, fault
            continue
        lines.begin(line)
        try:
            fields = next(reader)
        except (csv.Error, _TooLong) as error:
            yield lines.flaw or (lines.first, [], _why(error))
            lines.again()
            reader = csv.reader(lines, strict=True, delimiter=delimiter)
            continue
        yield lines.flaw or (lines.first, fields, None)


def _alone(line: str, dialect: Dialect) -> list[str]:
    """The fields of a line with quotation marks, where it is a record by itself; else none."""
    if line.count('"') % 2:
        return []
    try:
        return next(csv.reader((line,), dialect))
    except csv.Error:
        return []


def _why(error: Exception) -> str:
    said = str(error)
    if "end of data" in said:
        return "a quotation mark is not closed"
    return "a carriage return outside quotation marks" if said.startswith("new-line") else said


class _TooLong(Exception):
    """A record is longer than a row may be."""


class _Lines:
    """The lines for a reader of CSV; those of the present record can be read again."""

    def __init__(self, file: File) -> None:
        self._file, self._texts = file, file.texts()
        self._next: deque[str] = deque()
        self._again = self._count = 0  # lines that were read again, and those of the file
        self._length = 0  # characters of the record
        self.number = 0  # of the line that was given last
        self.record: list[str] = []
        self.flaw: tuple[int, list[str], str] | None = None

    def take(self) -> str:
        """The next line, empty where there is none."""
        if self._next:
            line = self._next.popleft()
        else:
            line = next(self._texts, "")
            self._count += 1
        self.number += bool(line)
        return line

    def begin(self, line: str) -> None:
        """A record begins with the line that was taken, which the reader shall have."""
        self.record, self.flaw, self._length = [], None, 0
        self.number -= 1
        self._next.appendleft(line)

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self.take()
        if not line:
            raise StopIteration
        self.record.append(line)
        self._length += len(line)
        if self.flaw is None and (fault := self._file.flaw(line)):
            self.flaw = (self.number, [], fault)
        if self._length > self._file.limits.row:
            what = too_long("a record", self._file.limits.row)
            raise _TooLong(f"{what}, if no quotation mark is missing")
        return line

    @property
    def first(self) -> int:
        """The number of the record's first line."""
        return self.number - len(self.record) + 1

    def again(self) -> None:
        """All lines of the record but its first are read once more.

        Raises:
            DataError: where that happens so often that the file is no CSV.
        """
        more = len(self.record) - 1
        self._again += more
        if self._again > self._count + _AGAIN:
            raise self._file.fault(self.first, "too many quotation marks are not closed")
        self.number -= more
        self._next.extendleft(reversed(self.record[1:]))
