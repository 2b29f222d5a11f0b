"""Texts to predict on, batch by batch: of a pipe those that have arrived, of a file all."""

from __future__ import annotations

import json
import os
import select
import stat
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from ostinato.data.files.bad import Skipped, good
from ostinato.data.files.file import File, title
from ostinato.data.readers.named import format_name, read_rows, table_rows
from ostinato.data.readers.signals import are_in
from ostinato.data.readers.texts import read_texts
from ostinato.data.tables.dialect import DETECTED, Dialect
from ostinato.data.tables.rows import RawRow, Wanted, row

_AT_ONCE = 2**10  # texts of a pipe that are answered together


def text_batches(
    where: str,
    text: str = "text",
    *,
    skipped: Skipped,
    skip_bad_rows: bool = False,
    format: str | None = None,
    blank: bool = False,
    numbers: bool = False,
    dialect: Dialect = DETECTED,
) -> Iterator[Sequence[Any]]:
    """Texts as `read_texts` reads them, None for each that is empty or in a bad row.

    Args:
        where: a file, or `-` for standard input; of a pipe a batch is what has arrived.
        text: the column with the texts.
        skipped: says which bad rows were left out.
        skip_bad_rows: whether they may be; else the first is an error, unless it is empty.
        format, blank, numbers, dialect: see `read_texts`.

    Raises:
        DataError: see `read_texts`; of a pipe once it is read as far.
    """
    skipped.only_empty = not skip_bad_rows
    if where == "-" and not numbers and _arrives():
        wanted = Wanted([text], partial(row, blank=blank), dialect)
        rows = good(table_rows(where, wanted, format, default="text"), title(where), skipped)
        yield from _arrived((each.texts[0] for each in rows), skipped)
        return
    texts = read_texts(
        where,
        text,
        format=format,
        skip_bad_rows=skipped,
        blank=blank,
        numbers=numbers,
        dialect=dialect,
    )
    yield list(skipped.merged(texts)) if skipped.places else texts


def table_asked(
    where: str, text: str = "text", format: str | None = None, dialect: Dialect = DETECTED
) -> tuple[str, Iterator[Mapping[str, object]]] | None:
    """The format of a table in a file, and its rows with all columns, a bad one as an empty one.

    Args:
        where: a file, or `-`.
        text: the column with the texts.
        format: the format's name, where the file does not say it.
        dialect: how the file is written.

    Returns:
        None for plain lines, time series and standard input, which is read once.
    """
    if where == "-" or are_in(where) or not os.path.isfile(where):
        return None
    name = format_name(where, Wanted([text], RawRow, dialect), format, default="text")
    return None if name == "text" else (name, _whole_rows(where, name, dialect))


def _whole_rows(where: str, format: str, dialect: Dialect) -> Iterator[Mapping[str, object]]:
    if format == "jsonl":  # whose rows may each have other keys
        yield from map(_object, _lines(where, dialect.encoding))
        return
    columns: Mapping[str, object] = {}
    bad = 0  # before the first good row
    for each in read_rows(where, format, dialect):
        if isinstance(each, RawRow):
            columns = each.columns
            yield from [dict.fromkeys(columns, "")] * bad
            bad = 0
            yield columns
        elif columns:
            yield dict.fromkeys(columns, "")
        else:
            bad += 1


def _lines(where: str, encoding: str | None) -> Iterator[str]:
    with File(where, encoding) as file:
        yield from (line.text for line in file.lines() if line.text.strip())


def _object(line: str) -> Mapping[str, object]:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _arrived(texts: Iterator[str], skipped: Skipped) -> Iterator[list[str | None]]:
    batch: list[str | None] = []
    seen = 0  # bad rows
    for text in texts:
        batch += [None] * (len(skipped.places) - seen) + [text]
        seen = len(skipped.places)
        if len(batch) >= _AT_ONCE or not select.select([sys.stdin], [], [], 0)[0]:
            yield batch
            batch = []
    if batch := batch + [None] * (len(skipped.places) - seen):
        yield batch


def _arrives() -> bool:
    """Whether standard input may be written while it is read: a pipe, a socket or a terminal."""
    try:
        mode = os.fstat(sys.stdin.fileno()).st_mode
    except (AttributeError, OSError, ValueError):
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or stat.S_ISCHR(mode)
