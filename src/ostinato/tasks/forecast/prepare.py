"""From series to all that training a forecaster begins with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ostinato.data import Panel
from ostinato.data.series.windows import Indices, Windows
from ostinato.equation import Cell
from ostinato.errors import ConfigError
from ostinato.tasks.base.estimator import Prepared
from ostinato.tasks.forecast.baseline import Baselines
from ostinato.tasks.forecast.defaults import adapted, with_logarithms
from ostinato.tasks.forecast.ensemble import Ensemble
from ostinato.tasks.forecast.learner import ForecastLearner
from ostinato.tasks.forecast.model import ForecastModel, check_missing
from ostinato.tasks.forecast.settings import ForecastSettings
from ostinato.tasks.forecast.trained import TrainedSeries
from ostinato.train import Run


@dataclass
class ForecastPrepared(Prepared):
    """What training a forecaster begins with.

    Attributes:
        model: the forecaster, without a network.
        digests: see `Prepared`.
        windows: those of all series.
        training, validation: which of them each part has.
        baselines: the simple forecasts.
        baseline: the best simple forecast: its name, and its accuracy on the validation part.
    """

    model: ForecastModel
    digests: dict[str, str]
    windows: Windows
    training: Indices
    validation: Indices
    baselines: Baselines
    baseline: dict[str, Any] | None = None

    def learner(self) -> ForecastLearner:
        """See `Prepared`."""
        return ForecastLearner(self.model, self.windows, self.training, self.validation)

    def find_baseline(self) -> None:
        """Finds the best simple forecast, for a model that has no network."""
        model = self.model
        levels = model.settings.model.quantiles
        model.ensemble = Ensemble.fit(self.baselines, self.windows, model.trained.parts, levels)

    def fit_baseline(self, run: Run | None) -> None:
        """Finds the best simple forecast, and how much the network counts beside it.

        The run keeps what the best one does alone on the validation part.
        """
        model = self.model
        self.find_baseline()
        if not model.settings.model.alone:
            model.weigh(self.windows, self.validation)
        self.baseline = {
            "name": model.baseline,
            **model.accuracy(self.windows, self.validation, model.baseline),
        }
        if run:
            run.write_json("baseline.json", {k: v for k, v in self.baseline.items() if k != "each"})


def untrained(settings: ForecastSettings, cell: Cell, panel: Panel) -> ForecastModel:
    """A forecaster of these series without a network: columns, clock, parts, scale.

    Raises:
        DataError: when a series is too short for its parts, or misses what it may not.
        ConfigError: for settings that are inconsistent.
    """
    check_missing(settings, panel)
    settings = adapted(settings, panel)
    trained = TrainedSeries.of(panel, settings.data)
    return ForecastModel(settings=settings, cell=cell, trained=trained)


def prepare(settings: ForecastSettings, cell: Cell, panel: Panel, digest: bool) -> ForecastPrepared:
    """Splits series, and learns from the training part all that the network does not.

    Args:
        settings: those of the forecaster.
        cell: the recurrence.
        panel: the series.
        digest: whether to compute the SHA-256 of what is trained on.

    Raises:
        DataError, ConfigError: as `untrained`; and when there is no window in a part.
    """
    model = untrained(settings, cell, panel)
    settings, windows, parts = model.settings, model.windows(panel), model.trained.parts
    baselines = Baselines.fit(windows, parts.training, model.trained.season)
    model.settings = with_logarithms(settings, baselines)
    zeros = np.zeros_like(parts.training)
    training = windows.origins(zeros, parts.training, settings.data.stride, observed=True)
    training = windows.require(training, "training")
    held = windows.require(windows.origins(parts.training, parts.validation), "validation")
    digests = {"sha256": panel.fingerprint()} if digest else {}
    return ForecastPrepared(model, digests, windows, training, held, baselines)


def check_recursive(settings: ForecastSettings) -> None:
    """That what is read again after it is forecast can be.

    Raises:
        ConfigError: when past covariates cannot.
    """
    if settings.model.decoding == "recursive" and settings.data.past:
        raise ConfigError(
            "model.decoding = recursive reads its own forecast, and data.past is not forecast; "
            "take direct, or forecast those columns too (data.target)"
        )
