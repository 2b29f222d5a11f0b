"""The page of `ostinato recall`: what each cell remembers, by length."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go
from markupsafe import Markup

from ostinato.errors import counted
from ostinato.report.figures import GREY, cell_label, empty_figure, looks
from ostinato.report.page import document, key, legend, origin, plot
from ostinato.report.records import Record, Results
from ostinato.report.sentences import cell_name, listed, percent

TOLD = {
    "adding": (
        "The adding problem",
        "Two numbers of a sequence are marked, one in each half; the target "
        "at the end is their sum. A model without memory can do no better "
        "than predict 1, with a mean squared error of 0.167.",
    ),
    "copying": (
        "The copy task",
        "The input is ten symbols, followed by blanks; then the symbols must "
        "be repeated. A model without memory can only guess, with a loss of "
        "10·ln 8 / (T + 20) nats per step.",
    ),
}


def recall_page(results: Results, command: str) -> str:
    """A page on what cells remember.

    Args:
        results: `problem`, `found` (see `ostinato.experiment.recall`), `until` (a sentence on when
            training ended), `created`, `seconds`, `machine`.
        command: what made it.
    """
    title, problem = TOLD[results["problem"]]
    groups: dict[str, list[Record]] = {}
    for each in results["found"]:
        groups.setdefault(each["cell"], []).append(each)
    said = " ".join(_reached(cell, own) for cell, own in groups.items())
    sections = {"Memory": _memory(groups, results["until"]), "Learning": _learning(groups)}
    return document(
        f"{title}: long-term memory", f"{problem} {said}", sections, origin(results, command)
    )


def _reached(cell: str, own: Sequence[Record]) -> str:
    solved = [str(each["length"]) for each in own if each["solved"]]
    failed = [str(each["length"]) for each in own if not each["solved"]]
    if not solved:
        return f"The {cell_name(cell)} solved none of these lengths."
    end = f", but not at {listed(failed)}" if failed else ""
    return f"The {cell_name(cell)} solved {_steps(solved)}{end}."


def _steps(lengths: Sequence[str]) -> str:
    """
    >>> _steps("1"), _steps("123")
    ('1 step', '1, 2 and 3 steps')
    """
    return f"{listed(lengths)} step{'' if list(lengths) == ['1'] else 's'}"


def _memory(groups: Mapping[str, Sequence[Record]], until: str) -> str:
    """The loss by length, as a part of that of who remembers nothing."""
    look = looks(groups)
    drawn = empty_figure("steps")
    drawn.add_hline(y=1, line={"color": GREY, "width": 1.5, "dash": "dot"})
    for cell, own in groups.items():
        drawn.add_scatter(
            x=[each["length"] for each in own],
            y=[each["left"] for each in own],
            name=cell_label(cell),
            mode="lines+markers",
            cliponaxis=False,
            line={"color": look[cell].color, "width": 2.5},
            marker={"symbol": look[cell].symbol, "size": 10},
        )
    first = next(iter(groups.values()))
    drawn.update_xaxes(type="log", tickvals=[each["length"] for each in first])
    drawn.update_yaxes(rangemode="tozero", tickformat=".0%", hoverformat=".1%")
    heads = Markup().join(
        Markup('<th scope="col">{}</th>').format(counted(each["length"], "step")) for each in first
    )
    rows = Markup().join(
        Markup('<tr><th scope="row">{}{}</th>').format(key(look[cell]), cell_name(cell))
        + Markup().join(map(_shown, own))
        + Markup("</tr>")
        for cell, own in groups.items()
    )
    nothing = Markup().join(
        Markup("<td>100%{}</td>").format(_below(each["baseline"])) for each in first
    )
    rows += Markup('<tr><th scope="row">no memory</th>{}</tr>').format(nothing)
    title = Markup("Loss <small>as a percentage of that of a model without memory</small>")
    return Markup("""<h2>Results</h2>
{}
<div class="pair">{}<figure><figcaption>The same as a table <small>with the loss and the
epochs</small></figcaption>
<div class="scroll"><table><thead><tr><th scope="col">cell</th>{}</tr></thead>
<tbody>{}</tbody></table></div></figure></div>
<p class="note">Results of the best epoch, on {} sequences, the same for every cell: on so few
sequences a model without memory may be some percent above or below 100%. Every training batch is
drawn anew, so overfitting is not possible. {} More training or other settings may solve more
lengths.</p>""").format(
        legend(look, {"no memory": "dot"}),
        plot(drawn, title),
        heads,
        rows,
        first[0]["held_out"],
        until,
    )


def _shown(each: Record) -> str:
    """What a cell came to at a length, as a cell of the table."""
    left = percent(each["left"])
    left = Markup("<strong>✓ {}</strong>").format(left) if each["solved"] else left
    return Markup("<td>{}{}</td>").format(
        left, _below(each["loss"], counted(len(each["history"]), "epoch"))
    )


def _below(loss: float, epochs: str = "") -> str:
    more = Markup('<small class="below">{}</small>').format(epochs) if epochs else ""
    return Markup('<small class="below">{:.4f}</small>{}').format(loss, more)


def _learning(groups: Mapping[str, Sequence[Record]]) -> str:
    """What is left by epoch, a figure for each length."""
    look, plots = looks(groups), ""
    for place, first in enumerate(next(iter(groups.values()))):
        drawn: go.Figure = empty_figure("epoch")
        drawn.add_hline(y=1, line={"color": GREY, "width": 1.5, "dash": "dot"})
        for cell, own in groups.items():
            history = own[place]["history"]
            drawn.add_scatter(
                x=[record["epoch"] for record in history],
                y=[record["validation_loss"] / first["baseline"] for record in history],
                name=cell_label(cell),
                mode="lines" if len(history) > 1 else "markers",
                line={"color": look[cell].color, "width": 2.5},
                marker={"color": look[cell].color, "symbol": look[cell].symbol, "size": 9},
            )
        if max(len(own[place]["history"]) for own in groups.values()) <= 10:
            drawn.update_xaxes(dtick=1)  # no half epochs
        drawn.update_yaxes(rangemode="tozero", tickformat=".0%", hoverformat=".1%")
        plots += plot(drawn, counted(first["length"], "step"))
    return Markup("""<h2>Learning curves</h2>
<p>The loss on held-out sequences, relative to a model without memory (dotted). A line ends where
the problem is solved.</p>
<div class="trio">{}</div>""").format(plots)
