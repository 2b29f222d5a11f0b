"""Signals: sequences of numbers of any length, to be classified; and the files of the UEA archive.

A signal is an array (T, D): T steps, each with the same D numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from ostinato.data.files.file import File, flaw, title
from ostinato.data.files.numerals import number
from ostinato.data.tables.examples import Examples
from ostinato.data.tables.labels import Label, LabelColumn, interned
from ostinato.data.tables.rows import Row, Skipped, good
from ostinato.errors import DataError, counted

Signal = NDArray[np.float32]
SUFFIXES = (".ts", ".ts.gz", ".ts.xz")


def are_signals(values: Any) -> TypeGuard[list[Signal]]:
    """Whether these are signals, and not texts: arrays of numbers, (T, D) each, or (T,)."""
    if isinstance(values, np.ndarray) and values.ndim == 3:
        return True
    some = isinstance(values, list | tuple | np.ndarray) and len(values) > 0
    first = values[0] if some else None
    return isinstance(first, np.ndarray) and first.ndim in (1, 2) and first.dtype.kind in "fiub"


def checked(signals: Sequence[Any]) -> list[Signal]:
    """Signals as (T, D) float32.

    Raises:
        DataError: for one that is empty, holds what is no finite number, or has another D.
    """
    found: list[Signal] = []
    for place, given in enumerate(signals, start=1):
        kind = getattr(getattr(given, "dtype", None), "kind", "O")
        if kind not in "fiub" or np.ndim(given) not in (1, 2):
            raise DataError(f"row {place}: no array of numbers (T, D)")
        signal = np.asarray(given, np.float32)
        signal = signal[:, None] if signal.ndim == 1 else signal
        if fault := _fault(signal, found[0].shape[1] if found else None):
            raise DataError(f"row {place}: {fault}")
        found.append(signal)
    return found


def _fault(signal: Signal, width: int | None) -> str | None:
    if not signal.size:
        return "the series is empty"
    if width is not None and signal.shape[1] != width:
        return f"{counted(signal.shape[1], 'number')} a step, but the first series has {width}"
    if not np.isfinite(signal).all():
        step, column = np.argwhere(~np.isfinite(signal))[0].tolist()
        return f"number {column + 1} of step {step + 1} is missing or not finite"
    return None


def read_signals(where: str, label: LabelColumn, skip_bad_rows: Skipped | None = None) -> Examples:
    """Labelled series of a `.ts` file: channels between colons, numbers between commas, the class.

    The format of the UEA and UCR archives (Bagnall et al. 2018, "The UEA multivariate time series
    classification archive"); lines that begin with # or @ are its head.

    Raises:
        DataError: for what cannot be read; it names file and line.
    """
    with File(where) as file:
        rows = good(_rows(file.lines(), file.title), title(where), skip_bad_rows)
        return _examples(rows, label)


def parsed(content: bytes, name: str, label: LabelColumn) -> Examples:
    """The same of the bytes of a file."""
    lines = enumerate(content.decode("utf-8").splitlines(), start=1)
    return _examples(good(_rows(lines, name), name, None), label)


def _examples(rows: Iterable[Row], label: LabelColumn) -> Examples:
    signals, labels = [], list[Label]()
    for row in rows:
        signals.append(row.values[0])
        labels.append(interned((row.values[1],) if label.several else row.values[1]))
    return Examples(signals, labels)


def _rows(lines: Iterable[tuple[int, str]], name: str) -> Iterator[Row]:
    width: int | None = None
    for at, line in lines:
        line = line.strip()
        if not line or line[0] in "#@":
            _check_head(f"{name}, line {at}", line)
            continue
        place = f"line {at}"
        if found := flaw(line):
            yield Row(place, [], found[1])
            continue
        *channels, kind = line.split(":")
        if not channels or not kind.strip():
            yield Row(place, [], "no class after the last colon")
            continue
        columns, fault = _numbers(channels)
        if fault is None:
            signal = np.array(columns, np.float32).T
            fault = _fault(signal, width)
        if fault is None:
            width = signal.shape[1]
        yield Row(place, [] if fault else [signal, kind.strip()], fault)


def _check_head(place: str, line: str) -> None:
    """That the file is one of those that are read here.

    Raises:
        DataError: when steps have times of their own, or there are no classes.
    """
    words = line.lower().split()
    if words[:2] == ["@timestamps", "true"]:
        raise DataError(f"{place}: steps with times of their own cannot be read here")
    if words[:2] in (["@classlabel", "false"], ["@targetlabel", "true"]):
        raise DataError(f"{place}: its series have no classes")


def _numbers(channels: Sequence[str]) -> tuple[list[list[float]], str | None]:
    """The numbers of each channel, and what is wrong with them; ? is missing."""
    columns: list[list[float]] = []
    for place, channel in enumerate(channels, start=1):
        try:
            columns.append([np.nan if x.strip() == "?" else number(x) for x in channel.split(",")])
        except ValueError as error:
            return [], f"channel {place}: {error}"
        if len(columns[-1]) != len(columns[0]):
            steps = counted(len(columns[-1]), "step")
            return [], f"channel {place} has {steps}, channel 1 {len(columns[0])}"
    return columns, None
