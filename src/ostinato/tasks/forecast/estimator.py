"""Forecast series: how they go on, with quantiles; seasonal naive stands beside every forecast."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import RegressorMixin
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from ostinato.data import Panel, Skipped, series_of
from ostinato.data.series.clock import moment
from ostinato.data.series.continued import before, continued, known_ends, last_steps
from ostinato.data.series.panel import listed
from ostinato.data.series.windows import Indices, Parts, Scale, Windows
from ostinato.equation import Cell
from ostinato.errors import ConfigError, DataError, check_finite, counted, quoted
from ostinato.tasks.base.estimator import reproducible
from ostinato.tasks.base.legacy import LegacyEstimator
from ostinato.tasks.base.stored import from_json
from ostinato.tasks.forecast.baseline import naive_error, seasonal_naive
from ostinato.tasks.forecast.forecasts import Forecast
from ostinato.tasks.forecast.learner import ForecastLearner, pieces
from ostinato.tasks.forecast.measures import Accuracy
from ostinato.tasks.forecast.network import ForecastNetwork, Shape
from ostinato.tasks.forecast.settings import MOST_STEPS, ForecastSettings
from ostinato.tasks.forecast.stored import check_stored
from ostinato.train import Progress, ProgressHook, Run, fit


class Forecaster(RegressorMixin, LegacyEstimator[ForecastSettings]):  # type: ignore[misc]
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
        panel = series_of(table, settings.data.columns())
        self.prepare(panel)
        self.skipped_ = skipped
        windows, shape = self.windows(panel), settings.data
        zeros = np.zeros_like(self.parts_.training)
        training = windows.require(
            windows.origins(zeros, self.parts_.training, shape.stride, observed=True), "training"
        )
        held_out = self.windows_of(windows, "validation")
        with reproducible(settings.seed, settings.train.threads):
            self.network_ = self._built()
            learner = ForecastLearner(
                self.network_,
                settings,
                windows,
                training,
                held_out,
                lambda: self._accuracy(windows, held_out),
            )
            if run:
                sha256 = {"sha256": panel.fingerprint()}
                self._begin(run, self.network_.recurrent, sha256, resume)
            self.history_ = fit(learner, settings.train, run, [ProgressHook(show)], resume)
        if self.baseline:
            self.baseline_ = self._accuracy(windows, held_out, naive=True)
            if run:
                kept = {k: v for k, v in self.baseline_.items() if k != "each"}
                run.write_json("baseline.json", {"name": "seasonal naive", **kept})
        if run:
            self._finish(run)
        return self

    def prepare(self, table: Any) -> Self:
        """All of `fit` but the training: columns, clock, parts, scale, the naive error.

        Raises:
            DataError, ConfigError: as `fit`.
        """
        settings = self.settings()
        shape = settings.data
        if settings.model.decoding == "recursive" and shape.past:
            raise ConfigError(
                "model.decoding = recursive reads its own forecast, and data.past is not foretold; "
                "take direct, or foretell those columns too (data.target)"
            )
        panel = series_of(table, shape.columns())
        self._check_missing(panel)
        self.columns_, self.clock_ = panel.columns, panel.clock
        self.season_ = shape.season or panel.clock.season()
        sizes = shape.training, shape.validation, shape.test
        self.parts_ = Parts.of(panel, *sizes, shape.horizon, shape.lookback)
        self.scale_ = Scale.of(panel, self.parts_.training)
        self.naive_error_ = naive_error(self.windows(panel), self.parts_.training, self.season_)
        self._end = last_steps(panel, max(shape.lookback, self.season_))
        self._names = [each.name for each in panel.series]
        self._seen = [panel.time(k, int(end)) for k, end in enumerate(self.parts_.validation)]
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
        direct = settings.model.decoding == "direct"
        longest = settings.data.horizon if direct else MOST_STEPS
        if not 1 <= horizon <= longest:
            train = "; train with a larger data.horizon, or with model.decoding = recursive"
            raise ConfigError(
                f"a horizon of {quoted(horizon)} steps: this forecaster can do 1 to {longest}"
                f"{train if direct else ''}"
            )
        panel = self._end if table is None else self._panel(table)
        panel, ends = continued(panel, settings.data.lookback, horizon)
        windows = self.windows(panel, horizon)
        index = np.stack([np.arange(len(ends)), ends], axis=1)
        quantiles = np.concatenate([self.quantiles(windows, part) for part in pieces(index)])
        C = windows.targets_read
        own = quantiles * windows.deviation[:, None, :C, None] + windows.mean[:, None, :C, None]
        check_finite(own)
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
            clock=panel.clock,
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
        check_is_fitted(self, "scale_")
        windows = self.windows(self._panel(table))
        return self._accuracy(windows, self.windows_of(windows, part), naive)

    def windows_of(self, windows: Windows, part: str | None = None) -> Indices:
        """All windows of a part, or of all: see `evaluate`.

        Raises:
            ConfigError: for an unknown part.
            DataError: when the series are not those of `fit`, or there is no window.
        """
        if part is None:
            first, last = np.zeros_like(windows.known), windows.known
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
                the one of `fit`, and no fold may lie in what it was trained or chosen on.

        Returns:
            For each fold the accuracy with `fold` (from 1), `from` (the first time foretold of the
            first series), and `naive`, the accuracy of seasonal naive.

        Raises:
            ConfigError: for less than one fold, or more than the longest series has.
            DataError: when the folds reach into what the network was trained on.
        """
        check_is_fitted(self)
        if folds < 1:
            raise ConfigError(f"folds: {folds} must be at least 1")
        panel, horizon = self._panel(table), self.settings().data.horizon
        lengths = known_ends(panel)
        if folds > (most := int(lengths.max()) // horizon):
            raise ConfigError(
                f"folds: {quoted(folds)} stretches of {counted(horizon, 'step')} are more than "
                f"{panel.title} has; at most {most:,}"
            )
        if not refit:
            self._check_unseen(panel, lengths - folds * horizon)
        found = []
        for fold in range(folds):
            origins = lengths - (folds - fold) * horizon
            model = self._refitted(panel, origins) if refit else self
            windows = model.windows(panel)
            index = windows.require(windows.origins(origins, origins + horizon), f"fold {fold + 1}")
            found.append(
                {"fold": fold + 1, "from": panel.written(0, int(origins[0]))}
                | model._accuracy(windows, index)
                | {"naive": model._accuracy(windows, index, naive=True)}
            )
        return found

    def _check_unseen(self, panel: Panel, origins: Indices) -> None:
        """That a backtest does not foretell what the network was trained or chosen on."""
        for k, (each, origin) in enumerate(zip(panel.series, origins.tolist(), strict=True)):
            seen = self._seen[self._names.index(each.name)] if each.name in self._names else None
            if seen is not None and panel.time(k, origin) < seen:  # type: ignore[operator]
                (until,) = panel.clock.written([seen])
                raise DataError(
                    f"{panel.title}: the first fold begins before {until}, where what the network "
                    "was trained and chosen on ends; take fewer folds, or refit"
                )

    def _refitted(self, panel: Panel, origins: Indices) -> Self:
        """A forecaster of the same settings, trained on what lies before the origins."""
        settings, part = self.settings(), before(panel, origins)
        held = settings.data.validation
        if held >= 1:  # steps: the same share of what is there now
            held /= int(self.parts_.validation[0])
        data = {"training": None, "validation": held, "test": 0.0, "season": self.season_}
        kept = settings.data.model_copy(update=data)
        own = type(self).of(
            settings.model_copy(update={"data": kept}),
            cell=self.network_.recurrent.cell,
            baseline=False,
        )
        return own.fit(part)

    def score(self, table: Any, y: None = None, sample_weight: None = None) -> float:
        """Minus the mean absolute error on the scale of training: the larger the better."""
        return -float(self.evaluate(table)["mae"])

    def windows(self, panel: Panel, horizon: int | None = None) -> Windows:
        """The windows of some series, on the scale of training."""
        data = self.settings().data
        return Windows(panel, self.scale_, data.lookback, horizon or data.horizon, data.calendar)

    def _accuracy(self, windows: Windows, index: Indices, naive: bool = False) -> dict[str, Any]:
        C = windows.targets_read
        levels = self.settings().model.quantiles
        place = {name: k for k, name in enumerate(self._names)}
        of = np.array([place[each.name] for each in windows.panel.series])
        accuracy = Accuracy(windows.panel.columns.target, windows.horizon, levels)
        for part in pieces(index):
            if naive:
                forecast = seasonal_naive(windows, part, self.season_)[..., None]
            else:
                forecast = self.quantiles(windows, part)
            accuracy.add(
                forecast,
                windows.take(part).targets,
                windows.deviation[part[:, 0], :C],
                self.naive_error_[of[part[:, 0]]],
            )
        return accuracy.result()

    @torch.inference_mode()
    def quantiles(self, windows: Windows, index: Indices) -> NDArray[np.float32]:
        """(B, H, C, Q) on the scale of training; crossing quantiles are put in order."""
        self.network_.eval()
        found: Tensor = self.network_(*map(torch.from_numpy, windows.take(index)[:3]))
        check_finite(found)
        quantiles: NDArray[np.float32] = found.sort(-1).values.numpy()
        return quantiles

    @property
    def shape_(self) -> Shape:
        """The numbers that a network reads and foretells, from `prepare` on."""
        data, columns = self.settings().data, self.columns_
        static = self.scale_.static_features
        future = len(columns.future) + 2 * len(data.calendar)
        return Shape(len(columns.target), len(columns.past), future, static, data.horizon)

    def _network(self, cell: Cell) -> ForecastNetwork:
        return ForecastNetwork(cell, self.settings().model, self.shape_)

    def _panel(self, table: Any) -> Panel:
        """Series to use a trained forecaster on: what the columns are is known from training."""
        panel = series_of(table, self.columns_)
        self._check_missing(panel)
        if panel.columns != self.columns_:
            raise DataError(f"{panel.title}: the columns are not those of training")
        kinds = [(clock.kind, clock.step) for clock in (panel.clock, self.clock_)]
        if kinds[0] != kinds[1] and any(len(each) > 1 for each in panel.series):
            raise DataError(
                f"{panel.title}: a step is {panel.clock}, but in training it was {self.clock_}"
            )
        return panel

    def _check_missing(self, panel: Panel) -> None:
        if self.settings().data.missing == "refuse" and (panel.missing or panel.gaps):
            raise DataError(
                f"{panel.title}: {panel.summary()} "
                "Fill what is missing, or take data.missing = carry"
            )

    def _read(self, run: Run) -> None:
        from_json(run, "series.json", self._read_series)

    def _read_series(self, read: Any) -> None:
        self._end = Panel.from_json(read["end"])
        self.columns_, self.clock_ = self._end.columns, self._end.clock
        self.season_ = int(read["season"])
        self.scale_ = Scale.from_json(read["scale"])
        self.parts_ = Parts(*(np.array(ends, dtype=np.int64) for ends in read["parts"]))
        self.naive_error_ = np.array(read["naive_error"], dtype=np.float64)
        self._names = list(read["names"])
        self._seen = [moment(text) for text in read["seen"]]
        stored = self._end, self.scale_, self.parts_, self.naive_error_
        check_stored(*stored, self.settings().data.horizon)
        if self._names != [each.name for each in self._end.series]:
            raise ValueError("names of other series")
        if self.season_ < 1 or len(self._seen) != len(self._names):
            raise ValueError(f"a season of {self.season_}, {len(self._seen)} times seen")

    def _write(self, run: Run) -> None:
        parts = self.parts_.training, self.parts_.validation, self.parts_.test
        run.write_json(
            "series.json",
            {
                "season": self.season_,
                "scale": self.scale_.to_json(),
                "parts": [ends.tolist() for ends in parts],
                "naive_error": listed(self.naive_error_),
                "names": self._names,
                "seen": [str(time) for time in self._seen],
                "end": self._end.to_json(),
            },
        )
