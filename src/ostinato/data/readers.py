"""Data by name: a packaged source, a file, or standard input.

Errors name the file and the line on which the faulty record starts (in a CSV a record may go
over several lines); a faulty byte is named by its own line.
"""

from __future__ import annotations

import csv
import io
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from ostinato import registry
from ostinato.data import sources
from ostinato.data.examples import Examples
from ostinato.errors import DataError, UnknownName


def read_labelled(where: str, text: str = "text", label: str = "label") -> dict[str, Examples]:
    r"""Labelled examples by split, in file order.

    Args:
        where: a CSV file (UTF-8, with a header), `-` for a CSV on standard input, or the name
            of a packaged source; where a file has a source's name, the file is read. All line
            ends become `\n`.
        text: the column with the texts; columns not named here are passed over.
        label: the column with the labels.

    Returns:
        The source's splits; for a file all of it as "train".

    Raises:
        DataError: when there is nothing of that name, or something is wrong in it.
    """
    source = _packaged(where)
    if isinstance(source, str):
        raise DataError(f"{where} is plain text without labels; a labelled source is needed here")
    if source is not None:
        return source
    rows = _columns(where, text, label)
    return {"train": Examples([row[0] for row in rows], [row[1] for row in rows])}


def read_text(where: str) -> str:
    r"""One plain text: a UTF-8 file, `-` for standard input, or a packaged source.

    All line ends become `\n`.

    Raises:
        DataError: when there is nothing of that name, or something is wrong in it.
    """
    source = _packaged(where)
    if isinstance(source, dict):
        raise DataError(f"{where} holds labelled examples; a plain text is needed here")
    return _content(where) if source is None else source


def read_texts(where: str, text: str = "text") -> list[str]:
    """Texts to predict on: a column of a `.csv` file, else the lines of a file or of `-`.

    Raises:
        DataError: when the file cannot be read, or a text is empty.
    """
    if where.lower().endswith(".csv"):
        return [row[0] for row in _columns(where, text)]
    lines = _content(where).removesuffix("\n").split("\n")
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            raise _fault(where, number, "the text is empty")
    return lines


def _packaged(where: str) -> dict[str, Examples] | str | None:
    """What the packaged source of that name gives; None when `where` is a file or `-`."""
    if where == "-" or (os.path.exists(where) and not os.path.isdir(where)):
        return None
    try:
        source = registry.find(sources, "packaged source", where)
    except UnknownName as unknown:
        if os.path.isdir(where):
            raise DataError(f"{where}: is a folder; a file is needed here") from None
        raise DataError(f"{where}: no such file, and {unknown}") from None
    content: dict[str, Examples] | str = source.read()
    return content


def _columns(where: str, *names: str) -> list[list[str]]:
    """The named columns of every record of a CSV, none of them empty; at least one record."""
    records = _records(where)
    line, header = next(records)  # there is one: `_content` refuses a blank file
    for name in names:
        if header.count(name) != 1:
            found = "more than one" if name in header else "no"
            columns = ", ".join(map(repr, header))[:200]
            raise _fault(where, line, f"{found} column {name!r}; the columns are {columns}")
    rows = []
    for line, fields in records:
        if len(fields) != len(header):
            raise _fault(where, line, f"{len(fields)} fields, but the header has {len(header)}")
        rows.append([fields[header.index(name)] for name in names])
        for name, value in zip(names, rows[-1], strict=True):
            if not value.strip():
                raise _fault(where, line, f"the {name} is empty")
    if not rows:
        raise DataError(f"{_title(where)}: a header but no rows")
    return rows


def _records(where: str) -> Iterator[tuple[int, list[str]]]:
    """The records of a CSV, blank lines left out, each with the line on which it starts."""
    csv.field_size_limit(2**31 - 1)  # a text may be a whole book; the default is 131 072
    reader = csv.reader(io.StringIO(_content(where)), strict=True)
    line = 1
    try:
        for fields in reader:
            if fields:
                yield line, fields
            line = reader.line_num + 1
    except csv.Error as error:
        why = "a quotation mark is not closed" if "end of data" in str(error) else str(error)
        raise _fault(where, line, why) from None


def _content(where: str) -> str:
    r"""The text of a file or of `-`: not blank, without a BOM, every line end made `\n`."""
    try:
        if where == "-" and sys.stdin is None:
            raise ValueError("it is closed")
        raw = sys.stdin.buffer.read() if where == "-" else Path(where).read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        why = getattr(error, "strerror", None) or error
        raise DataError(f"{_title(where)}: cannot be read: {why}") from None
    text = raw.decode("utf-8-sig", errors="surrogateescape")
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if fault := re.search("[\0\udc80-\udcff]", text):  # NUL, or a byte that escaped decoding
        what = "a NUL byte" if fault[0] == "\0" else "not UTF-8"
        raise _fault(where, text.count("\n", 0, fault.start()) + 1, what)
    if not text.strip():
        raise DataError(f"{_title(where)}: the file is empty")
    return text


def _fault(where: str, line: int, what: str) -> DataError:
    return DataError(f"{_title(where)}, line {line}: {what}")


def _title(where: str) -> str:
    return "standard input" if where == "-" else where
