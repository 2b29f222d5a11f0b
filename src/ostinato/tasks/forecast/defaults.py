"""Defaults of a forecaster that go by season and length of the series.

The horizon is the fewest whole seasons with at least twelve steps, but no more than a tenth of the
longest series. A segment is a season, or a part of one that repeats itself in it. The look-back
window is four seasons or more, and longer where there is more to learn from, so that training has
enough windows. Small networks with dropout are for few windows, and the year is a feature where
training has two of them.
"""

from __future__ import annotations

from ostinato.data import Panel
from ostinato.data.series.clock import Clock
from ostinato.tasks.base.defaults import batch_size, course, filled
from ostinato.tasks.forecast.baseline import Baselines
from ostinato.tasks.forecast.settings import ForecastSettings

FEW = 5000
"""Fewer windows than this are for a small network."""
_HORIZON, _LONG_SEASON, _UNKNOWN = 12, 100, 24
_LONGEST_SEGMENT = 26
_LOOKBACK, _SHARE = (48, 144), 16  # steps at least, and at most by a share of the training part
_UPDATES = 10  # of an epoch that are counted on at least, so that there are 200 epochs at most
_YEAR = 31_556_952  # seconds


def adapted(settings: ForecastSettings, panel: Panel) -> ForecastSettings:
    """Settings in which those that nobody chose go by the series."""
    lengths = [each.known(len(panel.columns.target)) for each in panel.series]
    longest, season = max(lengths), settings.data.season or panel.clock.season()
    settings = filled(settings, {"data.horizon": _horizon(settings, season, longest)})
    horizon = settings.data.horizon
    training = longest - sum(
        max(horizon, round(size * longest)) if size < 1 else int(size)
        for size in (settings.data.validation, settings.data.test)
        if size
    )
    if settings.data.training:
        own = settings.data.training
        training = round(own * longest) if own < 1 else int(own)
    segment = next(n for n in range(_LONGEST_SEGMENT, 0, -1) if season % n == 0)
    segment = segment if season > 3 else min(_HORIZON, horizon)
    room = max(1, training // 2 - horizon)
    least = max(_LOOKBACK[0], season * (4 if season <= _UNKNOWN else 2))
    wanted = max(min(least, 2 * _LOOKBACK[1]), min(training // _SHARE, _LOOKBACK[1]))
    lookback = min(-(-wanted // segment) * segment, room // segment * segment or room)
    settings = filled(
        settings,
        {
            "data.lookback": lookback,
            "data.calendar": ["season"] if _has_years(panel.clock, training) else [],
        },
    )
    segment = min(segment, settings.data.lookback)
    settings = filled(settings, {"model.segment": segment})
    shorter = longest - training
    reads = settings.data.lookback + horizon - 1
    windows = sum(max(0, length - shorter - reads) for length in lengths) // settings.data.stride
    return _trained(settings, windows, len(panel.columns.target))


def _horizon(settings: ForecastSettings, season: int, longest: int) -> int:
    """The steps that are forecast, for a season and a longest series."""
    whole = -(-_HORIZON // season) * season if 1 < season <= _LONG_SEASON else _UNKNOWN
    parts = settings.data.validation, settings.data.test
    sizes = [int(size) for size in parts if size >= 1]
    return max(1, min([whole, longest // 10, *sizes]))


def _has_years(clock: Clock, training: int) -> bool:
    """Whether so many steps are two years, with at least four in each."""
    if clock.kind == "number":
        return False
    step = clock.step * _YEAR / 12 if clock.kind == "month" else clock.step
    return 4 * step <= _YEAR and training * step >= 2 * _YEAR


def _trained(settings: ForecastSettings, windows: int, targets: int) -> ForecastSettings:
    """Sizes, batch and epochs for a number of training windows."""
    small = windows < FEW
    size = 32 if small else 64
    values: dict[str, float] = {
        "model.hidden": size,
        "model.embedding": size,
        "data.batch": batch_size(windows),
    }
    values |= {"model.dropout": 0.2, "train.lr": 2e-3} if small else {}
    settings = filled(settings, values)
    data, model = settings.data, settings.model
    segments = -(-data.lookback // model.segment) - (-data.horizon // model.segment)
    rows = targets if model.channels == "apart" else 1
    weights = 3 * model.hidden * (model.embedding + model.hidden) * model.layers
    updates = max(windows / data.batch, _UPDATES)
    return course(settings, updates, windows * segments * rows, weights)


def with_logarithms(settings: ForecastSettings, baselines: Baselines) -> ForecastSettings:
    """Settings whose network reads logarithms where exponential smoothing of them is better."""
    return filled(settings, {"model.log": bool(baselines.constants[..., 5].mean() > 0.5)})
