"""The sections on forecasts: what they say is what the numbers say."""

import json
import re
from html import unescape

import numpy as np
import pytest
from document import Document

from ostinato import Forecaster
from ostinato.data import Columns, series_of
from ostinato.observe.gradient_flow import held_out_flow
from ostinato.report.figures import looks
from ostinato.report.forecast_figures import error_by_step, fan, quantile_curves
from ostinato.report.forecasts import (
    fans_section,
    forecasting,
    future_section,
    horizon_section,
    quantiles_section,
)
from ostinato.tasks.forecast.held_out import ForecastHeldOut

VALUES = {"<a>": np.sin(np.arange(200) / 3), "b": np.arange(200) % 5 + 7.0}


@pytest.fixture(scope="module")
def record():
    model = Forecaster(
        data={"lookback": 12, "horizon": 6, "batch": 32},
        model={"hidden": 4, "embedding": 4, "segment": 6},
        train={"epochs": 1, "threads": 1},
    ).fit(VALUES)
    exam = ForecastHeldOut(series_of(VALUES, Columns()), "test")
    return {
        "test": exam.judge(model),
        **exam.shown(model),
        "flow": held_out_flow(exam, model, model.network_),
    }


def test_an_exam_judges_every_window_once_and_pairs_blocks(record):
    test = record["test"]
    assert test["windows"] == 20 - 6 + 1
    assert len(test["scores"]) == len(test["baseline"]["scores"]) == 1  # 180 to 194, of 18 steps
    assert test["baseline"]["name"] in ("last value", "drift", "ETS")
    assert test["baseline"]["mse"] > 0
    assert "each" not in test
    assert json.dumps(record)
    assert set(record["flow"]) == {"h"}
    assert len(record["flow"]["h"]) == 2  # a step for each segment of the look-back


def test_fans_hold_what_came_in_the_units_of_the_data(record):
    for fan_ in record["forecasts"]:
        k = ["<a>", "b"].index(fan_["column"])
        at = int(fan_["times"][0])
        expected = list(VALUES.values())[k][at : at + len(fan_["values"])]
        assert fan_["values"] == pytest.approx(list(expected))
        assert len(fan_["naive"]) == len(fan_["quantiles"][0]) == 6
        low, middle, high = np.array(fan_["quantiles"])
        assert (low <= middle).all()
        assert (middle <= high).all()


def test_the_future_begins_where_the_series_end(record):
    assert [each["column"] for each in record["future"]] == ["<a>", "b"]
    for each, values in zip(record["future"], VALUES.values(), strict=True):
        assert each["times"][each["origin"]] == "200"
        assert each["values"] == [*map(float, values[-each["origin"] :]), *[None] * 6]
        assert [len(quantile) for quantile in each["quantiles"]] == [6, 6, 6]
    found = forecasting({"gru": [record]})
    assert "the next 6 steps" in future_section(found)
    assert future_section(found | {"future": []}) == future_section({}) == ""


def test_sections_say_what_is_there(record):
    found = forecasting({"gru": [record, record], "rnn": []})
    assert found["best"] == "gru"
    page = horizon_section(found) + fans_section(found) + quantiles_section(found)
    Document(page)  # every element is closed
    text = unescape(re.sub(r"\s+", " ", re.sub(r"<script.*?</script>|<[^>]*>", "", page)))
    assert f"{record['test']['mse']:.4f}" in text
    assert "15 of them" in text
    assert "<a>" in text
    assert "coverage of the 80% interval" in text
    assert forecasting({"gru": [{"test": {}}]}) is None
    assert horizon_section({}) == fans_section({}) == quantiles_section({}) == ""


def test_figures_hold_the_numbers(record):
    look = looks(["gru"])["gru"]
    drawn = fan(record["forecasts"][0], [0.1, 0.5, 0.9], look)
    by_name = {trace.name: trace for trace in drawn.data}
    assert list(by_name["forecast"].y) == record["forecasts"][0]["quantiles"][1]
    points = record["forecasts"][0] | {"quantiles": [[1.0] * 6]}
    assert len(fan(points, [], look).data) == len(drawn.data) - 1
    steps = error_by_step({"gru": [1.0, 2.0]}, [3.0, 4.0], "drift")
    assert [list(trace.y) for trace in steps.data] == [[1.0, 2.0], [3.0, 4.0]]
    assert list(steps.data[0].x) == [1, 2]
    curve = quantile_curves({"gru": {"0.1": 0.2, "0.9": 0.7}})
    assert list(curve.data[1].y) == [0.2, 0.7]
