"""Cross-entropy over many symbols of which only some are computed in each step."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class SampledSoftmax(nn.Module):
    """Estimates the cross-entropy of a softmax from some of its symbols.

    The symbols S of a call are its targets and some that are drawn with a probability q
    proportional to the square root of how frequent each is. The loss of a target w is

        −z_w + ln(e^{z_w} + Σ_{v ∈ S, v ≠ w} e^{z_v} / π_v),
        π_v = 1 − (1 − p_v)^(N − 1) (1 − q_v)^K

    where π_v is the probability that v is in S, by one of the N − 1 other targets, which have the
    frequencies p, or by one of the K drawn symbols. The sum estimates that of all symbols without
    bias (Horvitz and Thompson 1952); its logarithm is a little too low. With N + K far below the
    number of symbols V a step takes less time by about that factor. Evaluation computes all symbols
    and is exact.

    Source: Bengio and Senécal 2003, "Quick training of probabilistic neural nets by importance
    sampling"; Jean et al. 2015, "On using very large target vocabulary for neural machine
    translation", whose set of symbols is one for a whole batch, too.

    Args:
        counts: how often each symbol is a target (V,).
        samples: K.
    """

    frequency: Tensor
    drawn: Tensor

    def __init__(self, counts: Tensor, samples: int) -> None:
        super().__init__()
        self.samples = samples
        for name, weight in (("frequency", counts + 1.0), ("drawn", (counts + 1.0).sqrt())):
            self.register_buffer(name, weight / weight.sum(), persistent=False)

    def forward(self, outputs: Tensor, targets: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """The mean loss in nats.

        Args:
            outputs: what the logits are computed from (…, H).
            targets: the symbols (…), int64.
            weight: of the output layer (V, H).
            bias: of the output layer (V,).
        """
        return nn.functional.cross_entropy(*self.logits(outputs, targets, weight, bias))

    def logits(
        self, outputs: Tensor, targets: Tensor, weight: Tensor, bias: Tensor
    ) -> tuple[Tensor, Tensor]:
        """For each target the logits of the symbols of S, less ln π (N, |S|), and its own place.

        Args as of `forward`.
        """
        goal = targets.flatten()
        drawn = torch.multinomial(self.drawn, self.samples, replacement=True)
        symbols, places = torch.unique(torch.cat([goal, drawn]), return_inverse=True)
        own = places[: len(goal)]
        absent = (len(goal) - 1) * torch.log1p(-self.frequency[symbols])
        absent += self.samples * torch.log1p(-self.drawn[symbols])
        chance = torch.log(-torch.expm1(absent))
        logits = nn.functional.linear(outputs.flatten(0, -2), weight[symbols], bias[symbols])
        logits = logits - chance  # in float32, also where the product is narrower
        return logits.scatter_add_(1, own[:, None], chance[own, None].to(logits.dtype)), own
