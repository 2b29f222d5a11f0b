"""A network and the linear baseline that predict together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ostinato.data import Tokenizer
from ostinato.tasks.base.pooled.baseline import LinearModel
from ostinato.tasks.base.pooled.together import (
    FACTS,
    PRIOR,
    TENSORS,
    folds,
    helps,
    narrow,
    read_linear,
)
from ostinato.tasks.base.stored import from_json
from ostinato.train import Run

Values = NDArray[np.float64]


@dataclass(frozen=True)
class RegressMember:
    """The linear baseline as a member: ŷ = (1 - w) ŷ_network + w ŷ_baseline.

    Attributes:
        model: the linear model of standardised targets.
        weight: w, from 0 to 1.
    """

    model: LinearModel
    weight: float

    @classmethod
    def chosen(
        cls, model: LinearModel, network: Values, said: Values, targets: Values
    ) -> Self | None:
        """The baseline as a member, where both together are better than the network alone.

        Both are judged by the squared errors of each fifth of the validation part, with a weight
        that was found on the rest; see `helps`.

        Args:
            model: the baseline, fitted on the training part.
            network: what the network says of the validation part (N,), standardised.
            said: what the baseline says of it (N,), likewise.
            targets: what is right (N,), likewise.
        """
        both = np.empty_like(targets)
        for out in folds(len(targets)):
            weight = best_weight(network[~out], said[~out], targets[~out])
            both[out] = network[out] + weight * (said[out] - network[out])
        if not helps((network - targets) ** 2, (both - targets) ** 2):
            return None
        return cls(model, best_weight(network, said, targets))

    def join(self, network: NDArray[np.float32], said: NDArray[np.float32]) -> NDArray[np.float32]:
        """What both say together (N,), from standardised values of each."""
        own, other = network.astype(np.float64), said.astype(np.float64)
        return narrow(own + self.weight * (other - own))

    def write(self, run: Run) -> None:
        """Keeps it in a run folder."""
        run.write_tensors(TENSORS, self.model.to_tensors())
        run.write_json(FACTS, {"weight": self.weight})

    @classmethod
    def read(cls, run: Run, split: Tokenizer | None) -> Self:
        """What `write` kept.

        Args:
            run: the run.
            split: the tokenizer of the network; None where series are read.

        Raises:
            RunError: when it is missing or damaged.
        """
        model = read_linear(run, lambda tensors: LinearModel.of_tensors(tensors, split, 1))
        return cls(model, from_json(run, FACTS, _weight))


def best_weight(network: Values, said: Values, targets: Values) -> float:
    """w from 0 to 1 with the least squared error of ŷ + w (b - ŷ), near ½ where few can say.

        Σ (y - ŷ - w d)² + λ d̄² (w - ½)²,    d = b - ŷ, d̄² the mean of d², λ = `PRIOR`

    >>> best_weight(np.zeros(2), np.ones(2), np.ones(2)) > 0.8
    True

    Args:
        network: ŷ (N,).
        said: what the baseline says, b (N,).
        targets: y (N,).
    """
    apart = said - network
    spread = float(np.mean(apart**2)) if len(apart) else 0.0
    if not spread:
        return 0.5
    pull = PRIOR * spread
    best = (float((targets - network) @ apart) + pull / 2) / (float(apart @ apart) + pull)
    return min(max(best, 0.0), 1.0)


def _weight(read: Mapping[str, Any]) -> float:
    weight = float(read["weight"])
    if not 0 <= weight <= 1:
        raise ValueError(f"a weight of {weight}")
    return weight
