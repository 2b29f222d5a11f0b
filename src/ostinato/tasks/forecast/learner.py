"""Forecasting as the loop sees it: windows, their loss, their validation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ostinato.data.series.windows import Indices, Windows
from ostinato.tasks.forecast.settings import ForecastSettings

_WINDOWS_AT_A_TIME = 512


def pieces(index: Indices) -> Sequence[Indices]:
    """Windows in their order, as many at a time as memory should hold."""
    return np.array_split(index, -(-len(index) // _WINDOWS_AT_A_TIME))


class ForecastLearner:
    """Forecasting as the loop sees it."""

    judged_by = "-validation_loss"

    def __init__(
        self,
        network: nn.Module,
        settings: ForecastSettings,
        windows: Windows,
        training: Indices,
        validation: Indices,
        measure: Callable[[], dict[str, Any]],
    ) -> None:
        self.model = network
        self.state: tuple[Tensor, ...] = ()  # nothing is carried
        self.settings, self.windows = settings, windows
        self.training, self.validation, self.measure = training, validation, measure

    def batches(self, epoch: int) -> Sequence[Indices]:
        """Windows in a new order for each epoch."""
        order = np.random.default_rng([self.settings.seed, epoch]).permutation(len(self.training))
        size = self.settings.data.batch
        return [self.training[order[k : k + size]] for k in range(0, len(order), size)]

    def loss(self, batch: Indices) -> tuple[Tensor, int, int]:
        """The loss, how many known values it is the mean over, and the steps that were read."""
        total, known = self._judge(batch)
        return total / known, known, len(batch) * self.windows.lookback

    @torch.inference_mode()
    def validate(self) -> dict[str, float]:
        """The loss, MSE and MAE over all windows of the validation part."""
        self.model.eval()
        found = [self._judge(part) for part in pieces(self.validation)]
        known = sum(count for _, count in found)
        accuracy = self.measure()
        return {
            "validation_loss": sum(total.item() for total, _ in found) / max(known, 1),
            "mse": accuracy["mse"],
            "mae": accuracy["mae"],
        }

    def _judge(self, index: Indices) -> tuple[Tensor, int]:
        """The sum of the loss over known values, and how many these are."""
        past, future, static, targets = map(torch.from_numpy, self.windows.take(index))
        found = self.model(past, future, static)
        known = ~targets.isnan()
        error = (targets[..., None] - found)[known]  # (values, Q)
        model = self.settings.model
        if model.quantiles:
            level = torch.tensor(model.quantiles)
            total = torch.maximum(level * error, (level - 1) * error).mean(-1).sum()
        elif model.loss == "mse":
            total = error.square().sum()
        elif model.loss == "mae":
            total = error.abs().sum()
        else:
            total = nn.functional.huber_loss(error, torch.zeros_like(error), reduction="sum")
        return total, int(known.sum())
