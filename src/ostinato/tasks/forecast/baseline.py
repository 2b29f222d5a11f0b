"""Simple forecasts, which every network has to be better than, and the error that is their unit.

Each is a function of the last steps before the origin: the last value; the last season ("seasonal
naive"); the straight line from the first to the last of them ("drift"); exponential smoothing with
trend and season ("ETS").
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ostinato.data.series.windows import Indices, Windows
from ostinato.tasks.forecast.smoothing import Choice, smoothed, weights

LAST, SEASONAL, DRIFT, ETS = "last value", "seasonal naive", "drift", "ETS"
_SEASONS, _LEAST, _MOST = 6, 60, 500  # what ETS looks back on: seasons; at least and most steps
_WINDOWS = 200  # those of a series that the constants of ETS are fitted on


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


def reach_of(season: int, ends: Indices, horizon: int) -> int:
    """R, the steps that drift and ETS look back on, for training parts that end there."""
    half = (int(ends.max()) - horizon) // 2
    return max(1, min(max(_SEASONS * season, _LEAST), _MOST, half))


@dataclass(frozen=True)
class Baselines:
    """The simple forecasts, fitted to the series of a training.

    Attributes:
        season: s, in steps.
        reach: R, the steps before the origin that drift and ETS look back on.
        names: of the series.
        constants: of ETS for each series and target (S, C, 6), see `smoothing.tried`.
    """

    season: int
    reach: int
    names: Sequence[str]
    constants: NDArray[np.float64]
    _weights: dict[tuple[bytes, int], NDArray[np.float64]] = field(
        default_factory=dict, repr=False, compare=False
    )

    @classmethod
    def fit(cls, windows: Windows, ends: Indices, season: int) -> Self:
        """Chooses the constants of ETS by its errors over windows of the training part.

        Args:
            windows: the series.
            ends: where the training part of each ends.
            season: s.
        """
        H, C, S = windows.horizon, windows.targets_read, len(ends)
        names = [each.name for each in windows.panel.series]
        reach = reach_of(season, ends, H)
        self = cls(season, reach, names, np.empty(0))
        choice = Choice(season if 2 * season <= reach else 1, reach, H, S, C)
        count = max(20, min(_WINDOWS, 10_000 // (S * C)))
        for s, end in enumerate(ends.tolist()):
            origins = np.unique(np.linspace(reach, max(reach, end - H), count).astype(int))
            index = np.stack([np.full_like(origins, s), origins], axis=1)[origins <= end - H]
            if not len(index):
                continue
            history, targets = self._history(windows, index), windows.take(index).targets
            mean, deviation = windows.mean[s, :C], windows.deviation[s, :C]
            history, targets = history * deviation + mean, targets * deviation + mean
            for c in np.flatnonzero(~np.isnan(targets).all((0, 1))).tolist():
                apart = (end - reach) / H
                choice.judge(s, c, history[..., c], targets[..., c], apart)
        return replace(self, constants=choice.constants())

    @property
    def methods(self) -> list[str]:
        """Their names."""
        return [LAST, *([SEASONAL] if self.season > 1 else []), DRIFT, ETS]

    def places(self, windows: Windows) -> NDArray[np.int64]:
        """Which of the series of training each one of these is."""
        place = {name: k for k, name in enumerate(self.names)}
        return np.array([place[each.name] for each in windows.panel.series], dtype=np.int64)

    def forecast(self, method: str, windows: Windows, index: Indices) -> NDArray[np.float32]:
        """(B, H, C), on the scale of the windows.

        Args:
            method: one of `methods`.
            windows: the series, which are those of training, or some of them.
            index: (B, 2), see `Windows.origins`.
        """
        if method in (LAST, SEASONAL):
            return seasonal_naive(windows, index, self.season if method == SEASONAL else 1)
        history = self._history(windows, index)
        if method == DRIFT:
            steps = np.arange(1, windows.horizon + 1)[:, None] / max(1, self.reach - 1)
            last = history[:, -1:]
            line: NDArray[np.float32] = last + steps.astype(np.float32) * (last - history[:, :1])
            return line
        return self._smoothed(windows, index, history)

    def _history(self, windows: Windows, index: Indices) -> NDArray[np.float32]:
        """The R steps before each origin (B, R, C).

        Where a series is younger, its first season is repeated before it; one younger than a
        season, its first value.
        """
        origin = index[:, 1:]
        steps = origin - self.reach + np.arange(self.reach)
        season = np.where(origin >= self.season, self.season, 1)
        steps = np.where(steps < 0, steps % season, steps)
        at = windows.offsets[index[:, 0]][:, None] + steps
        found: NDArray[np.float32] = windows.values[at][..., : windows.targets_read]
        return found

    def _smoothed(
        self, windows: Windows, index: Indices, history: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """The forecast of ETS (B, H, C): windows of the same constants at once."""
        series, C = index[:, 0], windows.targets_read
        mean, deviation = (x[series, :C, None] for x in (windows.mean, windows.deviation))
        units = history.transpose(0, 2, 1) * deviation + mean  # (B, C, R)
        constants = self.constants[self.places(windows)[series]]  # a copy
        constants[..., 5] *= (units > 0).all(-1)  # where there is no logarithm, none is taken
        kinds, which = np.unique(constants.reshape(-1, 6), axis=0, return_inverse=True)
        which = which.reshape(units.shape[:2])
        found = np.empty((*which.shape, windows.horizon))
        for k, own in enumerate(kinds):
            found[which == k] = smoothed(
                units[which == k], self._weights_of(own, windows.horizon), bool(own[5])
            )
        scaled = (found - mean) / deviation
        return np.asarray(scaled.transpose(0, 2, 1), np.float32)

    def _weights_of(self, constants: NDArray[np.float64], horizon: int) -> NDArray[np.float64]:
        key = constants[:5].tobytes(), horizon
        if key not in self._weights:
            season = int(constants[4])
            (self._weights[key],) = weights(constants[None, :4], season, self.reach, horizon)
        return self._weights[key]

    def to_json(self) -> dict[str, object]:
        """Plain data."""
        return {
            "season": self.season,
            "reach": self.reach,
            "names": list(self.names),
            "constants": self.constants.tolist(),
        }

    @classmethod
    def from_json(cls, read: Mapping[str, Any]) -> Self:
        """What `to_json` made.

        Raises:
            ValueError: when something is missing, has other sizes, or is not a number.
        """
        names, season, reach = list(read["names"]), int(read["season"]), int(read["reach"])
        if not all(isinstance(name, str) for name in names):
            raise ValueError("the name of a series is not a string")
        constants = np.array(read["constants"], np.float64)
        if constants.ndim != 3 or constants.shape[::2] != (len(names), 6):
            raise ValueError("the constants of ETS are those of other series")
        rates, m, log = constants[..., :4], constants[..., 4], constants[..., 5]
        if not ((rates >= 0) & (rates <= 1)).all() or not np.isin(log, (0, 1)).all():
            raise ValueError("the constants of ETS are not from 0 to 1")
        if season < 1 or not 1 <= reach <= _MOST or not np.isin(m, (1, season)).all():
            raise ValueError(f"ETS looks back on {reach} steps, with a season of {season}")
        return cls(season, reach, names, constants)
