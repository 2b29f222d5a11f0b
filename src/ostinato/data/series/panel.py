"""Series of numbers over time: from tables in files or in memory to even grids.

A table has a row for each time, and in it the numbers of that time: targets, which are foretold;
past covariates, known up to the present; future covariates, known ahead; static ones, the same in
all rows of a series. A column of names makes several series of one table.
"""

from __future__ import annotations

import hashlib
import json
import math
from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ostinato.data.files.file import title
from ostinato.data.files.numerals import number
from ostinato.data.readers.labelled import read_rows
from ostinato.data.series.clock import KINDS, Clock, TimeFault, kind_of, moment, stated
from ostinato.data.tables.frames import columns_of
from ostinato.data.tables.rows import Row, Skipped, good, two_parts
from ostinato.data.tables.spreadsheet import unmarked
from ostinato.errors import DataError, counted, first_few, quoted, shortened

TIMES = ("time", "date", "datetime", "timestamp", "ds", "month")
"""Names by which a column of times is known where none is named."""
_MISSING = ("", "na", "nan", "null", "none", "?")
_SPARSE = 10
"""A grid with more than so many steps for each row is refused: its times are not even."""


@dataclass(frozen=True)
class Columns:
    """Which columns of a table are what.

    Attributes:
        time: when; None finds a column of a usual name (`TIMES`), else rows are numbered.
        id: the name of the series; None for one series.
        target: what is foretold; empty for all columns that are nothing else.
        past: known up to the present.
        future: known ahead.
        static: the same in all rows of a series; words or numbers.
    """

    time: str | None = None
    id: str | None = None
    target: Sequence[str] = ()
    past: Sequence[str] = ()
    future: Sequence[str] = ()
    static: Sequence[str] = ()

    @property
    def numbers(self) -> list[str]:
        """The columns of numbers that change: targets, past, future."""
        return [*self.target, *self.past, *self.future]

    def among(self, names: Sequence[str], title: str) -> Columns:
        """With `time` and `target` found among the columns of a table.

        Args:
            names: its columns.
            title: what it is called in an error.

        Raises:
            DataError: when a column is not there, or given two parts.
        """
        time = self.time
        if time is None:
            time = next((n for n in names if n.lower() in TIMES and n not in self.numbers), None)
        given = [n for n in (time, self.id) if n] + [*self.static, *self.past, *self.future]
        taken = set(given)
        target = list(self.target) or [n for n in names if n not in taken]
        given += target
        there, times = set(names), Counter(given)
        for name in given:
            if name not in there:
                shown = first_few(map(quoted, names))
                raise DataError(f"{title}: no column {quoted(name)}; the columns are {shown}")
            if times[name] > 1:
                raise DataError(f"{title}: {two_parts(name)}")
        if not target:
            raise DataError(
                f"{title}: no column is left to be foretold; name one with --data.target"
            )
        return Columns(time, self.id, target, list(self.past), list(self.future), list(self.static))


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
            the steps to be foretold, those after the last known target, only future covariates.
        gaps: steps that have no row.
        title: what the table is called in an error.
    """

    series: list[Series]
    columns: Columns
    clock: Clock
    missing: dict[str, int]
    gaps: int
    title: str = "the table"

    @property
    def ahead(self) -> int:
        """Steps after the last known target of their series: they are to be foretold."""
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

    def to_json(self) -> dict[str, Any]:
        """Plain data, times as text."""
        return {
            "columns": vars(self.columns),
            "clock": self.clock.to_json(),
            "title": self.title,
            "series": [
                vars(each) | {"start": str(each.start), "values": listed(each.values)}
                for each in self.series
            ],
        }

    @classmethod
    def from_json(cls, read: Any) -> Panel:
        """What `to_json` made; missing values are not counted again."""
        columns = Columns(**read["columns"])
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

    def told(self) -> str:
        """What was read, in a sentence, missing values included."""
        count, steps = len(self.series), sum(map(len, self.series))
        what = (f"{count:,} series, " if count > 1 else "") + counted(steps, "step")
        every = "" if self.columns.time is None else f" of {self.clock}"
        text = f"{what}{every}, {len(self.columns.target)} to foretell"
        if self.gaps:
            have = "has" if self.gaps == 1 else "have"
            text += f"; {counted(self.gaps, 'step')} {have} no row"
        if self.ahead:
            is_ = "is" if self.ahead == 1 else "are"
            text += (
                f"; {counted(self.ahead, 'step')} after the last known target {is_} to be foretold"
            )
        if self.missing:
            some = ", ".join(
                f"{n:,} in {shortened(name)}" for name, n in list(self.missing.items())[:4]
            )
            more = ", …" if len(self.missing) > 4 else ""
            text += f"; missing values: {some}{more}"
        return text + "."


def listed(values: NDArray[np.float64]) -> Any:
    """Numbers as lists, None for NaN, which JSON does not have."""
    plain = values.astype(object)
    plain[np.isnan(values)] = None
    return plain.tolist()


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
        format: the format's name, where the file does not tell it.
        skip_bad_rows: goes on without bad rows, which become gaps, and counts them; None refuses
            the first.

    Raises:
        DataError: for a file, a row or a time that cannot be used; it names the file and the row.
    """
    rows = _numbered(read_rows(where, format), columns, title(where))
    return _panel(good(rows, title(where), skip_bad_rows), columns, title(where))


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
    named = columns_of(table)
    rows = (
        Row(f"row {k}", [dict(zip(named, values, strict=True))])
        for k, values in enumerate(zip(*named.values(), strict=True), start=1)
    )
    return _panel(
        good(_numbered(rows, columns, "the table"), "the table", None), columns, "the table"
    )


