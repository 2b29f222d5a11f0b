"""Errors of forecasts against numbers worked by hand and scikit-learn's."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import mean_absolute_error, mean_pinball_loss, mean_squared_error

from ostinato.data import Columns, series_of
from ostinato.data.series.windows import Scale, Windows
from ostinato.tasks.forecast.baseline import naive_error, seasonal_naive
from ostinato.tasks.forecast.measures import Accuracy

LEVELS = [0.1, 0.5, 0.9]


def test_a_case_worked_by_hand():
    """Two windows of two steps; y - ŷ is 1, -2 in the first, 3 and unknown in the second."""
    accuracy = Accuracy(["x"], 2, [])
    forecast = np.array([[1.0, 4.0], [0.0, 0.0]])[..., None, None]
    targets = np.array([[2.0, 2.0], [3.0, np.nan]])[..., None]
    accuracy.add(forecast, targets, np.full((2, 1), 10.0), np.array([[2.0], [0.5]]))
    found = accuracy.result()
    assert found["mse"] == pytest.approx((1 + 4 + 9) / 3)
    assert found["mae"] == pytest.approx((1 + 2 + 3) / 3)
    assert found["mase"] == pytest.approx((1 / 2 + 2 / 2 + 3 / 0.5) / 3)
    assert found["steps"] == {"mse": [5.0, 4.0], "mae": [2.0, 2.0]}
    assert found["columns"] == {"x": {"mae": 20.0, "rmse": pytest.approx(10 * (14 / 3) ** 0.5)}}
    assert found["each"] == [2.5, 9.0]
    assert (found["windows"], found["values"]) == (2, 3)


@given(st.integers(0, 10**6), st.integers(1, 5))
def test_it_is_what_scikit_learn_says_however_windows_are_added(seed, pieces):
    random = np.random.default_rng(seed)
    forecast = np.sort(random.normal(size=(7, 3, 2, 3)), axis=-1)
    targets = random.normal(size=(7, 3, 2))
    accuracy = Accuracy(["a", "b"], 3, LEVELS)
    for part in np.array_split(np.arange(7), pieces):
        accuracy.add(
            forecast[part], targets[part], np.ones((len(part), 2)), np.ones((len(part), 2))
        )
    found = accuracy.result()
    flat, middle = targets.ravel(), forecast[..., 1].ravel()
    assert found["mse"] == pytest.approx(mean_squared_error(flat, middle))
    assert found["mae"] == pytest.approx(mean_absolute_error(flat, middle))
    assert found["mase"] == pytest.approx(found["mae"])
    losses = [
        mean_pinball_loss(flat, forecast[..., k].ravel(), alpha=level)
        for k, level in enumerate(LEVELS)
    ]
    assert found["pinball"] == pytest.approx(np.mean(losses))
    inside = (flat >= forecast[..., 0].ravel()) & (flat <= forecast[..., 2].ravel())
    assert found["coverage"] == pytest.approx(inside.mean())
    assert found["below"]["0.9"] == pytest.approx((flat <= forecast[..., 2].ravel()).mean())


def windows_of(values, horizon):
    panel = series_of(values, Columns())
    return Windows(panel, Scale({"": np.zeros(1)}, {"": np.ones(1)}, []), 1, horizon)


def test_seasonal_naive_by_a_loop():
    values = np.random.default_rng(1).normal(size=30)
    windows = windows_of(values, 7)
    index = windows.origins([0], [30])
    found = seasonal_naive(windows, index, 4)[..., 0]
    for row, (_, origin) in enumerate(index.tolist()):
        for step in range(7):
            at = origin + step
            while at >= origin:
                at -= 4
            expected = values[at] if origin >= 4 else values[origin - 1]
            assert found[row, step] == pytest.approx(expected, rel=1e-6)


def test_the_unit_of_mase_by_hand():
    """|3-1|, |5-2|, |4-3| over a season of two; the step after training does not count."""
    windows = windows_of([1.0, 2.0, 3.0, 5.0, 4.0, 99.0], 1)
    assert naive_error(windows, np.array([5]), 2) == pytest.approx(np.array([[2.0]]))
    assert np.isnan(naive_error(windows, np.array([2]), 2)).all()
    with_gap = windows_of([1.0, None, 3.0, 5.0, 4.0], 1)
    assert naive_error(with_gap, np.array([5]), 2) == pytest.approx(np.array([[1.5]]))
