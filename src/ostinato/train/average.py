"""The average of weights over the steps of training."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class Average:
    """An exponential moving average of a model's weights (Polyak & Juditsky 1992; Izmailov 2018).

    After step t, a ← d a + (1 - d) w with d = min(decay, (1 + t) / (10 + t)): young averages
    forget the first weights quickly.

    Args:
        model: its parameters are averaged.
        decay: how much is kept at each step, 0 to 1.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.model, self.decay, self.steps = model, decay, 0
        self.weights = _copies(model)

    @torch.no_grad()
    def update(self) -> None:
        """Takes in the weights as they are after a step."""
        self.steps += 1
        kept = min(self.decay, (1 + self.steps) / (10 + self.steps))
        for name, weight in self.model.named_parameters():
            self.weights[name].lerp_(weight, 1 - kept)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Within it the model has the averaged weights, afterwards its own again."""
        own = _copies(self.model)
        try:
            _put(self.weights, self.model)
            yield
        finally:
            _put(own, self.model)


def _copies(model: nn.Module) -> dict[str, Tensor]:
    return {name: weight.detach().clone() for name, weight in model.named_parameters()}


@torch.no_grad()
def _put(weights: dict[str, Tensor], model: nn.Module) -> None:
    for name, weight in model.named_parameters():
        weight.copy_(weights[name])
