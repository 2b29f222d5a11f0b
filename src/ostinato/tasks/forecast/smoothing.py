"""Exponential smoothing with a damped trend and a season: Holt and Winters' method, on windows.

Hyndman, Koehler, Ord & Snyder 2008, "Forecasting with exponential smoothing", model ETS(A, Ad, A).
With m steps a season,

    e_t = y_t - (l_{t-1} + φ b_{t-1} + s_{t-m})
    l_t = l_{t-1} + φ b_{t-1} + α e_t
    b_t = φ b_{t-1} + β e_t
    s_t = s_{t-m} + γ e_t
    ŷ_{t+h} = l_t + (φ + φ² + … + φ^h) b_t + s_{t+h-m⌈h/m⌉}

The first states are those of the straight line and the seasonal means that fit the window best, in
squares. So a forecast is linear in the values of its window, and `weights` says how.
"""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]

_LEVEL, _TREND = (0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0), (0.0, 0.05, 0.2)  # α, β / α
_SEASON, _DAMPED = (0.0, 0.1, 0.3, 0.6), (0.8, 0.9, 0.98, 1.0)  # γ / (1 - α), φ
_USUAL = (0.4, 0.0, 0.0, 0.9, 1, 0)  # where no series is long enough to choose by
_PRIOR = 10  # windows of a series that all series together count as
_MOST = 80.0  # a logarithm; what is larger squares to infinity in 32 bits


def weights(constants: Floats, season: int, length: int, horizon: int) -> NDArray[np.float64]:
    """What each value of a window counts in each step of its forecast.

    Args:
        constants: α, β, γ and φ (K, 4).
        season: m; 1 is none.
        length: L, the steps of a window.
        horizon: H.

    Returns:
        (K, L, H): the forecast of a window y (L,) is y W.
    """
    alpha, beta, gamma, phi = (column[:, None] for column in constants.T)
    first = _first_states(season, length)  # (2 + m, L)
    values = np.eye(length)
    level, trend = (np.tile(state, (len(constants), 1)) for state in first[:2])  # (K, L)
    seasonal = np.tile(first[2:], (len(constants), 1, 1))  # (K, m, L)
    for t in range(length):
        k = t % season
        error = values[t] - level - phi * trend - seasonal[:, k]
        level = level + phi * trend + alpha * error
        trend = phi * trend + beta * error
        if season > 1:
            seasonal[:, k] += gamma * error
    steps = np.arange(1, horizon + 1)
    damped = np.cumsum(phi**steps, axis=1)  # (K, H)
    forecast = level[..., None] + trend[..., None] * damped[:, None]
    forecast = forecast + seasonal[:, (length + steps - 1) % season].transpose(0, 2, 1)
    return np.asarray(forecast, np.float64)


def _first_states(season: int, length: int) -> NDArray[np.float64]:
    """Level and trend before a window, and the m seasonal states: (2 + m, L), linear in it."""
    t = np.arange(1, length + 1)
    columns = [np.ones(length), t]
    if season > 1:
        columns += [(t - 1) % season == k for k in range(season)]
    states = np.linalg.pinv(np.stack(columns, axis=1).astype(np.float64))
    if season == 1:
        return np.concatenate([states, np.zeros((1, length))])
    mean = states[2:].mean(0)  # the season is around the line
    return np.concatenate([states[:1] + mean, states[1:2], states[2:] - mean])


def tried(season: int) -> NDArray[np.float64]:
    """All that ETS may be: rows of α, β, γ, φ, m and whether of logarithms (K, 6)."""
    rows = [
        (alpha, alpha * beta, (1 - alpha) * gamma, phi, m, log)
        for log, m, alpha, beta, gamma, phi in product(
            (0, 1), sorted({1, season}), _LEVEL, _TREND, _SEASON, _DAMPED
        )
        if not gamma or (m > 1 and alpha < 1)
    ]
    return np.array(rows, dtype=np.float64)


def smoothed(units: Floats, weights: Floats, log: bool) -> Floats:
    """Windows (B, L) and weights (L, ·) → forecasts (B, ·), with `log` by way of logarithms."""
    if not log:
        return units @ weights
    return np.exp(np.minimum(np.log(units) @ weights, _MOST))


class Choice:
    """Chooses ETS for series, by the error of each that is tried over windows of training.

    Args:
        season: s.
        length: L, the steps of a window.
        horizon: H.
        series: S. targets: C.
    """

    def __init__(self, season: int, length: int, horizon: int, series: int, targets: int) -> None:
        self.tried = tried(season)
        self.errors = np.full((series, targets, len(self.tried)), np.nan)
        self.counts = np.zeros((series, 1, 1))
        self._groups = []
        for m in np.unique(self.tried[:, 4]):
            of_season = self.tried[:, 4] == m
            own = weights(
                self.tried[of_season & (self.tried[:, 5] == 0), :4], int(m), length, horizon
            )
            columns = own.transpose(1, 0, 2).reshape(length, -1).astype(np.float32)
            self._groups += [
                (of_season & (self.tried[:, 5] == log), columns, bool(log)) for log in (0, 1)
            ]

    def judge(self, series: int, target: int, units: Floats, come: Floats, count: float) -> None:
        """Windows of a series, (B, L), and what came after them, (B, H), in units of the data.

        Args:
            series, target: which.
            units: the windows.
            come: NaN where it is not known.
            count: how many windows there are that do not overlap.
        """
        self.counts[series] = count
        for at, columns, log in self._groups:
            if log and units.min() <= 0:
                self.errors[series, target, at] = np.inf
                continue
            found = smoothed(units.astype(np.float32), columns, log)
            distances = np.abs(found.reshape(len(units), -1, come.shape[1]) - come[:, None])
            self.errors[series, target, at] = np.nanmean(distances, axis=(0, 2))

    def constants(self) -> NDArray[np.float64]:
        """The row of `tried` that is best for each series and target (S, C, 6).

        Errors count relative to the least; those of all series count as some windows of each.
        """
        least = self.errors.min(-1, keepdims=True)
        relative = self.errors / np.where(least > 0, least, 1.0)
        known = np.isfinite(relative)
        usual = np.abs(self.tried - _USUAL).sum(1)
        if known.any():
            totals = np.where(known, relative, 0.0).sum((0, 1))
            usual = np.where(known.any((0, 1)), totals / np.maximum(known.sum((0, 1)), 1), np.inf)
        own = np.where(np.isnan(relative), 0.0, relative)
        found: NDArray[np.float64] = self.tried[(self.counts * own + _PRIOR * usual).argmin(-1)]
        return found
