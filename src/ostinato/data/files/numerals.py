"""Numbers as files write them: in decimal ASCII digits. Python itself reads more."""

from __future__ import annotations

import re

from ostinato.errors import quoted

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
"""A finite number, without white space around it."""
_SPACES = " \u00a0\u2009\u202f'’"
_GROUPED = {
    mark: re.compile(
        rf"([+-]?)(\d{{1,3}}(?:([{other}{_SPACES}])\d{{3}}(?:\3\d{{3}})*)|\d*)"
        rf"(?:[{mark}](\d*))?([eE][+-]?\d+)?",
        re.ASCII,
    )
    for mark, other in ((".", ","), (",", "."))
}
"""Numbers with each decimal mark, in groups of three digits or not."""


def number(text: str) -> float:
    """The number that a text is; white space around it does not count.

    >>> number("1.5"), number(" -2e3 "), number("inf")
    (1.5, -2000.0, inf)

    Raises:
        ValueError: for what is not a number, or one for Python alone: in digits that are not ASCII,
            or separated by `_`.
    """
    try:
        if not text.isascii() or "_" in text:
            raise ValueError
        return float(text)
    except ValueError:
        raise ValueError(f"could not convert {quoted(text)} to a number") from None


class Unclear(ValueError):
    """A number that can be read in two ways; the message says what to do."""


class Numerals:
    """Reads the numbers of a table, whose decimal mark is a point or a comma.

    Where it is not given, the first number that can be read in one way only says it for the table:
    "0.5" and "1,234.5" have a point, "0,5" and "1.234,5" a comma. "1.234" is read with a point, but
    not in a table with commas.

    Args:
        decimal: the decimal mark, a point or a comma; None to find it.
    """

    def __init__(self, decimal: str | None = None) -> None:
        self._mark = decimal
        self._points = False  # whether a point may have stood between thousands

    def read(self, text: str) -> float:
        """The number that a text is; digits may stand in groups of three.

        >>> Numerals().read("0,5"), Numerals(",").read("1.234"), Numerals(".").read("1 234.5")
        (0.5, 1234.0, 1234.5)

        Raises:
            Unclear: for one that has two readings.
            ValueError: for what is not a number.
        """
        if self._mark == ",":
            return self._grouped(text)
        try:
            found = number(text)
        except ValueError:
            return self._grouped(text)
        if self._mark is None and "." in text:
            if _reading(text, ",") is None:
                self._mark = "."
            else:
                self._points = True
        return found

    def _grouped(self, text: str) -> float:
        marks = self._mark or ".,"
        found = {mark: value for mark in marks if (value := _reading(text, mark)) is not None}
        if not found:
            other, name = (".", "point") if self._mark == "," else (",", "comma")
            if _reading(text, other) is not None:
                raise Unclear(_unlike(text, name))
            return number(text)
        if len(set(found.values())) > 1:
            both = " or ".join(f"{value:g}" for value in found.values())
            raise Unclear(f"{quoted(text)} is {both}; give the decimal mark with --data.decimal")
        if len(found) == 1:
            (self._mark,) = found
            if self._mark == "," and self._points:
                raise Unclear(_unlike(text, "comma"))
        return next(iter(found.values()))


def _unlike(text: str, mark: str) -> str:
    why = f"{quoted(text)} has a decimal {mark}, unlike others"
    return f"{why}; give the decimal mark with --data.decimal"


def is_missing(value: object) -> bool:
    """Whether a value in memory is missing: None, NaN, and what pandas has for them.

    >>> is_missing(None), is_missing(float("nan")), is_missing(""), is_missing([])
    (True, True, False, False)
    """
    if value is None or isinstance(value, str | int | list | tuple):
        return value is None
    try:
        return bool(value != value)
    except TypeError:  # pandas' NA is neither equal to itself nor different
        return True
    except ValueError:  # an array
        return False


def _reading(text: str, mark: str) -> float | None:
    """The number that a text is with this decimal mark; None if it is none."""
    found = _GROUPED[mark].fullmatch(text.strip())
    if found is None or not (found[2] or found[4]):
        return None
    whole = re.sub(r"\D", "", found[2], flags=re.ASCII)
    return float(f"{found[1]}{whole or 0}.{found[4] or 0}{found[5] or ''}")
