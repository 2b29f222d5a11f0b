"""The network of a classifier: embedding → recurrent stack → pooling → logits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from ostinato.nn import Recurrent
from ostinato.tasks.base.network import Network
from ostinato.tasks.base.parts import (
    Part,
    side_by_side,
)
from ostinato.tasks.base.pooled.network import PooledBatch, PooledNetwork


class ClassifyNetwork(PooledNetwork[PooledBatch]):
    """Logits (B, K) of K classes, see `PooledNetwork`."""

    gives = "logits"


class ClassifyEnsemble(Network[PooledBatch, Tensor]):
    """Networks that begin differently; the probability of a class is the mean of theirs.

    They see the same batches, each with dropout of its own, and learn in one loop.

    Args:
        members: the networks.
        multi_label: whether texts are multi-label.
    """

    def __init__(self, members: Sequence[ClassifyNetwork], multi_label: bool = False) -> None:
        super().__init__()
        self.multi_label = multi_label
        self.members = nn.ModuleList(members)
        self.rates = {
            f"members.{k}.{part}": rate
            for k, member in enumerate(members)
            for part, rate in member.rates.items()
        }

    def forward(self, batch: PooledBatch) -> Tensor:
        """Logits (B, K); in training each member's, (M, B, K)."""
        return self._together([member(batch) for member in self._members()])

    def embed(self, batch: PooledBatch) -> Tensor:
        """Embedded tokens or signals of each member (M, T, B, E)."""
        return torch.stack([member.embed(batch) for member in self._members()])

    def run(self, embedded: Tensor, batch: PooledBatch) -> Tensor:
        """Embedded steps (M, T, B, E) → logits, as `forward` gives them."""
        pairs = zip(self._members(), embedded, strict=True)
        return self._together([member.run(own, batch) for member, own in pairs])

    def parts(self) -> list[Part]:
        """See `Network`."""
        return side_by_side([member.parts() for member in self._members()])

    @property
    def recurrent(self) -> Recurrent:  # type: ignore[override]
        """The first member's."""
        return self._members()[0].recurrent

    def _together(self, each: Sequence[Tensor]) -> Tensor:
        logits = torch.stack(list(each))
        if self.training:
            return logits
        if self.multi_label:  # ln(p / (1 - p)) of the mean p, without rounding p to 0 or 1
            yes, no = (nn.functional.logsigmoid(x).logsumexp(0) for x in (logits, -logits))
            return yes - no
        return logits.softmax(-1).mean(0).log()

    def _members(self) -> list[ClassifyNetwork]:
        return [cast(ClassifyNetwork, member) for member in self.members]


def members_of(network: ClassifyNetwork | ClassifyEnsemble) -> list[ClassifyNetwork]:
    """The network, or those of an ensemble."""
    if isinstance(network, ClassifyEnsemble):
        return [cast(ClassifyNetwork, member) for member in network.members]
    return [network]
