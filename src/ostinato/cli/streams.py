"""The standard streams as commands need them, whatever they were given."""

from __future__ import annotations

import codecs
import io
import logging
import os
import sys
from typing import Any

from ostinato.visible import visible

_escaped: set[str] = set()  # encodings in which something was written as escapes


def prepare() -> None:
    r"""Makes the standard streams such that showing something ends no command.

    - A stream that the caller has closed is the null device: no file that is opened gets its place.
    - What cannot be written to standard error is dropped.
    - What the encoding of standard output does not have is written as escapes, such as `\u2713`.
    - What the log says is shown in a line in which all can be seen.
    """
    if logging.lastResort:
        logging.lastResort.setFormatter(_OneLine())
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:  # the lowest free number is taken, which is this one
            os.open(os.devnull, os.O_RDWR)
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    own_way = getattr(sys.stdout, "errors", None) not in ("strict", "surrogateescape")
    if isinstance(sys.stdout, io.TextIOWrapper) and not own_way:
        codecs.register_error("ostinato", _escape)
        sys.stdout.reconfigure(errors="ostinato")
    if sys.stderr is None or sys.stderr is sys.__stderr__:
        encoding = "utf-8" if sys.stderr is None else sys.stderr.encoding
        raw = io.BufferedWriter(_Dropping(2, "w", closefd=False))
        sys.stderr = io.TextIOWrapper(raw, encoding, "backslashreplace", line_buffering=True)


def escaped() -> str | None:
    """The encoding of standard output, if it did not have all that was written."""
    return next(iter(_escaped), None)


def close_output() -> None:
    """Nothing more is written to standard output, not even at exit."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError):  # not a file
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115


class _OneLine(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return visible(super().format(record))


class _Dropping(io.FileIO):
    """A file that takes everything, and drops what cannot be written."""

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data) or 0
        except OSError:
            return memoryview(data).nbytes


def _escape(error: UnicodeError) -> tuple[str | bytes, int]:
    assert isinstance(error, UnicodeEncodeError)
    if error.encoding != "utf-8":  # which lacks nothing but halves of characters
        _escaped.add(error.encoding)
    return codecs.backslashreplace_errors(error)
