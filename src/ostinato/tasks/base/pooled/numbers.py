"""Signals as a classifier reads them: each number on the scale of the training part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ostinato.data.series.signals import Signal
from ostinato.errors import DataError


@dataclass(frozen=True)
class Numbers:
    """Mean and deviation of each of the D numbers of a step, over all steps of training.

    Attributes:
        mean, deviation: (D,); the deviation of what never changes is 1.
    """

    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]

    @classmethod
    def of(cls, signals: Sequence[Signal]) -> Self:
        """The scale of these signals."""
        steps = np.concatenate(signals).astype(np.float64)
        spread = steps.std(axis=0)
        return cls(steps.mean(axis=0), np.where(spread > 0, spread, 1.0))

    def scaled(self, signals: Sequence[Signal], keep: int = 0) -> list[Signal]:
        """Signals on the scale of training, of each the last `keep` steps; 0 is all.

        Raises:
            DataError: when a signal has not as many numbers a step as those of training, or one
                that is too large on their scale.
        """
        found = []
        for number, signal in enumerate(signals, start=1):
            if np.ndim(signal) != 2 or signal.shape[1] != len(self.mean):
                raise DataError(
                    f"row {number}: the series of training have {len(self.mean)} numbers per step"
                )
            with np.errstate(over="ignore"):
                own = ((signal[-keep:] - self.mean) / self.deviation).astype(np.float32)
            if not np.isfinite(own).all():
                raise DataError(
                    f"row {number}: a number is too far from those of training, whose standard "
                    f"deviation is {self.deviation.min():g}"
                )
            found.append(own)
        return found

    def to_json(self) -> dict[str, list[float]]:
        """Plain data."""
        return {"mean": self.mean.tolist(), "deviation": self.deviation.tolist()}

    @classmethod
    def from_json(cls, read: Mapping[str, list[float]]) -> Self:
        """What `to_json` made."""
        mean, deviation = (np.array(read[k], np.float64) for k in ("mean", "deviation"))
        if mean.ndim != 1 or mean.shape != deviation.shape:
            raise ValueError("the mean and deviation of a number are missing")
        if not (np.isfinite(mean).all() and (deviation > 0).all() and np.isfinite(deviation).all()):
            raise ValueError("a mean or deviation is invalid")
        return cls(mean, deviation)
