"""Poolings: from the outputs of a recurrent stack to one vector for each sequence.

Each takes outputs (T, B, H), the lengths (B,) and the last states (B, H') — for a bidirectional
stack both directions' last states side by side — and gives (B, P). What stands behind a
sequence's end has no influence.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ostinato.errors import UnknownName


def real_steps(outputs: Tensor, lengths: Tensor) -> Tensor:
    """Which steps of a padded batch are real: (T, B, 1)."""
    steps = torch.arange(len(outputs), device=outputs.device)
    return (steps[:, None] < lengths.to(outputs.device)).unsqueeze(-1)


class Pooling(nn.Module):
    """From outputs to one vector a sequence; `output_size` is P."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.output_size = features


class Last(Pooling):
    """The state after each sequence's last step; of both directions, each at its own end."""

    def forward(self, outputs: Tensor, lengths: Tensor, last: Tensor) -> Tensor:
        """See the class."""
        return last


class Max(Pooling):
    """The largest output of each unit over the real steps."""

    def forward(self, outputs: Tensor, lengths: Tensor, last: Tensor) -> Tensor:
        """See the class."""
        return outputs.masked_fill(~real_steps(outputs, lengths), -torch.inf).amax(0)


class Mean(Pooling):
    """The mean output of each unit over the real steps."""

    def forward(self, outputs: Tensor, lengths: Tensor, last: Tensor) -> Tensor:
        """See the class."""
        total = outputs.where(real_steps(outputs, lengths), 0).sum(0)
        return total / lengths.to(outputs)[:, None]


class AttentionPooling(Pooling):
    """Σ_t a_t h_t with a = softmax over real steps of v · tanh(W h_t + b).

    The attention of Yang et al., "Hierarchical attention networks", NAACL 2016; padding gets
    exactly zero weight.
    """

    def __init__(self, features: int) -> None:
        super().__init__(features)
        self.hidden = nn.Linear(features, features)
        self.score = nn.Linear(features, 1, bias=False)

    def weights(self, outputs: Tensor, lengths: Tensor) -> Tensor:
        """How much each step counts: (T, B, 1), summing to 1 over T."""
        scores: Tensor = self.score(torch.tanh(self.hidden(outputs)))
        return scores.masked_fill(~real_steps(outputs, lengths), -torch.inf).softmax(0)

    def forward(self, outputs: Tensor, lengths: Tensor, last: Tensor) -> Tensor:
        """See the class."""
        outputs = outputs.where(real_steps(outputs, lengths), 0)  # 0 weight times NaN is NaN
        return (self.weights(outputs, lengths) * outputs).sum(0)


class FirstLast(Pooling):
    """[output of the first step; output of the last real step]."""

    def __init__(self, features: int) -> None:
        super().__init__(2 * features)

    def forward(self, outputs: Tensor, lengths: Tensor, last: Tensor) -> Tensor:
        """See the class."""
        columns = torch.arange(outputs.shape[1], device=outputs.device)
        return torch.cat([outputs[0], outputs[lengths.to(outputs.device) - 1, columns]], -1)


class MaxMean(Pooling):
    """[largest; mean] output of each unit over the real steps."""

    def __init__(self, features: int) -> None:
        super().__init__(2 * features)
        self.max, self.mean = Max(features), Mean(features)

    def forward(self, outputs: Tensor, lengths: Tensor, last: Tensor) -> Tensor:
        """See the class."""
        return torch.cat([p(outputs, lengths, last) for p in (self.max, self.mean)], -1)


POOLINGS: dict[str, type[Pooling]] = {
    "last": Last,
    "max": Max,
    "mean": Mean,
    "attention": AttentionPooling,
    "first_last": FirstLast,
    "max_mean": MaxMean,
}


def pooling(name: str, features: int) -> Pooling:
    """The pooling of a name, for outputs of so many features.

    Raises:
        UnknownName: when there is no such pooling; the nearest right name is given.
    """
    if name not in POOLINGS:
        raise UnknownName("pooling", name, POOLINGS)
    return POOLINGS[name](features)
