"""A problem that is generated: sequences whose answer depends on steps long ago."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Problem:
    """Sequences of one length, and what is to be answered.

    Attributes:
        inputs: (T, B, D) float32.
        targets: a number for each sequence (B,) float32, answered at its last step; or a symbol for
            each step (T, B) int64.
        symbols: how many symbols there are; 0 where numbers are answered.
        baseline: the loss of a model without memory: mean squared error, or cross-entropy in nats.
    """

    inputs: NDArray[np.float32]
    targets: NDArray[np.float32] | NDArray[np.int64]
    symbols: int
    baseline: float
