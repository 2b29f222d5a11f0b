"""Records → Plotly figures.

A figure holds what is measured and the colours of the cells. The colours of text, axes and grid
come from the page's style sheet, so that one figure serves light, dark and paper.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean
from typing import NamedTuple

import plotly.graph_objects as go

from ostinato.report.records import Record

Flow = Mapping[str, Mapping[str, Mapping[str, Sequence[float]]]]
"""Sizes of gradients by cell, by time (start, trained), by state, by distance in steps."""

GREY = "#80868d"
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
"""For the other cells. All colours are near those of Okabe and Ito, "Color universal design"
(2008), with a contrast of 3:1 or more to white and to near-black."""


def looks(cells: Iterable[str]) -> dict[str, Look]:
    """The look of each cell: its own, or for a cell that has none the next spare one.

    >>> looks(["gru", "mgu"])["mgu"].symbol, looks(["gru with ETS"])["gru with ETS"].symbol
    ('triangle-up', 'diamond')
    """
    cells = list(dict.fromkeys(cells))
    bare = [cell.partition(" ")[0] for cell in cells]
    own = {
        cell: LOOKS[name]
        for cell, name in zip(cells, bare, strict=True)
        if name in LOOKS and (cell == name or bare.count(name) == 1)
    }
    others = [cell for cell in cells if cell not in own]
    n = len(SPARE)  # of more, colours and shapes are combined anew
    spare = {
        cell: Look(SPARE[k % n].color, SPARE[(k + k // n) % n].symbol)
        for k, cell in enumerate(others)
    }
    return {cell: own.get(cell) or spare[cell] for cell in cells}


def loss_curves(runs: Sequence[Record], validation: str = "validation_loss") -> go.Figure:
    """The loss in nats by epoch: on validation data a line, on training data dotted.

    Args:
        runs: records with `cell` and `history`; of several of a cell the mean is drawn, and a band
            from the least to the most.
        validation: the field of a history that holds the loss on validation data.
    """
    figure = empty_figure("epoch")
    for cell, histories, look in _with_looks(runs):
        name = cell_label(cell)
        _by_epoch(figure, histories, "loss", f"{name} training", look, dash="dot", faint=True)
        _by_epoch(figure, histories, validation, f"{name} validation", look)
    return figure


def metric_curves(runs: Sequence[Record], metric: str, percent: bool = False) -> go.Figure:
    """A field of a history by epoch, drawn as by `loss_curves`; perhaps in percent."""
    figure = empty_figure("epoch")
    if percent:
        figure.update_yaxes(tickformat=".4~p", hoverformat=".2%", rangemode="nonnegative")
    for cell, histories, look in _with_looks(runs):
        _by_epoch(figure, histories, metric, cell_label(cell), look)
    return figure


def length_curves(lengths: Mapping[str, Record], field: str) -> go.Figure:
    """A part of texts, or of their symbols, by the length of a text.

    Args:
        lengths: for each cell the `unit` of lengths, and `groups` of texts with `low`, `high`
            (lengths), `texts` and the field.
        field: `error_rate` or `exact_match`.
    """
    unit = next(iter(lengths.values()))["unit"]
    figure = empty_figure(f"length of the source, {unit}")
    figure.update_yaxes(tickformat=".4~p", hoverformat=".1%", rangemode="tozero")
    for cell, look in looks(lengths).items():
        groups = lengths[cell]["groups"]
        ends = [sorted({each["low"], each["high"]}) for each in groups]
        figure.add_scatter(
            x=["–".join(map(str, each)) for each in ends],
            y=[each[field] for each in groups],
            name=cell_label(cell),
            text=[f"{each['texts']:,} texts" for each in groups],
            mode="lines+markers",
            line={"color": look.color, "width": 2.5},
            marker={"symbol": look.symbol, "size": 9},
            hovertemplate="%{y:.1%}, %{text}",
        )
    return figure.update_xaxes(type="category")


def heat_map(shown: Record, look: Look) -> go.Figure:
    """How much each token of a text (across) counted for each of the output (down).

    Args:
        shown: `source` and `tokens`, and their `weights`.
        look: whose colour is that of a weight of 1.
    """
    source, tokens = shown["source"], shown["tokens"]
    red, green, blue = (int(look.color[k : k + 2], 16) for k in (1, 3, 5))
    figure = empty_figure("", hover="closest")
    hover = [[f"{t.strip()} ← {s.strip()}" for s in source] for t in tokens]
    figure.add_heatmap(
        z=shown["weights"],
        text=hover,
        zmin=0,
        zmax=1,
        xgap=1,
        ygap=1,
        showscale=False,
        colorscale=[
            [0, f"rgba({red},{green},{blue},0.04)"],
            [1, f"rgba({red},{green},{blue},1)"],
        ],
        hovertemplate="%{text}: %{z:.1%}<extra></extra>",
    )
    letters = all(len(token) == 1 for token in source)
    figure.update_layout(margin={"l": 12, "r": 10, "t": 8, "b": 8})
    figure.update_xaxes(
        tickvals=list(range(len(source))),
        ticktext=[token.strip() or "␣" for token in source],
        tickangle=0 if letters else -60,
        side="top",
        automargin=True,
    )
    return figure.update_yaxes(
        tickvals=list(range(len(tokens))),
        ticktext=[token.strip() or "␣" for token in tokens],
        autorange="reversed",
        automargin=True,
        showgrid=False,
    )


def gradient_curves(flow: Flow, when: str, word: str = "word") -> go.Figure:
    """The size of dL/ds_t by the distance of t from the last step, on a log axis.

    The first state of a cell is a line, the others are dashed; a mark stands where a gradient has
    fallen to 1% of its largest size. The axes span both times, so that two figures compare.

    Args:
        flow: the sizes.
        when: the time to draw: `start` or `trained`.
        word: what a step reads.
    """
    sizes = [s for times in flow.values() for states in times.values() for s in states.values()]
    top = max((size for s in sizes for size in s if _positive(size)), default=1.0)
    bottom = min((size for s in sizes for size in s if _positive(size)), default=top / 10)
    high = math.log10(top) + 0.3
    low = max(math.log10(bottom) - 0.3, high - DECADES)
    far = max(map(len, sizes), default=1) - 1
    figure = empty_figure(f"steps before the last {word}")
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
            name = f"{cell_label(cell)}, {state}"
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


def gradient_times(times: Mapping[str, Mapping[str, Sequence[float]]], look: Look) -> go.Figure:
    """The size of dL/dh_t of one cell by distance, a line for each time: the later, the stronger.

    Args:
        times: sizes by time, by state, by distance; only the first state is drawn.
        look: the cell's.
    """
    sizes = {when: next(iter(states.values()), []) for when, states in times.items()}
    figure = empty_figure("steps before the last")
    figure.update_yaxes(
        type="log", exponentformat="power", tickfont={"size": 10.5}, hoverformat=".1e"
    )
    positive = [size for each in sizes.values() for size in each if _positive(size)]
    high = math.log10(max(positive, default=1.0)) + 0.3
    low = max(math.log10(min(positive, default=0.1)) - 0.3, high - DECADES)
    figure.update_yaxes(range=[low, high], dtick=2 if high - low > 4 else 1)
    for k, (when, each) in enumerate(sizes.items()):
        figure.add_scatter(
            y=[size if _positive(size) else None for size in each],
            name=when,
            mode="lines",
            opacity=0.3 + 0.7 * (k + 1) / len(sizes),
            line={
                "color": look.color,
                "width": 1 + 1.5 * (k + 1) / len(sizes),
                "dash": "dot" if when == "start" else "solid",
            },
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


def cell_label(cell: str) -> str:
    """A cell as people write it, with the settings that set it apart and what answers with it.

    >>> cell_label("gru"), cell_label("lstm attention=none layers=2"), cell_label("gru with ETS")
    ('GRU', 'LSTM (attention none, layers 2)', 'GRU with ETS')
    """
    network, joined, beside = cell.partition(" with ")
    name, *apart = network.split(" ")
    settings = f" ({', '.join(apart)})".replace("=", " ") if apart else ""
    return name.upper() + settings + joined + beside


def mean_histories(runs: Iterable[Record]) -> list[Record]:
    """For each cell the mean of its runs' histories, over the epochs and fields that all have."""
    means: list[Record] = []
    for cell, histories in _by_cell(runs).items():
        epochs = [
            {
                name: fmean(record[name] for record in records)
                for name in records[0]
                if all(name in record for record in records)
            }
            for records in zip(*histories, strict=False)
        ]
        means.append({"cell": cell, "history": [e | {"epoch": round(e["epoch"])} for e in epochs]})
    return means


