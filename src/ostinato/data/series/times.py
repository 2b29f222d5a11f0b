"""Times as tables write them: what a value is by itself, and what a whole column is."""

from __future__ import annotations

import re
from calendar import monthrange
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import pairwise, product

import numpy as np

from ostinato.data.files.numerals import NUMBER, is_missing
from ostinato.errors import quoted

_MONTH = re.compile(r"(\d{4})-(\d{2})", re.ASCII)
_QUARTER = re.compile(r"(\d{4})[- ]?Q([1-4])|Q([1-4])[- /]?(\d{4})", re.ASCII | re.IGNORECASE)
_WHOLE = re.compile(r"[+-]?\d{1,18}(\.0*)?", re.ASCII)
HOURS = re.compile(r"\d{1,2}[:.]\d\d([:.]\d\d(\.\d+)?)?( ?[ap]m)?", re.ASCII | re.IGNORECASE)
"""A time of day without a day."""
_LAST_HOUR = re.compile(r"(?<=[ T])24([:.]00([:.]00)?)$", re.ASCII)  # midnight, of the day before
_DIGITS = {6: ["%Y%m"], 10: ["%Y%m%d%H"], 12: ["%Y%m%d%H%M"], 14: ["%Y%m%d%H%M%S"]}
"""How times are written in so many digits; eight are a day wherever they stand."""
_DAYS = [
    form.replace("/", mark)
    for mark in "/.- "
    for form in ("%d/%m/%Y", "%m/%d/%Y", "%Y/%m/%d", "%d/%m/%y", "%m/%d/%y", "%m/%Y", "%Y/%m")
    if mark != "." or not form.startswith("%m/%d")  # with points the day is first
]
_NAMED = ["%b %d %Y", "%b %d, %Y", "%d %b %Y", "%d. %b %Y", "%d-%b-%Y", "%d-%b-%y", "%d/%b/%Y"]
_NAMED += ["%b %Y", "%b-%Y", "%b/%Y", "%b, %Y", "%Y %b", "%Y-%b", "%b-%y", "%b %y", "%Y %b %d"]
_NAMED = [
    day + form.replace("%b", name)
    for form, name, day in product(_NAMED, ("%b", "%B"), ("", "%a ", "%a, ", "%A ", "%A, "))
    if not day or "%d" in form
]
_CLOCKS = ["", "%H:%M", "%H:%M:%S", "%H:%M:%S.%f", "%I:%M %p", "%I:%M:%S %p", "%H.%M", "%H.%M.%S"]
_MOST = 0.9  # of the times of a column are as its format says; the others are faults

KINDS = {"number": "a number", "date": "a date without a zone", "zoned": "a date with a zone"}
"""The kinds of times, each in words; all of a column are of one."""


class TimeFault(ValueError):
    """What is wrong with a time, for an error that says where it stands."""


