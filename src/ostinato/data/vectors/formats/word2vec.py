"""The binary format of word2vec: a header in text, then each word and its numbers of 32 bits.

Numbers are little-endian. Some writers end a row by a line end, some do not.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ostinato.data.files.file import File
from ostinato.data.vectors.formats import text
from ostinato.data.vectors.rows import Needed, VectorRow, checked_size
from ostinato.errors import DataError

SUFFIXES = (".bin",)
_CHUNK = 2**22
_LONGEST = 10_000  # bytes of a word


def sniff(head: bytes, needed: Needed) -> bool:
    """Whether there is a header, and what follows the first word is no text."""
    first, _, _ = head.partition(b"\n")
    return text.header_of(first) is not None and not text.sniff(head, needed)


def read(file: File, needed: Needed) -> Iterator[VectorRow]:
    """The rows of the words that are needed.

    Raises:
        DataError: when there is no header, or not as many rows as it says.
    """
    first, ended, _ = file.head.partition(b"\n")
    header = text.header_of(first) if ended else None
    if header is None:
        raise file.fault(1, "no header with the numbers of words and of dimensions")
    words, size = header[0], 4 * checked_size(file, 1, header[1])
    file.read(len(first) + 1)
    buffer, at = b"", 0
    for number in range(1, words + 1):
        while not (end := _end_of_word(file, buffer, at, number)) or end + size > len(buffer):
            if not (chunk := file.read(_CHUNK)):
                raise DataError(
                    f"{file.title}: truncated: the header says {words:,} words, and the file "
                    f"ends in word {number:,}"
                )
            buffer, at = buffer[at:] + chunk, 0
        word, at = buffer[at : end - 1].lstrip(b"\n"), end + size
        if needed(word):
            numbers = np.frombuffer(buffer, "<f4", size // 4, at - size).astype(np.float64)
            yield VectorRow(f"word {number:,}", word, numbers)
    if (buffer[at:] + file.read(1)).strip(b"\n"):
        raise DataError(
            f"{file.title}: damaged: there is more than the header says, {words:,} words"
        )


def _end_of_word(file: File, buffer: bytes, at: int, number: int) -> int:
    """Where the numbers of a word begin that begins at a place; 0 where that is not read.

    Raises:
        DataError: for a word that does not end.
    """
    end = buffer.find(b" ", at, at + _LONGEST) + 1
    if not end and len(buffer) - at >= _LONGEST:
        raise DataError(f"{file.title}, word {number:,}: damaged: the word does not end")
    return end
