"""Sources, and pairs of sources and targets, as the network takes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ostinato import data
from ostinato.data import Symbols
from ostinato.nn.pooling import real_steps
from ostinato.tasks.base.batch import Indices
from ostinato.tasks.transduce.network import TransduceBatch


@dataclass(frozen=True)
class TransduceSequences:
    """Sources as numbers, and with their targets, where these are known.

    Attributes:
        sources: the symbols of each source.
        targets: and of each target.
        boundary: the symbol that begins and ends a target.
    """

    sources: Sequence[Symbols]
    targets: Sequence[Symbols] | None = None
    boundary: int = 0

    @property
    def lengths(self) -> list[int]:
        """See `Sequences`: of sources, or of sources and targets together."""
        if self.targets is None:
            return list(map(len, self.sources))
        return [len(s) + len(t) for s, t in zip(self.sources, self.targets, strict=True)]

    def batch(self, chosen: Indices) -> TransduceBatch:
        """Some of them as the network takes them."""
        source, lengths = steps_first([self.sources[i] for i in chosen])
        if self.targets is None:
            return TransduceBatch(source, lengths)
        end, targets = np.array([self.boundary]), [np.asarray(self.targets[i]) for i in chosen]
        given, steps = steps_first([np.concatenate([end, target]) for target in targets])
        goal, _ = steps_first([np.concatenate([target, end]) for target in targets])
        real = real_steps(goal, steps).squeeze(-1)
        return TransduceBatch(source, lengths, given, steps, goal[real])


def steps_first(sequences: Sequence[Symbols]) -> tuple[Tensor, Tensor]:
    """Sequences as networks take them: symbols (T, B) and lengths (B,)."""
    values, lengths = data.pad(sequences)
    return torch.from_numpy(values.T.copy()), torch.from_numpy(lengths)
