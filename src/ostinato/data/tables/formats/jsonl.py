"""JSON Lines: on each line an object with a value for each column."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from ostinato.data.files.bad import Bad
from ostinato.data.files.file import File, NumberedLine
from ostinato.data.tables.rows import R, Wanted
from ostinato.errors import DataError, first_few, quoted

SUFFIXES = (".jsonl", ".ndjson")


def sniff(head: bytes, wanted: Wanted[R]) -> bool:
    """Whether the file begins as an object does."""
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    return start[:1] == b"{" and start[1:].lstrip()[:1] == b'"'


def read(file: File, wanted: Wanted[R]) -> Iterator[R | Bad]:
    """The named values of each object, by default those the first has; blank lines are passed over.

    Raises:
        DataError: when the file is empty.
    """
    empty, columns = True, wanted.columns
    for line in file.good_lines():
        if isinstance(line, Bad):
            empty = False
            yield line
        elif line.text.strip():
            empty = False
            columns = _keys(line.text) if columns is None else columns
            yield _row(line, columns or (), wanted)
    if empty:
        raise DataError(f"{file.title}: the file is empty")


def _keys(line: str) -> list[str] | None:
    """The names in a line; None where it is no object."""
    try:
        return list(json.loads(line).keys())
    except (ValueError, RecursionError, AttributeError):
        return None


def _row(line: NumberedLine, columns: Sequence[str], wanted: Wanted[R]) -> R | Bad:
    values = loaded(line)
    return values if isinstance(values, Bad) else row(line.place, values, columns, wanted)


def loaded(line: NumberedLine) -> Any:
    """What a line holds, or why it cannot be read."""
    try:
        return json.loads(line.text)
    except json.JSONDecodeError as error:
        return Bad(line.place, f"not JSON: {error.msg} at character {error.pos + 1}")
    except (ValueError, RecursionError):  # a number of thousands of digits; a deep nest
        return Bad(line.place, "not JSON that can be read")


def row(place: str, values: object, columns: Sequence[str], wanted: Wanted[R]) -> R | Bad:
    """The wanted values of an object."""
    if not isinstance(values, dict):
        return Bad(place, "not a JSON object")
    for name in columns:
        if name not in values:
            there = first_few(map(quoted, values))
            return Bad(place, f"no {quoted(name)}; the keys are {there}")
    return wanted.check(place, {name: values[name] for name in columns})
