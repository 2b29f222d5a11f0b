"""JSON Lines: on each line an object with a value for each column."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from ostinato.data.files.file import File, flaw
from ostinato.data.tables.labels import LabelColumn
from ostinato.data.tables.rows import Check, Row, row
from ostinato.errors import DataError, first_few, quoted

SUFFIXES = (".jsonl", ".ndjson")


def sniff(head: bytes, columns: Sequence[str]) -> bool:
    """Whether the file begins as an object does."""
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    return start[:1] == b"{" and start[1:].lstrip()[:1] == b'"'


def rows(
    file: File, columns: Sequence[str] | None, label: LabelColumn | None, check: Check = row
) -> Iterator[Row]:
    """The named values of each object, by default those the first has; blank lines are passed over.

    Raises:
        DataError: when the file is empty.
    """
    empty = True
    for number, line in file.lines():
        if line.strip():
            empty = False
            columns = _keys(line) if columns is None else columns
            yield _row(f"line {number}", line, columns, label, check)
    if empty:
        raise DataError(f"{file.title}: the file is empty")


def _keys(line: str) -> list[str] | None:
    """The names in a line; None where it is no object."""
    try:
        return list(json.loads(line).keys())
    except (ValueError, RecursionError, AttributeError):
        return None


def _row(
    place: str, line: str, columns: Sequence[str] | None, label: LabelColumn | None, check: Check
) -> Row:
    if found := flaw(line):
        return Row(place, [], found[1])
    try:
        values: Any = json.loads(line)
    except json.JSONDecodeError as error:
        return Row(place, [], f"not JSON: {error.msg} at character {error.pos + 1}")
    except (ValueError, RecursionError):  # a number of thousands of digits; a deep nest
        return Row(place, [], "not JSON that can be read")
    if not isinstance(values, dict):
        return Row(place, [], "not a JSON object")
    for name in columns or ():
        if name not in values:
            return Row(place, [], f"no {quoted(name)}; there is {first_few(map(quoted, values))}")
    return check(place, {name: values[name] for name in columns or ()}, label)
