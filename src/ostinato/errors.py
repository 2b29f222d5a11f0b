"""What Ostinato raises when a user can mend the cause: one clear line each."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable
from typing import Any


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


class NotFinite(OstinatoError):
    """A model answers with what is no finite number."""


class UnknownName(OstinatoError):
    """A name that nothing is registered under; the message gives the nearest right one."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        known = sorted(known)
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"
        super().__init__(f"unknown {kind} {quoted(name)}; {hint}")


def check_finite(values: Any) -> None:
    """That an array or tensor of a model's answers holds numbers; -∞ is the logarithm of 0.

    Raises:
        NotFinite: when one is NaN or infinite.
    """
    if not bool((values < math.inf).all()):
        raise NotFinite(
            "the model's output is not finite: its weights are damaged, or "
            "training diverged; train it again with a lower train.lr"
        )


def counted(number: int, noun: str) -> str:
    """So many of something, in a message.

    >>> counted(1, "field"), counted(1200, "line")
    ('1 field', '1,200 lines')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def shortened(text: str, most: int = 60) -> str:
    """A text, with an ellipsis in its middle where it is longer than `most` characters.

    >>> shortened("a" * 100 + "z", 9)
    'aaaa…aaaz'
    """
    if len(text) <= most:
        return text
    half = (most - 1) // 2
    return f"{text[: most - 1 - half]}…{text[-half:]}"


def quoted(value: Any, most: int = 60) -> str:
    """What was given, as a message repeats it: as Python writes it, and never at length.

    >>> quoted("B-PER"), quoted("x" * 5000, 11)
    ("'B-PER'", "'xxxx…xxxx'")
    """
    if isinstance(value, str) and len(value) > 2 * most:  # no copy of something huge
        value = value[:most] + value[-most:]
    return shortened(repr(value), most)


def first_few(names: Iterable[str], most: int = 120) -> str:
    """Names with commas between, the first of them where they are many.

    >>> first_few(["text", "label"]), first_few(map(str, range(100)), 10)
    ('text, label', '0, 1, 2, 3, …')
    """
    shown: list[str] = []
    for name in names:
        shown.append(shortened(name))
        if sum(map(len, shown)) + 2 * len(shown) - 2 > most:
            return ", ".join([*shown[:-1], "…"])
    return ", ".join(shown)
