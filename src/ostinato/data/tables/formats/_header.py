"""Columns found by their names in a header."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from ostinato.data.files.bad import Bad
from ostinato.data.files.file import File
from ostinato.data.tables.rows import R, Wanted
from ostinato.errors import DataError, counted, first_few, quoted

_VALUE = re.compile(r"\s*[+-]?\d[\d.,:/TZ eE+-]*", re.ASCII)


def places(file: File, line: int, header: Sequence[str], wanted: Wanted[R]) -> dict[str, int]:
    """Where in the header each wanted column is; case and white space decide where they must.

    Raises:
        DataError: when there is none of a name, or more than one.
    """
    columns = _named(header) if wanted.columns is None else wanted.columns
    unsaid = wanted.columns is None and wanted.dialect.header is None
    if unsaid and all(map(_VALUE.fullmatch, header)):
        what = "only numbers and times in the first row: --data.header no if they are data, "
        raise file.fault(line, f"{what}yes if they are names")
    return named_places(columns, header, partial(file.fault, line))


def named_places(
    names: Iterable[str], header: Sequence[str], refusal: Callable[[str], DataError]
) -> dict[str, int]:
    """Where in a header each column is; case and white space decide where they must.

    Raises:
        DataError: the refusal, when there is none of a name, or more than one.
    """
    exact, alike = defaultdict[str, list[int]](list), defaultdict[str, list[int]](list)
    for k, name in enumerate(header):
        exact[name].append(k)
        alike[_plain(name)].append(k)
    found = {}
    for name in names:
        same = exact.get(name) or alike.get(_plain(name), [])
        if len(same) != 1:
            raise refusal(missing(name, header, bool(same)))
        (found[name],) = same
    return found


def _named(header: Sequence[str]) -> Sequence[str]:
    """The columns of a header without blank ones at its end, which delimiters after a row make."""
    named = next((k for k in range(len(header), 1, -1) if header[k - 1].strip()), 1)
    return header[:named]


def _plain(name: str) -> str:
    return name.strip().casefold()


def missing(name: str, header: Sequence[str], several: bool) -> str:
    """What is said of a column that is not there once."""
    found = "more than one" if several else "no"
    return f"{found} column {quoted(name)}; the columns are {first_few(map(quoted, header))}"


def beginning(head: bytes) -> str:
    """The text of a file's beginning from the first line that is not blank, ends as `\\n`."""
    text = head.decode("utf-8-sig", "replace").lstrip(" \r\n")
    return text.replace("\r\n", "\n") if "\n" in text else text.replace("\r", "\n")


def pick(
    place: str, fields: Sequence[str], width: int, at: dict[str, int], wanted: Wanted[R]
) -> R | Bad:
    """The wanted fields of a record.

    Args:
        place: where the record is.
        fields: its fields.
        width: how many the header has.
        at: where each wanted one is.
        wanted: what becomes of them.
    """
    if len(fields) != width:
        return Bad(place, f"{counted(len(fields), 'field')}, but the header has {width}")
    return wanted.check(place, {name: fields[k] for name, k in at.items()})
