"""Series of numbers over time, on even grids.

A table has a row for each time, and in it the numbers of that time: targets, which are forecast;
past covariates, known up to the present; future covariates, known ahead; static ones, the same in
all rows of a series. A column of names makes several series of one table.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NotRequired, TypedDict

import numpy as np
from numpy.typing import NDArray

from ostinato.data.series.clock import Clock, ClockRecord
from ostinato.data.series.composed import clock_beside, is_time_of_day, units
from ostinato.data.series.times import is_date, is_stamp, moment, seems_time
from ostinato.data.tables.rows import two_parts
from ostinato.errors import DataError, counted, first_few, quoted, shortened

TIMES = ("time", "date", "datetime", "timestamp", "ds", "month")
"""Names by which a column of times is known where none is named, the surest first."""
_NAMELESS = ("", "unnamed: 0")  # as pandas writes and reads an index
_MAYBE = (*_NAMELESS, "index", "dt", "period", "week", "quarter", "year", "day", "hour")
"""Names of columns that have times where their first value seems to be one."""


class ColumnsRecord(TypedDict):
    """The attributes of `Columns`, as JSON has them."""

    time: str | None
    id: str | None
    target: Sequence[str]
    past: Sequence[str]
    future: Sequence[str]
    static: Sequence[str]
    beside: NotRequired[Sequence[str]]


class SeriesRecord(TypedDict):
    """A series as JSON has it; missing values are None."""

    name: str
    start: str
    values: list[list[float | None]]
    static: list[str | float]


class PanelRecord(TypedDict):
    """A panel as JSON has it."""

    columns: ColumnsRecord
    clock: ClockRecord
    title: str
    series: list[SeriesRecord]


@dataclass(frozen=True)
class Columns:
    """Which columns of a table are what.

    Attributes:
        time: when; None finds a column of a usual name (`TIMES`), or the index of a table, else
            rows are numbered. Several columns are separated by commas.
        id: the name of the series; None for one series.
        target: what is forecast; empty for all columns that are nothing else.
        past: known up to the present.
        future: known ahead.
        static: the same in all rows of a series; words or numbers.
        beside: columns with more of the time: its hour, or the month and day of a year; None finds
            them together with `time`.
    """

    time: str | None = None
    id: str | None = None
    target: Sequence[str] = ()
    past: Sequence[str] = ()
    future: Sequence[str] = ()
    static: Sequence[str] = ()
    beside: Sequence[str] | None = None

    def to_json(self) -> ColumnsRecord:
        """Its attributes."""
        record: ColumnsRecord = {
            "time": self.time,
            "id": self.id,
            "target": self.target,
            "past": self.past,
            "future": self.future,
            "static": self.static,
        }
        return {**record, "beside": self.beside} if self.beside else record

    @property
    def times(self) -> list[str]:
        """The columns that the time stands in."""
        return [] if self.time is None else [self.time, *(self.beside or ())]

    @property
    def _given(self) -> list[str]:
        """All that are named, without that of times."""
        return [*self.numbers, *self.static, *([] if self.id is None else [self.id])]

    @property
    def numbers(self) -> list[str]:
        """The columns of numbers that change: targets, past, future."""
        return [*self.target, *self.past, *self.future]

    def among(self, first: Mapping[str, object], title: str) -> Columns:
        """With `time` and `target` found among the columns of a table.

        Args:
            first: its first row; a first column without a name that has no times is passed over.
            title: what it is called in an error.

        Raises:
            DataError: when a column is not there, or given two parts.
        """
        names, times = list(first), self._times(first)
        if names[0].strip().lower() in _NAMELESS and names[0] not in (*times, *self._given):
            names = names[1:]
        given = [*times, *([] if self.id is None else [self.id])]
        given += [*self.static, *self.past, *self.future]
        taken = set(given)
        target = list(self.target) or [n for n in names if n not in taken]
        given += target
        there, uses = set(names), Counter(given)
        for name in given:
            if name not in there:
                shown = first_few(map(quoted, names))
                raise DataError(f"{title}: no column {quoted(name)}; the columns are {shown}")
            if uses[name] > 1:
                raise DataError(f"{title}: {two_parts(name)}")
        if not target:
            raise DataError(
                f"{title}: no column is left to be forecast; name one with --data.target"
            )
        time, beside = next(iter(times), None), times[1:]
        past, future, static = (list(names) for names in (self.past, self.future, self.static))
        return Columns(time, self.id, target, past, future, static, beside)

    def _times(self, first: Mapping[str, object]) -> list[str]:
        """The columns that the time stands in, found where they are not known."""
        known = self.beside is not None
        if self.time is not None:
            several = [name.strip() for name in self.time.split(",")]
            named = self.time in first or not {*several} <= {*first}
            return self.times if known or named else several
        columns = [name for name in first if name not in self._given]
        free = {name.strip().lower(): name for name in reversed(columns)}
        usual = [free[name] for name in TIMES if name in free]
        usual.sort(key=lambda name: not is_date(first[name]))
        days = [name for name in usual if not is_time_of_day(first[name])]
        if not known and days in ([], [free.get("month")]) and (parts := units(first, columns)):
            return parts
        maybe = [free[name] for name in _MAYBE if name in free and name not in usual]
        days += [name for name in maybe if seems_time(first[name], name)]
        dates = [name for name in columns if is_date(first[name])]
        days += [name for name in dates if not (known and isinstance(first[name], str))]
        days += [name for name in columns[:1] if not known and is_stamp(first[name])]
        day = next(iter(days or usual), None)
        if day is None or known:
            return [] if day is None else [day]
        return [day, *clock_beside(first, day, [name for name in columns if name != day])]


@dataclass(frozen=True)
class Series:
    """A series on its grid.

    Attributes:
        name: its name; empty where there is one only.
        start: the time of step 0.
        values: (T, N) float64, a column for each of `Columns.numbers`; NaN is missing.
        static: a word or number for each of `Columns.static`.
    """

    name: str
    start: int | datetime
    values: NDArray[np.float64]
    static: list[str | float] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.values)

    def known(self, targets: int) -> int:
        """The step after the last one in which one of the targets is known; 0 where none is."""
        steps = np.flatnonzero(~np.isnan(self.values[:, :targets]).all(1))
        return int(steps[-1]) + 1 if len(steps) else 0


@dataclass(frozen=True)
class Panel:
    """Series of one table, with one kind of step.

    Attributes:
        series: the series, in the order in which they begin.
        columns: what their columns are.
        clock: the grid.
        missing: how many values each column misses, the rows of gaps included; none where none. Of
            the steps to be forecast, those after the last known target, only future covariates.
        gaps: steps that have no row.
        title: what the table is called in an error.
        backwards: whether the latest rows came first.
    """

    series: list[Series]
    columns: Columns
    clock: Clock
    missing: dict[str, int]
    gaps: int
    title: str = "the table"
    backwards: bool = False

    @property
    def ahead(self) -> int:
        """Steps after the last known target of their series: they are to be forecast."""
        ends = [each.known(len(self.columns.target)) for each in self.series]
        return sum(len(each) - end for each, end in zip(self.series, ends, strict=True) if end)

    def fingerprint(self) -> str:
        """SHA-256 (hex) over names, times and values."""
        digest = hashlib.sha256()
        for each in self.series:
            head = [each.name, str(each.start), str(self.clock), each.static, self.columns.numbers]
            digest.update(json.dumps(head).encode())
            digest.update(np.where(np.isnan(each.values), np.nan, each.values).tobytes())
        return digest.hexdigest()

    def time(self, series: int, step: int) -> int | datetime:
        """The time of a step of a series."""
        return self.clock.at(self.series[series].start, range(step, step + 1))[0]

    def written(self, series: int, step: int) -> str:
        """The same as text, see `Clock.written`."""
        return self.clock.written([self.time(series, step)])[0]

    def called(self, each: Series) -> str:
        """What a series is called in an error."""
        return f"{self.title}: series {quoted(each.name)}" if each.name else self.title

    def to_json(self) -> PanelRecord:
        """Plain data, times as text."""
        return {
            "columns": self.columns.to_json(),
            "clock": self.clock.to_json(),
            "title": self.title,
            "series": [
                {
                    "name": each.name,
                    "start": str(each.start),
                    "values": listed(each.values),
                    "static": each.static,
                }
                for each in self.series
            ],
        }

    @classmethod
    def from_json(cls, read: PanelRecord) -> Panel:
        """What `to_json` made; missing values are not counted again."""
        columns = Columns(**read["columns"])
        if columns.beside is None:  # they have been looked for already
            columns = replace(columns, beside=[])
        series = [
            Series(
                each["name"],
                moment(each["start"]),
                np.array(each["values"], np.float64).reshape(-1, len(columns.numbers)),
                each["static"],
            )
            for each in read["series"]
        ]
        return cls(series, columns, Clock(**read["clock"]), {}, 0, read["title"])

    def summary(self) -> str:
        """What was read, in a sentence, missing values included."""
        count, steps = len(self.series), sum(map(len, self.series))
        what = (f"{count:,} series, " if count > 1 else "") + counted(steps, "step")
        every = "" if self.columns.time is None else f" of {self.clock}"
        text = f"{what}{every}, {len(self.columns.target)} to forecast"
        if self.columns.beside:
            text += f"; the time is in {', '.join(map(shortened, self.columns.times))}"
        if self.backwards:
            text += "; the latest came first, and are read in the order of time"
        if self.gaps:
            have = "has" if self.gaps == 1 else "have"
            text += f"; {counted(self.gaps, 'step')} {have} no row"
        if self.ahead:
            is_ = "is" if self.ahead == 1 else "are"
            text += (
                f"; {counted(self.ahead, 'step')} after the last known target {is_} to be forecast"
            )
        if self.missing:
            some = ", ".join(
                f"{n:,} in {shortened(name)}" for name, n in list(self.missing.items())[:4]
            )
            more = ", …" if len(self.missing) > 4 else ""
            text += f"; missing values: {some}{more}"
        return text + "."


def listed(values: NDArray[np.float64]) -> list[list[float | None]]:
    """Numbers as lists, None for NaN, which JSON does not have."""
    plain = values.astype(object)
    plain[np.isnan(values)] = None
    rows: list[list[float | None]] = plain.tolist()
    return rows
