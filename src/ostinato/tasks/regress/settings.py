"""The settings of a regressor."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ostinato.data import LabelColumn
from ostinato.tasks.base.pooled.settings import PooledData, PooledSettings, PooledStackSettings
from ostinato.tasks.base.settings import TextColumns
from ostinato.train import Epochs, Training


class RegressColumns(TextColumns):
    """Which columns of a table are what, and how it is written."""

    target: str = Field("target", description="column with the numbers to predict")

    @property
    def targets(self) -> LabelColumn:
        """The column with the targets."""
        return LabelColumn(self.target, numeric=True)


class RegressData(PooledData, RegressColumns):
    """Settings of the data."""


class RegressNetworkSettings(PooledStackSettings):
    """Settings of the network and its loss."""

    loss: Literal["mse", "huber", "mae"] = Field(
        "mse", description="loss: mse, or huber or mae, which are less sensitive to outliers"
    )


class RegressTraining(Training):
    """Settings of training."""

    epochs: Epochs = 40
    patience: int = Field(
        8,
        ge=1,
        description="epochs without improvement on the validation set before training stops; "
        "default: a third of the epochs",
    )


class RegressSettings(PooledSettings):
    """Settings of a regressor."""

    task = "regress"
    data: RegressData = RegressData()
    model: RegressNetworkSettings = RegressNetworkSettings()
    train: RegressTraining = RegressTraining()
