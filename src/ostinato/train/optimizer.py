"""The optimiser: AdamW, with learning rates of their own for the parts that ask for them."""

from __future__ import annotations

import torch
from torch import nn

from ostinato.errors import UnknownName
from ostinato.train.config import Training


def adamw(model: nn.Module, settings: Training) -> torch.optim.AdamW:
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019).

    Args:
        model: where it has an attribute `rates`, such as `{"bigrams": 0.1}`, the weights of that
            part learn at that factor of the learning rate; all others at 1.
        settings: learning rate and weight decay.

    Raises:
        UnknownName: when `rates` names a part that has no weights.
    """
    weights = dict(model.named_parameters())
    factors = dict.fromkeys(weights, 1.0)
    for part, factor in getattr(model, "rates", {}).items():
        inside = [name for name in weights if f"{name}.".startswith(f"{part}.")]
        if not inside:
            raise UnknownName("part", part, {name.partition(".")[0] for name in weights})
        factors |= dict.fromkeys(inside, factor)
    groups = [
        {"params": [weights[name] for name in weights if factors[name] == factor], "factor": factor}
        for factor in dict.fromkeys(factors.values())
    ]
    return torch.optim.AdamW(groups, lr=settings.lr, weight_decay=settings.weight_decay, fused=True)


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Sets the learning rate of every group, each by its factor."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group["factor"]
