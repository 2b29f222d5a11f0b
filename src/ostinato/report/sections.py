"""Sections that several pages have: how cells learned, and how far back gradients reach."""

from __future__ import annotations

from collections.abc import Sequence

from ostinato.report.figures import (
    accuracy_curves,
    bits_curves,
    error_curves,
    gradient_curves,
    looks,
    loss_curves,
    mean_histories,
    metric_curves,
)
from ostinato.report.page import Results, legend, plot
from ostinato.report.sentences import gradient_reach, overfitting


def learning(runs: Sequence[Results], things: str, task: str = "classify") -> str:
    """Loss, and accuracy or bits, by epoch; of several runs of a cell the mean and the band."""
    runs = [run for run in runs if run.get("history")]
    if not runs:
        return ""
    look = looks(run["cell"] for run in runs)
    validation = "nats" if task == "generate" else "validation_loss"
    loss = plot(loss_curves(runs, validation), f"Loss, nats for each {things.removesuffix('s')}")
    if task == "generate":
        second = plot(bits_curves(runs), "Bits for each symbol of validation text")
    elif task == "transduce":
        second = plot(error_curves(runs), "Wrong symbols of greedy outputs, on validation texts")
    elif task == "forecast":
        loss = plot(loss_curves(runs, validation), "Loss for each value foretold")
        second = plot(metric_curves(runs, "mse"), "Mean squared error on validation windows")
    elif task == "tag":
        second = plot(accuracy_curves(runs, "f1"), f"F1 on validation {things}")
    else:
        second = plot(accuracy_curves(runs), f"Accuracy on validation {things}")
    band = (
        '<p class="note">Lines are means over seeds; bands go from the lowest to the highest.</p>'
        if len(runs) > len(look)
        else ""
    )
    return f"""<h2>How they learned</h2>
<p>{overfitting(mean_histories(runs), things, validation)}</p>
{legend(look, {"validation": "solid", "training": "dot"})}
<div class="pair">{loss}{second}</div>
{band}"""


def gradients(flow: Results, note: str, word: str = "word") -> str:
    """The size of the gradient by distance, before and after training."""
    if not flow:
        return ""
    look = looks(flow)
    others = any(len(states) > 1 for times in flow.values() for states in times.values())
    keys = legend(look, {"output h": "solid", "other states": "dash"} if others else {})
    dashed = ", dashed the other states" if others else ""
    size = f"<small>mean ‖∂L/∂h<sub>t</sub>‖{dashed}</small>"
    plots = "".join(
        plot(gradient_curves(flow, when, word), f"{title} {size}")
        for when, title in {"start": "Before training", "trained": "After training"}.items()
        if any(times.get(when) for times in flow.values())
    )
    return f"""<h2>How far back the gradient reaches</h2>
<p>A {word} can teach a network only as much as the gradient of the loss that comes back to it.
{gradient_reach(flow)}</p>
{keys}
<div class="pair">{plots}</div>
<p class="note">On a log axis; a mark stands where 1% of a gradient’s largest size is left.
{note}</p>"""
