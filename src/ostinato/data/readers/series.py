"""Series of numbers: of a packaged source, a table in a file, or in memory."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ostinato.data.files.bad import Bad, Skipped, good
from ostinato.data.files.file import title
from ostinato.data.readers.named import read_rows
from ostinato.data.series.clock import Clock
from ostinato.data.series.panel import Columns, Panel
from ostinato.data.series.reading import panel_of, steps
from ostinato.data.tables.dialect import DETECTED, Dialect
from ostinato.data.tables.frames import columns_of
from ostinato.data.tables.rows import RawRow
from ostinato.data.tables.table import Table


def read_series(
    where: str,
    columns: Columns,
    *,
    format: str | None = None,
    skip_bad_rows: Skipped | None = None,
    dialect: Dialect = DETECTED,
    usual: Clock | None = None,
) -> Panel:
    """The series of a file or a packaged source.

    Args:
        where: a table in a file, `-`, or the name of a packaged source of series.
        columns: which of its columns are what.
        format: the format's name, where the file does not say it.
        skip_bad_rows: leaves out bad rows, which become gaps, and counts them; None refuses
            the first.
        dialect: how the table is written.
        usual: the grid of the training data, which this one is too if it can be.

    Raises:
        DataError: for a file, a row or a time that cannot be used; it names the file and the row.
    """
    rows = read_rows(where, format, dialect)
    return _panel(rows, columns, title(where), skip_bad_rows, dialect, usual)


def series_of(
    table: Any, columns: Columns, dialect: Dialect = DETECTED, usual: Clock | None = None
) -> Panel:
    """The series of a table in memory.

    Args:
        table: a frame of pandas or polars, a mapping of columns, an array (T,) or (T, N), a
            Series or list of numbers; or a `Panel`, which is given back. An index of pandas that
            has times or a name is a column too.
        columns: which of its columns are what.
        dialect: how its texts are written.
        usual: see `read_series`.

    Raises:
        DataError: as `read_series`.
    """
    if isinstance(table, Panel):
        return table
    return _panel(Table(columns_of(table)).rows(), columns, "the table", None, dialect, usual)


def _panel(
    rows: Iterable[RawRow | Bad],
    columns: Columns,
    title: str,
    skipped: Skipped | None,
    dialect: Dialect,
    usual: Clock | None,
) -> Panel:
    read = good(steps(rows, columns, title, dialect), title, skipped)
    return panel_of(read, columns, title, usual)
