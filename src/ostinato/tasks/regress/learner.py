"""Regression as the loop sees it: batches, loss, validation."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ostinato import data
from ostinato.tasks.base.batch import Indices
from ostinato.tasks.base.defaults import batch_size
from ostinato.tasks.base.pooled.model import PooledSequences
from ostinato.tasks.base.pooled.network import PooledBatch
from ostinato.tasks.regress.measures import measured
from ostinato.tasks.regress.model import RegressModel
from ostinato.train import BY_LOSS

LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "mse": nn.functional.mse_loss,
    "huber": nn.functional.huber_loss,
    "mae": nn.functional.l1_loss,
}


class RegressLearner:
    """Regression as the loop sees it.

    Args:
        model: whose network is trained.
        training: texts or signals, and their targets (N,).
        validation: the same of what is held out.
    """

    judged_by = BY_LOSS

    def __init__(
        self,
        model: RegressModel,
        training: tuple[PooledSequences, NDArray[np.float64]],
        validation: tuple[PooledSequences, NDArray[np.float64]],
    ) -> None:
        self.regressor = model
        self.model: nn.Module = model.network
        self.state: tuple[Tensor, ...] = ()  # nothing is carried
        self.settings = model.settings
        self.sequences, targets = training
        self.held, self.held_targets = validation
        self.targets = torch.from_numpy(model.scale.standardised(targets)).to(model.device)
        self.lengths = self.sequences.lengths
        self.most = self.settings.data.batch or batch_size(len(targets))

    def batches(self, epoch: int) -> list[Indices]:
        """Indices of examples of like length, within the budgets of tokens and of examples."""
        settings = self.settings
        tokens = settings.data.batch_tokens
        return data.bucketed(self.lengths, tokens, settings.seed, epoch, self.most)

    def loss(self, chosen: Indices) -> tuple[Tensor, float, int]:
        """The loss on the scale of training, the number of examples, and their real tokens."""
        device = self.regressor.device
        batch: PooledBatch = self.sequences.batch(chosen)
        targets = self.targets[torch.from_numpy(chosen).to(device)]
        found = self.model(batch.to(device))[:, 0]
        return self._loss(found, targets), len(chosen), int(batch.lengths.sum())

    def validate(self) -> dict[str, float]:
        """The loss on the scale of training, RMSE and MAE in units of the data."""
        model = self.regressor
        found = np.array(model.over(self.held, model.values_of), np.float64)
        both = (torch.from_numpy(model.scale.standardised(y)) for y in (found, self.held_targets))
        result = measured(self.held_targets, found)
        return {
            "validation_loss": self._loss(*both).item(),
            "rmse": result.rmse,
            "mae": result.mae,
        }

    def _loss(self, found: Tensor, targets: Tensor) -> Tensor:
        return LOSSES[self.settings.model.loss](found, targets)
