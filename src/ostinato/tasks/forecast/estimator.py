"""Forecast series: how they continue, with quantiles, and beside them the simple forecasts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self, Unpack

import numpy as np
from numpy.typing import NDArray
from sklearn.base import RegressorMixin
from sklearn.utils.validation import check_is_fitted

from ostinato.data import Columns, Panel, series_of
from ostinato.data.series.clock import Clock
from ostinato.data.series.continued import before, known_ends, longer
from ostinato.data.series.windows import Indices, Parts, Scale, Windows
from ostinato.equation import Cell
from ostinato.errors import ConfigError, DataError, counted, quoted
from ostinato.tasks.base.estimator import Estimator, Fitting
from ostinato.tasks.forecast.baseline import SEASONAL
from ostinato.tasks.forecast.forecasts import Forecast
from ostinato.tasks.forecast.measures import blocks
from ostinato.tasks.forecast.model import NETWORK, ForecastModel
from ostinato.tasks.forecast.network import ForecastShape
from ostinato.tasks.forecast.prepare import check_recursive, prepare
from ostinato.tasks.forecast.settings import ForecastSettings


class Forecaster(RegressorMixin, Estimator[ForecastSettings]):  # type: ignore[misc]
    """Forecasts how series continue, by a network and the best of the simple forecasts together.

    `Forecaster("lstm", data={"horizon": 48}, train={"epochs": 5})`: the settings are those of
    `ForecastSettings`.

    Args:
        cell: a cell, its name, or `path/to/file.py:name`.
        seed: the seed of all random numbers.
        data: settings of the data, see `ForecastData`.
        model: the network, see `ForecastNetworkSettings`.
        train: settings of training, see `Training`.
        baseline: whether to fit the simple forecasts: last value, seasonal naive, drift and ETS.
            Without them, and with `model={"alone": True}`, the network answers alone.

    After `fit`: `model_`, the trained `ForecastModel`, and of its parts `network_`, `columns_`,
    `clock_`, `season_`, `scale_` and `parts_`; `history_` (a record for each epoch), and
    `baseline_`: the name and the errors of the best simple forecast on the validation set.
    """

    kind = ForecastSettings
    model_type = ForecastModel
    model_: ForecastModel

    def __init__(
        self,
        cell: str | Cell = "gru",
        *,
        seed: int = 0,
        data: Mapping[str, object] | None = None,
        model: Mapping[str, object] | None = None,
        train: Mapping[str, object] | None = None,
        baseline: bool = True,
    ) -> None:
        super().__init__(cell, seed=seed, data=data, model=model, train=train, baseline=baseline)

    def fit(self, table: object, y: None = None, **options: Unpack[Fitting]) -> Self:
        """Trains on the first part of each series; the next part is the validation set.

        Args:
            table: the series: a frame of pandas or polars, a mapping of columns, an array, or a
                `Panel`, as `data.read_series` returns it.
            y: ignored; for compatibility with scikit-learn.
            options: see `Fitting`.

        Raises:
            DataError: when times or values are invalid, or a series is too short.
            ConfigError: for settings that are inconsistent.
        """
        settings = self._settings(options)
        panel = series_of(table, settings.data.columns(), settings.data.dialect)
        check_recursive(settings)
        digest = options.get("run") is not None
        prepared = prepare(settings, self._cell(), panel, digest)
        self._train(prepared, **options)
        if prepared.baseline is not None:
            self.baseline_ = prepared.baseline
        return self

    def prepare(self, table: object, *, baselines: bool = False) -> Self:
        """All of `fit` except the training: columns, clock, parts, scale, the naive error.

        Args:
            table: as for `fit`.
            baselines: whether to fit the simple forecasts, too.

        Raises:
            DataError, ConfigError: as `fit`.
        """
        settings = self.settings()
        check_recursive(settings)
        panel = series_of(table, settings.data.columns(), settings.data.dialect)
        prepared = prepare(settings, self._cell(), panel, digest=False)
        self.model_ = prepared.model
        if baselines:
            prepared.find_baseline()
        return self

    def predict(self, horizon: int | None = None, table: object = None) -> Forecast:
        """How each series continues after its last known value.

        Args:
            horizon: the number of steps; default: `data.horizon`. A larger one requires
            `model.decoding` "recursive". table: the series to continue, as for `fit`; those of
            `fit` unless given. Values of future covariates are in rows after the last known
            target.

        Raises:
            DataError: when a series is shorter than the look-back or was not in training, or
                values of future covariates are missing.
            ConfigError: for a horizon that the network does not support.
        """
        check_is_fitted(self, "model_")
        return self.model_.forecast(None if table is None else self._panel(table), horizon)

    def evaluate(
        self,
        table: object,
        *,
        naive: bool = False,
        part: str | None = None,
        by: str | None = None,
    ) -> dict[str, Any]:
        """The errors over all windows, see `Accuracy.result`.

        Args:
            table: the series, as for `fit`.
            naive: evaluate the baseline instead: the best simple forecast, or seasonal naive where
                they were not fitted.
            part: `validation` or `test` of the series of `fit`; default: all windows.
            by: evaluate one member instead: `network`, `last value`, `seasonal naive`, `drift` or
                `ETS`.

        Raises:
            ConfigError: for an unknown part or member.
        """
        check_is_fitted(self, "model_")
        windows = self.windows(self._panel(table))
        by = self.model_.baseline if naive else by
        if by and by not in (known := self.members_):
            raise ConfigError(f"by must be one of {', '.join(known)}, not {quoted(by)}")
        return self.model_.accuracy(windows, self.windows_of(windows, part), by)

    def windows_of(self, windows: Windows, part: str | None = None) -> Indices:
        """All windows of a part, or of all: see `evaluate`.

        Raises:
            ConfigError: for an unknown part.
            DataError: when the series are not those of `fit`, or there is no window.
        """
        if part is None:
            first, last = np.zeros_like(windows.known), windows.known
        elif part not in ("validation", "test"):
            raise ConfigError(f"part must be validation or test, not {quoted(part)}")
        else:
            if len(windows.lengths) != len(self.parts_.test):
                raise DataError("part requires the series of training")
            first = self.parts_.training if part == "validation" else self.parts_.validation
            last = self.parts_.validation if part == "validation" else self.parts_.test
        return windows.require(windows.origins(first, last), part or "whole")

    def blocks(
        self, table: object, found: Mapping[str, Any], part: str | None = None
    ) -> list[float]:
        """The errors of stretches that are nearly independent, see `measures.blocks`.

        Args:
            table, part: as for `evaluate`.
            found: what that gave.
        """
        windows = self.windows(self._panel(table))
        span = windows.lookback + windows.horizon
        return blocks(found["each"], self.windows_of(windows, part), span)

    def backtest(
        self, table: object, folds: int = 5, *, refit: bool = False
    ) -> list[dict[str, Any]]:
        """Rolling origin: forecasts of the last horizons, one after the other.

        Args:
            table: the series, as for `fit`.
            folds: the number of horizons; the last one ends with each series.
            refit: train a new network for each fold on all data before it; otherwise the network
            is that of `fit`, and no fold may overlap with its training and validation sets.

        Returns:
            For each fold the accuracy with `fold` (from 1), `from` (the first time forecast, of the
            first series), and `naive`, the errors of the baseline, see `evaluate`.

        Raises:
            ConfigError: for less than one fold, or more folds than the longest series has.
            DataError: when the folds overlap with the training data.
        """
        check_is_fitted(self, "model_")
        if folds < 1:
            raise ConfigError(f"folds: {folds} must be at least 1")
        panel, horizon = self._panel(table), self.model_.settings.data.horizon
        if refit:
            panel = longer(panel, folds * horizon)
        lengths = known_ends(panel)
        if folds > (most := int(lengths.max()) // horizon):
            raise ConfigError(
                f"folds: {quoted(folds)} folds of {counted(horizon, 'step')} "
                f"are more than {panel.title} has; at most {most:,}"
            )
        if not refit:
            self._check_unseen(panel, lengths - folds * horizon, lengths - horizon)
        found = []
        for fold in range(folds):
            origins = lengths - (folds - fold) * horizon
            model = self._refitted(panel, origins) if refit else self
            windows = model.windows(panel)
            index = windows.require(windows.origins(origins, origins + horizon), f"fold {fold + 1}")
            found.append(
                {"fold": fold + 1, "from": panel.written(0, int(origins[0]))}
                | model.model_.accuracy(windows, index)
                | {"naive": model.model_.accuracy(windows, index, model.model_.baseline)}
            )
        return found

    def _check_unseen(self, panel: Panel, origins: Indices, last: Indices) -> None:
        """That a backtest does not forecast what the network was trained or chosen on.

        Args:
            panel: the series.
            origins: the first of each.
            last: the last of each; before the end of a look-back window there is no forecast.
        """
        lookback = self.model_.settings.data.lookback
        for k in np.flatnonzero(last >= lookback).tolist():
            each, origin, trained = panel.series[k], int(origins[k]), self.model_.trained
            known = dict(zip(trained.names, trained.seen, strict=True))
            seen = known.get(each.name)
            if seen is not None and panel.time(k, origin) < seen:  # type: ignore[operator]
                (until,) = panel.clock.written([seen])
                raise DataError(
                    f"{panel.title}: the first fold begins before {until}, "
                    "the end of the training and validation sets; use fewer "
                    "folds, or refit"
                )

    def _refitted(self, panel: Panel, origins: Indices) -> Self:
        """A forecaster of the same settings, trained on what lies before the origins."""
        settings, part = self.model_.settings, before(panel, origins)
        held = settings.data.validation
        if held >= 1:  # steps: the same share of what is there now
            held /= int(self.parts_.validation[0])
        data = {"training": None, "validation": held, "test": 0.0, "season": self.season_}
        kept = settings.data.model_copy(update=data)
        own = type(self).of(
            settings.model_copy(update={"data": kept}),
            cell=self.model_.cell,
            baseline=self.model_.ensemble is not None,
        )
        return own.fit(part)

    def score(self, table: object, y: None = None, sample_weight: None = None) -> float:
        """Minus the mean absolute error in standardised units: larger is better."""
        return -float(self.evaluate(table)["mae"])

    def windows(self, panel: Panel, horizon: int | None = None) -> Windows:
        """The windows of some series, standardised."""
        return self.model_.windows(panel, horizon)

    def quantiles(self, windows: Windows, index: Indices) -> NDArray[np.float32]:
        """(B, H, C, Q) in standardised units; crossing quantiles are sorted."""
        return self.model_.quantiles_of(windows, index)

    @property
    def shape_(self) -> ForecastShape:
        """The numbers that a network reads and forecasts, from `prepare` on."""
        return self.model_.shape

    @property
    def columns_(self) -> Columns:
        """What the columns are."""
        return self.model_.trained.columns

    @property
    def clock_(self) -> Clock:
        """The grid of the times."""
        return self.model_.trained.clock

    def called(self, by: str | None) -> str:
        """What a forecast is called in a table: the answer (None), or that of a member."""
        model, cell = self.model_, self.network_.recurrent.cell.name
        if by == SEASONAL:
            return f"{by}, {self.season_} steps ago"
        if by is not None or model.ensemble is None or model.ensemble.alone:
            return cell if by in (None, NETWORK) else by
        weight = model.ensemble.weight
        return f"{cell} {weight:.0%}, {model.ensemble.best} {1 - weight:.0%}"

    @property
    def members_(self) -> list[str]:
        """What can be evaluated by itself: the network, and the simple forecasts."""
        return self.model_.members

    @property
    def season_(self) -> int:
        """In steps."""
        return self.model_.trained.season

    @property
    def scale_(self) -> Scale:
        """The scale of training."""
        return self.model_.trained.scale

    @property
    def parts_(self) -> Parts:
        """Where the parts of each series end."""
        return self.model_.trained.parts

    def _panel(self, table: object) -> Panel:
        """Series to use a trained forecaster on: what the columns are is known from training."""
        return self.model_.panel_of(table)
