"""Sections that several pages have: how cells learned, and how far back gradients reach."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from ostinato.report.figures import (
    gradient_curves,
    looks,
    loss_curves,
    mean_histories,
    metric_curves,
)
from ostinato.report.page import legend, plot
from ostinato.report.records import Results
from ostinato.report.sentences import gradient_reach, overfitting
from ostinato.tasks.base.terms import Terms


def learning(runs: Sequence[Results], terms: Terms) -> str:
    """Loss and the metric by epoch; for several runs of a cell, mean and band."""
    runs = [run for run in runs if run.get("history")]
    if not runs:
        return ""
    look = looks(run["cell"] for run in runs)
    loss, title = (
        text.format(thing=terms.thing, things=terms.things) for text in (terms.loss, terms.title)
    )
    first = plot(loss_curves(runs, terms.validation), loss)
    second = plot(metric_curves(runs, terms.reached, percent=terms.digits is None), title)
    band = (
        Markup(
            '<p class="note">Lines are means over seeds; bands extend from the '
            "minimum to the maximum.</p>"
        )
        if len(runs) > len(look)
        else ""
    )
    return Markup("""<h2>Learning curves</h2>
<p>{}</p>
{}
<div class="pair">{}{}</div>
{}""").format(
        overfitting(mean_histories(runs), terms.things, terms.validation),
        legend(look, {"validation": "solid", "training": "dot"}),
        first,
        second,
        band,
    )


def gradients(flow: Results, note: str, word: str = "word") -> str:
    """The size of the gradient by distance, before and after training."""
    if not flow:
        return ""
    look = looks(flow)
    others = any(len(states) > 1 for times in flow.values() for states in times.values())
    keys = legend(look, {"output h": "solid", "other states": "dash"} if others else {})
    dashed = ", dashed the other states" if others else ""
    size = Markup("<small>mean ‖∂L/∂h<sub>t</sub>‖{}</small>").format(dashed)
    plots = Markup().join(
        plot(gradient_curves(flow, when, word), Markup("{} {}").format(title, size))
        for when, title in {"start": "Before training", "trained": "After training"}.items()
        if any(times.get(when) for times in flow.values())
    )
    return Markup("""<h2>Gradient by distance</h2>
<p>A network can learn from a {} only through the gradient of the loss at that step.
{}</p>
{}
<div class="pair">{}</div>
<p class="note">Logarithmic axis; a marker shows where the gradient has decreased to 1% of its
maximum.
{}</p>""").format(word, gradient_reach(flow), keys, plots, note)
