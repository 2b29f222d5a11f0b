"""A forecast: how each series continues, and at which times."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ostinato.data.series.clock import Clock
from ostinato.data.tables.spreadsheet import marked
from ostinato.tasks.forecast.measures import point

Value: TypeAlias = str | int | float | datetime
"""A value of a table."""


@dataclass(frozen=True)
class Forecast:
    """How series continue, in units of the data.

    Attributes:
        series: their names; one empty name where there is one series.
        id: the column of names, None where there is none.
        columns: the targets.
        levels: the quantiles; empty for points.
        times: for each series those of the horizon.
        values: (S, H, C, Q), of points Q is 1.
        clock: the grid of the times.
    """

    series: Sequence[str]
    id: str | None
    columns: Sequence[str]
    levels: Sequence[float]
    times: Sequence[Sequence[int | datetime]]
    values: NDArray[np.float64]
    clock: Clock

    @property
    def points(self) -> NDArray[np.float64]:
        """(S, H, C): medians, or the values of a forecast of points."""
        return point(self.values, self.levels)

    def rows(self) -> Iterator[dict[str, Value]]:
        """A row for each series, time and target: names, the forecast, and a value a level."""
        for s, name in enumerate(self.series):
            for h, time in enumerate(self.times[s]):
                for c, column in enumerate(self.columns):
                    row: dict[str, Value] = {self.id: name} if self.id else {}
                    row |= {"time": time, "column": column}
                    row["forecast"] = float(self.points[s, h, c])
                    for q, level in enumerate(self.levels):
                        row[f"q{level:g}"] = float(self.values[s, h, c, q])
                    yield row

    def records(self) -> list[dict[str, object]]:
        """Each series as plain data: its name, its times, and each target with its quantiles."""
        return [
            {
                "series": name,
                "times": self.clock.written(self.times[s]),
                "columns": {
                    column: {
                        "forecast": self.points[s, :, c].tolist(),
                        "quantiles": {
                            f"{level:g}": self.values[s, :, c, q].tolist()
                            for q, level in enumerate(self.levels)
                        },
                    }
                    for c, column in enumerate(self.columns)
                },
            }
            for s, name in enumerate(self.series)
        ]

    def table(self) -> dict[str, list[Value]]:
        """The rows as columns, for `pandas.DataFrame` or `polars.DataFrame`."""
        rows = list(self.rows())
        return {name: [row[name] for row in rows] for name in rows[0]}

    def to_csv(self) -> str:
        """The rows as CSV, numbers to six digits; days, weeks and months as dates without hours.

        Names that a spreadsheet would run as formulas begin with an apostrophe.
        """
        text = io.StringIO()
        times = list(chain.from_iterable(self.times))
        written: dict[Value, str] = dict(zip(times, self.clock.written(times), strict=True))
        rows = list(self.rows())
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(map(marked, rows[0]))
        for row in rows:
            row["time"] = written[row["time"]]
            writer.writerow(map(_cell, row.values()))
        return text.getvalue()


def _cell(value: Value) -> Value:
    """A value as a cell of CSV."""
    if isinstance(value, float):
        return f"{value:.6g}"
    return marked(value) if isinstance(value, str) else value
