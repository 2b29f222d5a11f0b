"""What stands behind a name: a packaged source, or the rows of a file, a folder, standard input.

Files are CSV, TSV, JSON, JSON Lines, Parquet or plain text, as they are or packed by gzip or xz. A
name's end says which, before `.gz` or `.xz`; of another name, and of standard input, the first
bytes do.
Errors name the file and the line on which the faulty record starts (in a CSV a record may go over
several lines); a faulty byte is named by its own line.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TypeAlias, TypeGuard

from ostinato import registry
from ostinato.data import sources
from ostinato.data.files.bad import Bad
from ostinato.data.files.file import File, near_files, title
from ostinato.data.files.format import Format, by_content, by_name, formats, named
from ostinato.data.sources._problem import Problem
from ostinato.data.tables import formats as table_formats
from ostinato.data.tables.dialect import DETECTED, Dialect
from ostinato.data.tables.examples import Examples
from ostinato.data.tables.pairs import Pairs
from ostinato.data.tables.rows import R, RawRow, Wanted, two_parts
from ostinato.data.tables.table import Table
from ostinato.errors import DataError, UnknownName

Content: TypeAlias = dict[str, Examples] | dict[str, Pairs] | str | Table
"""What a packaged source holds: examples or pairs by split, one plain text, or a table."""


def packaged(where: str) -> Content | None:
    """What the packaged source of that name gives; None when `where` is a file, folder or `-`.

    Raises:
        DataError: when there is nothing of that name, or it is a problem that is generated.
    """
    if where == "-" or (os.path.exists(where) and not os.path.isdir(where)):
        return None
    try:
        source = registry.find(sources, "packaged source", where)
    except UnknownName as unknown:
        if os.path.isdir(where):
            return None
        if near := near_files(where):
            raise DataError(f"{where}: no such file{near}") from None
        raise DataError(f"{where}: no such file, and {unknown}") from None
    content: Content | Problem = source.read()
    if isinstance(content, Problem):
        raise DataError(f"{where} is a problem that is generated: `ostinato recall {where}`")
    return content


def are_examples(content: Content) -> TypeGuard[dict[str, Examples]]:
    """Whether a source holds labelled examples."""
    return isinstance(content, dict) and isinstance(content["train"], Examples)


def are_pairs(content: Content) -> TypeGuard[dict[str, Pairs]]:
    """Whether a source holds pairs of texts."""
    return isinstance(content, dict) and isinstance(content["train"], Pairs)


def table_rows(
    where: str, wanted: Wanted[R], given: str | None, default: str = "csv"
) -> Iterator[R | Bad]:
    """The rows of a file, good and bad.

    Args:
        where: a file, or `-`.
        wanted: the columns, and what becomes of them.
        given: the format's name; None to detect it from the file's name or first bytes.
        default: the format where they do not.

    Raises:
        DataError: when one column is wanted as two, or the file cannot be read.
    """
    columns = wanted.columns or []
    if twice := [name for name in columns if columns.count(name) > 1]:
        raise DataError(f"{title(where)}: {two_parts(twice[0])}")
    with File(where, wanted.dialect.encoding) as file:
        yield from format_of(where, file, wanted, given, default).read(file, wanted)


def read_rows(
    where: str, format: str | None = None, dialect: Dialect = DETECTED
) -> Iterator[RawRow | Bad]:
    """The rows of a table with all their columns, as they stand there.

    Args:
        where: a file, `-` for standard input, or a packaged source that is a table.
        format: the format's name, where the file does not say it.
        dialect: how the table is written.

    Raises:
        DataError: when there is nothing of that name, or it is no table.
    """
    source = packaged(where)
    if source is None:
        return table_rows(where, Wanted(None, RawRow, dialect), format)
    if not isinstance(source, Table):
        raise DataError(f"{where} contains texts, but a table of numbers is required")
    return source.rows()


def format_name(where: str, wanted: Wanted[R], given: str | None, default: str = "csv") -> str:
    """The name of a file's format, as `table_rows` finds it.

    Raises:
        DataError: when the file cannot be read.
    """
    with File(where, wanted.dialect.encoding) as file:
        return name_of(format_of(where, file, wanted, given, default))


def name_of(format: Format[Wanted[R], R | Bad]) -> str:
    """The name of a format."""
    return str(format.__name__).rpartition(".")[2]  # type: ignore[attr-defined]  # of a module


def format_of(
    where: str, file: File, wanted: Wanted[R], given: str | None, default: str
) -> Format[Wanted[R], R | Bad]:
    """The format that is given, or detected from the name, or else from the first bytes."""
    if given:
        return named(table_formats, given)
    known: dict[str, Format[Wanted[R], R | Bad]] = formats(table_formats)
    # A .txt may be a table too, where a table is needed.
    name = by_name(where, known, but=() if default == "text" else ("text",))
    name = name or by_content(file.head, wanted, known)
    if wanted.dialect.delimiter and name in (None, "text", "tsv"):
        return known["tsv" if (name, wanted.dialect.delimiter) == ("tsv", "\t") else "csv"]
    return known[name or default]
