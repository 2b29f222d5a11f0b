"""A trained model that predicts a number from a text, or from a series of numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ostinato.data.series.signals import Signal
from ostinato.equation import Cell
from ostinato.errors import check_finite
from ostinato.tasks.base.pooled.model import PooledModel, PooledSequences
from ostinato.tasks.base.pooled.network import PooledBatch
from ostinato.tasks.base.stored import from_json
from ostinato.tasks.regress.network import RegressNetwork
from ostinato.tasks.regress.scale import TargetScale
from ostinato.tasks.regress.settings import RegressSettings
from ostinato.train import Run

SCALE = "scale.json"


@dataclass(frozen=True)
class Regression:
    """What a regressor says of a text, or of a series of numbers.

    Attributes:
        value: the predicted number, in units of the data.
    """

    value: float

    def to_json(self) -> dict[str, float]:
        """Plain data."""
        return {"value": self.value}


@dataclass(eq=False, kw_only=True)
class RegressModel(PooledModel[RegressSettings, PooledBatch, Regression]):
    """A trained regressor.

    Attributes:
        scale: of the targets, in training.
        tokenizer, vocabulary, numbers, bigrams: see `PooledModel`.
    """

    kind = RegressSettings

    network: RegressNetwork = field(init=False)
    scale: TargetScale

    def sequences(self, inputs: Sequence[str | Signal]) -> PooledSequences:
        """See `Model`."""
        return PooledSequences(self.rows(inputs))

    def decode(self, outputs: Tensor, batch: PooledBatch) -> list[Regression]:
        """See `Model`."""
        return [Regression(value) for value in self.values_of(outputs, batch).tolist()]

    def values(self, inputs: Sequence[str | Signal]) -> NDArray[np.float64]:
        """The predicted numbers (N,), in units of the data."""
        return np.array(self.each(inputs, self.values_of), np.float64)

    def new_network(self) -> RegressNetwork:
        """See `Model`."""
        return RegressNetwork(
            self.cell, self.settings.model, self.symbols, self.bigrams, self.features
        )

    @classmethod
    def read_parts(cls, run: Run, settings: RegressSettings, cell: Cell) -> Self:
        """See `Model`."""
        scale = from_json(run, SCALE, TargetScale.from_json)
        model = cls(settings=settings, cell=cell, scale=scale)
        model.read_inputs(run)
        return model

    def write_parts(self, run: Run) -> None:
        """See `Model`."""
        self.write_inputs(run)
        run.write_json(SCALE, self.scale.to_json())

    def values_of(self, outputs: Tensor, batch: PooledBatch) -> NDArray[np.float64]:
        """Outputs (B, 1) → numbers (B,) in units of the data."""
        found = outputs[:, 0].detach().cpu().numpy()
        check_finite(np.abs(found))
        return self.scale.restored(found)
