"""The settings of a forecaster."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from pydantic import Field, field_validator

from ostinato.data.tables.dialect import Dialect
from ostinato.tasks.base.settings import TableSettings, TaskSettings
from ostinato.tasks.base.stack import StackSettings
from ostinato.train import LearningRate, Training

if TYPE_CHECKING:
    from ostinato.data import Columns

MOST_STEPS = 10**5
"""The longest look-back and horizon."""


class SeriesTable(TableSettings):
    """How a table of series is written."""

    date_format: str | None = Field(
        None,
        pattern="%",
        description="format of times, such as %d/%m/%Y (see datetime.strptime); default: found by "
        "all of them",
    )
    na_values: list[str] = Field(
        [], description="further values that stand for missing numbers, such as -200"
    )

    @property
    def dialect(self) -> Dialect:
        """See `TableSettings`."""
        return replace(super().dialect, times=self.date_format, missing=tuple(self.na_values))


class ForecastData(SeriesTable):
    """What is read, and as what; sizes of parts are steps, or below 1 shares of each series."""

    time: str | None = Field(
        None,
        description="column of time steps, or several with commas between, such as date,hour; "
        "default: those named time, date, …",
    )
    id: str | None = Field(
        None, description="column that identifies the series, if there are several"
    )
    target: list[str] = Field([], description="columns to forecast; default: all other columns")
    past: list[str] = Field([], description="columns known only up to the present")
    future: list[str] = Field(
        [], description="columns known in advance, such as prices or holidays"
    )
    static: list[str] = Field([], description="columns that are constant within a series")
    calendar: list[str] = Field(
        [],
        description="calendar features: hour, weekday, season; default: season, if the training "
        "set has two years",
    )
    missing: Literal["carry", "refuse"] = Field(
        "carry",
        description="replace a missing value by the last known one (carry), or stop with "
        "an error (refuse)",
    )
    lookback: int = Field(
        96,
        ge=1,
        le=MOST_STEPS,
        description="look-back window: steps that are read; default: by season and length",
    )
    horizon: int = Field(
        24,
        ge=1,
        le=MOST_STEPS,
        description="steps that are forecast; default: by season and length",
    )
    season: int | None = Field(
        None, ge=1, description="steps per season; default: from the time step"
    )
    training: float | None = Field(
        None,
        gt=0,
        description="size of the training set; default: everything before the other sets",
    )
    validation: float = Field(
        0.1, gt=0, description="size of the validation set, which chooses the best epoch"
    )
    test: float = Field(0.1, ge=0, description="size of the test set, never used in training")
    stride: int = Field(1, ge=1, description="steps between two training windows")
    batch: int = Field(64, ge=1, description="windows per batch")

    def columns(self) -> Columns:
        """What the columns are."""
        from ostinato.data import Columns  # which needs NumPy

        return Columns(self.time, self.id, self.target, self.past, self.future, self.static)


class ForecastNetworkSettings(StackSettings):
    """The network."""

    embedding: int = Field(64, ge=1, le=2**16, description="size of a segment's embedding")
    segment: int = Field(12, ge=1, le=10**5, description="steps per segment; 1 reads step by step")
    decoding: Literal["direct", "recursive"] = Field(
        "direct",
        description="predict all segments at once (direct), or each from the ones before "
        "it (recursive)",
    )
    channels: Literal["apart", "together"] = Field(
        "apart",
        description="read the targets one by one with the same weights (apart), or all "
        "at once (together)",
    )
    quantiles: list[float] = Field(
        [0.1, 0.5, 0.9], max_length=100, description="levels forecast; empty forecasts points"
    )
    loss: Literal["mae", "mse", "huber"] = Field(
        "mae", description="loss of point forecasts; quantiles use the pinball loss"
    )
    subtract_last: bool = Field(True, description="subtract the last value from the targets")
    log: bool = Field(
        False, description="read and forecast logarithms; all values of the targets are positive"
    )
    alone: bool = Field(
        False,
        description="forecast by the network alone, not with the best of last value, seasonal "
        "naive, drift and ETS",
    )

    @field_validator("quantiles")
    @classmethod
    def _levels(cls, levels: list[float]) -> list[float]:
        levels = sorted(levels)
        inside = all(0 < level < 1 for level in levels)
        if levels and (not inside or len(set(levels)) < len(levels) or 0.5 not in levels):
            raise ValueError(
                "quantiles must be between 0 and 1, without repetition, and include 0.5"
            )
        return levels


class ForecastTraining(Training):
    """The loop."""

    lr: LearningRate = 1e-3


class ForecastSettings(TaskSettings):
    """Settings of a forecaster."""

    task = "forecast"
    cell: str = Field("gru", description="name of a cell, or path/to/file.py:name")
    data: ForecastData = ForecastData()
    model: ForecastNetworkSettings = ForecastNetworkSettings()
    train: ForecastTraining = ForecastTraining()
