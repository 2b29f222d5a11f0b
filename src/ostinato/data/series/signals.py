"""Signals: sequences of numbers of any length, to be classified.

A signal is an array (T, D): T steps, each with the same D numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from ostinato.errors import DataError, counted

Signal = NDArray[np.float32]


def are_signals(values: object) -> TypeGuard[list[Signal]]:
    """Whether these are signals, and not texts: arrays of numbers, (T, D) each, or (T,)."""
    if isinstance(values, np.ndarray) and values.ndim == 3:
        return True
    if not isinstance(values, list | tuple | np.ndarray) or not len(values):
        return False
    first: object = values[0]
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
            raise DataError(f"row {place}: not an array of numbers (T, D)")
        signal = np.asarray(given, np.float32)
        signal = signal[:, None] if signal.ndim == 1 else signal
        if fault := fault_of(signal, found[0].shape[1] if found else None):
            raise DataError(f"row {place}: {fault}")
        found.append(signal)
    return found


def fault_of(signal: Signal, width: int | None) -> str | None:
    """Why a signal cannot be used among others of `width` numbers a step; None if it can."""
    if not signal.size:
        return "the series is empty"
    if width is not None and signal.shape[1] != width:
        return f"{counted(signal.shape[1], 'number')} per step, but the first series has {width}"
    if not np.isfinite(signal).all():
        step, column = np.argwhere(~np.isfinite(signal))[0].tolist()
        return f"number {column + 1} of step {step + 1} is missing or not finite"
    return None
