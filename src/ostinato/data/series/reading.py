"""From the rows of a table to series on even grids."""

from __future__ import annotations

import math
import re
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from itertools import chain
from typing import Any, NamedTuple, cast

import numpy as np

from ostinato.data.files.bad import Bad
from ostinato.data.files.numerals import NUMBER, Numerals, Unclear, is_missing, number
from ostinato.data.series.clock import Clock
from ostinato.data.series.composed import composed, is_time_of_day
from ostinato.data.series.panel import Columns, Panel, Series
from ostinato.data.series.times import KINDS, TimeColumn, TimeFault, in_zone, kind_of
from ostinato.data.tables.dialect import Dialect
from ostinato.data.tables.rows import RawRow
from ostinato.data.tables.spreadsheet import unmarked
from ostinato.errors import DataError, quoted, shortened

_MISSING = ("", "na", "nan", "null", "none", "?")
_SIGN = re.compile(r"^([+-]?)[$€£¥]\s*(?=[\d.,])|(?<=\d)\s*[%€$£¥]$")
_SPARSE = 10
"""A grid with more than so many steps for each row is refused: its times are not even."""


class Step(NamedTuple):
    """A row of a table of series, as it was read.

    Attributes:
        place: where the row is.
        name: of its series.
        time: with its zone, if it has one; the row's number where there is no such column.
        numbers: of `Columns.numbers`; NaN is missing.
        static: of `Columns.static`.
        columns: those of the table.
        format: how later times shall be written; "" is ISO 8601.
    """

    place: str
    name: str
    time: int | datetime
    numbers: array[float]
    static: list[str | float]
    columns: Columns
    format: str = ""


class _RawStep(NamedTuple):
    """The same before the times of all rows have said how they are written."""

    place: str
    name: str
    time: object
    numbers: array[float]
    static: list[str | float]
    columns: Columns


def steps(
    rows: Iterable[RawRow | Bad], columns: Columns, title: str, dialect: Dialect
) -> Iterator[Step | Bad]:
    """Rows with their values read, all their times of one kind; what cannot be read is bad.

    They are held until all are read where only all of them say how times are written.

    Raises:
        DataError: when the table has not the columns that are asked for, or its times can be read
            in several ways.
    """
    read = _raw_steps(rows, columns, title, _Values(dialect))
    held: list[_RawStep | Bad] = []
    for raw in read:
        held.append(raw)
        if not isinstance(raw, Bad) and not is_missing(raw.time) and raw.time != "":
            if raw.columns.time is None or TimeColumn.says_itself(raw.time):
                break
            held.extend(read)
    found = next((raw.columns for raw in held if not isinstance(raw, Bad)), columns)
    values = [raw.time for raw in held if not isinstance(raw, Bad)]
    try:
        times = TimeColumn(values, dialect.times, found.time or "")
    except TimeFault as fault:
        raise DataError(f"{title}: the {shortened(str(found.time))} {fault}") from None
    kind = ""
    for raw in chain(held, read):
        if isinstance(raw, Bad):
            yield raw
            continue
        place, name, value, numbers, static, own = raw
        if own.time is None:
            yield Step(place, name, cast(int, value), numbers, static, own)
            continue
        try:
            time = times.read(value)
        except TimeFault as fault:
            yield Bad(place, f"the {shortened(own.time)} {fault}")
            continue
        kind = kind or kind_of(time)
        if kind_of(time) != kind:
            are = f"{KINDS[kind_of(time)]}, where the first is {KINDS[kind]}"
            yield Bad(place, f"its time {time} is not like the others: {are}")
        else:
            yield Step(place, name, time, numbers, static, own, times.written)


def _raw_steps(
    rows: Iterable[RawRow | Bad], columns: Columns, title: str, values: _Values
) -> Iterator[_RawStep | Bad]:
    found: Columns | None = None
    for count, row in enumerate(rows):
        if isinstance(row, Bad):
            yield row
            continue
        if found is None:
            found = columns.among(row.columns, title)
        yield _step(row, found, count, values)


