"""A network and the best simple forecast, which answer together: a weighted mean of quantiles."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ostinato.data.series.windows import Indices, Parts, Windows
from ostinato.tasks.base.stored import from_json
from ostinato.tasks.forecast.baseline import Baselines
from ostinato.tasks.forecast.measures import pinball
from ostinato.train import Run

FILE = "ensemble.json"
WEIGHTS, WIDTHS = np.linspace(0, 1, 41), np.geomspace(0.5, 2, 21)
"""The weights of the network, and the widths of the intervals, that are tried."""
_PARTS = 3  # stretches as long as validation, at the end of training, that choose along with it
_WINDOWS = 4000  # those that the simple forecasts are judged on
_PRIOR = 4  # stretches that what is expected of the weight counts as


@dataclass(frozen=True)
class Ensemble:
    """What answers together with a network.

    Attributes:
        baselines: the simple forecasts.
        errors: the mean absolute error of each on the last part of the training and the validation
            part, on the scale of training.
        spread: of the best one's errors in each step, the quantiles that the levels ask for, in
            units of `size` (C, H, Q).
        size: the mean absolute error of the best one for each series and target (S, C).
        weight: w of the network; 1 where it answers alone.
        median: which of the levels is 0.5.
        width: what the distances of the quantiles of both from the median are multiplied by.
    """

    baselines: Baselines
    errors: Mapping[str, float]
    spread: NDArray[np.float64]
    size: NDArray[np.float64]
    median: int
    weight: float = 1.0
    width: float = 1.0

    @classmethod
    def fit(
        cls, baselines: Baselines, windows: Windows, parts: Parts, levels: Sequence[float]
    ) -> Self:
        """Finds the best simple forecast, and the quantiles of its errors.

        The intervals are symmetric: the quantile of level τ is the forecast plus sign(2τ-1) times
        the quantile |2τ-1| of its absolute errors.

        Args:
            baselines: the simple forecasts, fitted to the training part.
            windows: the series.
            parts: where the parts of each end.
            levels: the quantiles τ; none for points.
        """
        held = parts.validation - parts.training
        begin = np.maximum(
            parts.training - _PARTS * held, np.minimum(baselines.reach, parts.training)
        )
        index = windows.origins(begin, parts.validation, observed=True)
        index = index[:: -(-len(index) // _WINDOWS)]
        targets = windows.take(index).targets
        found = {
            m: np.abs(baselines.forecast(m, windows, index) - targets) for m in baselines.methods
        }
        errors = {method: float(np.nanmean(each)) for method, each in found.items()}
        best = found[min(errors, key=lambda method: errors[method])].astype(np.float64)
        size = np.full((len(held), windows.targets_read), np.nan)
        for s in np.unique(index[:, 0]):
            own = best[index[:, 0] == s].reshape(-1, size.shape[1])
            size[s] = own.sum(0, where=~np.isnan(own)) / np.maximum((~np.isnan(own)).sum(0), 1)
        size = np.where(size > 0, size, _mean(size))
        relative = best / np.where(size > 0, size, 1.0)[index[:, 0], None]
        spread = np.zeros((windows.targets_read, windows.horizon, max(1, len(levels))))
        for q, level in enumerate(levels):
            wide = np.nanquantile(relative, abs(2 * level - 1), axis=0).T  # (C, H)
            spread[..., q] = np.sign(level - 0.5) * np.nan_to_num(wide)
        return cls(baselines, errors, spread, size, median_of(levels))

    def weighted(self, loss: Callable[[float, float], float], blocks: int) -> Self:
        """With the weight and the width that have the least loss on the validation part.

        The epoch was chosen there, too, so with few stretches that do not overlap the network looks
        better than it is. The weight is drawn to one that goes by the squares of both losses, where
        that of the network is made larger by 1/√n; the width is drawn to 1.

        Args:
            loss: by weight and width.
            blocks: n, the stretches.
        """
        losses = np.array([loss(float(weight), 1.0) for weight in WEIGHTS])
        network, simple = losses[-1] * (1 + blocks**-0.5), losses[0]
        both = network**2 + simple**2
        expected = simple**2 / both if both > 0 else 0.5
        known = blocks / (blocks + _PRIOR)
        weight = float(known * WEIGHTS[losses.argmin()] + (1 - known) * expected)
        widths = np.array([loss(weight, float(width)) for width in WIDTHS])
        return replace(self, weight=weight, width=float(WIDTHS[widths.argmin()] ** known))

    @property
    def best(self) -> str:
        """The name of the best simple forecast."""
        return min(self.errors, key=lambda method: self.errors[method])

    @property
    def alone(self) -> bool:
        """Whether the network answers alone."""
        return self.weight == 1.0

    def quantiles(self, windows: Windows, index: Indices) -> NDArray[np.float32]:
        """What the best simple forecast says (B, H, C, Q), on the scale of the windows."""
        found = self.baselines.forecast(self.best, windows, index)
        series = self.baselines.places(windows)[index[:, 0]]
        steps = np.minimum(np.arange(windows.horizon), self.spread.shape[1] - 1)
        spread = self.spread[:, steps].transpose(1, 0, 2) * self.size[series][:, None, :, None]
        return (found[..., None] + spread).astype(np.float32)

    def join(
        self, network: NDArray[np.float32], simple: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """What both say together, see `joined`."""
        return joined(network, simple, self.weight, self.width, self.median)

    def write(self, run: Run) -> None:
        """Keeps it in a run folder."""
        run.write_json(
            FILE,
            {
                "baselines": self.baselines.to_json(),
                "errors": dict(self.errors),
                "spread": self.spread.tolist(),
                "size": self.size.tolist(),
                "weight": self.weight,
                "width": self.width,
            },
        )

    @classmethod
    def read(cls, run: Run, shape: tuple[int, int, int], levels: Sequence[float]) -> Self | None:
        """What `write` kept; None for a run that has none.

        Args:
            run: the run.
            shape: S, C and H.
            levels: the quantiles.

        Raises:
            RunError: when it is missing or damaged.
        """
        if not run.holds(FILE):
            return None
        return from_json(run, FILE, lambda read: cls._from_json(read, shape, levels))

    @classmethod
    def _from_json(
        cls, read: Mapping[str, Any], shape: tuple[int, int, int], levels: Sequence[float]
    ) -> Self:
        S, *own = *shape, max(1, len(levels))
        baselines = Baselines.from_json(read["baselines"])
        errors = {str(name): float(error) for name, error in read["errors"].items()}
        spread, size = (np.array(read[name], np.float64) for name in ("spread", "size"))
        weight, width = float(read["weight"]), float(read["width"])
        if baselines.constants.shape[:2] != (S, own[0]) or set(errors) != set(baselines.methods):
            raise ValueError("the simple forecasts are those of other series")
        if spread.shape != tuple(own) or size.shape != (S, own[0]):
            raise ValueError("the errors are those of other series")
        if not all(np.isfinite(x).all() for x in (spread, size, [*errors.values()])):
            raise ValueError("an error is not a number")
        if (np.diff(spread, axis=-1) < 0).any() or (size < 0).any() or not 0 <= weight <= 1:
            raise ValueError(f"quantiles that cross, or a weight of {weight}")
        if not WIDTHS[0] <= width <= WIDTHS[-1]:
            raise ValueError(f"a width of {width}")
        return cls(baselines, errors, spread, size, median_of(levels), weight, width)


def joined(
    network: NDArray[np.float32],
    simple: NDArray[np.float32],
    weight: float,
    width: float,
    median: int,
) -> NDArray[np.float32]:
    """The weighted mean of quantiles (…, Q), stretched around the median, which is one of them.

    They are ordered, if both are.

    >>> joined(np.array([0.0, 1.0, 2.0]), np.array([0.0, 3.0, 6.0]), 0.5, width=2.0, median=1)
    array([-2.,  2.,  6.], dtype=float32)
    """
    mean = weight * network + (1 - weight) * simple
    middle = mean[..., median, None]
    return (middle + width * (mean - middle)).astype(np.float32)


def median_of(levels: Sequence[float]) -> int:
    """Which of the levels is 0.5; 0 for points."""
    return list(levels).index(0.5) if levels else 0


def loss_of(
    network: NDArray[np.float32],
    simple: NDArray[np.float32],
    targets: NDArray[np.float32],
    levels: Sequence[float],
    squared: bool,
) -> Callable[[float, float], float]:
    """The loss of both by weight and width: pinball over the levels; of points absolute or squared.

    Args:
        network, simple: (B, H, C, Q).
        targets: (B, H, C); NaN where it is not known.
        levels: the quantiles.
        squared: whether points are judged by their squared error.
    """

    def loss(weight: float, width: float) -> float:
        found = joined(network, simple, weight, width, median_of(levels))
        if not levels:
            error = found[..., 0] - targets
            return float(np.nanmean(error**2 if squared else np.abs(error)))
        each = [np.nanmean(pinball(targets, found[..., q], t)) for q, t in enumerate(levels)]
        return float(np.mean(each))

    return loss


def _mean(values: NDArray[np.float64]) -> float:
    known = values[values > 0]
    return float(known.mean()) if len(known) else 0.0
