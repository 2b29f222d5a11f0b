"""Times of a series: read, laid on an even grid, and continued."""

from __future__ import annotations

import re
from calendar import monthrange
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Literal, TypedDict

import numpy as np
from numpy.typing import NDArray

from ostinato.errors import quoted

_BEGIN = datetime(1970, 1, 1)
_MONTH = re.compile(r"(\d{4})-(\d{2})", re.ASCII)
_WHOLE = re.compile(r"[+-]?\d{1,18}(\.0*)?", re.ASCII)
_SEASONS = {60: 1440, 900: 96, 1800: 48, 3600: 24, 86_400: 7, 604_800: 52}
_UNITS = {"week": 604_800, "day": 86_400, "hour": 3600, "minute": 60, "second": 1}


KINDS = {"number": "a number", "date": "a date without a zone", "zoned": "a date with a zone"}
"""The kinds of times, each in words; all of a column are of one."""


class TimeFault(ValueError):
    """What is wrong with a time, for an error that says where it stands."""


def moment(value: object) -> int | datetime:
    """A time as it stands in a table, see `stated`; one with a zone becomes UTC.

    >>> moment("2016-07"), moment("12"), moment("2016-07-01T02:00+02:00")
    (datetime.datetime(2016, 7, 1, 0, 0), 12, datetime.datetime(2016, 7, 1, 0, 0))

    Raises:
        TimeFault: when it is not a time, or missing.
    """
    time = stated(value)
    if isinstance(time, datetime) and time.tzinfo:
        return time.astimezone(UTC).replace(tzinfo=None)
    return time


def stated(value: object) -> int | datetime:
    """A time with the zone that it has, if any: a whole number, or a date, perhaps with hours.

    Dates are ISO 8601 (`2016-07-01 05:00`, `20160701`, `2016-07`).

    Raises:
        TimeFault: when it is not a time, or missing.
    """
    if hasattr(value, "item") and getattr(value, "ndim", 0) == 0:  # a NumPy scalar
        value = value.astype("M8[us]").item() if isinstance(value, np.datetime64) else value.item()
    if isinstance(value, str):
        value = value.strip()
        if _WHOLE.fullmatch(value):
            return _number_or_day(int(value.partition(".")[0]))
        try:
            month = _MONTH.fullmatch(value)
            value = datetime.fromisoformat(f"{value}-01" if month else value)
        except ValueError:
            what = (
                f"{quoted(value)} is not a time such as 2016-07-01 05:00" if value else "is missing"
            )
            raise TimeFault(what) from None
    elif isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)
    if isinstance(value, datetime):
        if value != value:  # pandas' NaT
            raise TimeFault("is missing")
        return value
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**18:
        return _number_or_day(value)
    missing = value is None or value != value
    raise TimeFault("is missing" if missing else f"{quoted(value)} is not a time")


def kind_of(time: int | datetime) -> str:
    """Which of `KINDS` a time is."""
    if not isinstance(time, datetime):
        return "number"
    return "zoned" if time.tzinfo else "date"


def _number_or_day(value: int) -> int | datetime:
    """A whole number; one such as 20160701 is the day that it looks like."""
    year, rest = divmod(value, 10_000)
    month, day = divmod(rest, 100)
    if 1800 <= year < 2200 and 1 <= month <= 12 and 1 <= day <= monthrange(year, month)[1]:
        return datetime(year, month, day)
    return value


class ClockRecord(TypedDict):
    """The attributes of a `Clock`, as JSON has them."""

    kind: Literal["number", "time", "month"]
    step: int
    day: int
    rest: int