def _step(row: RawRow, columns: Columns, count: int, values: _Values) -> _RawStep | Bad:
    place, named = row
    name = named[columns.id] if columns.id is not None else ""
    if columns.id is not None and _is_missing(name):
        return Bad(place, f"the {shortened(columns.id)} is missing")
    if isinstance(name, str):
        name = unmarked(name)
    numbers = array("d")
    for column in columns.numbers:
        try:
            numbers.append(values.read(named[column]))
        except ValueError as fault:
            hint = "" if count else _hint(columns, column, named[column])
            return Bad(place, f"the {shortened(column)} {fault}{hint}")
    static: list[str | float] = []
    for column in columns.static:
        value = named[column]
        if _is_missing(value):
            return Bad(place, f"the {shortened(column)} is missing")
        try:
            static.append(values.plain(value))
        except ValueError:
            static.append(str(value).strip())
    times = columns.times
    time = composed([named[name] for name in times], times) if times else count
    return _RawStep(place, str(name).strip(), time, numbers, static, columns)


def _hint(columns: Columns, name: str, value: object) -> str:
    """What may be wrong where a column has no numbers."""
    if columns.time is None:
        return "; choose the column of time steps with --data.time"
    if is_time_of_day(value):
        return f"; if it belongs to the time, use --data.time {quoted(f'{columns.time},{name}')}"
    if columns.id is None and isinstance(value, str) and not any(map(str.isdigit, value)):
        return f"; if it names the series, use --data.id {quoted(name)}"
    return ""


def _is_missing(value: object) -> bool:
    if isinstance(value, str):
        return value.strip().lower() in _MISSING
    return is_missing(value)


class _Values:
    """Reads the numbers of a table; NaN is a missing one."""

    def __init__(self, dialect: Dialect) -> None:
        self._numerals = Numerals(dialect.decimal)
        self._words = {word.strip().lower() for word in dialect.missing}
        self._marks = {number(word) for word in self._words if NUMBER.fullmatch(word)}

    def read(self, value: Any) -> float:
        """A finite number, without signs of a currency or per cent; or NaN for a missing one.

        >>> _Values(Dialect()).read(" 3.5"), _Values(Dialect()).read("$1,200.50")
        (3.5, 1200.5)
        >>> _Values(Dialect(missing=("-9",))).read("-9.0")
        nan

        Raises:
            ValueError: for what is neither.
        """
        return self.plain(_SIGN.sub(r"\1", value.strip()) if isinstance(value, str) else value)

    def plain(self, value: Any) -> float:
        """The same of a number without such signs."""
        if self._words and str(value).strip().lower() in self._words:
            return math.nan
        found = _number(self._numerals, value)
        return math.nan if found in self._marks else found


def _number(numerals: Numerals, value: Any) -> float:
    """A finite number, or NaN for a missing one.

    >>> _number(Numerals(), " 3.5"), _number(Numerals(), "NA"), _number(Numerals(), True)
    (3.5, nan, 1.0)
    """
    try:
        found = numerals.read(value) if isinstance(value, str) else float(value)
    except Unclear as fault:
        raise ValueError(f"is unclear: {fault}") from None
    except (TypeError, ValueError):
        if _is_missing(value):
            return math.nan
        word = str(value).strip().lower()
        if word not in ("true", "false"):
            raise ValueError(f"is not a number: {quoted(value)}") from None
        found = float(word == "true")
    except OverflowError:
        found = math.inf
    if math.isinf(found) or abs(found) > 1e30:  # beyond it float32 squares to infinity
        raise ValueError(f"is not finite, or too large: {quoted(value)}")
    return found


