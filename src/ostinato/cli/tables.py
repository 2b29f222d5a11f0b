"""A table given back with answers in further columns, in the format that it came in."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping

from ostinato.cli.screen import as_shown
from ostinato.data.tables.spreadsheet import marked
from ostinato.tasks.base.summary import TableAsked


class TableWriter:
    """Writes the rows of a table, each with the columns of its answer, to standard output.

    JSON Lines stay JSON Lines and TSV stays TSV; all others become CSV.

    Args:
        table: the table that is asked about.
    """

    def __init__(self, table: TableAsked) -> None:
        self._rows: Iterator[Mapping[str, object]] = iter(table.rows)
        self._lines = table.format == "jsonl"
        self._delimiter = "\t" if table.format == "tsv" else ","
        self._names: dict[str, str] | None = None  # of further columns, as they are written

    def write(self, answer: Mapping[str, str]) -> None:
        """Writes the next row, and the header before the first."""
        row = next(self._rows)
        if self._names is None:
            self._names = {name: _free(name, row) for name in answer}
            if not self._lines:
                self._write([*map(marked, row), *map(marked, self._names.values())])
        further = {self._names[name]: value for name, value in answer.items()}
        if self._lines:
            text = json.dumps({**row, **further}, ensure_ascii=False, default=str)
            print(as_shown(text), flush=True)  # a pipe is answered as it asks
        else:
            own = ["" if value is None else value for value in row.values()]
            self._write([*own, *map(marked, further.values())])

    def _write(self, fields: list[object]) -> None:
        text = io.StringIO()
        csv.writer(text, delimiter=self._delimiter, lineterminator="\n").writerow(fields)
        print(as_shown(text.getvalue()), end="", flush=True)


def _free(name: str, row: Mapping[str, object]) -> str:
    """The name, or with a number that makes it another than those of the table."""
    names = (name, *(f"{name}_{k}" for k in range(2, len(row) + 3)))
    return next(each for each in names if each not in row)
