"""Forecast series: how they go on, with quantiles; seasonal naive stands beside every forecast."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from sklearn.base import RegressorMixin
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from ostinato.data import Columns, Panel, Series, Skipped, series_of
from ostinato.data.clock import Clock, moment
from ostinato.data.windows import Indices, Parts, Scale, Windows
from ostinato.equation import Cell
from ostinato.errors import ConfigError, DataError
from ostinato.tasks.accuracy import Accuracy
from ostinato.tasks.estimator import Estimator, from_json, reproducible
from ostinato.tasks.forecast_network import ForecastModel, ForecastNetwork, Shape
from ostinato.tasks.foretold import Forecast
from ostinato.tasks.naive import naive_error, seasonal_naive
from ostinato.train import Progress, Run, Section, Training, fit

_WINDOWS_AT_A_TIME = 512


class ForecastData(Section):
    """What is read, and as what; sizes of parts are steps, or below 1 shares of each series."""

    time: str | None = Field(None, description="the column of times; one named time, date, …")
    id: str | None = Field(
        None, description="the column that names the series, where it is not one"
    )
    target: list[str] = Field([], description="columns to foretell; all that are nothing else")
    past: list[str] = Field([], description="columns known up to the present")
    future: list[str] = Field([], description="columns known ahead, such as prices or holidays")
    static: list[str] = Field([], description="columns that are the same in all rows of a series")
    calendar: list[str] = Field([], description="of the time itself: hour, weekday, season")
    missing: Literal["carry", "refuse"] = Field(
        "carry", description="read the last known value in place of a missing one, or refuse it"
    )
    lookback: int = Field(96, ge=1, description="steps that are read")
    horizon: int = Field(24, ge=1, description="steps that are foretold")
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


class ForecastSettings(Section):
    """Settings of a forecaster."""

    task = "forecast"
    cell: str = Field("gru", description="a cell's name, or path/to/file.py:name")
    seed: int = Field(0, ge=0, lt=2**63, description="fixes everything random")
    data: ForecastData = ForecastData()
    model: ForecastModel = ForecastModel()
    train: Training = Training(lr=1e-3, epochs=10)


class Forecaster(RegressorMixin, Estimator[ForecastSettings]):  # type: ignore[misc]
    """Foretells how series go on; seasonal naive stands beside it in every table.

    `Forecaster("lstm", data={"horizon": 48}, train={"epochs": 5})`: the settings are those of
    `ForecastSettings`.

    Args:
        cell: a cell, its name, or `path/to/file.py:name`.
        seed: fixes everything random.
        data: columns, parts, look-back and horizon, see `ForecastData`.
        model: the network, see `ForecastModel`.
        train: the loop, see `Training`.
        baseline: whether to measure seasonal naive too.

    After `fit`: `network_`, `history_` (a record for each epoch), `columns_`, `clock_`, `season_`,
    `scale_`, `parts_`, and `baseline_`: the accuracy of seasonal naive on the validation part.
    """

    kind = ForecastSettings

    def __init__(
        self,
        cell: str | Cell = "gru",
        *,
        seed: int = 0,
        data: dict[str, Any] | None = None,
        model: dict[str, Any] | None = None,
        train: dict[str, Any] | None = None,
        baseline: bool = True,
    ) -> None:
        super().__init__(cell, seed=seed, data=data, model=model, train=train, baseline=baseline)

    def fit(
        self,
        table: Any,
        y: None = None,
        *,
        run: Run | None = None,
        show: Callable[[Progress], None] = lambda progress: None,
        resume: bool = False,
        skipped: Skipped | None = None,
    ) -> Self:
        """Trains on the first part of each series; the next one chooses the best epoch.

        Args:
            table: the series: a frame of pandas or polars, a mapping of columns, an array, or a
                `Panel`, as `data.read_series` gives it.
            y: nothing; here because scikit-learn passes it.
            run: where to log and save; None saves nothing.
            show: is told of the progress.
            resume: go on from the newest checkpoint of `run`.
            skipped: what was left out of the data, for the manifest of `run`.

        Raises:
            DataError: when times or values cannot be used, or a series is too short.
            ConfigError: for settings that do not fit together.
        """
        settings = self.settings()
        shape = settings.data
        if settings.model.decoding == "recursive" and shape.past:
            raise ConfigError(
                "model.decoding = recursive reads its own forecast, and data.past is not foretold; "
                "take direct, or foretell those columns too (data.target)"
            )
        panel = self._panel(table)
        self.skipped_ = skipped
        self.columns_, self.clock_ = panel.columns, panel.clock
        self.season_ = shape.season or panel.clock.season()
        self.parts_ = Parts.of(panel, shape.training, shape.validation, shape.test, shape.horizon)
        self.scale_ = Scale.of(panel, self.parts_.training)
        windows = self._windows(panel)
        zeros = np.zeros_like(self.parts_.training)
        training = windows.require(
            windows.origins(zeros, self.parts_.training, shape.stride, observed=True), "training"
        )
        held_out = windows.require(
            windows.origins(self.parts_.training, self.parts_.validation), "validation"
        )
        self.naive_error_ = naive_error(windows, self.parts_.training, self.season_)
        self._keep_end(panel)
        self._names = [each.name for each in panel.series]
        self._seen = [
            panel.clock.at(each.start, range(end, end + 1))[0]
            for each, end in zip(panel.series, self.parts_.validation, strict=True)
        ]
        with reproducible(settings.seed, settings.train.threads):
            self.network_ = self._network(self._cell())
            learner = _Learner(self, settings, windows, training, held_out)
            if run:
                self._begin(run, self.network_.recurrent, panel.fingerprint(), resume)
            self.history_ = fit(learner, settings.train, run, show, resume)
        if self.baseline:
            self.baseline_ = self._accuracy(windows, held_out, naive=True)
            if run:
                run.write_json("baseline.json", {"name": "seasonal naive", **self.baseline_})
        return self

    def predict(self, horizon: int | None = None, table: Any = None) -> Forecast:
        """How each series goes on after its last known value.

        Args:
            horizon: how many steps; `data.horizon` unless given. More than that only with
                `model.decoding` "recursive".
            table: the series to go on with, as for `fit`; those of `fit` unless given. Values of
                future covariates stand in rows after the last known target.

        Raises:
            DataError: when a series is shorter than the look-back or was not in training, or
                values of future covariates are missing.
            ConfigError: for a horizon that the network cannot have.
        """
        check_is_fitted(self)
        settings = self.settings()
        horizon = settings.data.horizon if horizon is None else horizon
        longest = settings.data.horizon
        if horizon < 1 or (settings.model.decoding == "direct" and horizon > longest):
            raise ConfigError(
                f"a horizon of {horizon} steps: this forecaster can do 1 to {longest}; "
                "train with a larger data.horizon, or with model.decoding = recursive"
            )
        panel, ends = self._continued(self._end if table is None else self._panel(table), horizon)
        windows = self._windows(panel, horizon)
        index = np.stack([np.arange(len(ends)), ends], axis=1)
        quantiles = np.concatenate(
            [self._quantiles(windows, part, horizon) for part in _pieces(index)]
        )
        C = windows.targets_read
        own = quantiles * windows.deviation[:, None, :C, None] + windows.mean[:, None, :C, None]
        return Forecast(
            series=[each.name for each in panel.series],
            id=panel.columns.id,
            columns=list(panel.columns.target),
            levels=settings.model.quantiles,
            times=[
                panel.clock.at(each.start, range(end, end + horizon))
                for each, end in zip(panel.series, ends, strict=True)
            ],
            values=own,
        )

    def evaluate(
        self, table: Any, *, naive: bool = False, part: str | None = None
    ) -> dict[str, Any]:
        """The accuracy over all windows, see `Accuracy.result`.

        Args:
            table: the series, as for `fit`.
            naive: measure seasonal naive in place of the network.
            part: `validation` or `test` of the series of `fit`; all windows unless given.
        """
        check_is_fitted(self)
        windows = self._windows(self._panel(table))
        return self._accuracy(windows, self.windows_of(windows, part), naive)

    def windows_of(self, windows: Windows, part: str | None = None) -> Indices:
        """All windows of a part, or of all: see `evaluate`.

        Raises:
            ConfigError: for an unknown part.
            DataError: when the series are not those of `fit`, or there is no window.
        """
        if part is None:
            first, last = np.zeros_like(windows.lengths), windows.lengths
        elif part not in ("validation", "test"):
            raise ConfigError(f"part {part!r} is neither validation nor test")
        else:
            if len(windows.lengths) != len(self.parts_.test):
                raise DataError("a part is asked for of series that are not those of training")
            first = self.parts_.training if part == "validation" else self.parts_.validation
            last = self.parts_.validation if part == "validation" else self.parts_.test
        return windows.require(windows.origins(first, last), part or "whole")

    def backtest(self, table: Any, folds: int = 5, *, refit: bool = False) -> list[dict[str, Any]]:
        """Rolling origin: forecasts of the last stretches of a horizon, one after the other.

        Args:
            table: the series, as for `fit`.
            folds: how many stretches, the last one ending with each series.
            refit: train anew for each fold on all that lies before it; without it the network is
                the one of `fit`, and no fold may lie in what it was trained on.

        Returns:
            For each fold the accuracy with `fold` (from 1), `from` (the first time foretold of the
            first series), and `naive`, the accuracy of seasonal naive.

        Raises:
            DataError: when the folds reach into what the network was trained on.
        """
        check_is_fitted(self)
        if folds < 1:
            raise ConfigError(f"folds: {folds} must be at least 1")
        panel = self._panel(table)
        horizon = self.settings().data.horizon
        lengths = np.array([len(each) for each in panel.series])
        found = []
        for fold in range(folds):
            origins = lengths - (folds - fold) * horizon
            model = self._refitted(panel, origins) if refit else self
            windows = model._windows(panel)
            if not refit:
                self._check_unseen(panel, origins)
            index = windows.require(windows.origins(origins, origins + horizon), f"fold {fold + 1}")
            first = panel.clock.at(panel.series[0].start, range(origins[0], origins[0] + 1))[0]
            found.append(
                {"fold": fold + 1, "from": str(first)}
                | model._accuracy(windows, index)
                | {"naive": model._accuracy(windows, index, naive=True)}
            )
        return found

    def score(self, table: Any, y: None = None, sample_weight: None = None) -> float:
        """Minus the mean absolute error on the scale of training: the larger the better."""
        return -float(self.evaluate(table)["mae"])

    def _panel(self, table: Any) -> Panel:
        data = self.settings().data
        columns = getattr(self, "columns_", None)
        # Of data to predict on, the columns are those of training, whatever else is there.
        panel = series_of(table, data.columns() if columns is None else columns)
        if columns is not None and panel.columns != columns:
            raise DataError(f"{panel.title}: the columns are not those of training")
        if hasattr(self, "clock_") and (panel.clock.kind, panel.clock.step) != (
            self.clock_.kind,
            self.clock_.step,
        ):
            single = all(len(each) == 1 for each in panel.series)
            if not single:
                raise DataError(
                    f"{panel.title}: a step is {panel.clock}, but in training it was {self.clock_}"
                )
        if data.missing == "refuse" and (panel.missing or panel.gaps):
            raise DataError(
                f"{panel.title}: {panel.told()} Fill them, or take data.missing = carry"
            )
        return panel

    def _windows(self, panel: Panel, horizon: int | None = None) -> Windows:
        data = self.settings().data
        return Windows(panel, self.scale_, data.lookback, horizon or data.horizon, data.calendar)

    def _accuracy(self, windows: Windows, index: Indices, naive: bool = False) -> dict[str, Any]:
        C = windows.targets_read
        levels = self.settings().model.quantiles
        place = {name: k for k, name in enumerate(self._names)}
        of = np.array([place[each.name] for each in windows.panel.series])
        accuracy = Accuracy(windows.panel.columns.target, windows.horizon, levels)
        for part in _pieces(index):
            if naive:
                forecast = seasonal_naive(windows, part, self.season_)[..., None]
            else:
                forecast = self._quantiles(windows, part, windows.horizon)
            accuracy.add(
                forecast,
                windows.take(part).targets,
                windows.deviation[part[:, 0], :C],
                self.naive_error_[of[part[:, 0]]],
            )
        return accuracy.result()

    @torch.inference_mode()
    def _quantiles(self, windows: Windows, index: Indices, horizon: int) -> NDArray[np.float32]:
        """(B, H, C, Q) on the scale of training; crossing quantiles are put in order."""
        self.network_.eval()
        found: Tensor = self.network_(*map(torch.from_numpy, windows.take(index)[:3]))
        quantiles: NDArray[np.float32] = found.sort(-1).values.numpy()
        return quantiles

    def _network(self, cell: Cell) -> ForecastNetwork:
        settings, columns = self.settings(), self.columns_
        static = sum(len(how.get("words", [0])) for how in self.scale_.static)
        future = len(columns.future) + 2 * len(settings.data.calendar)
        sizes = len(columns.target), len(columns.past), future, static, settings.data.horizon
        return ForecastNetwork(cell, settings.model, Shape(*sizes))

    def _keep_end(self, panel: Panel) -> None:
        """Keeps what forecasts go on from: as many last steps as are read, or make a season."""
        keep = max(self.settings().data.lookback, self.season_)
        _, ends = self._known(panel)
        self._end = Panel(
            [
                Series(
                    each.name,
                    panel.clock.at(each.start, range(max(0, end - keep), end + 1))[0],
                    each.values[max(0, end - keep) :],
                    each.static,
                )
                for each, end in zip(panel.series, ends, strict=True)
            ],
            panel.columns,
            panel.clock,
            {},
            0,
            "the end of training's series",
        )

    def _known(self, panel: Panel) -> tuple[Panel, Indices]:
        """Where the known targets of each series end."""
        C = len(panel.columns.target)
        ends = []
        for each in panel.series:
            known = np.flatnonzero(~np.isnan(each.values[:, :C]).all(1))
            if not len(known):
                raise DataError(f"{panel.title}: series {each.name!r} has no known target")
            ends.append(int(known[-1]) + 1)
        return panel, np.array(ends, dtype=np.int64)

    def _continued(self, panel: Panel, horizon: int) -> tuple[Panel, Indices]:
        """Series with as many steps after their last known target as are foretold."""
        _, ends = self._known(panel)
        data, first = self.settings().data, len(panel.columns.target) + len(panel.columns.past)
        series = []
        for each, end in zip(panel.series, ends, strict=True):
            name = f"series {each.name!r}" if each.name else "the series"
            if end < data.lookback:
                raise DataError(
                    f"{panel.title}: {name} has {end:,} steps; a forecast reads {data.lookback:,}"
                )
            values = np.full((end + horizon, each.values.shape[1]), np.nan)
            given = each.values[: end + horizon]
            values[: len(given)] = given
            lost = np.isnan(values[end:, first:])
            if lost.any():
                step, column = np.argwhere(lost)[0]
                when = panel.clock.at(each.start, range(end + step, end + step + 1))[0]
                raise DataError(
                    f"{panel.title}: {name} needs the {panel.columns.future[column]} of {when}, "
                    "which is to be known ahead; give it in a row after the last known target"
                )
            values[end:, :first] = np.nan
            series.append(Series(each.name, each.start, values, each.static))
        return Panel(series, panel.columns, panel.clock, {}, 0, panel.title), ends

    def _check_unseen(self, panel: Panel, origins: Indices) -> None:
        """That a backtest does not foretell what the network was trained on."""
        for each, origin in zip(panel.series, origins, strict=True):
            if origin < 0:
                raise DataError(f"{panel.title}: {len(each):,} steps are too few for these folds")
            place = self._names.index(each.name) if each.name in self._names else None
            if place is None:
                continue
            seen = self._seen[place]
            if panel.clock.at(each.start, range(origin, origin + 1))[0] < seen:  # type: ignore[operator]
                raise DataError(
                    f"{panel.title}: the first fold begins before {seen}, where what the network "
                    "was trained and chosen on ends; take fewer folds, or refit"
                )

    def _refitted(self, panel: Panel, origins: Indices) -> Self:
        """A forecaster of the same settings, trained on what lies before the origins."""
        before = [
            Series(each.name, each.start, each.values[: max(int(end), 0)], each.static)
            for each, end in zip(panel.series, origins, strict=True)
        ]
        settings = self.settings()
        held = settings.data.validation
        if held >= 1:  # steps: of a shorter series the same share
            held = held / int(self.parts_.validation[0])
        data = settings.data.model_copy(
            update={"training": None, "validation": held, "test": 0.0, "season": self.season_}
        )
        own = type(self).of(settings.model_copy(update={"data": data}), baseline=False)
        part = Panel(before, panel.columns, panel.clock, panel.missing, panel.gaps, panel.title)
        return own.fit(part)

    def _read(self, run: Run) -> None:
        from_json(run, "series.json", self._read_series)

    def _read_series(self, read: Any) -> None:
        self.columns_ = Columns(**read["columns"])
        self.clock_ = Clock(**read["clock"])
        self.season_ = int(read["season"])
        self.scale_ = Scale.from_json(read["scale"])
        self.parts_ = Parts(*(np.array(ends, dtype=np.int64) for ends in read["parts"]))
        self.naive_error_ = np.array(read["naive_error"], dtype=np.float64)
        self._names = list(read["names"])
        self._seen = [moment(text) for text in read["seen"]]
        width = len(self.columns_.numbers)
        series = [
            Series(
                each["name"],
                moment(each["start"]),
                np.array(each["values"], dtype=np.float64).reshape(-1, width),
                each["static"],
            )
            for each in read["end"]
        ]
        title = "the end of training's series"
        self._end = Panel(series, self.columns_, self.clock_, {}, 0, title)

    def _write(self, run: Run) -> None:
        run.write_json(
            "series.json",
            {
                "columns": vars(self.columns_),
                "clock": self.clock_.to_json(),
                "season": self.season_,
                "scale": self.scale_.to_json(),
                "parts": [
                    ends.tolist()
                    for ends in (self.parts_.training, self.parts_.validation, self.parts_.test)
                ],
                "naive_error": _without_nan(self.naive_error_),
                "names": self._names,
                "seen": [str(time) for time in self._seen],
                "end": [
                    {
                        "name": each.name,
                        "start": str(each.start),
                        "values": _without_nan(each.values),
                        "static": each.static,
                    }
                    for each in self._end.series
                ],
            },
        )


def _without_nan(values: NDArray[np.float64]) -> Any:
    """As lists, None for NaN, which JSON does not have."""
    listed = values.astype(object)
    listed[np.isnan(values)] = None
    return listed.tolist()


def _pieces(index: Indices) -> Sequence[Indices]:
    return np.array_split(index, -(-len(index) // _WINDOWS_AT_A_TIME))


class _Learner:
    """Forecasting as the loop sees it."""

    judged_by = "-validation_loss"

    def __init__(
        self,
        forecaster: Forecaster,
        settings: ForecastSettings,
        windows: Windows,
        training: Indices,
        validation: Indices,
    ) -> None:
        self.model: nn.Module = forecaster.network_
        self.state: tuple[Tensor, ...] = ()  # nothing is carried
        self.forecaster, self.settings, self.windows = forecaster, settings, windows
        self.training, self.validation = training, validation

    def batches(self, epoch: int) -> Sequence[Indices]:
        """Windows in a new order for each epoch."""
        order = np.random.default_rng([self.settings.seed, epoch]).permutation(len(self.training))
        size = self.settings.data.batch
        return [self.training[order[k : k + size]] for k in range(0, len(order), size)]

    def loss(self, batch: Indices) -> tuple[Tensor, int, int]:
        """The loss, how many known values it is the mean over, and the steps that were read."""
        total, known = self._judge(batch)
        return total / known, known, len(batch) * self.windows.lookback

    @torch.inference_mode()
    def validate(self) -> dict[str, float]:
        """The loss, MSE and MAE over all windows of the validation part."""
        self.model.eval()
        found = [self._judge(part) for part in _pieces(self.validation)]
        known = sum(count for _, count in found)
        accuracy = self.forecaster._accuracy(self.windows, self.validation)
        return {
            "validation_loss": sum(total.item() for total, _ in found) / max(known, 1),
            "mse": accuracy["mse"],
            "mae": accuracy["mae"],
        }

    def _judge(self, index: Indices) -> tuple[Tensor, int]:
        """The sum of the loss over known values, and how many these are."""
        past, future, static, targets = map(torch.from_numpy, self.windows.take(index))
        found = self.model(past, future, static)
        known = ~targets.isnan()
        error = (targets[..., None] - found)[known]  # (values, Q)
        model = self.settings.model
        if model.quantiles:
            level = torch.tensor(model.quantiles)
            total = torch.maximum(level * error, (level - 1) * error).mean(-1).sum()
        elif model.loss == "mse":
            total = error.square().sum()
        elif model.loss == "mae":
            total = error.abs().sum()
        else:
            total = nn.functional.huber_loss(error, torch.zeros_like(error), reduction="sum")
        return total, int(known.sum())
