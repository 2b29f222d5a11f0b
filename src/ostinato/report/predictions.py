"""The section on predicted numbers: predictions against what is true."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go
from markupsafe import Markup

from ostinato.report.figures import GREY, Look, empty_figure, looks
from ostinato.report.page import named, plot
from ostinato.report.records import Record

POINTS = 1000
"""The most examples that are drawn; of more every n-th."""


def predictions(groups: Mapping[str, Sequence[Record]]) -> dict[str, Record]:
    """For each cell `targets` and what its first seed `predicted`, where runs have them."""
    tests = {cell: runs[0].get("test", {}) for cell, runs in groups.items()}
    return {
        cell: {name: _some(test[name]) for name in ("targets", "predicted")}
        for cell, test in tests.items()
        if "predicted" in test
    }


def _some(values: Sequence[float]) -> list[float]:
    return list(values[:: -(-len(values) // POINTS)])


def predictions_section(found: Mapping[str, Record]) -> str:
    """A figure for each cell, all on the same axes."""
    if not found:
        return ""
    every = [value for own in found.values() for values in own.values() for value in values]
    span = [min(every), max(every)]
    figures = Markup().join(
        plot(predicted_points(found[cell], look, span), named(look, cell))
        for cell, look in looks(found).items()
    )
    return Markup("""<h2>Predicted and true values</h2>
<p>Each point is a held-out example: its target to the right, the prediction of the first seed
upwards. On the grey line the two are equal.</p>
<div class="trio">{}</div>""").format(figures)


def predicted_points(record: Record, look: Look, span: Sequence[float]) -> go.Figure:
    """Predictions by target, and the line on which both are equal.

    Args:
        record: `targets` and `predicted`, of one length.
        look: the cell's.
        span: the least and the greatest value, where the line begins and ends.
    """
    figure = empty_figure("target", hover="closest")
    line = {"color": GREY, "width": 1}
    figure.add_scatter(x=span, y=span, mode="lines", hoverinfo="skip", line=line)
    marker = {"color": look.color, "symbol": look.symbol, "size": 5, "opacity": 0.6}
    return figure.add_scatter(
        x=record["targets"],
        y=record["predicted"],
        mode="markers",
        marker=marker,
        hovertemplate="true %{x:.4g}, predicted %{y:.4g}",
    )
