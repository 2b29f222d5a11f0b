"""A trained forecaster of series."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ostinato.data import Panel, series_of
from ostinato.data.series.continued import continued, lengthened
from ostinato.data.series.panel import Series
from ostinato.data.series.windows import Indices, Windows
from ostinato.equation import Cell
from ostinato.errors import ConfigError, DataError, check_finite, quoted
from ostinato.tasks.base.model import Model, check_inputs
from ostinato.tasks.base.parts import Part
from ostinato.tasks.base.stored import from_json
from ostinato.tasks.forecast.baseline import LAST, SEASONAL, seasonal_naive
from ostinato.tasks.forecast.ensemble import Ensemble, loss_of
from ostinato.tasks.forecast.forecasts import Forecast
from ostinato.tasks.forecast.measures import Accuracy, point
from ostinato.tasks.forecast.network import ForecastBatch, ForecastNetwork, ForecastShape
from ostinato.tasks.forecast.settings import MOST_STEPS, ForecastSettings
from ostinato.tasks.forecast.trained import TrainedSeries
from ostinato.train import Run

NETWORK = "network"
"""The network by itself, among what forecasts."""
_WINDOWS_AT_A_TIME = 512


def pieces(index: Indices) -> Sequence[Indices]:
    """Windows in their order, as many at a time as memory should hold."""
    return np.array_split(index, -(-len(index) // _WINDOWS_AT_A_TIME))


@dataclass(frozen=True)
class SeriesForecast:
    """How one series continues, in units of the data.

    Attributes:
        columns: the targets.
        levels: the quantiles; empty for points.
        values: (H, C, Q), of points Q is 1.
        times: those of the horizon; none where they are not known.
    """

    columns: list[str]
    levels: list[float]
    values: NDArray[np.float64]
    times: list[int | datetime] = field(default_factory=list)

    def to_json(self) -> dict[str, object]:
        """Plain data: `times`, and for each target its `forecast` and its `quantiles` by level."""
        points = point(self.values, self.levels)
        return {
            "times": [str(time) for time in self.times],
            "columns": {
                column: {
                    "forecast": points[:, c].tolist(),
                    "quantiles": {
                        f"{level:g}": self.values[:, c, q].tolist()
                        for q, level in enumerate(self.levels)
                    },
                }
                for c, column in enumerate(self.columns)
            },
        }


@dataclass(frozen=True)
class ForecastSequences:
    """Windows of series.

    Attributes:
        windows: those of all series.
        index: which of them (N, 2), see `Windows.origins`.
        ensemble: what answers with the network, if something does.
    """

    windows: Windows
    index: Indices
    ensemble: Ensemble | None = None

    @property
    def lengths(self) -> list[int]:
        """See `Sequences`; all look-backs are as long."""
        return [self.windows.lookback] * len(self.index)

    def batch(self, chosen: NDArray[np.intp]) -> ForecastBatch:
        """See `Sequences`."""
        batch = with_targets(self.windows, self.index[chosen])[0]
        if self.ensemble is None or self.ensemble.alone:
            return batch
        simple = self.ensemble.quantiles(self.windows, self.index[chosen])
        return replace(batch, simple=torch.from_numpy(simple))


def with_targets(windows: Windows, index: Indices) -> tuple[ForecastBatch, Tensor]:
    """Windows side by side, and what came after them (B, H, C); NaN where it is not known."""
    past, future, static, targets = map(torch.from_numpy, windows.take(index))
    series, C = index[:, 0], windows.targets_read
    mean, deviation = (torch.from_numpy(of[series, :C]) for of in (windows.mean, windows.deviation))
    return ForecastBatch(past, future, static, mean, deviation), targets


@dataclass(eq=False, kw_only=True)
class ForecastModel(Model[ForecastSettings, Series, ForecastBatch, Tensor, SeriesForecast]):
    """A trained forecaster.

    Attributes:
        trained: what is kept of the series of its training: columns, clock, scale, ….
        ensemble: the simple forecasts, of which the best answers with the network; None where they
            were not fitted.
    """

    kind = ForecastSettings

    network: ForecastNetwork = field(init=False)
    trained: TrainedSeries
    ensemble: Ensemble | None = None

    @property
    def batch_tokens(self) -> int:
        """See `Model`."""
        return _WINDOWS_AT_A_TIME * self.settings.data.lookback

    @property
    def shape(self) -> ForecastShape:
        """The numbers that the network reads and forecasts."""
        data, columns = self.settings.data, self.trained.columns
        static = self.trained.scale.static_features
        future = len(columns.future) + 2 * len(data.calendar)
        return ForecastShape(len(columns.target), len(columns.past), future, static, data.horizon)

    def windows(self, panel: Panel, horizon: int | None = None) -> Windows:
        """The windows of some series, standardised."""
        data = self.settings.data
        steps = data.horizon if horizon is None else horizon
        return Windows(panel, self.trained.scale, data.lookback, steps, data.calendar)

    def batches(self, lengths: Sequence[int]) -> Sequence[NDArray[np.intp]]:
        """See `Model`: in their order."""
        count = len(lengths)
        return np.array_split(np.arange(count), -(-count // _WINDOWS_AT_A_TIME))

    def sequences(self, inputs: Sequence[Series]) -> ForecastSequences:
        """See `Model`; the steps after the last known target are forecast."""
        return self._sequences(self._panel(inputs), self.settings.data.horizon)

    def predict(
        self, inputs: Sequence[Series] | Panel | None = None, horizon: int | None = None
    ) -> list[SeriesForecast]:
        """How each series continues after its last known target.

        Args:
            inputs: the series; those of training unless given. Values of future covariates stand
                in steps after the last known target.
            horizon: the number of steps; default: `data.horizon`. A larger one requires
                `model.decoding` "recursive".

        Raises:
            DataError: when a series is shorter than the look-back or was not in training, or
                values of future covariates are missing.
            ConfigError: for a horizon that the network does not support.
        """
        horizon = self.settings.data.horizon if horizon is None else horizon
        self._check_horizon(horizon)
        if inputs is None:
            inputs = self.trained.end
        if not isinstance(inputs, Panel):
            check_inputs(inputs)
            inputs = self._panel(inputs)
        panel = inputs
        if not panel.series:
            return []
        sequences = self._sequences(panel, horizon)
        answers = self.over(sequences, self.decode)
        return [
            replace(answer, times=panel.clock.at(each.start, range(end, end + horizon)))
            for answer, each, end in zip(
                answers,
                sequences.windows.panel.series,
                sequences.index[:, 1].tolist(),
                strict=True,
            )
        ]

    def forecast(self, panel: Panel | None = None, horizon: int | None = None) -> Forecast:
        """How series continue, as `predict` says, with their names and times.

        Args:
            panel: the series; those of training unless given.
            horizon: see `predict`.
        """
        panel = self.trained.end if panel is None else panel
        found = self.predict(panel, horizon)
        return Forecast(
            series=[each.name for each in panel.series],
            id=panel.columns.id,
            columns=list(panel.columns.target),
            levels=self.settings.model.quantiles,
            times=[each.times for each in found],
            values=np.stack([each.values for each in found]),
            clock=panel.clock,
        )

    def panel_of(self, table: object) -> Panel:
        """Series to forecast: what the columns are is known from training.

        Raises:
            DataError: when its columns or time steps are not those of training.
        """
        columns, clock = self.trained.columns, self.trained.clock
        panel = series_of(table, columns, self.settings.data.dialect, clock)
        check_missing(self.settings, panel)
        if panel.columns != columns:
            raise DataError(f"{panel.title}: the columns are different from those of training")
        kinds = [(each.kind, each.step) for each in (panel.clock, clock)]
        if kinds[0] != kinds[1] and any(len(each) > 1 for each in panel.series):
            raise DataError(
                f"{panel.title}: a step is {panel.clock}, but it was {clock} in training"
            )
        return panel

    def decode(self, outputs: Tensor, batch: ForecastBatch) -> list[SeriesForecast]:
        """See `Model`."""
        mean, deviation = (of.numpy()[:, None, :, None] for of in (batch.mean, batch.deviation))
        own = self.quantiles(outputs, batch) * deviation + mean
        check_finite(own)
        columns, levels = list(self.trained.columns.target), self.settings.model.quantiles
        return [SeriesForecast(columns, levels, values) for values in own]

    def quantiles(self, outputs: Tensor, batch: ForecastBatch) -> NDArray[np.float32]:
        """(B, H, C, Q) in standardised units; crossing quantiles are sorted."""
        check_finite(outputs)
        found: NDArray[np.float32] = outputs.detach().sort(-1).values.cpu().numpy()
        if self.ensemble is None or batch.simple is None:
            return found
        return self.ensemble.join(found, batch.simple.numpy())

    def quantiles_of(
        self, windows: Windows, index: Indices, alone: bool = False
    ) -> NDArray[np.float32]:
        """The same of windows (B, 2), see `Windows.origins`; with `alone` by the network only."""
        sequences = ForecastSequences(windows, index, None if alone else self.ensemble)
        return np.array(self.over(sequences, self.quantiles))

    @property
    def members(self) -> list[str]:
        """What can forecast by itself: the network, and the simple forecasts."""
        if self.ensemble:
            return [NETWORK, *self.ensemble.baselines.methods]
        return [NETWORK, LAST, *([SEASONAL] if self.trained.season > 1 else [])]

    @property
    def baseline(self) -> str:
        """The name of the best simple forecast; seasonal naive where they were not fitted."""
        if self.ensemble:
            return self.ensemble.best
        return SEASONAL if self.trained.season > 1 else LAST

    def accuracy(self, windows: Windows, index: Indices, by: str | None = None) -> dict[str, Any]:
        """The accuracy over windows, see `Accuracy.result`.

        Args:
            windows: the series.
            index: (B, 2), see `Windows.origins`.
            by: `NETWORK`, or the name of a simple forecast; None is the answer.
        """
        C, trained = windows.targets_read, self.trained
        place = {name: k for k, name in enumerate(trained.names)}
        of = np.array([place[each.name] for each in windows.panel.series])
        columns, levels = windows.panel.columns.target, self.settings.model.quantiles
        accuracy = Accuracy(columns, windows.horizon, levels)
        for part in pieces(index):
            accuracy.add(
                self.forecast_by(by, windows, part),
                windows.take(part).targets,
                windows.deviation[part[:, 0], :C],
                trained.naive_error[of[part[:, 0]]],
            )
        return accuracy.result()

    def forecast_by(self, by: str | None, windows: Windows, index: Indices) -> NDArray[np.float32]:
        """(B, H, C, Q) of the answer or the network, (B, H, C, 1) of a simple forecast."""
        if by is None or by == NETWORK:
            return self.quantiles_of(windows, index, alone=by == NETWORK)
        if self.ensemble:
            return self.ensemble.baselines.forecast(by, windows, index)[..., None]
        season = self.trained.season if by == SEASONAL else 1
        return seasonal_naive(windows, index, season)[..., None]

    def weigh(self, windows: Windows, validation: Indices) -> None:
        """Finds how much the network counts beside the best simple forecast.

        Args:
            windows: the series of training.
            validation: the windows of the validation part.
        """
        assert self.ensemble
        settings, levels = self.settings.model, self.settings.model.quantiles
        network = self.quantiles_of(windows, validation, alone=True)
        simple = self.ensemble.quantiles(windows, validation)
        targets = windows.take(validation).targets
        loss = loss_of(network, simple, targets, levels, settings.loss == "mse")
        blocks = np.stack([validation[:, 0], validation[:, 1] // windows.horizon], axis=1)
        self.ensemble = self.ensemble.weighted(loss, len(np.unique(blocks, axis=0)))

    def parts(self) -> list[Part]:
        """See `Model`."""
        parts = super().parts()
        if self.ensemble is None or self.ensemble.alone:
            return parts
        inside = f"weighted mean: network {self.ensemble.weight:.0%}"
        return [*parts, Part("baseline", self.ensemble.best, inside, parts[-1].gives)]

    def new_network(self) -> ForecastNetwork:
        """See `Model`."""
        return ForecastNetwork(self.cell, self.settings.model, self.shape)

    @classmethod
    def read_parts(cls, run: Run, settings: ForecastSettings, cell: Cell) -> Self:
        """See `Model`."""
        horizon = settings.data.horizon
        trained = from_json(run, "series.json", lambda read: TrainedSeries.from_json(read, horizon))
        shape = len(trained.names), len(trained.columns.target), horizon
        ensemble = Ensemble.read(run, shape, settings.model.quantiles)
        return cls(settings=settings, cell=cell, trained=trained, ensemble=ensemble)

    def write_parts(self, run: Run) -> None:
        """See `Model`."""
        run.write_json("series.json", self.trained.to_json())

    def write_fitted(self, run: Run) -> None:
        """See `Model`."""
        if self.ensemble:
            self.ensemble.write(run)

    def _check_horizon(self, horizon: int) -> None:
        direct = self.settings.model.decoding == "direct"
        longest = self.settings.data.horizon if direct else MOST_STEPS
        if not 1 <= horizon <= longest:
            train = "; train with a larger data.horizon, or with model.decoding = recursive"
            raise ConfigError(
                f"a horizon of {quoted(horizon)} steps: this forecaster "
                f"supports 1 to {longest}{train if direct else ''}"
            )

    def _panel(self, inputs: Sequence[Series]) -> Panel:
        return Panel(list(inputs), self.trained.columns, self.trained.clock, {}, 0)

    def _sequences(self, panel: Panel, horizon: int) -> ForecastSequences:
        lookback = self.settings.data.lookback
        if len(self.trained.parts.unheld):  # training had short series, too
            panel = lengthened(panel, lookback)
        panel, ends = continued(panel, lookback, horizon)
        index = np.stack([np.arange(len(ends)), ends], axis=1)
        return ForecastSequences(self.windows(panel, horizon), index, self.ensemble)


def check_missing(settings: ForecastSettings, panel: Panel) -> None:
    """That values are missing only where the settings allow it.

    Raises:
        DataError: where they do not.
    """
    if settings.data.missing == "refuse" and (panel.missing or panel.gaps):
        raise DataError(
            f"{panel.title}: {panel.summary()} Fill the missing values, or use data.missing = carry"
        )
