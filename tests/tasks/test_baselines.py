"""Simple forecasts, what they are worth beside a network, and the defaults of a forecaster."""

import numpy as np
import pandas
import pytest
from order import WAVE

import ostinato
from ostinato import Forecaster
from ostinato.data import Columns, series_of
from ostinato.data.series.windows import Scale, Windows
from ostinato.errors import ConfigError, RunError
from ostinato.tasks.forecast.baseline import DRIFT, ETS, LAST, SEASONAL, Baselines
from ostinato.tasks.forecast.defaults import adapted
from ostinato.tasks.forecast.ensemble import joined
from ostinato.tasks.forecast.settings import ForecastSettings
from ostinato.tasks.forecast.smoothing import weights
from ostinato.train import Run

RANDOM = np.random.default_rng(5)
MONTHS = np.arange(120)
GROWING = 100 * np.exp(0.01 * MONTHS) * (1 + 0.4 * np.sin(MONTHS * np.pi / 6))
"""A season whose height grows with the level."""


def brief(**changes):
    """A forecaster that is trained for a moment."""
    own = {
        "data": {"lookback": 12, "horizon": 4, "batch": 64},
        "model": {"hidden": 4, "segment": 4},
    }
    settings = {k: own.get(k, {}) | changes.pop(k, {}) for k in ("data", "model", "train")}
    settings["train"] = {"epochs": 1, "threads": 1} | settings["train"]
    return Forecaster(**settings, **changes)


def fitted(values, season, horizon, ends=None):
    """The baselines of a series, and its windows."""
    panel = series_of(values, Columns())
    ends = np.array([len(values)]) if ends is None else ends
    windows = Windows(panel, Scale.of(panel, ends), 1, horizon)
    return Baselines.fit(windows, ends, season), windows


def test_exponential_smoothing_is_that_of_statsmodels():
    """Its `ETSModel` with the same constants and first states gives these numbers."""
    y = np.array([30.0, 21, 29, 38, 32, 24, 33, 41, 37, 29, 35, 47])
    constants = np.array([[0.3, 0.06, 0.2, 0.9]])
    known = [39.748382, 31.126388, 38.311641, 47.696021, 41.694732, 32.878103]
    np.testing.assert_allclose(y @ weights(constants, 4, 12, 6)[0], known, atol=1e-6)
    known = [39.7693, 40.621053, 41.387631]
    np.testing.assert_allclose(y @ weights(constants, 1, 12, 3)[0], known, atol=1e-6)


def test_a_line_with_a_season_goes_on():
    t = np.arange(60)
    y = 5 + 0.25 * t + np.array([3.0, -1, -2])[t % 3]
    own = weights(np.array([[0.2, 0.02, 0.1, 1.0]]), 3, 50, 10)[0]
    np.testing.assert_allclose(y[:50] @ own, y[50:], atol=1e-9)


def test_a_season_that_grows_is_smoothed_in_logarithms():
    baselines, windows = fitted(GROWING, 12, 12, np.array([96]))
    assert baselines.constants[0, 0, 4:].tolist() == [12, 1]
    found = baselines.forecast(ETS, windows, np.array([[0, 108]]))
    own = found[0, :, 0] * windows.deviation[0] + windows.mean[0]
    np.testing.assert_allclose(own, GROWING[108:], rtol=1e-4)


def test_simple_forecasts_by_hand():
    values = np.tile([1.0, 5.0, 3.0], 8) + np.arange(24) / 10
    baselines, windows = fitted(values, 3, 4)
    at, reach = np.array([[0, 24]]), baselines.reach
    unit = windows.deviation[0], windows.mean[0]
    found = {
        m: baselines.forecast(m, windows, at)[0, :, 0] * unit[0] + unit[1]
        for m in baselines.methods
    }
    slope = (values[23] - values[24 - reach]) / (reach - 1)
    np.testing.assert_allclose(found[LAST], values[23], rtol=1e-5)
    np.testing.assert_allclose(found[SEASONAL], values[[21, 22, 23, 21]], rtol=1e-5)
    np.testing.assert_allclose(found[DRIFT], values[23] + slope * np.arange(1, 5), rtol=1e-5)
    assert fitted(values, 1, 4)[0].methods == [LAST, DRIFT, ETS]


def test_what_came_after_the_origin_has_no_influence():
    other = np.where(MONTHS < 100, GROWING, 7.0)
    at = np.array([[0, 100]])
    (one, windows), (same, changed) = (fitted(v, 12, 6, np.array([90])) for v in (GROWING, other))
    np.testing.assert_array_equal(one.constants, same.constants)
    for method in one.methods:
        found = one.forecast(method, windows, at), same.forecast(method, changed, at)
        np.testing.assert_array_equal(*found)


def test_a_network_that_knows_nothing_hardly_counts():
    walk = 100 + np.cumsum(RANDOM.normal(size=300))
    model = brief(data={"season": 12}, train={"lr": 0.3}).fit(walk)
    found = {by: model.evaluate(walk, part="test", by=by)["mae"] for by in (None, *model.members_)}
    assert model.model_.baseline != SEASONAL  # the value of a season ago is worse than the last one
    assert model.baseline_["name"] == model.model_.baseline
    assert found[None] <= 1.05 * min(found[LAST], found["network"])


def test_a_network_that_knows_more_counts_more(forecaster):
    ensemble = forecaster.model_.ensemble
    assert ensemble.weight > 0.8
    found = {
        by: forecaster.evaluate(WAVE, part="test", by=by)["mae"] for by in (None, ensemble.best)
    }
    assert found[None] < 0.5 * found[ensemble.best]


