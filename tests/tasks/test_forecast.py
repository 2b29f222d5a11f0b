"""Forecasts: what is learnt is forecast, and nothing is known before its time."""

import numpy as np
import pandas
import pytest
import torch
from order import SMALL_FORECASTER, WAVE

from every import MGU, assert_near
from ostinato import Forecaster
from ostinato.cells import find
from ostinato.data import Columns, series_of
from ostinato.errors import ConfigError, DataError
from ostinato.tasks.forecast.network import (
    ForecastBatch,
    ForecastNetwork,
    ForecastNetworkSettings,
    ForecastShape,
)
from tolerances import SAME

RANDOM = np.random.default_rng(3)


def small(cell="gru", **changes):
    """A small forecaster; parts of its settings can be changed."""
    settings = {k: SMALL_FORECASTER[k] | changes.pop(k, {}) for k in ("data", "model", "train")}
    return Forecaster(cell, **settings, **changes)


def test_a_wave_goes_on(forecaster):
    forecast = forecaster.predict()
    steps = np.arange(len(WAVE), len(WAVE) + 8)
    np.testing.assert_allclose(forecast.points[0, :, 0], 10 + 4 * np.sin(steps / 2), atol=1.5)
    assert forecast.times[0] == steps.tolist()
    own, naive = forecaster.evaluate(WAVE), forecaster.evaluate(WAVE, naive=True)
    assert own["mse"] < 0.1 * naive["mse"]
    assert forecaster.score(WAVE) == -own["mae"]


def test_all_windows_count_as_numpy_counts_them(forecaster):
    """MSE over all windows: forecasts of one window after the other, by hand."""
    scale = WAVE[:320].mean(), WAVE[:320].std()
    errors = []
    for origin in range(360, 400 - 8 + 1):
        points = forecaster.predict(table=WAVE[:origin]).points[0, :, 0]
        errors.append((points - WAVE[origin : origin + 8]) / scale[1])
    found = forecaster.evaluate(WAVE, part="test")
    assert found["windows"] == len(errors) == 33
    assert found["mse"] == pytest.approx(np.mean(np.square(errors)), rel=1e-4)
    assert found["mae"] == pytest.approx(np.mean(np.abs(errors)), rel=1e-4)
    assert found["columns"]["value"]["mae"] == pytest.approx(found["mae"] * scale[1], rel=1e-4)


def test_the_test_part_and_the_future_have_no_influence(forecaster):
    changed = np.where(np.arange(400) < 360, WAVE, RANDOM.normal(size=400) * 1e3)
    other = small().fit(changed)
    assert_near(other.network_.state_dict(), forecaster.network_.state_dict(), SAME)
    assert other.scale_.to_json() == forecaster.scale_.to_json()
    one, same = (f.predict(table=WAVE[:300]).values for f in (forecaster, other))
    np.testing.assert_array_equal(one, same)
    windows = [forecaster.windows(series_of(v, Columns())) for v in (WAVE, changed)]
    at = np.array([[0, 360]])  # the horizon is the changed part
    one, same = (forecaster.quantiles(w, at) for w in windows)
    np.testing.assert_array_equal(one, same)


def test_rows_that_are_to_be_foretold_judge_nothing():
    signs = RANDOM.choice([-1.0, 1.0], size=248)
    known = {"x": signs[:200] + 0.1, "of": signs[:200]}
    ahead = {"x": [*known["x"], *[None] * 48], "of": signs}
    shape = {"horizon": 4, "lookback": 8, "target": ["x"], "future": ["of"]}
    shape |= {"validation": 24, "test": 24}
    one, other = (small(train={"epochs": 1}, data=shape).fit(t) for t in (known, ahead))
    assert other.parts_.test.tolist() == [200]
    assert_near(other.network_.state_dict(), one.network_.state_dict(), SAME)
    for part in ("validation", "test", None):
        found, wanted = other.evaluate(ahead, part=part), one.evaluate(known, part=part)
        assert (found["windows"], found["mse"]) == (wanted["windows"], wanted["mse"]), part
    assert other.history_[0]["mse"] == one.history_[0]["mse"] > 0
    (fold,), (same,) = other.backtest(ahead, folds=1), one.backtest(known, folds=1)
    assert fold == same


def test_quantiles_rise_and_hold_what_they_say():
    noise = RANDOM.normal(size=3000)
    settings = {"quantiles": [0.9, 0.1, 0.5]}
    forecaster = small(model=settings, train={"epochs": 4}, data={"stride": 4}).fit(noise)
    assert forecaster.settings().model.quantiles == [0.1, 0.5, 0.9]
    forecast = forecaster.predict()
    assert (np.diff(forecast.values, axis=-1) >= 0).all()
    found = forecaster.evaluate(RANDOM.normal(size=1000))
    for level, part in found["below"].items():
        assert part == pytest.approx(float(level), abs=0.06)
    assert found["coverage"] == pytest.approx(0.8, abs=0.06)
    assert found["pinball"] < found["mae"] / 2