class _SeriesRows:
    """The steps of one series."""

    def __init__(self, static: list[str | float]) -> None:
        self.places: list[str] = []
        self.times: list[int | datetime] = []
        self.numbers = array("d")
        self.static = static
        self.backwards = False  # each row so far is before the last one

    def order(self, where: str, time: int | datetime, columns: Columns) -> None:
        """That a further time follows those before it; or is before them all, as they are.

        Raises:
            DataError: where it does neither.
        """
        before = self.times[-1]
        if time == before:
            apart = "; with several series, name the column that tells them apart with --data.id"
            raise DataError(
                f"{where}: its time {time} is repeated, it is already in {self.places[-1]}"
                + (apart if columns.id is None else "")
            )
        falls = bool(time < before)  # type: ignore[operator]
        self.backwards = falls if len(self.times) == 1 else self.backwards
        if falls != self.backwards:
            raise DataError(
                f"{where}: its time {time} comes {'before' if falls else 'after'} that of "
                f"{self.places[-1]}, {before}; sort the rows by time"
            )

    def forwards(self, width: int) -> None:
        """Turns rows round whose latest came first."""
        if self.backwards:
            self.places.reverse()
            self.times.reverse()
            rows = np.frombuffer(self.numbers, dtype=np.float64).reshape(-1, width)
            self.numbers = array("d", rows[::-1].tobytes())


def panel_of(
    read: Iterable[Step], columns: Columns, title: str, usual: Clock | None = None
) -> Panel:
    """The series of a table, each on its grid.

    Args:
        read: the rows.
        columns: which columns are what.
        title: what the table is called in an error.
        usual: the grid of the training data, which this one is too if it can be.

    Raises:
        DataError: when times do not rise or are not even, or a static value changes.
    """
    groups: dict[str, _SeriesRows] = {}
    form = ""
    for step in read:
        place, name, time, numbers, static, columns, form = step
        own = groups.setdefault(name, _SeriesRows(static))
        if columns.time is None:
            time = len(own.times)
        if own.times:
            own.order(f"{title}, {place}", time, columns)
        if static != own.static:
            at = next(
                c for c, a, b in zip(columns.static, static, own.static, strict=True) if a != b
            )
            raise DataError(f"{title}, {place}: the {at} is static, but it changes")
        own.places.append(place)
        own.times.append(time)
        own.numbers.extend(numbers)
    for own in groups.values():
        own.forwards(len(columns.numbers))
    zone = _without_zones(groups.values())
    try:
        clock = Clock.of([own.times for own in groups.values()], usual)
    except TimeFault as fault:
        raise DataError(f"{title}: {fault}") from None
    clock = replace(clock, zone=zone, format=form)
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
    backwards = any(own.backwards for own in groups.values())
    return Panel(series, columns, clock, missing, gaps, title, backwards)


def _without_zones(series: Iterable[_SeriesRows]) -> str:
    """Takes the zones from all times, which are of one then; and says what it is."""
    every = [t for own in series for t in own.times if isinstance(t, datetime) and t.tzinfo]
    if not every:
        return ""
    times, zone = in_zone(every)
    plain = iter(times)
    for own in series:
        own.times = [next(plain) for _ in own.times]
    return zone


def _on_grid(name: str, own: _SeriesRows, clock: Clock, width: int, title: str) -> Series:
    try:
        steps = clock.steps(own.times)
    except TimeFault as fault:
        place = f", {own.places[fault.args[1]]}" if len(fault.args) > 1 else ""
        raise DataError(f"{title}{place}: {fault.args[0]}") from None
    length = int(steps[-1]) + 1
    if length > _SPARSE * len(steps) + 100:
        raise DataError(
            f"{title}: {len(steps):,} rows are spread over {length:,} steps "
            f"of {clock}; the times are not evenly spaced: resample them "
            "first, or remove the column of time steps"
        )
    values = np.full((length, width), np.nan)
    values[steps] = np.frombuffer(own.numbers, dtype=np.float64).reshape(-1, width)
    return Series(name, own.times[0], values, own.static)