def test_the_quantiles_of_both_are_ordered_and_hold_what_they_say():
    noise = RANDOM.normal(size=1200)
    model = brief(data={"stride": 4}, train={"epochs": 3}).fit(noise)
    assert 0 < model.model_.ensemble.weight < 1
    assert (np.diff(model.predict().values, axis=-1) >= 0).all()
    assert model.evaluate(RANDOM.normal(size=1000))["coverage"] == pytest.approx(0.8, abs=0.06)
    one, other = (np.sort(RANDOM.normal(size=(9, 3)).astype(np.float32)) for _ in range(2))
    assert all((np.diff(joined(one, other, w, 0.7, 1)) >= 0).all() for w in np.linspace(0, 1, 11))


def test_alone_is_the_network_and_without_baselines_too(tmp_path):
    both, alone, without = (
        brief(**own).fit(GROWING) for own in ({}, {"model": {"alone": True}}, {"baseline": False})
    )
    network = both.model_.quantiles_of(
        both.windows(series_of(GROWING, Columns())), np.array([[0, 60]]), alone=True
    )
    for model in (alone, without):
        windows = model.windows(series_of(GROWING, Columns()))
        np.testing.assert_array_equal(model.quantiles(windows, np.array([[0, 60]])), network)
    np.testing.assert_array_equal(alone.predict().values, without.predict().values)
    assert (alone.predict().values != both.predict().values).any()
    assert alone.members_ == ["network", LAST, DRIFT, ETS]
    assert without.members_ == ["network", LAST]
    with pytest.raises(ConfigError, match="by must be one of network, last value"):
        without.evaluate(GROWING, by=DRIFT)
    both.save(tmp_path / "run")
    model = ostinato.load(tmp_path / "run")
    np.testing.assert_array_equal(model.predict()[0].values, both.predict().values[0])
    assert model.parts()[-1].name == both.model_.baseline


@pytest.mark.parametrize("change", [{"weight": 1.5}, {"spread": [[[0.0] * 3] * 3]}, {"errors": {}}])
def test_a_damaged_ensemble_is_refused(tmp_path, change):
    brief().fit(GROWING).save(tmp_path / "run")
    run = Run.open(tmp_path / "run")
    run.write_json("ensemble.json", run.read_json("ensemble.json") | change)
    with pytest.raises(RunError, match=r"ensemble\.json: damaged"):
        ostinato.load(tmp_path / "run")
    (tmp_path / "run" / "ensemble.json").unlink()
    with pytest.raises(RunError, match=r"ensemble\.json"):
        ostinato.load(tmp_path / "run")


def test_a_short_series_among_others_is_learnt_from_as_far_as_it_reaches():
    day = pandas.date_range("2024-01-01", periods=40).astype(str)
    frames = [
        pandas.DataFrame({"ds": day, "id": n, "y": np.arange(40) % 7 + k})
        for k, n in enumerate("ab")
    ]
    frames.append(pandas.DataFrame({"ds": day[:1], "id": "new", "y": [3.0]}))
    data = {"id": "id", "time": "ds", "lookback": 14, "horizon": 3}
    table = pandas.concat(frames)
    model = brief(data=data).fit(table)
    assert model.parts_.unheld.tolist() == [2]
    assert model.evaluate(table, part="test")["windows"] == 2 * 2
    forecast = model.predict()
    assert forecast.series == ["a", "b", "new"]
    assert str(forecast.times[2][0].date()) == "2024-01-02"
    assert forecast.points[2, :, 0] == pytest.approx([3.0] * 3, abs=2)
    again = model.predict(table=table)
    np.testing.assert_allclose(again.values, forecast.values, rtol=1e-5)
    assert again.times == forecast.times
    np.testing.assert_allclose(model.predict(table=frames[2]).values[0], again.values[2], rtol=1e-5)
    assert [fold["windows"] for fold in model.backtest(table, folds=1)] == [2]
    assert [fold["windows"] for fold in model.backtest(table, folds=2, refit=True)] == [2, 2]


@pytest.mark.parametrize(
    ("steps", "freq", "horizon", "lookback", "segment", "calendar"),
    [
        (144, "MS", 12, 36, 12, ["season"]),  # airline passengers
        (60, "MS", 6, 12, 12, ["season"]),
        (1461, "D", 14, 77, 7, ["season"]),
        (17_420, "h", 24, 144, 24, []),
        (60, None, 6, 18, 6, []),
    ],
)
def test_defaults_go_by_season_and_length(steps, freq, horizon, lookback, segment, calendar):
    table = {"y": RANDOM.normal(size=steps)}
    if freq:
        table["time"] = pandas.date_range("2001-01-01", periods=steps, freq=freq).astype(str)
    settings = adapted(ForecastSettings(), series_of(table, Columns()))
    data, model = settings.data, settings.model
    assert (data.horizon, data.lookback, model.segment) == (horizon, lookback, segment)
    assert data.calendar == calendar
    assert settings.train.epochs * (steps / data.batch) > 1000
    given = {"data": {"horizon": 3, "calendar": []}, "model": {"hidden": 7}, "train": {"lr": 0.1}}
    chosen = adapted(ForecastSettings.model_validate(given), series_of(table, Columns()))
    assert (chosen.data.horizon, chosen.data.calendar, chosen.model.hidden) == (3, [], 7)
    assert chosen.train.lr == 0.1


def test_defaults_of_a_short_series_train():
    model = Forecaster(train={"epochs": 1, "threads": 1}).fit(WAVE[:30])
    assert model.predict().values.shape == (1, 3, 1, 3)
    assert model.settings().data.horizon == 24  # what was chosen is not changed
    assert model.model_.settings.data.horizon == 3
