"""The settings of a regressor."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ostinato.data import LabelColumn
from ostinato.tasks.base.pooled.settings import PooledData, PooledSettings, PooledStackSettings
from ostinato.train import Epochs, Section, Training


class _RegressColumns(Section):
    text: str = Field("text", description="the column with the texts")
    target: str = Field("target", description="the column with the numbers to predict")


class RegressData(PooledData, _RegressColumns):
    """What is read, and as what."""

    batch: int | None = Field(
        None,
        ge=1,
        description="maximum number of examples per batch; default: from the size of the data",
    )

    @property
    def targets(self) -> LabelColumn:
        """The column with the targets."""
        return LabelColumn(self.target, numeric=True)


class RegressNetworkSettings(PooledStackSettings):
    """The network, and its loss."""

    loss: Literal["mse", "huber", "mae"] = Field(
        "mse", description="mse, or huber and mae, on which outliers weigh less"
    )


class RegressTraining(Training):
    """The loop."""

    epochs: Epochs = 20
    patience: int = Field(5, ge=1, description="epochs without a better validation before it stops")


class RegressSettings(PooledSettings):
    """Settings of a regressor."""

    task = "regress"
    data: RegressData = RegressData()
    model: RegressNetworkSettings = RegressNetworkSettings()
    train: RegressTraining = RegressTraining()
