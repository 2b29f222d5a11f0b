"""The scale of targets: their mean and deviation in the training part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ostinato.data import Examples
from ostinato.errors import DataError, quoted

LARGEST = 1e100
"""The largest target, positive or negative: errors are squared and added up."""


@dataclass(frozen=True)
class TargetScale:
    """Mean and deviation of targets: z = (y - mean) / deviation.

    Attributes:
        mean, deviation: in units of the data; the deviation is above 0.
    """

    mean: float
    deviation: float

    @classmethod
    def of(cls, targets: NDArray[np.float64]) -> Self:
        """The scale of these targets (N,).

        Raises:
            DataError: when they are all the same.
        """
        deviation = float(targets.std())
        if targets.min() == targets.max() or not deviation:
            raise DataError(f"all targets are {targets[0]:g}: there is nothing to predict")
        return cls(float(targets.mean()), deviation)

    def standardised(self, targets: NDArray[np.float64]) -> NDArray[np.float32]:
        """From y to z."""
        return ((targets - self.mean) / self.deviation).astype(np.float32)

    def restored(self, values: NDArray[np.float32]) -> NDArray[np.float64]:
        """From z back to y."""
        return values.astype(np.float64) * self.deviation + self.mean

    def to_json(self) -> dict[str, float]:
        """Plain data."""
        return asdict(self)

    @classmethod
    def from_json(cls, read: Mapping[str, float]) -> Self:
        """What `to_json` made.

        Raises:
            ValueError: when it is no mean and deviation.
        """
        mean, deviation = float(read["mean"]), float(read["deviation"])
        if not (abs(mean) <= LARGEST and 0 < deviation <= LARGEST):
            raise ValueError(f"a mean of {mean} and a deviation of {deviation}")
        return cls(mean, deviation)


def targets_of(examples: Examples) -> NDArray[np.float64]:
    """The targets (N,) of examples, whose labels are numbers as text.

    Raises:
        DataError: when one is none, or too large.
    """
    try:
        targets = np.array([float(label) for label in examples.labels], np.float64)
    except (ValueError, TypeError) as error:
        raise DataError(f"targets must be numbers ({quoted(str(error))})") from None
    if (large := np.abs(targets) > LARGEST).any():
        raise DataError(f"the target {targets[large][0]:g} is too large; use another unit")
    return targets