class UnclearTime(TimeFault):
    """Times that can be read in several ways."""


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

    Dates are ISO 8601 (`2016-07-01 05:00`, `20160701`, `2016-07`, `2016-W26`) or quarters
    (`2016Q3`); of a period it is the beginning.

    Raises:
        TimeFault: when it is not a time, or missing.
    """
    if hasattr(value, "item") and getattr(value, "ndim", 0) == 0:  # a NumPy scalar
        value = value.astype("M8[us]").item() if isinstance(value, np.datetime64) else value.item()
    value = getattr(value, "start_time", value)  # of a period of pandas
    if is_missing(value):  # also pandas' NaT
        raise TimeFault("is missing")
    if hasattr(value, "to_pydatetime"):  # a time of pandas
        value = value.to_pydatetime()
    if isinstance(value, str):
        value = value.strip()
        if _WHOLE.fullmatch(value):
            return _number_or_day(int(value.partition(".")[0]))
        return _date(value)
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)
    if isinstance(value, datetime):
        return value
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**18:
        return _number_or_day(value)
    raise TimeFault(f"{quoted(value)} is not a time")


def kind_of(time: int | datetime) -> str:
    """Which of `KINDS` a time is."""
    if not isinstance(time, datetime):
        return "number"
    return "zoned" if time.tzinfo else "date"


class TimeColumn:
    """How the times of a column are written, decided by all of them.

    `01/02/2000` is the first of February where some other day is after the twelfth, `201002` is a
    month where all are; `stated` says what the others are.

    Args:
        values: all that stand there.
        format: how they are written, as `datetime.strptime` says it; None to find it.
        name: of the column.

    Attributes:
        format: how they are written; None where each says it by itself.
        written: how later ones shall be written; "" is ISO 8601.

    Raises:
        UnclearTime: when they can be read in several ways.
    """

    def __init__(self, values: Iterable[object], format: str | None = None, name: str = "") -> None:
        self.format = format
        self._known: dict[str, datetime] = {}
        if format is None:
            texts = dict.fromkeys(text for value in values if (text := _as_text(value)))
            self.format, self._known = _found(list(texts), name)
        digits = self.format is not None and not re.search(r"[^%A-Za-z]", self.format)
        self.written = (self.format or "") if format or digits else ""

    @staticmethod
    def says_itself(value: object) -> bool:
        """Whether a value is a time by itself, whatever stands beside it."""
        try:
            time = stated(value)
        except TimeFault:
            return False
        return isinstance(time, datetime)

    def read(self, value: object) -> int | datetime:
        """A time of the column.

        Raises:
            TimeFault: when it is not a time, or missing.
        """
        text = _as_text(value)
        if self.format is None or not text:
            return stated(value)
        known = self._known.get(text) or _parsed(text, self.format)
        if known is None:
            raise TimeFault(f"{quoted(text)} is not a time as {self.format!r} says")
        return known


def seems_time(value: object, name: str) -> bool:
    """Whether what stands in a column may be a time: a date, or a number such as a year.

    So may a text with numbers in it, as a date of which nobody has said the format.

    >>> seems_time("2001", "year"), seems_time("3.5", "day"), seems_time("May the 1st", "day")
    (True, False, True)
    """
    try:
        time = TimeColumn([value], name=name).read(value)
    except UnclearTime:
        return True
    except TimeFault:
        text = _as_text(value)
        is_number = NUMBER.fullmatch(text) or HOURS.fullmatch(text)
        return not is_number and any(map(str.isdigit, text))
    return isinstance(time, datetime) or 1500 <= time < 2200


def is_date(value: object) -> bool:
    """Whether a value is nothing but a date: one in memory, or a text that is no number.

    >>> is_date("2001-02-03"), is_date("1/2/2001"), is_date("20010203"), is_date("5 May")
    (True, True, False, False)
    """
    if not isinstance(value, str):
        return isinstance(value, date | np.datetime64) or hasattr(value, "start_time")
    if NUMBER.fullmatch(value.strip()):
        return False
    try:
        return isinstance(TimeColumn([value]).read(value), datetime)
    except UnclearTime:
        return True
    except TimeFault:
        return False


def is_stamp(value: object) -> bool:
    """Whether a number is a date in its digits, and hours perhaps: 20210301, 2021030113, ….

    >>> is_stamp("20210301"), is_stamp(2021030113), is_stamp("20211301"), is_stamp(2021)
    (True, True, False, False)
    """
    text = _as_text(value)
    if not (text.isascii() and text.isdigit() and len(text) in (8, 10, 12, 14)):
        return False
    try:
        return isinstance(TimeColumn([text]).read(text), datetime)
    except TimeFault:
        return False


def _as_text(value: object) -> str:
    """A value of a column as a file has it; empty for what is no text and no whole number."""
    if hasattr(value, "item") and getattr(value, "ndim", 0) == 0:
        value = value.item()
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        return ""
    return re.sub(r"\.0*$", "", value.strip()) if _WHOLE.fullmatch(value.strip()) else value.strip()


def _found(texts: list[str], name: str) -> tuple[str | None, dict[str, datetime]]:
    """The format under which most texts are times, and these; None where they say it."""
    readings = {}
    for form in _candidates(texts, name):
        read = {text: time for text in texts if (time := _parsed(text, form))}
        if len(read) > _MOST * len(texts):
            readings[form] = read
    most = max(map(len, readings.values()), default=0)
    best = {form: read for form, read in readings.items() if len(read) == most}
    different = {tuple(read.values()): form for form, read in reversed(best.items())}
    if len(different) > 1:  # decided where the times are even in one way only
        different = {t: f for t, f in different.items() if _even(t)} or different
    if not different:
        return None, {}
    if len(different) > 1:
        both = " or ".join(sorted(different.values()))
        raise UnclearTime(
            f"{quoted(texts[0])} may be {both}, and nothing in the column decides it; give the "
            "format with --data.date-format"
        )
    (form,) = different.values()
    return form, best[form]


def _candidates(texts: list[str], name: str) -> list[str]:
    """Formats by which the first texts are times."""
    first = texts[:10]
    if not first or any(TimeColumn.says_itself(text) for text in first):
        return []
    if all(text.isascii() and text.isdigit() for text in first):
        forms = list(_DIGITS.get(len(first[0]), []))
        weeks = "week" in name.lower() or _rolls_over(texts)
        return ["%G%V"] if forms == ["%Y%m"] and weeks else forms
    likely = dict.fromkeys(form for text in first for form in _forms().get(_shape(text), []))
    return [form for form in likely if any(_parsed(text, form) for text in first)]


@cache
def _forms() -> dict[str, list[str]]:
    """The formats of dates and hours by their shapes: only of few it is tried whether they fit."""
    found = defaultdict(list)
    for day, clock in product(_DAYS + _NAMED, _CLOCKS):
        form = f"{day} {clock}".strip()
        words = re.sub("%[aAbBp]", "a", form)
        found[re.sub("%[a-zA-Z]", "0", words)].append(form)
    return dict(found)


def _shape(text: str) -> str:
    """What stands between words and numbers.

    >>> _shape("Sat, 1 Jan 2000 05:00")
    'a, 0 a 0 0:0'
    """
    return re.sub("[0-9]+", "0", re.sub("[A-Za-z]+", "a", " ".join(text.split())))


def _rolls_over(weeks: list[str]) -> bool:
    """Whether numbers go from week 52 or 53 of a year to the first of the next."""
    numbers = [int(text) for text in weeks if text.isdigit() and len(text) == 6]
    pairs = pairwise(numbers)
    return any(b % 100 == 1 and b // 100 - a // 100 == 1 and a % 100 > 51 for a, b in pairs)


def _parsed(text: str, form: str) -> datetime | None:
    """The time that a text is by a format; None if it is none."""
    if "24" in text and _LAST_HOUR.search(text):
        before = _parsed(_LAST_HOUR.sub(r"00\1", text), form)
        return before and before + timedelta(days=1)
    if form in ("%Y%m", "%Y%m%d%H") and not 1800 <= int(text[:4] if text.isdigit() else 0) < 2200:
        return None
    try:
        if form == "%G%V":
            return datetime.strptime(f"{text}1", "%G%V%u")
        return datetime.strptime(text, form)
    except ValueError:
        return None


def _even(times: tuple[datetime, ...]) -> bool:
    """Whether times are all as far from each other, in days or in months."""
    rising = sorted(set(times))
    pairs = list(pairwise(rising))
    months = {(b.year - a.year) * 12 + b.month - a.month for a, b in pairs}
    return len({b - a for a, b in pairs}) == 1 or (
        len(months) == 1 and len({(t.day, t.hour, t.minute) for t in rising}) == 1
    )


def _date(text: str) -> datetime:
    """A date as ISO 8601 writes it, or a quarter.

    Raises:
        TimeFault: when it is none.
    """
    if "24" in text and _LAST_HOUR.search(text):
        return _date(_LAST_HOUR.sub(r"00\1", text)) + timedelta(days=1)
    try:
        if month := _MONTH.fullmatch(text):
            return datetime(int(month[1]), int(month[2]), 1)
        if quarter := _QUARTER.fullmatch(text):
            year, number = quarter[1] or quarter[4], quarter[2] or quarter[3]
            return datetime(int(year), 3 * int(number) - 2, 1)
        return datetime.fromisoformat(text.partition("/")[0] if len(text) == 21 else text)
    except ValueError:
        if not text:
            raise TimeFault("is missing") from None
        if HOURS.fullmatch(text):
            what = "is a time of day without a date; put the date before it, in one column"
        else:
            what = "is not a time such as 2016-07-01; see --data.date-format"
        raise TimeFault(f"{quoted(text)} {what}") from None


def _number_or_day(value: int) -> int | datetime:
    """A whole number; one such as 20160701 is the day that it looks like."""
    year, rest = divmod(value, 10_000)
    month, day = divmod(rest, 100)
    if 1800 <= year < 2200 and 1 <= month <= 12 and 1 <= day <= monthrange(year, month)[1]:
        return datetime(year, month, day)
    return value


def in_zone(times: list[datetime]) -> tuple[list[datetime], str]:
    """Times with zones as times of one zone, without it; and what is written behind them.

    Days and longer steps, which are all at one time of day, are local, although their offset from
    UTC may change with summer time; the last offset goes on, unless the zone has a name. Hours are
    UTC.
    """
    local = [time.replace(tzinfo=None) for time in times]
    if not any(time.utcoffset() for time in times):
        return local, ""
    if len({time.time() for time in local}) > 1:
        return [time.astimezone(UTC).replace(tzinfo=None) for time in times], "+00:00"
    last = max(times)
    offset = last.strftime("%z")
    return local, getattr(last.tzinfo, "key", None) or f"{offset[:3]}:{offset[3:5]}"
