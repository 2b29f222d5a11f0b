"""Times that stand in several columns: a day and its hour, or year, month, day and hour."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time

from ostinato.data.files.numerals import NUMBER, is_missing
from ostinato.data.series.times import HOURS, stated

_UNITS = {
    "year": ("year", "yr", "yyyy"),
    "quarter": ("quarter", "qtr", "q"),
    "month": ("month", "mon", "mo", "mm"),
    "week": ("week", "wk"),
    "day": ("day", "dd"),
    "hour": ("hour", "hr", "hh", "hours", "uhrzeit", "stunde", "heure", "hora", "ora"),
    "minute": ("minute", "min", "mi", "minutes"),
}
"""Names of columns that hold a part of a time as a whole number."""
_RANGES = {
    "year": range(1500, 2200), "quarter": range(1, 5), "month": range(1, 13), "week": range(1, 54),
    "day": range(1, 32), "hour": range(25), "minute": range(60),
}  # fmt: skip
_CLOCK = ("time", "hour", "hr", "clock", "uhr", "zeit", "heure", "hora", "ora")
"""Parts of names of columns with a time of day."""
_FOUR = re.compile(r"([01]\d|2[0-3])([0-5]\d)", re.ASCII)
_MIDNIGHT = re.compile(r"[ T]00:00(:00(\.0*)?)?$")
_MONTH_NAME = re.compile("[A-Za-z]{3,9}")


def is_time_of_day(value: object) -> bool:
    """Whether a value is hours and minutes without a day; 18.30 is a number."""
    if isinstance(value, str):
        return bool(HOURS.fullmatch(value.strip())) and not NUMBER.fullmatch(value.strip())
    return isinstance(value, time)


def clock_beside(first: Mapping[str, object], day: str, free: Sequence[str]) -> list[str]:
    """The column with the time of day that belongs to a column of days; none where there is none.

    It has hours and minutes, and a name that says so or a place right after the days; or whole
    hours, where its name says so and the days are written without a time.

    Args:
        first: the first row of the table.
        day: the column of days.
        free: the others that may be it.
    """
    value = first[day]
    if is_time_of_day(value) or _has_hours(value):
        return []
    clocks = [name for name in free if is_time_of_day(first[name])]
    named = [name for name in clocks if any(part in name.lower() for part in _CLOCK)]
    beside = [name for name in clocks if [*first].index(name) == [*first].index(day) + 1]
    if found := named or (beside if len(clocks) == 1 else []):
        return found[:1]
    if isinstance(value, datetime):  # whole hours may be a covariate of it
        return []
    hours = (name for name in free if _is_unit("hour", name, first[name]))
    fours = (name for name in free if name.strip().lower() == "time" and _four(first[name]))
    return [*hours, *fours][:1]


def units(first: Mapping[str, object], free: Sequence[str]) -> list[str]:
    """The columns of a year and its month, quarter or week, then of day, hour and minute.

    Args:
        first: the first row of the table.
        free: the columns that may be it.
    """
    found = {
        unit: name
        for name in reversed(free)
        for unit in _UNITS
        if _is_unit(unit, name, first[name])
    }
    second = next((unit for unit in ("month", "quarter", "week") if unit in found), None)
    if "year" not in found or second is None:
        return []
    chosen = [found["year"], found[second]]
    for unit in ("day", "hour", "minute") if second == "month" else ():
        if unit not in found:
            if unit == "hour":
                chosen += [name for name in free if is_time_of_day(first[name])][:1]
            break
        chosen.append(found[unit])
    return chosen


def composed(values: Sequence[object], names: Sequence[str]) -> object:
    """A time of its parts, as a text that a column of times may hold.

    >>> composed(["10/03/2004", "18.00.00"], ["Date", "Time"])
    '10/03/2004 18.00.00'
    >>> composed([2010, "1", "2", 13], ["year", "month", "day", "hour"])
    '2010-01-02 13:00'
    """
    if len(values) == 1:
        return values[0]
    if any(is_missing(value) or value == "" for value in values):
        return ""
    if not _is_unit("year", names[0], values[0]):
        return f"{_day(values[0])} {_clock(values[1])}"
    year, second, *rest = (_text(value) for value in values)
    if _MONTH_NAME.fullmatch(second):
        day = " ".join([*rest[:1], second, year])
    elif _is_unit("quarter", names[1], values[1]):
        return f"{year}Q{second}"
    elif _is_unit("week", names[1], values[1]):
        return f"{year}-W{second.zfill(2)}"
    else:
        day = "-".join([year, second.zfill(2), *(part.zfill(2) for part in rest[:1])])
    if len(rest) > 2:
        return f"{day} {rest[1].zfill(2)}:{rest[2].zfill(2)}"
    return f"{day} {_clock(rest[1])}" if len(rest) > 1 else day


def _is_unit(unit: str, name: str, value: object) -> bool:
    """Whether a column is one of a part of a time, by its name and a value."""
    if name.strip().lower() not in _UNITS[unit]:
        return False
    text = _text(value)
    if unit == "month" and _MONTH_NAME.fullmatch(text):
        return True
    return text.isascii() and text.isdigit() and int(text) in _RANGES[unit]


def _text(value: object) -> str:
    """A value as a file has it, a whole number without point."""
    if isinstance(value, bool):
        return ""
    text = str(value).strip()
    return text.partition(".")[0] if re.fullmatch(r"\d+\.0*", text, re.ASCII) else text


def _four(value: object) -> bool:
    return isinstance(value, str) and bool(_FOUR.fullmatch(value.strip()))


def _has_hours(value: object) -> bool:
    """Whether a day has a time besides, other than midnight."""
    if isinstance(value, str):
        return ":" in _MIDNIGHT.sub("", value)
    try:
        found = stated(value)
    except ValueError:
        return False
    return isinstance(found, datetime) and found.time() != time()


def _day(value: object) -> str:
    """A day as a text without a time of day."""
    if isinstance(value, date):
        return value.strftime("%Y-%m-%d")
    text = _MIDNIGHT.sub("", _text(value))
    compact = len(text) == 8 and text.isascii() and text.isdigit()
    return f"{text[:4]}-{text[4:6]}-{text[6:]}" if compact else text


def _clock(value: object) -> str:
    text = _text(value)
    if four := _FOUR.fullmatch(text):
        return f"{four[1]}:{four[2]}"
    return f"{int(text):02d}:00" if text.isascii() and text.isdigit() else text
