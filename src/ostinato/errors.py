"""What Ostinato raises when a user can mend the cause: one clear line each."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class OstinatoError(Exception):
    """A mistake that the user can mend; the message says what, where and what to do."""


class CellError(OstinatoError):
    """A cell whose equations cannot be read; the message points at the line of its source."""


class DataError(OstinatoError, ValueError):  # scikit-learn expects one of what it gives
    """Data that cannot be used; the message names the file and, where there is one, the row."""


class ConfigError(OstinatoError, ValueError):
    """A setting that is unknown or out of range; the message gives its path."""


class RunError(OstinatoError):
    """A run folder that cannot be read or written; the message names it."""


class UnknownName(OstinatoError):
    """A name that nothing is registered under; the message gives the nearest right one."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        known = sorted(known)
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"
        super().__init__(f"unknown {kind} {name!r}; {hint}")


def counted(number: int, noun: str) -> str:
    """So many of something, in a message.

    >>> counted(1, "field"), counted(1200, "line")
    ('1 field', '1,200 lines')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
