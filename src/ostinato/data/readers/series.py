"""Series of numbers: of a packaged source, a table in a file, or in memory."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ostinato.data.files.bad import Bad, Skipped, good
from ostinato.data.files.file import title
from ostinato.data.readers.named import read_rows
from ostinato.data.series.panel import Columns, Panel
from ostinato.data.series.reading import panel_of, steps
from ostinato.data.tables.frames import columns_of
from ostinato.data.tables.rows import RawRow
from ostinato.data.tables.table import Table


def read_series(
    where: str,
    columns: Columns,
    *,
    format: str | None = None,
    skip_bad_rows: Skipped | None = None,
) -> Panel:
    """The series of a file or a packaged source.

    Args:
        where: a table in a file, `-`, or the name of a packaged source of series.
        columns: which of its columns are what.
        format: the format's name, where the file does not say it.
        skip_bad_rows: leaves out bad rows, which become gaps, and counts them; None refuses
            the first.

    Raises:
        DataError: for a file, a row or a time that cannot be used; it names the file and the row.
    """
    return _panel(read_rows(where, format), columns, title(where), skip_bad_rows)


def series_of(table: Any, columns: Columns) -> Panel:
    """The series of a table in memory.

    Args:
        table: a frame of pandas or polars, a mapping of columns, an array (T,) or (T, N), a
            Series or list of numbers; or a `Panel`, which is given back.
        columns: which of its columns are what.

    Raises:
        DataError: as `read_series`.
    """
    if isinstance(table, Panel):
        return table
    return _panel(Table(columns_of(table)).rows(), columns, "the table", None)


def _panel(
    rows: Iterable[RawRow | Bad], columns: Columns, title: str, skipped: Skipped | None
) -> Panel:
    return panel_of(good(steps(rows, columns, title), title, skipped), columns, title)
