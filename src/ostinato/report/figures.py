"""Records → Plotly figures.

A figure holds what is measured and the colours of the cells. The colours of text, axes and grid
come from the page's style sheet, so that one figure serves light, dark and paper.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import plotly.graph_objects as go

Record = Mapping[str, Any]
Flow = Mapping[str, Mapping[str, Mapping[str, Sequence[float]]]]
"""Sizes of gradients by cell, by time (start, trained), by state, by distance in steps."""

VANISHED = 0.01
"""The part of its largest size at which a gradient is said to have vanished."""
DECADES = 10
"""The powers of ten that a figure of gradients shows; what is smaller runs out below."""


class Look(NamedTuple):
    """How a cell is drawn, in every figure: the colour, and the shape for who sees no colour."""

    color: str
    symbol: str


LOOKS = {
    "rnn": Look("#d55e00", "circle"),
    "lstm": Look("#1a80c4", "square"),
    "gru": Look("#009e73", "diamond"),
}
SPARE = (
    Look("#cc79a7", "triangle-up"),
    Look("#8a6d00", "triangle-down"),
    Look("#6f7780", "cross"),
)
"""For the other cells.

All colours are near those of Okabe and Ito, "Color universal design" (2008), with a contrast of
3:1 or more to white and to near-black.
"""


def looks(cells: Iterable[str]) -> dict[str, Look]:
    """The look of each cell: its own, or for a cell that has none the next spare one.

    >>> looks(["gru", "mgu"])["mgu"].symbol
    'triangle-up'
    """
    cells = list(cells)
    others = [cell for cell in cells if cell not in LOOKS]
    spare = {cell: SPARE[k % len(SPARE)] for k, cell in enumerate(others)}
    return {cell: LOOKS.get(cell) or spare[cell] for cell in cells}


def loss_curves(classifiers: Sequence[Record]) -> go.Figure:
    """The loss in nats by epoch: on validation data a line, on training data dotted."""
    figure = _figure("epoch")
    for name, record, look in _with_looks(classifiers):
        history = record["history"]
        _by_epoch(figure, history, "loss", f"{name} training", look, dash="dot", faint=True)
        _by_epoch(figure, history, "validation_loss", f"{name} validation", look)
    return figure


def accuracy_curves(classifiers: Sequence[Record]) -> go.Figure:
    """The accuracy on validation data by epoch."""
    figure = _figure("epoch").update_yaxes(tickformat=".0%", hoverformat=".2%")
    for name, record, look in _with_looks(classifiers):
        _by_epoch(figure, record["history"], "accuracy", name, look)
    return figure


def generator_curves(generator: Record) -> go.Figure:
    """The bits for each symbol of held-out text by epoch."""
    figure = _figure("epoch")
    look = looks([generator["cell"]])[generator["cell"]]
    _by_epoch(figure, generator["history"], "bits", "bits", look)
    return figure


def gradient_curves(flow: Flow, when: str) -> go.Figure:
    """The size of dL/ds_t by the distance of t from the last step, on a log axis.

    The first state of a cell is a line, the others are dashed; a mark stands where a gradient has
    fallen to 1% of its largest size. The axes span both times, so that two figures compare.

    Args:
        flow: the sizes.
        when: the time to draw: `start` or `trained`.
    """
    sizes = [s for times in flow.values() for states in times.values() for s in states.values()]
    top = max((size for s in sizes for size in s if _positive(size)), default=1.0)
    bottom = min((size for s in sizes for size in s if _positive(size)), default=top / 10)
    high = math.log10(top) + 0.3
    low = max(math.log10(bottom) - 0.3, high - DECADES)
    far = max(map(len, sizes), default=1) - 1
    figure = _figure("steps before the last word")
    figure.update_xaxes(range=[-0.02 * far, 1.02 * far])
    figure.update_yaxes(
        type="log",
        range=[low, high],
        dtick=2 if high - low > 4 else 1,
        exponentformat="power",
        tickfont={"size": 10.5},  # Plotly writes powers a quarter larger
    )
    for cell, look in looks(flow).items():
        for k, (state, values) in enumerate(flow[cell].get(when, {}).items()):
            name = f"{cell.upper()}, {state}"
            y = [size if _positive(size) else None for size in values]
            line = {"color": look.color, "width": 2, "dash": "dash" if k else "solid"}
            figure.add_scatter(y=y, name=name, mode="lines", line=line, hovertemplate="%{y:.1e}")
            at = vanishing_step(values)
            if at is not None and y[at] is not None:
                marker = {"color": look.color, "symbol": look.symbol, "size": 9}
                figure.add_scatter(
                    x=[at], y=[y[at]], mode="markers", marker=marker, hoverinfo="skip"
                )
    return figure


def vanishing_step(sizes: Sequence[float], part: float = VANISHED) -> int | None:
    """The first step, back from the largest gradient, at which `part` of it or less is left.

    Returns:
        The distance from the last step, in steps; None when it stays above.

    >>> vanishing_step([0.5, 1.0, 0.1, 0.01, 0.001])
    3
    """
    largest = max(filter(_positive, sizes), default=None)
    if largest is None:
        return None
    peak = sizes.index(largest)
    return next((k for k, size in enumerate(sizes) if k > peak and size <= part * largest), None)


def _positive(size: float) -> bool:
    """Whether a log axis can show it."""
    return 0 < size < math.inf


def _with_looks(classifiers: Sequence[Record]) -> list[tuple[str, Record, Look]]:
    look = looks(record["cell"] for record in classifiers)
    return [(record["cell"].upper(), record, look[record["cell"]]) for record in classifiers]


def _by_epoch(
    figure: go.Figure,
    history: Sequence[Record],
    field: str,
    name: str,
    look: Look,
    dash: str = "solid",
    faint: bool = False,
) -> None:
    """Adds one curve over epochs, of those that have the field."""
    points = [(record["epoch"], record[field]) for record in history if field in record]
    figure.add_scatter(
        x=[epoch for epoch, _ in points],
        y=[value for _, value in points],
        name=name,
        mode="lines+markers",
        line={"color": look.color, "width": 1.5 if faint else 2.5, "dash": dash},
        marker={"symbol": look.symbol, "size": 6 if faint else 9},
        opacity=0.85 if faint else 1,
    )
    if len(points) <= 10:  # no half epochs
        figure.update_xaxes(dtick=1)


def _figure(x: str) -> go.Figure:
    """An empty figure: bare axes, no legend, nothing that a thumb drags by accident."""
    clear = "rgba(0,0,0,0)"
    figure = go.Figure()
    figure.update_layout(
        template="none",
        autosize=True,
        showlegend=False,
        dragmode=False,
        hovermode="x unified",
        margin={"l": 48, "r": 10, "t": 10, "b": 46},
        paper_bgcolor=clear,
        plot_bgcolor=clear,
        font={"family": "system-ui, sans-serif", "size": 12.5},
        hoverlabel={"font": {"size": 13}, "namelength": -1},
    )
    figure.update_xaxes(
        title={"text": x, "standoff": 8},
        fixedrange=True,
        showgrid=False,
        zeroline=False,
        spikethickness=1,
        spikecolor="#80868d",
    )
    figure.update_yaxes(fixedrange=True, zeroline=False, hoverformat=".3f")
    return figure