@pytest.mark.parametrize("kind", ["past", "future", "static"])
def test_covariates_are_what_makes_it_foreseeable(kind):
    """The target is noise, but for a covariate that tells it."""
    signs = RANDOM.choice([-1.0, 1.0], size=400)
    if kind == "static":
        steps = 200
        table = {
            "id": np.repeat(["a", "b", "c"], steps),
            "x": np.concatenate([k + 0.3 * RANDOM.normal(size=steps) for k in (-3, 0, 3)]),
            "of": np.repeat(["low", "middle", "high"], steps),
        }
        options = {"id": "id", "target": ["x"], "static": ["of"]}
    elif kind == "future":
        table, options = {"x": signs, "of": signs}, {"target": ["x"], "future": ["of"]}
    else:  # the target repeats after four steps what the covariate was
        table = {"x": np.roll(signs, 4), "of": signs}
        options = {"target": ["x"], "past": ["of"]}
    shape = {"horizon": 4, "lookback": 8, "batch": 32} | options
    model = {"segment": 4, "hidden": 24, "subtract_last": False}
    training = {"epochs": 8, "lr": 0.03}
    fitted = small(data=shape, model=model, train=training).fit(table)
    without = {k: v for k, v in shape.items() if k != kind}
    if kind == "static":
        assert fitted.network_.queries.static is not None
        return
    plain = small(data=without, model=model, train=training).fit({"x": table["x"]})
    assert fitted.evaluate(table, part="test")["mse"] < 0.25
    assert plain.evaluate({"x": table["x"]}, part="test")["mse"] > 0.6


def test_recursive_forecasts_go_as_far_as_one_likes():
    forecaster = small(model={"decoding": "recursive"}).fit(WAVE)
    one, far = forecaster.predict(8).values, forecaster.predict(40).values
    np.testing.assert_allclose(far[:, :8], one, rtol=1e-5)
    assert np.isfinite(far).all()
    for horizon in (0, 10**5 + 1, 10**22):
        with pytest.raises(ConfigError, match=rf"{horizon} steps: .* supports 1 to 100000$"):
            forecaster.predict(horizon)
    with pytest.raises(ConfigError, match="reads its own forecast"):
        small(model={"decoding": "recursive"}, data={"past": ["y"], "target": ["x"]}).fit(
            {"x": WAVE, "y": WAVE}
        )


def batch(past, future, static):
    scale = torch.ones(len(past), 2)
    return ForecastBatch(past, future, static, scale, scale)


@pytest.mark.parametrize("decoding", ["direct", "recursive"])
@pytest.mark.parametrize("channels", ["apart", "together"])
def test_shapes_for_every_way_to_read(decoding, channels):
    settings = ForecastNetworkSettings(
        segment=3, hidden=5, embedding=4, decoding=decoding, channels=channels
    )
    past = 0 if decoding == "recursive" else 2
    shape = ForecastShape(targets=2, past=past, future=3, static=1, horizon=7)
    for cell in ("gru", "lstm"):
        network = ForecastNetwork(find(cell), settings, shape).eval()
        inputs = torch.randn(4, 8, 5 + past), torch.randn(4, 7, 3), torch.randn(4, 1)
        together = network(batch(*inputs))
        assert together.shape == (4, 7, 2, 3)
        alone = torch.cat([network(batch(*(i[k : k + 1] for i in inputs))) for k in range(4)])
        torch.testing.assert_close(together, alone, rtol=1e-5, atol=1e-5)


def test_targets_read_apart_do_not_see_each_other():
    shape = ForecastShape(targets=2, past=0, future=0, static=0, horizon=6)
    settings = ForecastNetworkSettings(segment=3, hidden=5, embedding=4)
    network = ForecastNetwork(find("gru"), settings, shape).eval()
    past = torch.randn(3, 9, 2, requires_grad=True)
    found = network(batch(past, torch.zeros(3, 6, 0), torch.zeros(3, 0)))
    found[..., 0, :].sum().backward()
    assert past.grad[..., 0].abs().sum() > 0
    assert past.grad[..., 1].abs().sum() == 0


def test_missing_values_are_read_as_the_last_and_do_not_count(tmp_path):
    values = WAVE.copy()
    values[[50, 51, 370]] = np.nan
    fitted = small(train={"epochs": 2}).fit(values)
    found = fitted.evaluate(values, part="test")
    assert found["windows"] == 33
    assert found["values"] == 33 * 8 - 8
    fitted.save(tmp_path / "run")
    back = Forecaster.load(tmp_path / "run")
    np.testing.assert_array_equal(back.predict().values, fitted.predict().values)
    with pytest.raises(DataError, match=r"3 in value.*data\.missing = carry"):
        small(data={"missing": "refuse"}).fit(values)


