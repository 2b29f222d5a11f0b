"""How good forecasts are: squared and absolute errors, MASE, pinball loss and coverage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]
F = TypeVar("F", bound=np.floating)


class Accuracy:
    """Adds up errors over windows.

    Everything is on the scale of training, where a deviation is 1, but for `columns`, which has the
    units of the data. A target that is not known does not count; no window is left out.

    Args:
        columns: the names of the targets.
        horizon: H.
        levels: the quantiles that are forecast, rising; none for a forecast of points.
    """

    def __init__(self, columns: Sequence[str], horizon: int, levels: Sequence[float]) -> None:
        self.names, self.levels = list(columns), list(levels)
        size = (horizon, len(columns))
        self.count = np.zeros(size)
        self.squares, self.absolutes = np.zeros(size), np.zeros(size)
        self.own_squares, self.own_absolutes = np.zeros(size), np.zeros(size)
        self.scaled = np.zeros(2)  # sum and number of errors over the naive error
        self.pinball = np.zeros(len(levels))
        self.below = np.zeros(len(levels))
        self.inside = 0.0
        self.windows: list[float] = []

    def add(self, forecast: Array, targets: Array, deviation: Array, naive: Array) -> None:
        """Counts windows.

        Args:
            forecast: (B, H, C, Q), a value for each level; of points Q is 1.
            targets: (B, H, C), what came; NaN where it is not known.
            deviation: (B, C), a deviation in units of the data.
            naive: (B, C), the naive error, see `naive_error`; NaN where there is none.
        """
        known = ~np.isnan(targets)
        truth = np.where(known, targets, 0.0).astype(np.float64)
        forecast = forecast.astype(np.float64)
        error = np.where(known, truth - point(forecast, self.levels), 0.0)
        self.count += known.sum(0)
        self.squares += (error**2).sum(0)
        self.absolutes += np.abs(error).sum(0)
        own = error * deviation[:, None]
        self.own_squares += (own**2).sum(0)
        self.own_absolutes += np.abs(own).sum(0)
        counted = known & ~np.isnan(naive)[:, None]
        ratio = np.abs(error) / np.where(np.isnan(naive), 1.0, naive)[:, None]
        self.scaled += ratio[counted].sum(), counted.sum()
        seen = known.sum((1, 2))
        self.windows += ((error**2).sum((1, 2)) / np.maximum(seen, 1)).tolist()
        for k, level in enumerate(self.levels):
            value = forecast[..., min(k, forecast.shape[-1] - 1)]
            self.pinball[k] += pinball(truth, value, level)[known].sum()
            self.below[k] += (truth <= value)[known].sum()
        if self.levels and forecast.shape[-1] > 1:
            low, high = forecast[..., 0], forecast[..., -1]
            self.inside += ((truth >= low) & (truth <= high))[known].sum()

    def result(self) -> dict[str, Any]:
        """The means, as plain data.

        Returns:
            `mse`, `mae`; `mase`; `steps` (`mse`, `mae` for each step of the horizon); `columns`
            (for each target `mae` and `rmse` in its own units); `windows` and `values` (how many),
            `each` (the MSE of each window);
            with quantiles `pinball` (the mean over levels), `below` (by level the part of values
            that are not above it), `coverage` (the part between the outermost two).
        """
        n = np.maximum(self.count, 1)
        total = max(self.count.sum(), 1.0)
        by_step = np.maximum(self.count.sum(1), 1)
        found: dict[str, Any] = {
            "mse": float(self.squares.sum() / total),
            "mae": float(self.absolutes.sum() / total),
            "mase": float(self.scaled[0] / self.scaled[1]) if self.scaled[1] else None,
            "steps": {
                "mse": (self.squares.sum(1) / by_step).tolist(),
                "mae": (self.absolutes.sum(1) / by_step).tolist(),
            },
            "columns": {
                name: {
                    "mae": float(self.own_absolutes[:, k].sum() / n[:, k].sum()),
                    "rmse": float((self.own_squares[:, k].sum() / n[:, k].sum()) ** 0.5),
                }
                for k, name in enumerate(self.names)
            },
            "windows": len(self.windows),
            "each": self.windows,
            "values": int(self.count.sum()),
        }
        if self.levels:
            found["pinball"] = float(self.pinball.mean() / total)
            found["below"] = {
                f"{level:g}": float(b / total)
                for level, b in zip(self.levels, self.below, strict=True)
            }
            found["coverage"] = float(self.inside / total)
        return found


def point(forecast: NDArray[F], levels: Sequence[float]) -> NDArray[F]:
    """(…, Q) → (…): the median, or the one value of a forecast of points."""
    return forecast[..., list(levels).index(0.5) if levels and forecast.shape[-1] > 1 else 0]


def pinball(truth: Array, value: Array, level: float) -> Array:
    """max(τ·e, (τ-1)·e) with e = y - ŷ: least on average where ŷ is the quantile τ of y.

    Koenker & Bassett 1978, "Regression quantiles".

    >>> pinball(np.array([3.0, 1.0]), np.array([2.0, 2.0]), 0.9)
    array([0.9, 0.1])
    """
    error = truth - value
    return np.maximum(level * error, (level - 1) * error)


def blocks(each: Sequence[float], index: NDArray[np.int64], span: int) -> list[float]:
    """The means of windows that begin within `span` steps of a series: nearly independent.

    >>> blocks([1.0, 3.0, 5.0], np.array([[0, 7], [0, 8], [1, 7]]), 10)
    [2.0, 5.0]
    """
    groups: dict[tuple[int, int], list[float]] = {}
    for (series, origin), error in zip(index.tolist(), each, strict=True):
        groups.setdefault((series, origin // span), []).append(error)
    return [sum(own) / len(own) for own in groups.values()]
