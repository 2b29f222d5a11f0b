"""Texts to predict on, batch by batch: of a pipe those that have arrived, of a file all."""

from __future__ import annotations

import json
import logging
import os
import select
import stat
import sys
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from ostinato.data.files.bad import Bad, Skipped, good
from ostinato.data.files.file import File, title
from ostinato.data.files.format import Format, named
from ostinato.data.readers.named import format_name, format_of, name_of, read_rows
from ostinato.data.readers.signals import are_in
from ostinato.data.readers.texts import read_texts
from ostinato.data.tables import formats
from ostinato.data.tables.dialect import DETECTED, Dialect
from ostinato.data.tables.formats import jsonl
from ostinato.data.tables.formats._header import named_places
from ostinato.data.tables.rows import RawRow, Row, Wanted, row
from ostinato.errors import DataError, quoted

_AT_ONCE = 2**10  # texts of a pipe that are answered together


class ToPredict(NamedTuple):
    """What is to be predicted on.

    Attributes:
        table: of a table its format, and its rows with all columns, one for each text; what is in
            no column is an empty row. None for plain lines and time series.
        batches: the texts, None for each that is empty or in a bad row.
    """

    table: tuple[str, Iterator[Mapping[str, object]]] | None
    batches: Iterator[Sequence[Any]]


def asked(
    where: str,
    text: str = "text",
    *,
    skipped: Skipped,
    skip_bad_rows: bool = False,
    format: str | None = None,
    blank: bool = False,
    numbers: bool = False,
    dialect: Dialect = DETECTED,
) -> ToPredict:
    """Texts as `read_texts` reads them, and the table that they stand in.

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
    wanted, series = Wanted([text], partial(row, blank=blank), dialect), numbers or are_in(where)
    if not series and (where == "-" or stat.S_ISFIFO(_mode(where))):
        return _piped(where, wanted, format, skipped)
    table = None
    if not series and os.path.isfile(where):
        name = format_name(where, wanted, format, default="text")
        table = None if name == "text" else (name, _whole_rows(where, name, dialect))
    reading = partial(read_texts, format=format, blank=blank, numbers=numbers, dialect=dialect)
    return ToPredict(table, _at_once(reading(where, text, skip_bad_rows=skipped), skipped))


def _piped(where: str, wanted: Wanted[Row], given: str | None, skipped: Skipped) -> ToPredict:
    """What can be read only once: the rows of a table are held until they are taken."""
    file = File(where, wanted.dialect.encoding)
    format = format_of(where, file, wanted, given, default="text")
    name, held = name_of(format), deque[Mapping[str, object]]()
    is_table = name != "text"
    (text,) = wanted.columns or ()
    if not is_table and file.head.partition(b"\n")[0].strip() == text.encode():
        log = logging.getLogger("ostinato")
        say = "the first line is %s, as a header is; if it is one, use --format csv"
        log.warning("ostinato: %s: " + say, file.title, quoted(text))
    rows = _checked(file, name, wanted, held) if is_table else format.read(file, wanted)
    texts = (each.texts[0] for each in good(_closed(file, rows), title(where), skipped))
    taken = iter(held.popleft, None)
    arriving = where == "-" and _arrives()
    return ToPredict((name, taken) if is_table else None, _arrived(texts, skipped, arriving))


def _closed(file: File, rows: Iterator[Row | Bad]) -> Iterator[Row | Bad]:
    with file:
        yield from rows


def _checked(
    file: File, format: str, wanted: Wanted[Row], held: deque[Mapping[str, object]]
) -> Iterator[Row | Bad]:
    """The texts of a table, whose whole rows are held besides."""
    at, names, bad = "", list[str](), 0  # bad ones before the first good one, which has the columns
    (text,) = wanted.columns or ()
    for each in _raw_rows(file, format, wanted.dialect):
        if isinstance(each, Bad):
            bad += not names
            held.extend([dict.fromkeys(names, "")] if names else [])
            yield each
            continue
        if not names:
            names = list(each.columns)
            held.extend([dict.fromkeys(names, "")] * bad)
            refusal = partial(_refusal, file.title)
            at = names[named_places([text], names, refusal)[text]]
        held.append(each.columns)
        if at in each.columns:
            yield wanted.check(each.place, {text: each.columns[at]})
        else:
            yield Bad(each.place, f"no {quoted(at)}")


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


def _raw_rows(file: File, format: str, dialect: Dialect) -> Iterator[RawRow | Bad]:
    """All columns of each row; those of JSON Lines may each have other ones."""
    if format != "jsonl":
        known: Format[Wanted[RawRow], RawRow | Bad] = named(formats, format)
        yield from known.read(file, Wanted(None, RawRow, dialect))
        return
    for line in file.good_lines():
        read = line if isinstance(line, Bad) else jsonl.loaded(line) if line.text.strip() else None
        if isinstance(read, Bad | dict):
            yield read if isinstance(read, Bad) else RawRow(line.place, read)
        elif read is not None:
            yield Bad(line.place, "not a JSON object")


def _refusal(title: str, fault: str) -> DataError:
    return DataError(f"{title}: {fault}")


def _at_once(texts: Sequence[Any], skipped: Skipped) -> Iterator[Sequence[Any]]:
    yield list(skipped.merged(texts)) if skipped.places else texts


def _arrived(texts: Iterator[str], skipped: Skipped, arriving: bool) -> Iterator[list[str | None]]:
    batch: list[str | None] = []
    seen = 0  # bad rows
    for text in texts:
        batch += [None] * (len(skipped.places) - seen) + [text]
        seen = len(skipped.places)
        if arriving and (len(batch) >= _AT_ONCE or not select.select([sys.stdin], [], [], 0)[0]):
            yield batch
            batch = []
    if batch := batch + [None] * (len(skipped.places) - seen):
        yield batch


def _mode(where: str) -> int:
    try:
        return os.stat(where).st_mode
    except (OSError, ValueError):
        return 0


def _arrives() -> bool:
    """Whether standard input may be written while it is read: a pipe, a socket or a terminal."""
    try:
        mode = os.fstat(sys.stdin.fileno()).st_mode
    except (AttributeError, OSError, ValueError):
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or stat.S_ISCHR(mode)
