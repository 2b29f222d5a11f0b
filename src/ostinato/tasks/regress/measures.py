"""How well numbers are predicted: RMSE, MAE, R² and Spearman's rank correlation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ostinato.errors import DataError

Values = NDArray[np.float64]


@dataclass(frozen=True)
class RegressMeasures:
    """How near predictions ŷ are to targets y, over N examples.

    Attributes:
        rmse: √(Σ (y - ŷ)² / N), in units of the data.
        mae: Σ |y - ŷ| / N, in units of the data.
        r2: see `r2_score`.
        spearman: see `spearman`.
    """

    rmse: float
    mae: float
    r2: float | None
    spearman: float | None


def measured(targets: Values, predicted: Values) -> RegressMeasures:
    """The measures of predictions, both (N,).

    Raises:
        DataError: when there are none.
    """
    if not len(targets):
        raise DataError("there are no examples to evaluate")
    error = targets - predicted
    return RegressMeasures(
        rmse=float(np.sqrt(np.mean(error**2))),
        mae=float(np.mean(np.abs(error))),
        r2=r2_score(targets, predicted),
        spearman=spearman(targets, predicted),
    )


def r2_score(targets: Values, predicted: Values, weights: Values | None = None) -> float | None:
    """The coefficient of determination R² = 1 - Σ w (y - ŷ)² / Σ w (y - ȳ)², ȳ the mean of y.

    1 is perfect, 0 as good as the mean of these targets. None where all targets are the same.

    >>> r2_score(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 4.0]))
    0.5
    """
    w = np.ones(len(targets)) if weights is None else weights
    spread = w @ (targets - np.average(targets, weights=w)) ** 2
    if targets.min() == targets.max() or not spread:
        return None
    return float(1 - w @ (targets - predicted) ** 2 / spread)


def spearman(targets: Values, predicted: Values) -> float | None:
    """Spearman's ρ: Pearson's correlation of ranks, Σ (r - r̄)(s - s̄) / √(Σ (r - r̄)² Σ (s - s̄)²).

    r are the ranks of targets, s those of predictions; equal values share the mean of their ranks.
    None where all targets or all predictions are the same.

    >>> spearman(np.array([1.0, 2.0, 3.0]), np.array([5.0, 6.0, 90.0]))
    1.0
    """
    from scipy.stats import rankdata

    r, s = (rankdata(values) - (len(values) + 1) / 2 for values in (targets, predicted))
    size = np.sqrt((r @ r) * (s @ s))
    return float(r @ s / size) if size else None