@dataclass(frozen=True)
class Clock:
    """An even grid of times: step k is at `start + k · step`.

    Attributes:
        kind: `number`, `time` (the unit is a second), or `month`.
        step: what lies between two steps, in units.
        day: of the month (`month` only); 31 is the last one.
        rest: seconds after the beginning of that day.
    """

    kind: Literal["number", "time", "month"]
    step: int
    day: int = 1
    rest: int = 0

    @classmethod
    def of(cls, series: Sequence[Sequence[int | datetime]]) -> Clock:
        """The grid of some series, each with times that rise.

        Its step is the smallest distance of neighbours that is met, where all others are whole
        numbers of it; else, and where more than nine tenths of them are the same, it is the most
        frequent one, and `steps` says which time does not fit. It is months where more than three
        quarters of the times are on the same day of theirs, or the last one, at the same time.

        Raises:
            TimeFault: when there are numbers and dates.
        """
        every = [t for times in series for t in times]
        moments = [t for t in every if isinstance(t, datetime)]
        if 0 < len(moments) < len(every):
            raise TimeFault("some times are dates, others are numbers")
        if not moments:
            return cls("number", _usual([list(map(int, times)) for times in series]))  # type: ignore[arg-type]
        if monthly := cls._monthly(moments):
            kept = [
                [monthly._unit(t) for t in times if isinstance(t, datetime) and monthly._has(t)]
                for times in series
            ]
            return replace(monthly, step=_usual(kept))
        return cls(
            "time",
            _usual([[_seconds(t) for t in times if isinstance(t, datetime)] for times in series]),
        )

    @classmethod
    def _monthly(cls, moments: Sequence[datetime]) -> Clock | None:
        """The grid of single months that most of these are on; None where there is none."""
        enough = 0.75 * len(moments)
        days = Counter(t.day for t in moments)
        if max(sum(days[day] for day in range(28, 32)), *days.values()) <= enough:
            return None  # quickly said of hours and days
        rest = Counter(_seconds(t) % 86_400 for t in moments).most_common(1)[0][0]
        on = {cls("month", 1, day, rest): 0 for day in sorted({31, *days}, reverse=True)}
        for clock in on:
            on[clock] = sum(map(clock._has, moments))
        best = max(on, key=lambda clock: on[clock])
        return best if on[best] > enough else None

    def steps(self, times: Sequence[int | datetime]) -> NDArray[np.int64]:
        """The step of each time, the first being 0.

        Raises:
            TimeFault: for the first one that lies between the steps of most others; its place is
                the second argument.
        """
        units = np.zeros(len(times), dtype=np.int64)
        for k, t in enumerate(times):
            try:
                units[k] = self._unit(t)
            except TimeFault as fault:
                raise TimeFault(fault.args[0], k) from None
        phases = units % self.step
        off = np.flatnonzero(phases != Counter(phases.tolist()).most_common(1)[0][0])
        if len(off):
            raise TimeFault(self._between(times[off[0]]), int(off[0]))
        steps: NDArray[np.int64] = (units - units[0]) // self.step
        return steps

    def at(self, start: int | datetime, steps: NDArray[np.int64] | range) -> list[int | datetime]:
        """The times of these steps after a start."""
        first = self._unit(start)
        return [self._time(first + int(k) * self.step) for k in steps]

    def written(self, times: Sequence[int | datetime]) -> list[str]:
        """Times as text: dates where the steps are whole days and all times are midnights.

        >>> Clock("time", 86_400).written([datetime(2024, 3, 10)])
        ['2024-03-10']
        >>> Clock("time", 3600).written([datetime(2024, 3, 10)])
        ['2024-03-10 00:00:00']
        """
        if self.kind == "month" or (self.kind == "time" and self.step % 86_400 == 0):
            moments = [t for t in times if isinstance(t, datetime)]
            if not any(_seconds(t) % 86_400 for t in moments):
                return [str(t.date()) for t in moments]
        return [str(t) for t in times]

    def season(self) -> int:
        """The steps of a usual season: a day of hours, a week of days, a year of months; else 1."""
        if self.kind == "month":
            return max(1, 12 // self.step) if 12 % self.step == 0 else 1
        return _SEASONS.get(self.step, 1) if self.kind == "time" else 1

    def __str__(self) -> str:
        if self.kind == "number":
            return f"{self.step}"
        if self.kind == "month":
            return "1 month" if self.step == 1 else f"{self.step} months"
        for name, unit in _UNITS.items():
            if self.step % unit == 0:
                n = self.step // unit
                return f"{n} {name}{'s' if n > 1 else ''}"
        raise AssertionError

    def to_json(self) -> ClockRecord:
        """Its attributes."""
        return {"kind": self.kind, "step": self.step, "day": self.day, "rest": self.rest}

    def _unit(self, time: int | datetime) -> int:
        if self.kind == "number" or not isinstance(time, datetime):
            if isinstance(time, datetime) or self.kind != "number":
                raise TimeFault(
                    f"its time {time} is not of the same kind as the others ({self.kind})"
                )
            return time
        if self.kind == "time":
            return _seconds(time)
        if not self._has(time):
            raise TimeFault(self._between(time))
        return time.year * 12 + time.month - 1

    def _has(self, time: datetime) -> bool:
        """Whether a time is on the day and hour of its month (`month` only)."""
        day = min(self.day, monthrange(time.year, time.month)[1])
        return time.day == day and _seconds(time) % 86_400 == self.rest

    def _between(self, time: int | datetime) -> str:
        return f"its time {time} is not a whole number of steps ({self}) from the others"

    def _time(self, unit: int) -> int | datetime:
        if self.kind == "number":
            return unit
        if self.kind == "time":
            return _BEGIN + timedelta(seconds=unit)
        year, month = divmod(unit, 12)
        day = min(self.day, monthrange(year, month + 1)[1])
        return datetime(year, month + 1, day) + timedelta(seconds=self.rest)


def _seconds(time: datetime) -> int:
    since = time - _BEGIN
    if since.microseconds:
        raise TimeFault(
            f"its time {time} is finer than a second; use integers as time steps instead"
        )
    return int(since.days) * 86_400 + int(since.seconds)


def _usual(series: list[list[int]]) -> int:
    """The distance of neighbours that `Clock.of` takes as a step; 1 where there are none."""
    distances = np.concatenate([np.diff(units) for units in series])
    if not len(distances):
        return 1
    found, counts = np.unique(distances, return_counts=True)
    if found[0] < 1:
        raise TimeFault("the times are not increasing")
    alike = counts.max() > 0.9 * len(distances)
    return int(found[counts.argmax() if alike or (found % found[0]).any() else 0])
