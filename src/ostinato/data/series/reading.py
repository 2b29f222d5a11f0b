"""From the rows of a table to series on even grids."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np

from ostinato.data.files.bad import Bad
from ostinato.data.files.numerals import number
from ostinato.data.series.clock import KINDS, Clock, TimeFault, kind_of, moment, stated
from ostinato.data.series.panel import Columns, Panel, Series
from ostinato.data.tables.rows import RawRow
from ostinato.data.tables.spreadsheet import unmarked
from ostinato.errors import DataError, quoted, shortened

_MISSING = ("", "na", "nan", "null", "none", "?")
_SPARSE = 10
"""A grid with more than so many steps for each row is refused: its times are not even."""


class Step(NamedTuple):
    """A row of a table of series, as it was read.

    Attributes:
        place: where the row is.
        name: of its series.
        time: as it is stated, see `clock.stated`; the row's number where there is no such column.
        numbers: of `Columns.numbers`; NaN is missing.
        static: of `Columns.static`.
        columns: those of the table.
    """

    place: str
    name: str
    time: int | datetime
    numbers: array[float]
    static: list[str | float]
    columns: Columns


def steps(rows: Iterable[RawRow | Bad], columns: Columns, title: str) -> Iterator[Step | Bad]:
    """Rows with their values read, all their times of one kind; what cannot be read is bad.

    Raises:
        DataError: when the table has not the columns that are asked for.
    """
    found: Columns | None = None
    kind = ""
    for count, row in enumerate(rows):
        if isinstance(row, Bad):
            yield row
            continue
        if found is None:
            found = columns.among(list(row.columns), title)
        step = _step(row, found, count)
        if not isinstance(step, Bad) and found.time:
            kind = kind or kind_of(step.time)
            if kind_of(step.time) != kind:
                are = f"{KINDS[kind_of(step.time)]}, where the first is {KINDS[kind]}"
                why = f"its time {step.time} is not like the others: {are}"
                step = Bad(row.place, why)
            else:
                step = step._replace(time=moment(step.time))
        yield step


def _step(row: RawRow, columns: Columns, count: int) -> Step | Bad:
    place, named = row
    name = named[columns.id] if columns.id else ""
    if columns.id and _is_missing(name):
        return Bad(place, f"the {shortened(columns.id)} is missing")
    if isinstance(name, str):
        name = unmarked(name)
    try:
        time = stated(named[columns.time]) if columns.time else count
    except TimeFault as fault:
        return Bad(place, f"the {shortened(str(columns.time))} {fault}")
    numbers = array("d")
    for column in columns.numbers:
        try:
            numbers.append(_number(named[column]))
        except ValueError as fault:
            hint = (
                "; choose the column of time steps with --data.time" if columns.time is None else ""
            )
            return Bad(place, f"the {shortened(column)} {fault}{hint if not count else ''}")
    static: list[str | float] = []
    for column in columns.static:
        value = named[column]
        if _is_missing(value):
            return Bad(place, f"the {shortened(column)} is missing")
        try:
            static.append(_number(value))
        except ValueError:
            static.append(str(value).strip())
    return Step(place, str(name).strip(), time, numbers, static, columns)


def _is_missing(value: object) -> bool:
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
        raise ValueError(f"is not a number: {quoted(value)}") from None
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


def panel_of(read: Iterable[Step], columns: Columns, title: str) -> Panel:
    """The series of a table, each on its grid.

    Raises:
        DataError: when times do not rise or are not even, or a static value changes.
    """
    groups: dict[str, _SeriesRows] = {}
    for place, name, time, numbers, static, columns in read:
        own = groups.setdefault(name, _SeriesRows(static))
        if columns.time is None:
            time = len(own.times)
        if own.times:
            _check_order(f"{title}, {place}", own, time)
        if static != own.static:
            at = next(
                c for c, a, b in zip(columns.static, static, own.static, strict=True) if a != b
            )
            raise DataError(f"{title}, {place}: the {at} is static, but it changes")
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


def _check_order(where: str, own: _SeriesRows, time: int | datetime) -> None:
    before = own.times[-1]
    if time == before:
        raise DataError(f"{where}: its time {time} is repeated, it is already in {own.places[-1]}")
    if time < before:  # type: ignore[operator]
        raise DataError(
            f"{where}: its time {time} comes before that of {own.places[-1]}, {before}; "
            "sort the rows by time"
        )


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
