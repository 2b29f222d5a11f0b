"""Windows, scale and parts, each beside the plainest loop over the series."""

import numpy as np
import pytest

from ostinato.data import Columns, series_of
from ostinato.data.series.continued import before, continued, last_steps
from ostinato.data.series.windows import Parts, Scale, Windows
from ostinato.errors import ConfigError, DataError

RANDOM = np.random.default_rng(0)
X, Y = RANDOM.normal(5, 3, 60), RANDOM.normal(-2, 0.5, 60)
Y[[0, 1, 30, 31]] = np.nan
COLUMNS = Columns(target=["x"], future=["y"])


@pytest.fixture
def panel():
    return series_of({"x": X, "y": Y}, COLUMNS)


def scaled(values, end):
    """By hand: mean and deviation of the first part, missing values left out."""
    part = values[:end][~np.isnan(values[:end])]
    return (values - part.mean()) / part.std()


def carried(values):
    filled, last = [], 0.0
    for value in values:
        last = last if np.isnan(value) else value
        filled.append(last)
    return np.array(filled)


def test_windows_are_those_of_a_loop(panel):
    scale = Scale.of(panel, np.array([40]))
    windows = Windows(panel, scale, lookback=5, horizon=3)
    index = windows.origins([0], [60])
    x, y = carried(scaled(X, 40)), carried(scaled(Y, 40))
    assert len(index) == 60 - 5 - 3 + 1
    batch = windows.take(index)
    for row, origin in enumerate(range(5, 58)):
        past = np.stack([x, y], axis=1)[origin - 5 : origin]
        np.testing.assert_allclose(batch.past[row], past, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(batch.future[row, :, 0], y[origin : origin + 3], rtol=1e-5)
        np.testing.assert_allclose(batch.targets[row, :, 0], x[origin : origin + 3], rtol=1e-5)


def test_what_comes_after_training_has_no_influence_on_the_scale(panel):
    changed = series_of({"x": np.where(np.arange(60) < 40, X, 1e6), "y": Y}, COLUMNS)
    one, other = (Scale.of(p, np.array([40])).to_json() for p in (panel, changed))
    assert one == other
    assert Scale.from_json(one).to_json() == one


def test_a_column_that_never_changes_keeps_its_size():
    values = [0.1] * 7 + [0.3]  # the deviation of seven 0.1 is 1e-17 in float64
    panel = series_of({"x": values, "s": [0.1] * 8, "y": range(8)}, Columns(static=["s"]))
    scale = Scale.of(panel, np.array([7]))
    assert scale.deviation[""][0] == 1
    assert scale.static[0]["deviation"] == 1
    assert Windows(panel, scale, 2, 1).targets[7, 0] == pytest.approx(0.2)


def test_a_look_back_knows_nothing_of_its_horizon(panel):
    windows = Windows(panel, Scale.of(panel, np.array([40])), 5, 3)
    at = np.array([[0, 30]])
    values = X.copy()
    values[30:] = -99.0
    changed = series_of({"x": values, "y": Y}, COLUMNS)
    other = Windows(changed, Scale.of(panel, np.array([40])), 5, 3)
    np.testing.assert_array_equal(windows.take(at).past, other.take(at).past)


def test_a_column_that_never_changes_is_not_blown_up():
    panel = series_of({"x": [3.0] * 20}, Columns())
    scale = Scale.of(panel, np.array([10]))
    assert Windows(panel, scale, 2, 2).take(np.array([[0, 5]])).past.tolist() == [[[0.0], [0.0]]]


def test_static_words_and_numbers():
    table = {
        "id": ["a", "b", "c"] * 4,
        "x": range(12),
        "w": ["u", "v", "u"] * 4,
        "n": [1, 3, 5] * 4,
    }
    panel = series_of(table, Columns(id="id", target=["x"], static=["w", "n"]))
    scale = Scale.of(panel, np.array([2, 2, 2]))
    expected = [[1, 0, -np.sqrt(1.5)], [0, 1, 0], [1, 0, np.sqrt(1.5)]]
    np.testing.assert_allclose(scale.statics(panel), expected, rtol=1e-6)
    strange = series_of({**table, "w": ["new"] * 12}, panel.columns)
    assert scale.statics(strange)[:, :2].tolist() == [[0, 0]] * 3
    assert scale.unknown(strange) == [(name, "w", "new") for name in "abc"]
    assert scale.unknown(panel) == []


def test_parts_are_shares_or_steps():
    panel = series_of(np.arange(100.0), Columns())

    def ends(*sizes):
        parts = Parts.of(panel, *sizes, horizon=5)
        return [int(e[0]) for e in (parts.training, parts.validation, parts.test)]

    assert ends(None, 0.1, 0.2) == [70, 80, 100]
    assert ends(50, 20, 10) == [50, 70, 80]
    assert ends(None, 0.1, 0) == [90, 100, 100]
    for sizes, message in {
        (None, 0.1, 0.95): "too few for sets",
        (90, 20, 0): "too few for sets of 90, 20 and 0",
        (None, 4, 0.2): "4 steps in its validation set, and the horizon of 5 is longer",
        (None, 0.2, 3): "3 steps in its test set",
    }.items():
        with pytest.raises(DataError, match=message):
            ends(*sizes)


def test_no_window_is_dropped_and_the_look_back_may_reach_before_its_part():
    """The standard protocol of ETTh1: 2880 steps, horizon 96, look-back 96 → 2785 windows."""
    panel = series_of(np.arange(17420.0), Columns())
    parts = Parts.of(panel, 8640, 2880, 2880, 96)
    windows = Windows(panel, Scale.of(panel, parts.training), 96, 96)
    index = windows.origins(parts.validation, parts.test)
    assert len(index) == 2785
    assert index[0, 1] == 11520
    assert index[-1, 1] + 96 == 14400


def test_windows_without_a_known_target_are_left_out_of_training_only():
    values = np.arange(40.0)
    values[10:30] = np.nan
    panel = series_of(values, Columns())
    windows = Windows(panel, Scale.of(panel, np.array([40])), 4, 4)
    seen = {tuple(i) for i in windows.origins([0], [40], observed=True).tolist()}
    every = {(0, o) for o in range(4, 37)}
    assert {tuple(i) for i in windows.origins([0], [40]).tolist()} == every
    assert every - seen == {(0, o) for o in range(10, 27)}


def test_the_calendar_is_known_ahead():
    hours = [f"2024-01-01 {h:02d}:00" for h in range(24)]
    panel = series_of({"time": hours, "x": range(24)}, Columns())
    windows = Windows(panel, Scale.of(panel, np.array([20])), 2, 3, ["hour"])
    angle = 2 * np.pi * np.array([6, 7, 8]) / 24
    future = windows.take(np.array([[0, 6]])).future[0]
    np.testing.assert_allclose(future, np.stack([np.sin(angle), np.cos(angle)], 1), atol=1e-6)
    with pytest.raises(ConfigError, match="'day' is not one of hour, weekday, season"):
        Windows(panel, Scale.of(panel, np.array([20])), 2, 3, ["day"])
    numbered = series_of({"x": range(24)}, Columns())
    with pytest.raises(DataError, match="requires a column of dates"):
        Windows(numbered, Scale.of(numbered, np.array([20])), 2, 3, ["hour"])


def test_a_series_that_training_did_not_have_is_refused():
    panel = series_of({"id": ["a"] * 9, "x": range(9)}, Columns(id="id"))
    other = series_of({"id": ["b"] * 9, "x": range(9)}, Columns(id="id"))
    with pytest.raises(DataError, match="series 'b' is not in the training data, which has 'a'"):
        Windows(other, Scale.of(panel, np.array([5])), 2, 2)


def test_series_are_cut_off_and_continued():
    values = {"x": [1, 2, 3, None, None, None], "y": [1, 2, 3, 4, 5, None]}
    panel = series_of(values, COLUMNS)
    longer, ends = continued(panel, 2, 2)
    np.testing.assert_array_equal(
        longer.series[0].values, [[1, 1], [2, 2], [3, 3], [np.nan, 4], [np.nan, 5]]
    )
    assert ends.tolist() == [3]
    with pytest.raises(DataError, match="needs the y of 5, which must be known in advance"):
        continued(panel, 2, 3)
    with pytest.raises(DataError, match="has 3 steps; the look-back window needs 4"):
        continued(panel, 4, 1)
    kept = last_steps(panel, 2)
    assert kept.series[0].start == 1
    assert len(kept.series[0]) == 5
    assert len(before(panel, np.array([2])).series[0]) == 2
