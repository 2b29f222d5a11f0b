"""Series whose next steps are asked for."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Self

import numpy as np
from torch import Tensor

from ostinato.data import Panel, read_series
from ostinato.data.series.windows import Indices, Windows
from ostinato.errors import DataError
from ostinato.tasks.base.held_out import SEQUENCES, Given, HeldOut, Judged
from ostinato.tasks.base.network import AnyNetwork
from ostinato.tasks.forecast.estimator import Forecaster
from ostinato.tasks.forecast.fans import continued
from ostinato.tasks.forecast.model import NETWORK, with_targets
from ostinato.tasks.forecast.settings import ForecastSettings
from ostinato.train import Run

FANS = 6
"""The forecasts that are shown whole."""
FUTURES = 3
"""The series, or targets of one, whose future is shown."""


@dataclass(frozen=True)
class ForecastHeldOut(HeldOut):
    """Windows whose horizons are asked for; neighbours overlap, so they count in blocks."""

    panel: Panel
    part: str | None = None
    biased: bool = False
    kind = Forecaster
    metric = "mse"
    lower = True

    @classmethod
    def read(cls, data: str, estimator: Forecaster, run: Run) -> Self:
        """Of the series of training the test part, or validation where there is none; else all."""
        settings = estimator.settings()
        panel = read_series(data, settings.data.columns(), dialect=settings.data.dialect)
        if panel.fingerprint() != run.manifest.data.get("sha256"):
            return cls(panel)
        if settings.data.test:
            return cls(panel, "test")
        return cls(panel, "validation", biased=True)

    def __len__(self) -> int:
        return sum(map(len, self.panel.series))

    def fingerprint(self) -> str:
        """That of the series and the part."""
        return f"{self.panel.fingerprint()} {self.part or 'all'}"

    @classmethod
    def trained_on(cls, training: Given) -> str:
        """That of the series."""
        panel: Panel = training[0]
        return panel.fingerprint()

    def judge(self, estimator: Forecaster) -> Judged:
        """What `Forecaster.evaluate` gives, the same of the baseline, and `scores` of blocks."""
        own = estimator.evaluate(self.panel, part=self.part)
        naive = estimator.evaluate(self.panel, part=self.part, naive=True)
        both = [estimator.blocks(self.panel, each, self.part) for each in (own, naive)]
        del own["each"], naive["each"]
        model = estimator.model_
        if model.ensemble and not model.ensemble.alone:
            network = estimator.evaluate(self.panel, part=self.part, by=NETWORK)
            own["alone"] = {NETWORK: network["mse"], model.baseline: naive["mse"]}
        baseline = {"name": model.baseline, **naive, "scores": both[1], "seconds": 0.0}
        return own | {
            "scores": both[0],
            "baseline": baseline | {"exam": self.fingerprint()},
            "season": estimator.season_,
            "levels": estimator.settings().model.quantiles,
            "part": self.part,
        }

    def baseline(self, settings: ForecastSettings, training: Given) -> Judged:
        """The best simple forecast; no network is trained."""
        estimator = Forecaster.of(settings).prepare(training[0], baselines=True)
        naive = estimator.evaluate(self.panel, part=self.part, naive=True)
        scores = estimator.blocks(self.panel, naive, self.part)
        del naive["each"]
        return {"name": estimator.model_.baseline, **naive, "scores": scores, "seconds": 0.0}

    def loss(self, estimator: Forecaster, network: AnyNetwork) -> Callable[[], Tensor]:
        """Over windows far from one another; the loss is the error of the whole horizon."""
        windows = estimator.windows(self.panel)
        index = estimator.windows_of(windows, self.part)
        chosen = index[np.linspace(0, len(index) - 1, min(SEQUENCES, len(index))).astype(int)]
        batch, targets = with_targets(windows, chosen)
        device = estimator.model_.device
        batch, targets = batch.to(device), targets.to(device)

        def of_batch() -> Tensor:
            error: Tensor = (network(batch) - targets[..., None]).nan_to_num()
            return error.abs().mean((1, 2, 3)).sum()

        return of_batch

    def shown(self, estimator: Forecaster) -> Judged:
        """Forecasts over what came, in units of the data, from origins all over the part."""
        windows = estimator.windows(self.panel)
        index = estimator.windows_of(windows, self.part)
        places = np.linspace(0, len(index) - 1, FANS + 2)[1:-1].astype(int)
        C = windows.targets_read
        fans = []
        for k, place in enumerate(places):
            at: Indices = index[place : place + 1]
            fans.append(_fan(estimator, windows, at, k % C))
        future: list[Judged] = []
        with suppress(DataError):  # what is known in advance ends with the data
            ahead = estimator.predict(None, self.panel)
            future = continued(estimator.model_, self.panel, ahead, FUTURES)
        return {"forecasts": fans, "future": future}


def _fan(estimator: Forecaster, windows: Windows, at: Indices, column: int) -> Judged:
    """One forecast of one target, with what came before and after its origin."""
    series, origin = at[0]
    each, panel, horizon = windows.panel.series[series], windows.panel, windows.horizon
    mean, deviation = windows.mean[series, column], windows.deviation[series, column]
    begin = max(0, int(origin) - max(windows.lookback, horizon))
    end = int(origin) + horizon
    known = each.values[begin:end, column]
    quantiles = estimator.quantiles(windows, at)[0, :, column] * deviation + mean
    baseline = estimator.model_.forecast_by(estimator.model_.baseline, windows, at)
    naive = baseline[0, :, column, 0] * deviation + mean
    return {
        "series": each.name,
        "column": panel.columns.target[column],
        "times": panel.clock.written(panel.clock.at(each.start, range(begin, end))),
        "origin": int(origin) - begin,
        "values": [None if np.isnan(v) else float(v) for v in known],
        "quantiles": quantiles.T.tolist(),
        "naive": naive.tolist(),
    }
