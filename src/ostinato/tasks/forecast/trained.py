"""What a forecaster keeps of the series that it was trained on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self, get_args

import numpy as np
from numpy.typing import NDArray

from ostinato.data import Columns, Panel
from ostinato.data.series.clock import Clock, Kind
from ostinato.data.series.continued import last_steps
from ostinato.data.series.panel import listed
from ostinato.data.series.times import moment
from ostinato.data.series.windows import Parts, Scale, Windows
from ostinato.errors import quoted
from ostinato.tasks.forecast.baseline import naive_error, reach_of
from ostinato.tasks.forecast.settings import ForecastData


@dataclass(frozen=True)
class TrainedSeries:
    """The series of a training, without their values but for the last ones.

    Attributes:
        end: the last steps of each series, which a forecast continues.
        season: in steps.
        scale: of each series and column.
        parts: where the parts of each series end.
        naive_error: the error of seasonal naive on the training part (S, C).
        seen: for each series the time after all that the network was trained or chosen on.
    """

    end: Panel
    season: int
    scale: Scale
    parts: Parts
    naive_error: NDArray[np.float64]
    seen: list[int | datetime]

    @classmethod
    def of(cls, panel: Panel, settings: ForecastData) -> Self:
        """What is kept of these series.

        Raises:
            DataError: when a series is too short for its parts.
        """
        season = settings.season or panel.clock.season()
        sizes = settings.training, settings.validation, settings.test
        parts = Parts.of(panel, *sizes, settings.horizon, settings.lookback)
        scale = Scale.of(panel, parts.training)
        lookback, horizon = settings.lookback, settings.horizon
        windows = Windows(panel, scale, lookback, horizon, settings.calendar)
        return cls(
            end=last_steps(panel, max(lookback, season, reach_of(season, parts.training, horizon))),
            season=season,
            scale=scale,
            parts=parts,
            naive_error=naive_error(windows, parts.training, season),
            seen=[panel.time(k, int(end)) for k, end in enumerate(parts.validation)],
        )

    @property
    def columns(self) -> Columns:
        """What the columns are."""
        return self.end.columns

    @property
    def clock(self) -> Clock:
        """The grid of the times."""
        return self.end.clock

    @property
    def names(self) -> list[str]:
        """Of the series."""
        return [each.name for each in self.end.series]

    def to_json(self) -> dict[str, object]:
        """Plain data."""
        parts = self.parts.training, self.parts.validation, self.parts.test
        return {
            "season": self.season,
            "scale": self.scale.to_json(),
            "parts": [ends.tolist() for ends in parts],
            "naive_error": listed(self.naive_error),
            "names": self.names,
            "seen": [str(time) for time in self.seen],
            "end": self.end.to_json(),
        }

    @classmethod
    def from_json(cls, read: Mapping[str, Any], horizon: int) -> Self:
        """What `to_json` made.

        Raises:
            ValueError: when something is missing, has other sizes, or is not a number.
        """
        kept = cls(
            end=Panel.from_json(read["end"]),
            season=int(read["season"]),
            scale=Scale.from_json(read["scale"]),
            parts=Parts(*(np.array(ends, dtype=np.int64) for ends in read["parts"])),
            naive_error=np.array(read["naive_error"], dtype=np.float64),
            seen=[moment(text) for text in read["seen"]],
        )
        check_stored(kept.end, kept.scale, kept.parts, kept.naive_error, horizon)
        if list(read["names"]) != kept.names:
            raise ValueError("the names are those of other series")
        if kept.season < 1 or len(kept.seen) != len(kept.names):
            raise ValueError(f"a season of {kept.season}, {len(kept.seen)} times seen")
        return kept


def check_stored(
    panel: Panel, scale: Scale, parts: Parts, naive_error: NDArray[np.float64], horizon: int
) -> None:
    """Refuses what cannot be of one training.

    Args:
        panel: the end of training's series.
        scale: of each series and column.
        parts: where the parts of each series end.
        naive_error: (S, C).
        horizon: the steps forecast.

    Raises:
        ValueError: when something is missing, has other sizes, or is not a number.
    """
    columns, clock = panel.columns, panel.clock
    lists = columns.target, columns.past, columns.future, columns.static
    words = [word for each in lists for word in each] + [each.name for each in panel.series]
    if not all(isinstance(each, list) for each in lists) or not columns.target:
        raise ValueError("the columns are not lists")
    if not all(isinstance(word, str) for word in words):
        raise ValueError("a name is not a string")
    if clock.kind not in get_args(Kind):
        raise ValueError(f"unknown kind of time step {quoted(clock.kind)}")
    if not all(isinstance(n, int) for n in (clock.step, clock.day, clock.rest)) or clock.step < 1:
        raise ValueError(f"a clock of steps of {quoted(clock.step)}")
    names = {each.name for each in panel.series}
    if not names or len(names) < len(panel.series):
        raise ValueError("no series, or two with the same name")
    if names != scale.mean.keys() or names != scale.deviation.keys():
        raise ValueError("the scales are those of other series")
    width = (len(columns.numbers),)
    for name in names:
        mean, deviation = scale.mean[name], scale.deviation[name]
        if mean.shape != width or deviation.shape != width:
            raise ValueError("the scales are those of other columns")
        if not np.isfinite([mean, deviation]).all() or not (deviation > 0).all():
            raise ValueError("a scale is not a number")
    if len(scale.static) != len(columns.static):
        raise ValueError("the number of static columns is different")
    for each in panel.series:
        if len(each.static) != len(columns.static):
            raise ValueError("the number of static values is different")
        clock.at(each.start, range(len(each) + horizon - 1, len(each) + horizon))
    count = (len(panel.series),)
    if any(ends.shape != count for ends in (parts.training, parts.validation, parts.test)):
        raise ValueError("the parts are those of other series")
    if naive_error.shape != (*count, len(columns.target)):
        raise ValueError("the errors are those of other series")
