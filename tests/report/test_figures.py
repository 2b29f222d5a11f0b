import math

import pytest
from demo_results import results

from ostinato.report.figures import (
    DECADES,
    LOOKS,
    SPARE,
    gradient_curves,
    looks,
    loss_curves,
    metric_curves,
    vanishing_step,
)


def colors(figure) -> dict[str, str]:
    return {
        trace.name.split(",")[0].split()[0]: trace.line.color
        for trace in figure.data
        if trace.name is not None
    }


def test_a_cell_has_one_colour_in_every_figure():
    given = results()
    wanted = {cell.upper(): look.color for cell, look in LOOKS.items()}
    assert colors(loss_curves(given["classifiers"])) == wanted
    assert colors(metric_curves(given["classifiers"], "accuracy", percent=True)) == wanted
    assert colors(gradient_curves(given["flow"], "start")) == wanted
    assert colors(gradient_curves(given["flow"], "trained")) == wanted
    bits = metric_curves([given["generator"]], "bits")
    assert list(colors(bits).values()) == [LOOKS["lstm"].color]


def luminance(color: str) -> float:
    """Relative luminance, WCAG 2.2."""
    parts = [int(color[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    r, g, b = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


@pytest.mark.parametrize("color", [look.color for look in (*LOOKS.values(), *SPARE)])
@pytest.mark.parametrize("paper", ["#fdfdfc", "#131518"])
def test_colours_stand_out_on_light_and_dark(color, paper):
    dark, light = sorted((luminance(color), luminance(paper)))
    assert (light + 0.05) / (dark + 0.05) >= 3


def test_looks_differ():
    six = looks(["rnn", "lstm", "gru", "a", "b", "c"]).values()
    assert len({look.color for look in six}) == len({look.symbol for look in six}) == 6


def test_curves_hold_the_records():
    training, validation = loss_curves(results()["classifiers"][:1]).data
    assert list(training.y) == [0.59, 0.41, 0.30]
    assert list(validation.y) == [0.52, 0.44, 0.47]
    assert list(validation.x) == [1, 2, 3]
    assert training.line.dash == "dot"


def test_a_record_without_a_field_is_passed_over():
    record = {"cell": "rnn", "history": [{"epoch": 1, "loss": 0.5}, {"epoch": 2, "loss": 0.4}]}
    _, validation = loss_curves([record]).data
    assert list(validation.y) == []


def test_gradients_share_their_axes_and_zeros_leave_gaps():
    flow = results()["flow"]
    start, trained = (gradient_curves(flow, when) for when in ("start", "trained"))
    assert start.layout.yaxis.range == trained.layout.yaxis.range
    assert start.layout.xaxis.range == trained.layout.xaxis.range
    low, high = start.layout.yaxis.range
    assert low < high <= low + DECADES
    assert high > math.log10(0.5)
    gru = next(trace for trace in start.data if trace.name == "GRU, h")
    assert gru.y[19] > 0
    assert gru.y[20] is None


def test_states_beyond_the_output_are_dashed():
    dashes = {
        t.name: t.line.dash for t in gradient_curves(results()["flow"], "start").data if t.name
    }
    assert dashes == {"RNN, h": "solid", "LSTM, h": "solid", "LSTM, c": "dash", "GRU, h": "solid"}


def test_a_mark_stands_where_one_percent_is_left():
    marks = [t for t in gradient_curves(results()["flow"], "trained").data if t.mode == "markers"]
    assert [list(mark.x) for mark in marks] == [[21]]  # 0.8^21 < 1% < 0.8^20, the RNN alone


@pytest.mark.parametrize(
    ("sizes", "step"),
    [
        ([1.0, 0.5, 0.01], 2),
        ([0.001, 1.0, 0.5, 0.001], 3),  # small before the largest does not count
        ([1.0, 0.0], 1),
        ([1.0, 0.02], None),
        ([0.0, 0.0], None),
        ([], None),
    ],
)
def test_vanishing_step(sizes, step):
    assert vanishing_step(sizes) == step
