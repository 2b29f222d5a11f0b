"""Classifiers → Plotly figures: how often they are right where they are sure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from ostinato.report.figures import GREY, cell_label, empty_figure, looks
from ostinato.report.records import Record

ENOUGH = 20
"""The fewest predictions whose accuracy is drawn: of few it is chance."""


def reliability_curves(calibrations: Mapping[str, Sequence[Record]]) -> go.Figure:
    """Accuracy by confidence (reliability diagram); a calibrated model is on the diagonal.

    Args:
        calibrations: for each cell bins with `confidence`, `accuracy` and `size`; neighbours are
            drawn as one until they hold `ENOUGH` predictions.
    """
    figure = empty_figure("confidence", hover="closest")
    figure.add_scatter(
        x=[0, 1], y=[0, 1], mode="lines", hoverinfo="skip", line={"color": GREY, "width": 1}
    )
    low = 0.8  # an axis of a few points would have ticks above 100%
    most = max((each["size"] for bins in calibrations.values() for each in merged(bins)), default=1)
    for cell, look in looks(calibrations).items():
        bins = merged(calibrations[cell])
        x, y = [b["confidence"] for b in bins], [b["accuracy"] for b in bins]
        low = min([low, *x, *y])
        figure.add_scatter(
            x=x,
            y=y,
            name=cell_label(cell),
            text=[f"{b['size']:,}" for b in bins],
            mode="lines+markers",
            line={"color": look.color, "width": 1.5},
            marker={
                "symbol": look.symbol,
                "size": [5 + 11 * math.sqrt(b["size"] / most) for b in bins],
            },
            hovertemplate="%{text} predictions<br>confidence %{x:.1%}, accuracy %{y:.1%}",
        )
    span = [max(0.0, low - 0.03), 1.03]
    figure.update_xaxes(range=span, tickformat=".0%")
    return figure.update_yaxes(range=span, tickformat=".0%")


def merged(bins: Sequence[Record], least: int = ENOUGH) -> list[Record]:
    """Neighbouring bins put together until each holds enough predictions.

    >>> few, many = ({"size": n, "confidence": c, "accuracy": c} for n, c in ((1, 0.2), (3, 0.6)))
    >>> merged([few, many], 4)
    [{'size': 4, 'confidence': 0.5, 'accuracy': 0.5}]
    """
    found: list[Record] = []
    for each in bins:
        found = [*found[:-1], _both(found[-1], each)] if _few(found, least) else [*found, each]
    if len(found) > 1 and _few(found, least):
        found = [*found[:-2], _both(*found[-2:])]
    return found


def _few(bins: Sequence[Record], least: int) -> bool:
    return bool(bins) and bins[-1]["size"] < least


def _both(one: Record, other: Record) -> Record:
    size = one["size"] + other["size"]
    means = {
        name: round((one["size"] * one[name] + other["size"] * other[name]) / size, 12)
        for name in ("confidence", "accuracy")
    }
    return {"size": size, **means}
