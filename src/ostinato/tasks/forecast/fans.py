"""What is drawn of a forecast: the end of each series, and how it continues."""

from __future__ import annotations

from typing import Any

import numpy as np

from ostinato.data import Panel
from ostinato.tasks.forecast.forecasts import Forecast
from ostinato.tasks.forecast.model import ForecastModel

MOST = 24
"""Figures of a page."""
_PAST = 3
"""Steps before the forecast that are drawn, in horizons."""


def fans(model: ForecastModel, panel: Panel | None, forecast: Forecast) -> dict[str, Any]:
    """The fans of all series and targets, up to so many, as plain data for a page.

    Args:
        model: the forecaster.
        panel: the series; None: those of training.
        forecast: how they continue.
    """
    title = "the series of training" if panel is None else panel.title
    panel = model.trained.end if panel is None else panel
    found = continued(model, panel, forecast, MOST)
    return {
        "cell": model.cell.name,
        "title": title,
        "member": model.ensemble.best if model.ensemble and not model.ensemble.alone else None,
        "season": model.trained.season,
        "levels": list(forecast.levels),
        "fans": found,
        "left_out": len(panel.series) * len(forecast.columns) - len(found),
    }


def continued(
    model: ForecastModel, panel: Panel, forecast: Forecast, most: int
) -> list[dict[str, Any]]:
    """The end of each series and target, up to so many, and how it continues, as plain data.

    Values that nobody knows yet are None; `naive` repeats the last season, or the last value where
    there is none.
    """
    season, targets = model.trained.season, len(forecast.columns)
    found: list[dict[str, Any]] = []
    for s, each in enumerate(panel.series):
        end, horizon = each.known(targets), len(forecast.times[s])
        start = max(0, end - max(_PAST * horizon, 2 * season))
        times = panel.clock.at(each.start, range(start, end))
        written = panel.clock.written([*times, *forecast.times[s]])
        for c, column in enumerate(forecast.columns):
            if len(found) == most:
                return found
            past = np.asarray(each.values, np.float64)[:end, c]
            ago = [end - season + k % season for k in range(horizon)]
            found.append(
                {
                    "series": each.name,
                    "column": column,
                    "times": written,
                    "origin": end - start,
                    "values": [*_plain(past[start:]), *[None] * horizon],
                    "quantiles": forecast.values[s, :, c].T.tolist(),
                    "naive": _plain(past[np.maximum(ago, 0)]),
                }
            )
    return found


def _plain(values: Any) -> list[float | None]:
    """Numbers as JSON has them."""
    return [value if np.isfinite(value) else None for value in values.tolist()]
