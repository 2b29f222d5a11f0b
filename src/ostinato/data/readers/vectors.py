"""Word vectors of a file: GloVe, word2vec as text and binary, the text form of fastText."""

from __future__ import annotations

import logging
from collections.abc import Collection

from ostinato.data.files.file import File
from ostinato.data.files.format import Format, by_content, formats
from ostinato.data.vectors import formats as vector_formats
from ostinato.data.vectors.rows import Needed, VectorRow, checked
from ostinato.data.vectors.vectors import Matching, Read, Vectors
from ostinato.errors import DataError, counted

_OTHERS = {
    b"\xba\x16\x4f\x2f": "fastText's own binary format; use its text form, .vec",
    b"PK\x03\x04": "a zip archive; unpack it",
    b"\x80": "a pickle, which is not read; save it in the format of word2vec",
}


def read_vectors(where: str, tokens: Collection[str], read: Read, further: int = 0) -> Vectors:
    """The vectors of tokens; the file is read once, and nothing else of it is kept in memory.

    Args:
        where: a file, also packed by gzip or xz.
        tokens: those that are needed.
        read: what a model makes of a word, see `Matching`.
        further: from how many of the file's first words other tokens are taken too.

    Raises:
        DataError: when the file cannot be read, is of no known format or damaged, or has none of
            the tokens.
    """
    if where == "-":
        raise DataError("word vectors are read from a file, not from standard input")
    matching, size = Matching(tokens, read, further), 0
    with File(where) as file:
        for row in _format(file).read(file, matching.needs):
            matching.keep(checked(file.title, row).numbers)
            size = len(row.numbers)
        found = matching.found(file.title, size)
    if not matching.rows:
        raise DataError(f"{file.title}: no vectors")
    if len(found.known) == len(found.further):
        raise DataError(
            f"{file.title}: none of its {counted(matching.rows, 'word')} is in the training texts"
        )
    log = logging.getLogger("ostinato")
    if matching.no_text:
        times = counted(matching.no_text, "row")
        log.warning("%s: %s of words that are no UTF-8, and left out", file.title, times)
    if matching.twice:
        times = counted(matching.twice, "row")
        log.warning("%s: %s of words that came before, and left out", file.title, times)
    return found


def _format(file: File) -> Format[Needed, VectorRow]:
    """The format that is detected from the first bytes.

    Raises:
        DataError: when none is.
    """
    known: dict[str, Format[Needed, VectorRow]] = formats(vector_formats)
    what = next((what for magic, what in _OTHERS.items() if file.head.startswith(magic)), None)
    name = None if what else by_content(file.head, lambda word: True, known)
    if name is None:
        what = (
            what or "no word vectors, as text (GloVe, word2vec, fastText) or in word2vec's format"
        )
        raise DataError(f"{file.title}: the file is {what if file.head else 'empty'}")
    return known[name]