def _by_cell(runs: Iterable[Record]) -> dict[str, list[Sequence[Record]]]:
    groups: dict[str, list[Sequence[Record]]] = {}
    for run in runs:
        groups.setdefault(run["cell"], []).append(run["history"])
    return groups


def _with_looks(runs: Sequence[Record]) -> list[tuple[str, list[Sequence[Record]], Look]]:
    groups = _by_cell(runs)
    look = looks(groups)
    return [(cell, histories, look[cell]) for cell, histories in groups.items()]


def _by_epoch(
    figure: go.Figure,
    histories: Sequence[Sequence[Record]],
    field: str,
    name: str,
    look: Look,
    dash: str = "solid",
    faint: bool = False,
) -> None:
    """Adds the mean over histories by epoch, of those that have the field, and their band."""
    at: dict[int, list[float]] = {}
    for history in histories:
        for record in history:
            if field in record:
                at.setdefault(record["epoch"], []).append(record[field])
    epochs = list(at)
    if len(histories) > 1 and not faint:
        figure.add_scatter(
            x=[*epochs, *epochs[::-1]],
            y=[*map(max, at.values()), *map(min, list(at.values())[::-1])],
            fill="toself",
            fillcolor=tint(look, 0.16),
            line={"width": 0},
            mode="lines",
            hoverinfo="skip",
        )
    figure.add_scatter(
        x=epochs,
        y=[fmean(values) for values in at.values()],
        name=name,
        mode="lines+markers",
        line={"color": look.color, "width": 1.5 if faint else 2.5, "dash": dash},
        marker={"symbol": look.symbol, "size": 6 if faint else 9},
        opacity=0.85 if faint else 1,
    )
    every = {epoch for trace in figure.data for epoch in trace.x}
    alone = [min(every) - 0.5, max(every) + 0.5] if len(every) == 1 else None
    # neither half epochs nor such that there were not
    figure.update_xaxes(dtick=1 if len(every) <= 10 else None, range=alone)


def tint(look: Look, opacity: float) -> str:
    """A cell's colour, to be laid over others."""
    red, green, blue = (int(look.color[k : k + 2], 16) for k in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity:g})"


def empty_figure(x: str, hover: str = "x unified") -> go.Figure:
    """An empty figure: bare axes, no legend, nothing that a thumb drags by accident."""
    clear = "rgba(0,0,0,0)"
    figure = go.Figure()
    figure.update_layout(
        template="none",
        autosize=True,
        showlegend=False,
        dragmode=False,
        hovermode=hover,
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
        spikecolor=GREY,
    )
    figure.update_yaxes(fixedrange=True, zeroline=False, hoverformat=".3f")
    return figure
