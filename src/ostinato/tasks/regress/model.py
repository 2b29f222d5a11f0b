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
from ostinato.tasks.base.parts import Part
from ostinato.tasks.base.pooled.model import PooledModel, PooledSequences
from ostinato.tasks.base.pooled.network import PooledBatch
from ostinato.tasks.base.pooled.together import FACTS
from ostinato.tasks.base.stored import from_json
from ostinato.tasks.regress.ensemble import RegressMember
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
        linear: the linear baseline as it answers with the network, if it does.
        tokenizer, vocabulary, numbers, bigrams: see `PooledModel`.
    """

    kind = RegressSettings

    network: RegressNetwork = field(init=False)
    scale: TargetScale
    linear: RegressMember | None = None

    def sequences(self, inputs: Sequence[str | Signal]) -> PooledSequences:
        """See `Model`."""
        rows = self.rows(inputs)  # which refuses what cannot be read
        return PooledSequences(rows, self.linear.model.scores(inputs) if self.linear else None)

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
        if not run.unfinished and run.holds(FACTS):
            model.linear = RegressMember.read(run, model.tokenizer)
        return model

    def write_parts(self, run: Run) -> None:
        """See `Model`."""
        self.write_inputs(run)
        run.write_json(SCALE, self.scale.to_json())

    def write_fitted(self, run: Run) -> None:
        """See `Model`."""
        if self.linear:
            self.linear.write(run)

    def parts(self) -> list[Part]:
        """See `Model`."""
        parts = super().parts()
        if self.linear is None:
            return parts
        linear = self.linear.model
        inside = f"{linear.features.words}, combined with the network"
        gives, count = parts[-1].gives, linear.parameters
        return [*parts, Part("linear", "linear baseline", inside, gives, count)]

    def values_of(self, outputs: Tensor, batch: PooledBatch) -> NDArray[np.float64]:
        """Outputs (B, 1) → numbers (B,) in units of the data."""
        found: NDArray[np.float32] = outputs[:, 0].detach().cpu().numpy()
        check_finite(np.abs(found))
        if self.linear and batch.linear is not None:
            found = self.linear.join(found, batch.linear[:, 0].cpu().numpy())
        check_finite(np.abs(found))
        return self.scale.restored(found)
