"""Even grids of times: found for series, and continued."""

from __future__ import annotations

from calendar import monthrange
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal, NotRequired, TypeAlias, TypedDict
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from ostinato.data.series.times import TimeFault

_BEGIN = datetime(1970, 1, 1)
_DAY = 86_400
_SEASONS = {60: 1440, 900: 96, 1800: 48, 3600: 24, 86_400: 7, 604_800: 52}
_UNITS = {"week": 604_800, "day": 86_400, "hour": 3600, "minute": 60, "second": 1}

Kind: TypeAlias = Literal["number", "time", "month", "weekday"]
FIRST_WEEKDAY, LAST_WEEKDAY = 0, -1
"""Days of a month, of Monday to Friday."""


class ClockRecord(TypedDict):
    """The attributes of a `Clock`, as JSON has them; no text that is empty."""

    kind: Kind
    step: int
    day: int
    rest: int
    zone: NotRequired[str]
    format: NotRequired[str]


@dataclass(frozen=True)
class Clock:
    """An even grid of times: step k is at `start + k · step`.

    Attributes:
        kind: `number`, `time` (the unit is a second), `month`, or `weekday` (Monday to Friday).
        step: what lies between two steps, in units.
        day: of the month (`month` only); 31 is the last one, `FIRST_WEEKDAY` and `LAST_WEEKDAY`
            are none on a weekend.
        rest: seconds after the beginning of that day (`month` and `weekday`).
        zone: in which times are written: an offset such as `+02:00`, the name of a zone, or "".
        format: how times are written, as `datetime.strftime` says it; "" is ISO 8601.
    """

    kind: Kind
    step: int
    day: int = 1
    rest: int = 0
    zone: str = ""
    format: str = ""

    @classmethod
    def of(cls, series: Sequence[Sequence[int | datetime]], usual: Clock | None = None) -> Clock:
        """The grid of some series, each with times that rise: the usual one, if all are on it.

        Its step is the smallest distance of neighbours that is met, where all others are whole
        numbers of it; else, and where more than nine tenths of them are the same, it is the most
        frequent one, and `steps` says which time does not fit. It is months where more than three
        quarters of the times are on the same day of theirs, or the last one, at the same time; and
        days from Monday to Friday where none is on a weekend, although they go over several.

        Raises:
            TimeFault: when there are numbers and dates.
        """
        if usual is not None and all(map(usual._fits, series)):
            return usual
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
        seconds = [[_seconds(t) for t in times if isinstance(t, datetime)] for times in series]
        step = _usual(seconds)
        weekdays = cls._weekdays(moments) if step == _DAY else None
        return weekdays or cls("time", step)

    def _fits(self, times: Sequence[int | datetime]) -> bool:
        """Whether a series is on the grid."""
        try:
            self.steps(times)
        except TimeFault:
            return False
        return True

    @classmethod
    def _weekdays(cls, moments: Sequence[datetime]) -> Clock | None:
        """The grid of Monday to Friday; None where there is a weekend, or only one is left out."""
        first, last = min(moments), max(moments)
        if (last - first).days < 10 or any(t.weekday() > 4 for t in moments):
            return None
        rests = {_seconds(t) % _DAY for t in moments}
        return cls("weekday", 1, rest=rests.pop()) if len(rests) == 1 else None

    @classmethod
    def _monthly(cls, moments: Sequence[datetime]) -> Clock | None:
        """The grid of single months that most of these are on; None where there is none."""
        enough = 0.75 * len(moments)
        days = Counter(t.day for t in moments)
        ends = sum(days[day] for day in range(26, 32)), sum(days[day] for day in range(1, 4))
        if max(*ends, *days.values()) <= enough:
            return None  # quickly said of hours and days
        rest = Counter(_seconds(t) % _DAY for t in moments).most_common(1)[0][0]
        every = [*sorted({31, *days}, reverse=True), LAST_WEEKDAY, FIRST_WEEKDAY]
        on = {cls("month", 1, day, rest): 0 for day in every}
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

        Those of a zone have their offset, and those of another format are as it says.

        >>> Clock("time", 86_400).written([datetime(2024, 3, 10)])
        ['2024-03-10']
        >>> Clock("time", 3600).written([datetime(2024, 3, 10)])
        ['2024-03-10 00:00:00']
        """
        moments = [t for t in times if isinstance(t, datetime)]
        if self.format:
            return [t.strftime(self.format) for t in moments]
        if self.zone:
            return [f"{t}{self._offset(t)}" for t in moments]
        days = self.kind in ("month", "weekday") or (self.kind == "time" and self.step % _DAY == 0)
        if days and not any(_seconds(t) % _DAY for t in moments):
            return [str(t.date()) for t in moments]
        return [str(t) for t in times]

    def _offset(self, time: datetime) -> str:
        """The offset from UTC that holds at a time of the zone."""
        if self.zone[0] in "+-":
            return self.zone
        return str(time.replace(tzinfo=ZoneInfo(self.zone)))[len(str(time)) :]

    def season(self) -> int:
        """The steps of a usual season: a day of hours, a week of days, a year of months; else 1."""
        if self.kind == "month":
            return max(1, 12 // self.step) if 12 % self.step == 0 else 1
        if self.kind == "weekday":
            return 5
        return _SEASONS.get(self.step, 1) if self.kind == "time" else 1

    def __str__(self) -> str:
        if self.kind == "number":
            return f"{self.step}"
        if self.kind == "month":
            return "1 month" if self.step == 1 else f"{self.step} months"
        if self.kind == "weekday":
            return "1 business day"
        for name, unit in _UNITS.items():
            if self.step % unit == 0:
                n = self.step // unit
                return f"{n} {name}{'s' if n > 1 else ''}"
        raise AssertionError

    def to_json(self) -> ClockRecord:
        """Its attributes."""
        read: ClockRecord = {
            "kind": self.kind, "step": self.step, "day": self.day, "rest": self.rest
        }  # fmt: skip
        if self.zone:
            read["zone"] = self.zone
        if self.format:
            read["format"] = self.format
        return read

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
        if self.kind == "month":
            return time.year * 12 + time.month - 1
        weeks, day = divmod(_seconds(time) // _DAY + _BEGIN.weekday(), 7)
        return weeks * 5 + day

    def _has(self, time: datetime) -> bool:
        """Whether a time is on a day and at the hour of the grid (`month`, `weekday`)."""
        if self.kind == "weekday":
            on = time.weekday() < 5
        else:
            on = time.day == self._day(time.year, time.month)
        return on and _seconds(time) % _DAY == self.rest

    def _day(self, year: int, month: int) -> int:
        """The day of the grid in a month (`month` only)."""
        last = monthrange(year, month)[1]
        if self.day == LAST_WEEKDAY:
            return last - max(0, datetime(year, month, last).weekday() - 4)
        if self.day == FIRST_WEEKDAY:
            return 1 + {5: 2, 6: 1}.get(datetime(year, month, 1).weekday(), 0)
        return min(self.day, last)

    def _between(self, time: int | datetime) -> str:
        return f"its time {time} is not a whole number of steps ({self}) from the others"

    def _time(self, unit: int) -> int | datetime:
        if self.kind == "number":
            return unit
        if self.kind == "time":
            return _BEGIN + timedelta(seconds=unit)
        if self.kind == "weekday":
            weeks, day = divmod(unit, 5)
            days = 7 * weeks + day - _BEGIN.weekday()
            return _BEGIN + timedelta(days=days, seconds=self.rest)
        year, month = divmod(unit, 12)
        return datetime(year, month + 1, self._day(year, month + 1)) + timedelta(seconds=self.rest)


def _seconds(time: datetime) -> int:
    since = time - _BEGIN
    if since.microseconds:
        raise TimeFault(
            f"its time {time} is finer than a second; use integers as time steps instead"
        )
    return int(since.days) * _DAY + int(since.seconds)


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
