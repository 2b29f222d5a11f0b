"""Forecasting as the loop sees it: windows, their loss, their validation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from ostinato.data.series.windows import Indices, Windows
from ostinato.tasks.forecast.model import ForecastModel, pieces, with_targets
from ostinato.train import BY_LOSS


class ForecastLearner:
    """Forecasting as the loop sees it.

    Args:
        model: whose network is trained.
        windows: those of all series.
        training: which of them are learned from.
        validation: which of them choose the epoch.
    """

    judged_by = BY_LOSS

    def __init__(
        self, model: ForecastModel, windows: Windows, training: Indices, validation: Indices
    ) -> None:
        self.forecaster = model
        self.model: nn.Module = model.network
        self.state: tuple[Tensor, ...] = ()  # nothing is carried
        self.settings, self.windows = model.settings, windows
        self.training, self.validation = training, validation

    def batches(self, epoch: int) -> Sequence[Indices]:
        """Windows in a new order for each epoch."""
        order = np.random.default_rng([self.settings.seed, epoch]).permutation(len(self.training))
        size = self.settings.data.batch
        return [self.training[order[k : k + size]] for k in range(0, len(order), size)]

    def loss(self, batch: Indices) -> tuple[Tensor, int, int]:
        """The loss, how many known values it is the mean over, and the steps that were read."""
        total, known = self._judge(batch)
        return total / known, known, len(batch) * self.windows.lookback

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """The loss, MSE and MAE over all windows of the validation part."""
        self.model.eval()
        found = [self._judge(part) for part in pieces(self.validation)]
        known = sum(count for _, count in found)
        accuracy = self.forecaster.accuracy(self.windows, self.validation)
        return {
            "validation_loss": sum(total.item() for total, _ in found) / max(known, 1),
            "mse": accuracy["mse"],
            "mae": accuracy["mae"],
        }

    def _judge(self, index: Indices) -> tuple[Tensor, int]:
        """The sum of the loss over known values, and how many these are."""
        device = self.forecaster.device
        batch, targets = with_targets(self.windows, index)
        targets = targets.to(device)
        found = self.model(batch.to(device))
        known = ~targets.isnan()
        error = (targets[..., None] - found)[known]  # (values, Q)
        model = self.settings.model
        if model.quantiles:
            level = torch.tensor(model.quantiles, device=device)
            total = torch.maximum(level * error, (level - 1) * error).mean(-1).sum()
        elif model.loss == "mse":
            total = error.square().sum()
        elif model.loss == "mae":
            total = error.abs().sum()
        else:
            total = nn.functional.huber_loss(error, torch.zeros_like(error), reduction="sum")
        return total, int(known.sum())
