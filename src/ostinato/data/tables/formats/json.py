"""JSON: an array of objects, each a row; or, as many files of that name are, JSON Lines."""

from __future__ import annotations

import json
from collections.abc import Iterator

from ostinato.data.files.bad import Bad
from ostinato.data.files.file import File
from ostinato.data.files.limits import too_long
from ostinato.data.tables.formats import jsonl
from ostinato.data.tables.formats._header import beginning
from ostinato.data.tables.rows import R, Wanted
from ostinato.errors import DataError

SUFFIXES = (".json",)
_SPACE = " \t\n\r"
_CUT = 12  # so near its end a text may be wrong because the rest is missing


def sniff(head: bytes, wanted: Wanted[R]) -> bool:
    """Whether the file begins as an array of objects does."""
    start = beginning(head)
    return start[:1] == "[" and start[1:].lstrip()[:1] == "{"


def read(file: File, wanted: Wanted[R]) -> Iterator[R | Bad]:
    """The named values of each object, by default those the first has.

    Raises:
        DataError: when the file is empty, is no array and no JSON Lines, or its JSON is damaged.
    """
    start = beginning(file.head)
    if start.startswith("{"):
        _check_lines(file, start)
        yield from jsonl.read(file, wanted)
        return
    if start and not start.startswith("["):
        raise DataError(f"{file.title}: neither an array of objects nor JSON Lines")
    columns = wanted.columns
    for number, (text, value) in enumerate(_elements(file), start=1):
        place = f"row {number}"
        if fault := file.flaw(text):
            yield Bad(place, fault)
            continue
        if columns is None and isinstance(value, dict):
            columns = list(value)
        yield jsonl.row(place, value, columns or (), wanted)


def _check_lines(file: File, start: str) -> None:
    """That a file which begins with an object has it on a line.

    Raises:
        DataError: where the object goes over several lines.
    """
    line, end, _ = start.partition("\n")
    try:
        json.loads(line)
    except json.JSONDecodeError as error:
        if end and error.pos >= len(line.rstrip()):
            raise DataError(
                f"{file.title}: one JSON object over several lines is no table; give an array of "
                "objects, or an object on each line"
            ) from None
    except (ValueError, RecursionError):
        pass  # said of its line


def _elements(file: File) -> Iterator[tuple[str, object]]:
    """The elements of an array, each with its text; no more than a few are in memory.

    Raises:
        DataError: when the file is empty or damaged.
    """
    chunks, text, at, count = file.chunks(), "", 0, 0
    decoder, most, wanted = json.JSONDecoder(), file.limits.row, "["
    while True:
        while at < len(text) and text[at] in _SPACE:
            at += 1
        ahead = text[at : at + 1]
        if ahead and wanted in ("[", ",]") and ahead in wanted:
            wanted, at = {"[": "{]", ",": "{"}.get(ahead, ""), at + 1
            continue
        if ahead == "]" and wanted == "{]":
            wanted, at = "", at + 1
            continue
        fault = ""
        if ahead and wanted.startswith("{"):
            try:
                value, end = decoder.raw_decode(text, at)
            except json.JSONDecodeError as error:
                fault = error.msg
                cut_off = fault.startswith("Unterminated") or error.pos > len(text) - _CUT
                if not cut_off:
                    raise _damaged(file, count, fault) from None
            except (ValueError, RecursionError):  # a number of thousands of digits; a deep nest
                raise _damaged(file, count, "it cannot be read") from None
            else:
                if end < len(text) or text[end - 1] == "}":  # else a number may go on
                    yield text[at:end], value
                    at, count, wanted = end, count + 1, ",]"
                    continue
        elif ahead:
            raise _damaged(file, count, f"expected {' or '.join(wanted) or 'nothing more'}")
        if len(text) - at > most:
            raise _damaged(file, count, too_long("an object", most))
        following = next(chunks, None)
        if following is None:
            break
        text, at = text[at:] + following, 0
    if wanted == "[":
        raise DataError(f"{file.title}: the file is empty")
    if wanted:
        raise _damaged(file, count, fault or "the array is not closed")


def _damaged(file: File, rows: int, what: str) -> DataError:
    where = f", after row {rows}" if rows else ""
    return DataError(f"{file.title}{where}: not JSON: {what}")
