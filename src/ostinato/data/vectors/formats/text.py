"""Vectors as text: a word and its numbers on each line, as GloVe, word2vec and fastText write them.

A first line of two whole numbers, how many words there are and how many numbers each has, is the
header of word2vec and fastText; GloVe writes none. A word may have spaces in it: the numbers are
the last ones of the line. Words that no text can hold, being no UTF-8, are passed over.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

import numpy as np

from ostinato.data.files.file import File
from ostinato.data.files.limits import too_long
from ostinato.data.files.numerals import NUMBER
from ostinato.data.vectors.rows import Needed, VectorRow, checked_size
from ostinato.errors import DataError, counted, quoted

SUFFIXES = (".vec", ".txt", ".glove")
_HEADER = re.compile(rb"([0-9]{1,15}) ([0-9]{1,15})")
_CHUNK = 2**22
_LINES = 100  # that say how many numbers a row has


def sniff(head: bytes, needed: Needed) -> bool:
    """Whether the first row, after a header, ends in a number."""
    first, _, rest = head.partition(b"\n")
    row = _plain(rest.partition(b"\n")[0] if header_of(_plain(first)) else first)
    return any(map(_is_number, row.split(b" ")[1:][-2:]))  # the last may have been cut


def read(file: File, needed: Needed) -> Iterator[VectorRow]:
    """The rows of the words that are needed.

    Raises:
        DataError: for a row with another number of numbers, or what is no number; when there are
            fewer rows than the header says.
    """
    size, words = _layout(file)
    rows = 0
    for number, line in enumerate(_lines(file), start=1):
        if (number == 1 and words is not None) or not line:
            continue
        rows += 1
        found = line.count(b" ")
        word = line.partition(b" ")[0] if found == size else line.rsplit(b" ", size)[0]
        if found < size or (found > size and _is_number(word.rpartition(b" ")[2])):
            where = "the other rows have" if words is None else "the header says"
            raise file.fault(
                number, f"{counted(found, 'number')} after its word, where {where} {size:,}"
            )
        if needed(word):
            parts = line.rsplit(b" ", size)[1:]
            try:
                if b"_" in line[len(word) :]:  # of which Python thinks nothing
                    raise ValueError
                numbers = np.array(parts, np.float64)
            except ValueError:
                wrong = next((part for part in parts if not _is_number(part)), parts[0])
                what = quoted(wrong.decode("utf-8", "replace"))
                raise file.fault(number, f"{what} is not a number") from None
            yield VectorRow(f"line {number}", word, numbers)
    if words is not None and rows < words:
        raise DataError(
            f"{file.title}: truncated: the header says {words:,} words, and there are {rows:,}"
        )


def header_of(line: bytes) -> tuple[int, int] | None:
    """Words and numbers of each, where a first line is a header."""
    found = _HEADER.fullmatch(line)
    return (int(found[1]), int(found[2])) if found else None


def _layout(file: File) -> tuple[int, int | None]:
    """How many numbers a row has, and how many rows there are where a header says it.

    Raises:
        DataError: when the first lines are not of this format.
    """
    lines = [_plain(line) for line in file.head.split(b"\n")[: _LINES + 1]]
    rows = lines[:-1] if len(lines) > 1 else lines  # the last may have been cut
    header = header_of(rows[0])
    counts = Counter(row.count(b" ") for row in rows[1 if header else 0 :] if row)
    usual = counts.most_common(1)[0][0] if counts else None
    if header and (usual != 1 or header[1] == 1):
        return checked_size(file, 1, header[1]), header[0]
    if not usual or not _is_number(rows[0].rpartition(b" ")[2]):
        raise file.fault(1, "not a word followed by the numbers of its vector")
    return checked_size(file, 1, usual), None


def _lines(file: File) -> Iterator[bytes]:
    r"""The lines, which end in `\n` alone: words may hold any other end of a line.

    Raises:
        DataError: for a line that is too long to be one.
    """
    rest, number, most = b"", 1, file.limits.row
    while chunk := file.read(_CHUNK):
        *lines, rest = (rest + chunk).split(b"\n")
        yield from map(_plain, lines)
        number += len(lines)
        if len(rest) > most:
            raise file.fault(number, too_long("a line", most))
    yield _plain(rest)


def _plain(line: bytes) -> bytes:
    """A line with single spaces between its parts, and none at its end."""
    line = line.removeprefix(b"\xef\xbb\xbf").rstrip(b" \r\t").replace(b"\t", b" ")
    return b" ".join(line.split()) if b"  " in line else line


def _is_number(part: bytes) -> bool:
    """Whether it is one, NaN and infinity included."""
    text = part.decode("ascii", "replace")
    return bool(NUMBER.fullmatch(text)) or text.lower().lstrip("+-") in ("nan", "inf", "infinity")
