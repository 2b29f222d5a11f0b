"""Forecasts → Plotly figures: errors by step, fans over what came, quantiles held to their word."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from ostinato.report.figures import GREY, Look, cell_label, empty_figure, looks, tint
from ostinato.report.records import Record

NAIVE = Look(GREY, "line")


def error_by_step(
    steps: Mapping[str, Sequence[float]], naive: Sequence[float], baseline: str
) -> go.Figure:
    """The mean absolute error of each step of the horizon; the baseline is grey and dotted."""
    drawn = empty_figure("steps ahead")
    x = list(range(1, len(naive) + 1))
    for cell, look in looks(steps).items():
        line = {"color": look.color, "width": 2.5}
        drawn.add_scatter(x=x, y=list(steps[cell]), name=cell_label(cell), mode="lines", line=line)
    line = {"color": GREY, "width": 2, "dash": "dot"}
    drawn.add_scatter(x=x, y=list(naive), name=baseline, mode="lines", line=line)
    return drawn.update_yaxes(rangemode="tozero")


def fan(record: Record, levels: Sequence[float], look: Look) -> go.Figure:
    """One forecast: the series up to the origin and beyond, the median, bands, the baseline.

    Args:
        record: `times`, `values` (None where missing), `origin` (the step at which the forecast
            begins), `quantiles` (a list for each level), `naive`.
        levels: the levels of the quantiles; of a forecast of points none.
        look: the cell's.
    """
    times, origin = record["times"], record["origin"]
    x = times[origin:]
    drawn = empty_figure("")
    quantiles = record["quantiles"]
    for k in range(len(levels) // 2):
        low, high = quantiles[k], quantiles[-1 - k]
        drawn.add_scatter(
            x=[*x, *x[::-1]],
            y=[*high, *low[::-1]],
            fill="toself",
            fillcolor=tint(look, 0.12 + 0.12 * k),
            line={"width": 0},
            mode="lines",
            hoverinfo="skip",
        )
    middle = quantiles[list(levels).index(0.5)] if levels else quantiles[0]
    series = {"color": GREY, "width": 1.75}
    drawn.add_scatter(x=times, y=record["values"], name="series", mode="lines", line=series)
    dotted = {"color": GREY, "width": 1.5, "dash": "dot"}
    drawn.add_scatter(x=x, y=record["naive"], name="baseline", mode="lines", line=dotted)
    strong = {"color": look.color, "width": 2.5}
    drawn.add_scatter(x=x, y=middle, name="forecast", mode="lines", line=strong)
    drawn.add_vline(x=x[0], line={"color": GREY, "width": 1, "dash": "dash"}, opacity=0.6)
    drawn.update_xaxes(
        nticks=4, automargin=True, tickangle=0, ticklabelstandoff=4
    )  # a date may be two lines
    return drawn.update_layout(margin={"b": 34, "r": 24})


def dotted(season: int) -> str:
    """What the dotted line of a fan into the future repeats.

    >>> dotted(7), dotted(1)
    ('the last season', 'the last value')
    """
    return "the last season" if season > 1 else "the last value"


def quantile_curves(below: Mapping[str, Mapping[str, float]]) -> go.Figure:
    """The part of values below each quantile, by its level; one that keeps its word is on the line.

    Args:
        below: for each cell that part by level.
    """
    drawn = empty_figure("level", hover="closest")
    drawn.add_scatter(
        x=[0, 1], y=[0, 1], mode="lines", hoverinfo="skip", line={"color": GREY, "width": 1}
    )
    for cell, look in looks(below).items():
        drawn.add_scatter(
            x=[float(level) for level in below[cell]],
            y=list(below[cell].values()),
            name=cell_label(cell),
            mode="lines+markers",
            line={"color": look.color, "width": 1.5},
            marker={"symbol": look.symbol, "size": 11},
            hovertemplate="level %{x:.0%}: %{y:.1%} of values are below",
        )
    drawn.update_xaxes(range=[0, 1], tickformat=".0%")
    return drawn.update_yaxes(range=[0, 1], tickformat=".0%")
