"""The loss curves of several frameworks, and the distances between them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import accumulate

import plotly.graph_objects as go

from ostinato.report.figures import GREY, Look, empty_figure
from ostinato.report.frameworks_sentences import raised, tiny
from ostinato.report.records import Record, Results

FLOOR = 1e-8
"""Where no difference at all is drawn: below the smallest that float32 has near a loss."""


def losses(results: Results, each: Record, look: Mapping[str, Look]) -> go.Figure:
    """The loss of each step in each framework, the first of them broad."""
    figure, several = _steps(each), len(each["trials"]) > 1
    for k, trial in enumerate(each["trials"]):
        broad = several and k == 0
        figure.add_scatter(
            x=list(range(1, len(trial["losses"]) + 1)),
            y=trial["losses"],
            name=results["titles"][trial["framework"]],
            mode="lines",
            opacity=0.45 if broad else 1,
            line={"color": look[trial["framework"]].color, "width": 6 if broad else 1.25},
        )
    return figure.update_yaxes(hoverformat=".7f")


def differences(results: Results, each: Record, look: Mapping[str, Look]) -> go.Figure:
    """How far each framework is from the first, step by step, on a log axis."""
    figure = _steps(each)
    lines = [(found["framework"], found["steps"]) for found in each["differences"]]
    if each["shaken"]:
        lines.insert(0, ("", each["shaken"]["steps"]))
    top = max(max(steps) for _, steps in lines)
    high = math.ceil(math.log10(max(top, 2 * FLOOR)))
    powers = [10.0**k for k in range(round(math.log10(FLOOR)) + 1, high + 1)]
    figure.update_yaxes(
        type="log",
        range=[math.log10(FLOOR) - 0.15, high + 0.1],
        tickvals=[FLOOR, *powers],
        ticktext=["0", *(f"10{raised(round(math.log10(p)))}" for p in powers)],
    )
    for name, steps in lines:
        own = look.get(name)
        figure.add_scatter(
            x=list(range(1, len(steps) + 1)),
            y=[max(step, FLOOR) for step in steps],
            name=results["titles"][name] if own else "rounding at each step",
            mode="lines+markers" if own else "lines",
            line={
                "color": own.color if own else GREY,
                "width": 0.75 if own else 1.25,
                "dash": "solid" if own else "dot",
            },
            marker={"size": 4, "symbol": own.symbol} if own else None,
            text=[tiny(step) for step in steps],
            hovertemplate="%{text}",
        )
    return figure


def _steps(each: Record) -> go.Figure:
    """An empty figure over steps, a thin line where an epoch ends."""
    count = sum(each["epoch_steps"])
    figure = empty_figure("step").update_xaxes(range=[1 - 0.02 * count, 1.02 * count])
    for end in list(accumulate(each["epoch_steps"]))[:-1]:
        figure.add_vline(x=end + 0.5, line={"color": GREY, "width": 1, "dash": "dot"}, opacity=0.5)
    return figure
