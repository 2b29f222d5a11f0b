"""Bounds on what is read, so that a small file cannot take all memory or the whole disk."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

UNCHECKED = 2**24
"""Data that unpack to fewer bytes may have been packed as tightly as they like."""


@dataclass(frozen=True)
class Limits:
    """How much is read; a plain file may be of any size.

    Attributes:
        row: characters of what is read in one piece: a line, a row of a table, a sentence with all
            its lines, a text that is a file of its own.
        expansion: bytes that come of each byte of a packed file, gzip, xz or Parquet.
    """

    row: int = 2**24
    expansion: int = 100


_DEFAULT = Limits()
_LIMITS: ContextVar[Limits] = ContextVar("limits", default=_DEFAULT)


def limits() -> Limits:
    """Those in force."""
    return _LIMITS.get()


@contextmanager
def limited(row: int | None = None, expansion: int | None = None) -> Iterator[None]:
    """Other limits for all that is read inside; None leaves one as it is.

    >>> with limited(row=1000):
    ...     limits().row
    1000
    """
    before = limits()
    token = _LIMITS.set(Limits(row or before.row, expansion or before.expansion))
    try:
        yield
    finally:
        _LIMITS.reset(token)


def too_long(what: str, most: int) -> str:
    """What is said of what is longer than the limit.

    >>> too_long("a line", 1000)
    'a line of more than 1,000 characters; use --max-row to raise the limit'
    """
    return f"{what} of more than {most:,} characters; use --max-row to raise the limit"
