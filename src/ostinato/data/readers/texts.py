"""Texts without labels: one long text in chunks, or many to predict on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from ostinato.data.files.bad import Skipped, good
from ostinato.data.files.file import File, title
from ostinato.data.readers.named import packaged, table_rows
from ostinato.data.readers.signals import are_in, read_signals
from ostinato.data.series.signals import are_signals, checked
from ostinato.data.tables.dialect import DETECTED, Dialect
from ostinato.data.tables.frames import column
from ostinato.data.tables.rows import Wanted, row
from ostinato.data.tables.table import Table
from ostinato.data.tables.texts import Texts
from ostinato.errors import DataError, quoted

_CHUNK = 2**20  # characters of a text that are given together, where its lines are looked at


def read_text(
    where: str, *, skip_bad_rows: Skipped | None = None, encoding: str | None = None
) -> str:
    """One plain text; as `read_chunks`, in one piece."""
    return "".join(read_chunks(where, skip_bad_rows=skip_bad_rows, encoding=encoding))


def read_chunks(
    where: str, *, skip_bad_rows: Skipped | None = None, encoding: str | None = None
) -> Iterator[str]:
    r"""One plain text, some million characters at a time.

    Args:
        where: a file, `-` for standard input, or a packaged source. All line ends become `\n`;
            a bare `\r` is one in a file that has no other.
        skip_bad_rows: leaves out bad lines and counts them; None refuses the first.
        encoding: that of the file, where it is not UTF-8.

    Raises:
        DataError: when there is nothing of that name, or something is wrong in it. What can be
            seen in the first chunk is refused at once, before the iterator is used.
    """
    content = packaged(where)
    if isinstance(content, dict | Table):
        kind = "examples, not one text" if isinstance(content, dict) else "series"
        raise DataError(f"{where} contains {kind}, but a plain text is required")
    if content is not None:
        return iter([content])
    chunks = _chunks(where, skip_bad_rows, encoding)
    first = next(chunks)

    def all_chunks() -> Iterator[str]:
        yield first
        yield from chunks

    return all_chunks()


def read_texts(
    where: str,
    text: str = "text",
    *,
    format: str | None = None,
    skip_bad_rows: Skipped | None = None,
    blank: bool = False,
    numbers: bool = False,
    dialect: Dialect = DETECTED,
) -> Sequence[Any]:
    """Texts to predict on: a column of a table, else the lines of a file or of `-`.

    Args:
        where: a file, or `-` for standard input.
        text: the column with the texts.
        format: the format's name, where the file does not say it.
        skip_bad_rows: leaves out bad rows, and says which they were; None refuses the first.
        blank: whether a text may be blank.
        numbers: whether series of numbers are read in place of texts, from a `.ts` file.
        dialect: how the file is written.

    Raises:
        DataError: when the file cannot be read, a text is blank that may not be, or there are
            numbers for texts or texts for numbers.
    """
    if are_in(where) != numbers:
        are = ("series of numbers are", "a .ts file") if numbers else ("texts are", "no .ts file")
        raise DataError(f"{title(where)}: {are[0]} required, {are[1]}")
    if numbers:
        return read_signals(where, None, skip_bad_rows).texts
    texts = Texts()
    wanted = Wanted([text], partial(row, blank=blank), dialect)
    rows = table_rows(where, wanted, format, default="text")
    for read in good(rows, title(where), skip_bad_rows):
        texts.append(read.texts[0])
    return texts.settled()


def texts_of(texts: Any, text: str = "text", split: str = "test") -> Sequence[Any]:
    """Texts without labels; here a text may be empty.

    Args:
        texts: a list, an array or a Series of texts, or a table with a column of them.
        text: the column with the texts.
        split: which part of a `DatasetDict`; its first where there is none of that name.

    Raises:
        DataError: for a single text instead of a list, or an entry that is not a text.
    """
    values: Sequence[Any] = column(texts, text, split)
    if are_signals(values):
        return checked(values)
    for k, value in enumerate(values, start=1):
        if not isinstance(value, str):
            raise DataError(f"row {k}: {quoted(value)} is not a text")
    return values


def _chunks(where: str, skipped: Skipped | None, encoding: str | None) -> Iterator[str]:
    with File(where, encoding) as file:
        checked = _checked(file) if skipped is None else _without_bad_lines(file, skipped)
        blank: list[str] = []
        for chunk in checked:
            blank.append(chunk)
            if not chunk.isspace():
                yield "".join(blank)
                break
        else:
            raise DataError(f"{file.title}: the file is empty")
        yield from checked


def _checked(file: File) -> Iterator[str]:
    line = 1
    for chunk in file.chunks():
        if fault := file.flaw(chunk):
            ahead = next(k for k, text in enumerate(chunk.split("\n")) if file.flaw(text))
            raise file.fault(line + ahead, fault)
        line += chunk.count("\n")
        yield chunk


def _without_bad_lines(file: File, skipped: Skipped) -> Iterator[str]:
    chunk: list[str] = []
    size = 0
    for line in good(file.good_lines(), file.title, skipped):
        chunk.append(line.text)
        size += len(line.text)
        if size > _CHUNK:
            yield "".join(chunk)
            chunk, size = [], 0
    if chunk:
        yield "".join(chunk)
