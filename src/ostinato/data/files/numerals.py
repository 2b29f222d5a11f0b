"""Numbers as files write them: in decimal ASCII digits. Python itself reads more."""

from __future__ import annotations

import re

from ostinato.errors import quoted

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
"""A finite number, without white space around it."""


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
