"""What a linear model reads of series of numbers: how often convolutions exceed thresholds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ostinato.data import pad
from ostinato.data.series.signals import Signal
from ostinato.tasks.base.pooled.numbers import Numbers

WIDTH = 9
"""The numbers of a kernel."""
_FEATURES = 2_000, 10_000  # at least and at most
_NUMBERS = 2**23  # that the features of all training series have at most, where they can
_SCALES = 6
_STEPS = 2**15  # of which the thresholds are quantiles
_AT_A_TIME = 2**23  # numbers that a convolution gives


def _kernels() -> Tensor:
    places = list(combinations(range(WIDTH), 3))
    kernels = torch.full((len(places), WIDTH), -1.0)
    kernels[torch.arange(len(places))[:, None], torch.tensor(places)] = 2.0
    return kernels


KERNELS = _kernels()
"""(84, 9): 2 at three places and -1 at the other six, in all ways."""


@dataclass(frozen=True)
class ConvolutionFeatures:
    """The fraction of steps at which a convolution of a series exceeds a threshold.

    For each dilation d, each of the 84 kernels w and each of its thresholds b, over the T steps of
    a series x, which is 0 before its first step and after its last:

        y_t = Σ_j w_j Σ_{c ∈ C} x_{t + (j - 4) d, c}        feature = |{t : y_t > b}| / T

    x is standardised; C are channels drawn at random for each kernel and dilation. The thresholds
    lie at quantiles of y over training series. With these come mean, deviation, first and last
    value of each channel, and ln T.

    Source: Dempster, Schmidt & Webb 2021, "MiniRocket: A Very Fast (Almost) Deterministic Transform
    for Time Series Classification"; with quantiles over several series, and fewer features than its
    10,000 where there are more than 800 series.

    Attributes:
        numbers: the scale of the training series.
        dilations: d (S,) int64.
        channels: 1 for the channels that a kernel reads, else 0 (S, D, 84) float32.
        thresholds: (S, 84, B) float32.
    """

    numbers: Numbers
    dilations: Tensor
    channels: Tensor
    thresholds: Tensor

    @classmethod
    def fit(cls, signals: Sequence[Signal], seed: int) -> Self:
        """The features of training series.

        Args:
            signals: arrays (T, D).
            seed: fixes which channels a kernel reads, and of which series quantiles are taken.
        """
        random, numbers = np.random.default_rng(seed), Numbers.of(signals)
        steps, width = int(np.median([len(s) for s in signals])), signals[0].shape[1]
        longest = max((steps - 1) / (WIDTH - 1), 1)
        dilations = np.unique((longest ** np.linspace(0, 1, _SCALES)).astype(np.int64))
        channels = np.zeros((len(dilations), width, len(KERNELS)), np.float32)
        for scale, kernel in np.ndindex(len(dilations), len(KERNELS)):
            count = int(2 ** random.uniform(0, np.log2(min(width, WIDTH) + 1)))
            channels[scale, random.choice(width, count, replace=False), kernel] = 1
        most = int(np.clip(_NUMBERS // len(signals), *_FEATURES))
        levels = max(most // (len(dilations) * len(KERNELS)), 1)
        bare = torch.zeros(len(dilations), len(KERNELS), levels)
        self = cls(numbers, torch.from_numpy(dilations), torch.from_numpy(channels), bare)
        some = random.permutation(len(signals))[: max(_STEPS // steps, 4)]
        for x, padding in self._padded([signals[i] for i in some], len(some)):
            for scale in range(len(dilations)):
                y = self._convolved(x, scale).transpose(1, 2)[~padding].numpy()
                found = np.quantile(y, np.arange(1, levels + 1) / (levels + 1), axis=0)
                # a little above values that are met: rounding must not decide where y stands
                self.thresholds[scale] = torch.from_numpy((found + 1e-4 * y.std(0)).T)
        return self

    words: ClassVar[str] = "convolutions with thresholds"
    """What is read, in words."""

    @property
    def count(self) -> int:
        """P."""
        return self.thresholds.numel() + 4 * len(self.numbers.mean) + 1

    def matrix(self, signals: Sequence[Signal]) -> NDArray[np.float32]:
        """The features (N, P) of series."""
        most = max(_AT_A_TIME // (max(map(len, signals)) * len(KERNELS)), 1)
        rows = [self._exceeding(*padded) for padded in self._padded(signals, most)]
        scaled = self.numbers.scaled(signals)
        summaries = [
            np.concatenate([s.mean(0), s.std(0), s[0], s[-1], [np.log(len(s))]]) for s in scaled
        ]
        return np.concatenate([np.concatenate(rows), np.array(summaries, np.float32)], 1)

    def times(self, signals: Sequence[Signal], weights: NDArray[np.float32]) -> NDArray[np.float32]:
        """The features of series times weights (P, K): a matrix (N, K)."""
        with np.errstate(over="ignore", invalid="ignore"):  # what answers is checked
            product: NDArray[np.float32] = self.matrix(signals) @ weights
        return product

    def to_tensors(self) -> dict[str, Tensor]:
        """All of it, as `of_tensors` takes it."""
        scale = {"mean": self.numbers.mean, "deviation": self.numbers.deviation}
        own = {name: getattr(self, name) for name in ("dilations", "channels", "thresholds")}
        return own | {name: torch.from_numpy(numbers) for name, numbers in scale.items()}

    @classmethod
    def of_tensors(cls, tensors: Mapping[str, Tensor]) -> Self:
        """The features that gave these tensors.

        Raises:
            KeyError, ValueError: for tensors that do not fit.
        """
        numbers = Numbers.from_json({k: tensors[k].tolist() for k in ("mean", "deviation")})
        dilations, channels = tensors["dilations"], tensors["channels"]
        thresholds, scales = tensors["thresholds"], len(dilations)
        if dilations.dtype != torch.int64 or not ((dilations > 0) & (dilations < 2**31)).all():
            raise ValueError("the dilations are invalid")
        if channels.shape != (scales, len(numbers.mean), len(KERNELS)):
            raise ValueError(f"channels {[*channels.shape]}")
        if thresholds.shape[:2] != (scales, len(KERNELS)) or thresholds.dim() != 3:
            raise ValueError(f"thresholds {[*thresholds.shape]}")
        if {channels.dtype, thresholds.dtype} != {torch.float32}:
            raise ValueError("numbers of another type")
        return cls(numbers, dilations, channels, thresholds)

    def _padded(self, signals: Sequence[Signal], most: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Series on the scale of training (N, T, D), at most so many, and which steps are none."""
        for start in range(0, len(signals), most):
            values, lengths = pad(self.numbers.scaled(signals[start : start + most]))
            padding = np.arange(values.shape[1]) >= lengths[:, None]
            yield torch.from_numpy(values), torch.from_numpy(padding)

    def _exceeding(self, x: Tensor, padding: Tensor) -> NDArray[np.float32]:
        """The features (N, P) without summaries."""
        steps = (~padding).sum(1)[:, None]
        found = []
        for scale, thresholds in enumerate(self.thresholds):
            y = self._convolved(x, scale)
            if padding.any():
                y.masked_fill_(padding[:, None], -torch.inf)
            found += [(y > b[:, None]).count_nonzero(-1) / steps for b in thresholds.T]
        return torch.cat(found, 1).numpy()

    def _convolved(self, x: Tensor, scale: int) -> Tensor:
        """y (N, 84, T)."""
        dilation, mixed = int(self.dilations[scale]), x @ self.channels[scale]
        return nn.functional.conv1d(
            mixed.transpose(1, 2),
            KERNELS[:, None],
            dilation=dilation,
            padding=WIDTH // 2 * dilation,
            groups=len(KERNELS),
        )
