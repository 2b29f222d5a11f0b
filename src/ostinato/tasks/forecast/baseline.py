"""Seasonal naive: the same as one season ago. What every forecast has to be better than."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ostinato.data.series.windows import Indices, Windows


def seasonal_naive(windows: Windows, index: Indices, season: int) -> NDArray[np.float32]:
    """ŷ_{o+k} = y_{o-s+(k mod s)} for the origin o and the season s of steps.

    Where a series is younger than a season at the origin, its last value stands for all steps.

    >>> from ostinato.data import Columns, series_of
    >>> from ostinato.data.series.windows import Scale
    >>> panel = series_of([1, 2, 3, 4, 5, 6], Columns())
    >>> unscaled = Scale({"": np.zeros(1)}, {"": np.ones(1)}, [])
    >>> windows = Windows(panel, unscaled, lookback=1, horizon=3)
    >>> seasonal_naive(windows, np.array([[0, 3]]), season=2)[0, :, 0]
    array([2., 3., 2.], dtype=float32)

    Args:
        windows: the series.
        index: (B, 2), see `Windows.origins`.
        season: s, at least 1; with 1 it is the last value that is repeated.

    Returns:
        (B, H, C), on the scale of the windows.
    """
    origin = index[:, 1:]
    steps = origin - season + np.arange(windows.horizon) % season
    steps = np.where(origin >= season, steps, origin - 1)
    at = windows.offsets[index[:, 0]][:, None] + steps
    found: NDArray[np.float32] = windows.values[at][..., : windows.targets_read]
    return found


def naive_error(windows: Windows, ends: Indices, season: int) -> NDArray[np.float64]:
    """The mean of |y_t - y_{t-s}| over the training part, (S, C): the unit of MASE.

    Hyndman & Koehler 2006, "Another look at measures of forecast accuracy". On the scale of the
    windows; NaN where a series is younger than a season, or repeats itself exactly.
    """
    errors = np.full((len(ends), windows.targets_read), np.nan)
    for k, (offset, end) in enumerate(zip(windows.offsets, ends, strict=True)):
        part = windows.targets[offset : offset + end].astype(np.float64)
        distances = np.abs(part[season:] - part[:-season])
        known = ~np.isnan(distances)
        total, count = np.nansum(distances, axis=0), known.sum(0)
        errors[k] = np.where(total > 0, total / np.maximum(count, 1), np.nan)
    return errors