def test_several_series_each_on_its_own_scale():
    day = pandas.date_range("2024-01-01", periods=200, freq="D")
    frames = [
        pandas.DataFrame({"id": name, "day": day, "x": base + size * np.sin(np.arange(200) / 2)})
        for name, base, size in (("a", 0, 1), ("b", 1000, 50))
    ]
    table = pandas.concat(frames)
    fitted = small(data={"id": "id", "time": "day"}, train={"epochs": 6}).fit(table)
    forecast = fitted.predict()
    assert forecast.series == ["a", "b"]
    assert forecast.points[1].mean() > 900
    columns = forecast.table()
    assert list(columns) == ["id", "time", "column", "forecast", "q0.1", "q0.5", "q0.9"]
    assert len(pandas.DataFrame(columns)) == 2 * 8
    assert columns["time"][0] == pandas.Timestamp("2024-07-19")
    only_b = fitted.predict(table=frames[1])
    np.testing.assert_allclose(only_b.points[0], forecast.points[1], rtol=1e-5)


def test_rolling_origin(forecaster):
    folds = forecaster.backtest(WAVE, folds=3)
    assert [fold["from"] for fold in folds] == ["376", "384", "392"]
    assert all(fold["windows"] == 1 and fold["naive"]["windows"] == 1 for fold in folds)
    points = forecaster.predict(table=WAVE[:384]).points[0, :, 0]
    assert folds[1]["columns"]["value"]["mae"] == pytest.approx(
        np.abs(points - WAVE[384:392]).mean(), rel=1e-4
    )
    with pytest.raises(DataError, match="use fewer folds, or refit"):
        forecaster.backtest(WAVE, folds=6)
    with pytest.raises(ConfigError, match="at least 1"):
        forecaster.backtest(WAVE, folds=0)
    for folds in (51, 10**8, 10**22):
        says = rf"^folds: {folds} folds of 8 steps are more than .* has; at most 50$"
        for refit in (False, True):
            with pytest.raises(ConfigError, match=says):
                forecaster.backtest(WAVE, folds=folds, refit=refit)


def test_a_fold_that_is_trained_anew_sees_nothing_of_what_it_foretells():
    changed = np.where(np.arange(400) < 392, WAVE, 77.0)
    model = small(train={"epochs": 1}).fit(WAVE)
    one, other = (model.backtest(v, folds=2, refit=True) for v in (WAVE, changed))
    assert one[0]["mse"] == other[0]["mse"]
    assert one[1]["mse"] != other[1]["mse"]


def test_what_cannot_be_asked_is_refused(forecaster):
    with pytest.raises(ConfigError, match="supports 1 to 8"):
        forecaster.predict(9)
    with pytest.raises(DataError, match="has 5 steps; the look-back window needs 16"):
        forecaster.predict(table=WAVE[:5])
    with pytest.raises(DataError, match="horizon of 500"):
        small(data={"horizon": 500}).fit(WAVE)
    why = (
        "40 steps, in sets of 30, 5 and 5, .* look-back window of 100 "
        "and a horizon of 5 need 105 consecutive steps"
    )
    with pytest.raises(DataError, match=why):
        small(data={"lookback": 100, "horizon": 5}).fit(WAVE[:40])
    with pytest.raises(DataError, match="the training set has no window"):
        small(data={"lookback": 390}).fit(WAVE)
    with pytest.raises(ConfigError, match=r"quantiles.*include 0\.5"):
        small(model={"quantiles": [0.1, 0.9]}).fit(WAVE)
    times = pandas.date_range("2024-01-01", periods=50, freq="h")
    with pytest.raises(DataError, match="the columns are different from those of training"):
        forecaster.predict(table={"value": WAVE[:50], "time": times})
    table = {"time": np.arange(400), "value": WAVE}
    daily = small(train={"epochs": 1}, data={"time": "time"}).fit(table)
    with pytest.raises(DataError, match="a step is 1 hour, but it was 1"):
        daily.predict(table={"value": WAVE[:50], "time": times})
    with pytest.raises(DataError, match="no value of x in its training set"):
        small(data={"target": ["x"]}).fit({"x": [np.nan] * 390 + [1.0] * 10})


def test_any_cell_forecasts(tmp_path):
    fitted = small(MGU, train={"epochs": 1}).fit(WAVE)
    fitted.save(tmp_path / "run")
    back = Forecaster.load(tmp_path / "run")
    np.testing.assert_array_equal(back.predict().values, fitted.predict().values)