def _numbered(rows: Iterable[Row], columns: Columns, title: str) -> Iterable[Row]:
    """Rows with their values read: name, time, numbers, static values; faults said."""
    found: Columns | None = None
    kind = ""
    for count, row in enumerate(rows):
        if row.fault is not None:
            yield row
            continue
        named = row.values[0]
        if found is None:
            found = columns.among(list(named), title)
        own = _read(row.place, named, found, count)
        if own.fault is None and found.time:
            time = own.values[1]
            kind = kind or kind_of(time)
            own.values[1] = moment(time)
            if kind_of(time) != kind:
                are = f"{KINDS[kind_of(time)]}, where the first is {KINDS[kind]}"
                own = Row(row.place, [], f"its time {time} is not of the kind of the others: {are}")
        yield own


def _read(place: str, named: dict[str, Any], columns: Columns, count: int) -> Row:
    name: Any = named[columns.id] if columns.id else ""
    if columns.id and _is_missing(name):
        return Row(place, [], f"the {shortened(columns.id)} is missing")
    if isinstance(name, str):
        name = unmarked(name)
    try:
        time = stated(named[columns.time]) if columns.time else count
    except TimeFault as fault:
        return Row(place, [], f"the {shortened(str(columns.time))} {fault}")
    numbers = array("d")
    for column in columns.numbers:
        try:
            numbers.append(_number(named[column]))
        except ValueError as fault:
            hint = "; name the column of times with --data.time" if columns.time is None else ""
            return Row(place, [], f"the {shortened(column)} {fault}{hint if not count else ''}")
    static: list[str | float] = []
    for column in columns.static:
        value = named[column]
        if _is_missing(value):
            return Row(place, [], f"the {shortened(column)} is missing")
        try:
            static.append(_number(value))
        except ValueError:
            static.append(str(value).strip())
    return Row(place, [str(name).strip(), time, numbers, static, columns])


def _is_missing(value: Any) -> bool:
    if isinstance(value, str):
        return value.strip().lower() in _MISSING
    return value is None or value != value


def _number(value: Any) -> float:
    """A finite number, or NaN for a missing one.

    >>> _number(" 3.5"), _number("NA"), _number(True)
    (3.5, nan, 1.0)
    """
    if _is_missing(value):
        return math.nan
    if isinstance(value, str) and value.strip().lower() in ("true", "false"):
        value = value.strip().lower() == "true"
    try:
        found = number(value) if isinstance(value, str) else float(value)
    except (TypeError, ValueError):
        raise ValueError(f"is no number: {quoted(value)}") from None
    except OverflowError:
        found = math.inf
    if math.isinf(found) or abs(found) > 1e30:  # beyond it float32 squares to infinity
        raise ValueError(f"is not finite, or too large to reckon with: {quoted(value)}")
    return found


class _Rows:
    """The rows of one series."""

    def __init__(self, static: list[str | float]) -> None:
        self.places: list[str] = []
        self.times: list[int | datetime] = []
        self.numbers = array("d")
        self.static = static


def _panel(rows: Iterable[Row], columns: Columns, title: str) -> Panel:
    groups: dict[str, _Rows] = {}
    for place, (name, time, numbers, static, columns), _ in rows:
        own = groups.setdefault(name, _Rows(static))
        if columns.time is None:
            time = len(own.times)
        if own.times:
            _check_order(f"{title}, {place}", own, time)
        if static != own.static:
            at = next(
                c for c, a, b in zip(columns.static, static, own.static, strict=True) if a != b
            )
            raise DataError(f"{title}, {place}: the {at} changes, and it is said to be static")
        own.places.append(place)
        own.times.append(time)
        own.numbers.extend(numbers)
    try:
        clock = Clock.of([own.times for own in groups.values()])
    except TimeFault as fault:
        raise DataError(f"{title}: {fault}") from None
    series = [
        _on_grid(name, own, clock, len(columns.numbers), title) for name, own in groups.items()
    ]
    lost = dict.fromkeys(columns.numbers, 0)
    for each in series:
        end = each.known(len(columns.target)) or len(each)
        for column, values in zip(columns.numbers, each.values.T, strict=True):
            seen = values if column in columns.future else values[:end]
            lost[column] += int(np.isnan(seen).sum())
    gaps = sum(map(len, series)) - sum(len(own.times) for own in groups.values())
    missing = {column: count for column, count in lost.items() if count}
    return Panel(series, columns, clock, missing, gaps, title)


def _check_order(where: str, own: _Rows, time: int | datetime) -> None:
    before = own.times[-1]
    if time == before:
        raise DataError(f"{where}: its time {time} is there already, in {own.places[-1]}")
    if time < before:  # type: ignore[operator]
        raise DataError(
            f"{where}: its time {time} comes before that of {own.places[-1]}, {before}; "
            "sort the rows by time"
        )


def _on_grid(name: str, own: _Rows, clock: Clock, width: int, title: str) -> Series:
    try:
        steps = clock.steps(own.times)
    except TimeFault as fault:
        place = f", {own.places[fault.args[1]]}" if len(fault.args) > 1 else ""
        raise DataError(f"{title}{place}: {fault.args[0]}") from None
    length = int(steps[-1]) + 1
    if length > _SPARSE * len(steps) + 100:
        raise DataError(
            f"{title}: {len(steps):,} rows are spread over {length:,} steps of {clock}; "
            "the times are not even: bring them to a grid first, or leave the column of times out"
        )
    values = np.full((length, width), np.nan)
    values[steps] = np.frombuffer(own.numbers, dtype=np.float64).reshape(-1, width)
    return Series(name, own.times[0], values, own.static)
