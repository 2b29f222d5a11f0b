"""The settings of a forecaster."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ostinato.data import Columns
from ostinato.tasks.base.settings import TaskSettings
from ostinato.tasks.forecast.network import ForecastNetworkSettings
from ostinato.train import LearningRate, Section, Training

MOST_STEPS = 10**5
"""The longest look-back and horizon."""


class ForecastData(Section):
    """What is read, and as what; sizes of parts are steps, or below 1 shares of each series."""

    time: str | None = Field(None, description="the column of times; one named time, date, …")
    id: str | None = Field(
        None, description="the column that names the series, where it is not one"
    )
    target: list[str] = Field([], description="columns to forecast; all that are nothing else")
    past: list[str] = Field([], description="columns known up to the present")
    future: list[str] = Field([], description="columns known ahead, such as prices or holidays")
    static: list[str] = Field([], description="columns that are the same in all rows of a series")
    calendar: list[str] = Field([], description="of the time itself: hour, weekday, season")
    missing: Literal["carry", "refuse"] = Field(
        "carry", description="read the last known value in place of a missing one, or refuse it"
    )
    lookback: int = Field(96, ge=1, le=MOST_STEPS, description="steps that are read")
    horizon: int = Field(24, ge=1, le=MOST_STEPS, description="steps that are forecast")
    season: int | None = Field(
        None, ge=1, description="steps of a season; by the clock unless given"
    )
    training: float | None = Field(None, gt=0, description="the first part; all before the others")
    validation: float = Field(0.1, gt=0, description="held out to choose the epoch")
    test: float = Field(0.1, ge=0, description="held out and never looked at in training")
    stride: int = Field(1, ge=1, description="steps between two windows of training")
    batch: int = Field(64, ge=1, description="windows in a batch")

    def columns(self) -> Columns:
        """What the columns are."""
        return Columns(self.time, self.id, self.target, self.past, self.future, self.static)


class ForecastTraining(Training):
    """The loop."""

    lr: LearningRate = 1e-3


class ForecastSettings(TaskSettings):
    """Settings of a forecaster."""

    task = "forecast"
    cell: str = Field("gru", description="a cell's name, or path/to/file.py:name")
    data: ForecastData = ForecastData()
    model: ForecastNetworkSettings = ForecastNetworkSettings()
    train: ForecastTraining = ForecastTraining()
