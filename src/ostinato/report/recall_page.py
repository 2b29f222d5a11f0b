"""The page of `ostinato recall`: what each cell remembers, by length."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import plotly.graph_objects as go

from ostinato.report.figures import GREY, cell_label, empty_figure, looks
from ostinato.report.page import Results, document, key, legend, origin, plot
from ostinato.report.sentences import cell_name, listed

SOLVED = 0.1
"""The part of the loss of who remembers nothing below which a problem is said to be solved."""
TOLD = {
    "adding": (
        "The adding problem",
        "Two numbers of many are marked, one in either half; at the end their sum is asked for. "
        "Who has forgotten them had best answer 1, and has a mean squared error of 0.167.",
    ),
    "copying": (
        "The copy task",
        "Ten symbols are read, then nothing for a while, then they are to be written again. "
        "Who has forgotten them can only guess, at 10·ln 8 / (T + 20) nats a step.",
    ),
}


def recall_page(results: Results, command: str) -> str:
    """A page on what cells remember.

    Args:
        results: `problem`, `found` (see `ostinato.observe.recall`), `created`, `seconds`,
            `machine`.
        command: what made it.
    """
    title, problem = TOLD[results["problem"]]
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for each in results["found"]:
        groups.setdefault(each["cell"], []).append(each)
    said = " ".join(_reached(cell, own) for cell, own in groups.items())
    sections = {"Memory": _memory(groups), "Learning": _learning(groups)}
    return document(
        f"{title}: how far back?", f"{problem} {said}", sections, origin(results, command)
    )


def _reached(cell: str, own: Sequence[Mapping[str, Any]]) -> str:
    solved = [each["length"] for each in own if each["loss"] < SOLVED * each["baseline"]]
    if not solved:
        return f"The {cell_name(cell)} solved it at no length."
    return f"The {cell_name(cell)} solved it at {listed(map(str, solved))} steps."


def _memory(groups: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """The loss by length, as a part of that of who remembers nothing."""
    look = looks(groups)
    drawn = empty_figure("steps")
    drawn.add_hline(y=1, line={"color": GREY, "width": 1.5, "dash": "dot"})
    for cell, own in groups.items():
        drawn.add_scatter(
            x=[each["length"] for each in own],
            y=[each["loss"] / each["baseline"] for each in own],
            name=cell_label(cell),
            mode="lines+markers",
            line={"color": look[cell].color, "width": 2.5},
            marker={"symbol": look[cell].symbol, "size": 10},
        )
    drawn.update_xaxes(
        type="log", tickvals=[each["length"] for each in next(iter(groups.values()))]
    )
    drawn.update_yaxes(rangemode="tozero", tickformat=".0%", hoverformat=".1%")
    lengths = [each["length"] for each in next(iter(groups.values()))]
    heads = "".join(f'<th scope="col">{length}</th>' for length in lengths)
    rows = "".join(
        f'<tr><th scope="row">{key(look[cell])}{cell_name(cell)}</th>'
        + "".join(f"<td>{each['loss']:.4f}</td>" for each in own)
        + "</tr>"
        for cell, own in groups.items()
    )
    rows += '<tr><th scope="row">remembers nothing</th>' + "".join(
        f"<td>{each['baseline']:.4f}</td>" for each in next(iter(groups.values()))
    )
    rows += "</tr>"
    title = "What is left of the loss <small>100% is who remembers nothing</small>"
    return f"""<h2>What is remembered</h2>
{legend(look, {"remembers nothing": "dot"})}
<div class="pair">{plot(drawn, title)}<figure><figcaption>The loss, by length in steps</figcaption>
<div class="scroll"><table><thead><tr><th scope="col">cell</th>{heads}</tr></thead>
<tbody>{rows}</tbody></table></div></figure></div>
<p class="note">The best epoch, on sequences that are the same for every cell. Every batch of
training is drawn anew, so nothing can be learnt by heart. A problem is called solved when less than
{SOLVED:.0%} is left.</p>"""


def _learning(groups: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """The loss by epoch, a figure for each length."""
    look, plots = looks(groups), ""
    for place, first in enumerate(next(iter(groups.values()))):
        drawn: go.Figure = empty_figure("epoch")
        drawn.add_hline(y=first["baseline"], line={"color": GREY, "width": 1.5, "dash": "dot"})
        for cell, own in groups.items():
            history = own[place]["history"]
            drawn.add_scatter(
                x=[record["epoch"] for record in history],
                y=[record["validation_loss"] for record in history],
                name=cell_label(cell),
                mode="lines",
                line={"color": look[cell].color, "width": 2.5},
            )
        drawn.update_yaxes(rangemode="tozero")
        plots += plot(drawn, f"{escape(str(first['length']))} steps")
    return f"""<h2>How they learned</h2>
<p>The loss on sequences held out; who remembers nothing is dotted.</p>
<div class="trio">{plots}</div>"""
