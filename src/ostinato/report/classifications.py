"""Sections on classifiers: confusion matrices, and calibration."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from ostinato.report.classification_figures import ENOUGH, reliability_curves
from ostinato.report.figures import looks
from ostinato.report.page import key, legend, plot
from ostinato.report.records import Record
from ostinato.report.sentences import cell_name
from ostinato.tasks.classify.calibration import Bin, calibration_error

FEW = 7
"""The most classes whose confusion is shown as a square."""
MISTAKES = 12
"""The mistakes that are listed where there are more."""


def confusions_section(confusions: Record, things: str) -> str:
    """The confusion matrix of each cell."""
    if not confusions:
        return ""
    look = looks(confusions)
    figures = Markup().join(
        Markup("<figure><figcaption>{}{}</figcaption>{}</figure>").format(
            key(look[cell]),
            cell_name(cell),
            _confusion(own["classes"], own["counts"], look[cell].color),
        )
        for cell, own in confusions.items()
    )
    if all(len(own["classes"]) <= FEW for own in confusions.values()):
        title, shown = "Confusion matrix", "by true class (rows) and predicted class (columns)"
    else:
        title, shown = "Largest confusions", "whose predicted class is not the true one"
    return Markup("""<h2>{}</h2>
<p>Held-out {} {}, as fractions of each true class; all seeds together.</p>
<div class="squares">{}</div>""").format(title, things, shown, figures)


def _confusion(classes: Sequence[str], counts: Sequence[Sequence[int]], color: str) -> str:
    if len(classes) > FEW:
        wrong = sorted(
            ((n, a, b) for a, row in enumerate(counts) for b, n in enumerate(row) if a != b and n),
            reverse=True,
        )
        if not wrong:
            return Markup('<p class="note">No mistakes.</p>')
        rows = Markup().join(
            Markup(
                '<tr><th scope="row">{}</th><td>{}</td><td>{:,}</td><td>{:.1%}</td></tr>'
            ).format(classes[a], classes[b], n, n / sum(counts[a]))
            for n, a, b in wrong[:MISTAKES]
        )
        head = Markup().join(
            Markup('<th scope="col">{}</th>').format(name)
            for name in ("true", "predicted", "count", "of the true class")
        )
        return Markup(
            '<div class="scroll"><table class="mistakes"><thead><tr>{}</tr></thead>'
            "<tbody>{}</tbody></table></div>"
        ).format(head, rows)
    head = Markup().join(Markup('<th scope="col">{}</th>').format(name) for name in classes)
    rows = Markup()
    for name, row in zip(classes, counts, strict=True):
        total = max(sum(row), 1)
        cells = Markup().join(
            Markup(
                '<td style="--part:{:.3f};--color:{}"><b>{:.1%}</b> <small>{:,}</small></td>'
            ).format(n / total, color, n / total, n)
            for n in row
        )
        rows += Markup('<tr><th scope="row">{}</th>{}</tr>').format(name, cells)
    return Markup(
        '<div class="scroll"><table class="confusion"><thead><tr><td><small>true ↓ predicted →'
        "</small></td>{}</tr></thead><tbody>{}</tbody></table></div>"
    ).format(head, rows)


def _sure(excess: float) -> str:
    """How much surer than right a model is on average."""
    if abs(excess) < 0.0005:
        return "neither too sure nor too unsure"
    return f"{abs(excess):.1%} too {'sure' if excess > 0 else 'unsure'}"


def calibrations_section(calibrations: Record) -> str:
    """Whether a cell is as often right as it is sure."""
    if not calibrations:
        return ""
    look = looks(calibrations)
    errors = {c: calibration_error([Bin(**b) for b in bins]) for c, bins in calibrations.items()}
    sure = {
        cell: sum(b["size"] * (b["confidence"] - b["accuracy"]) for b in bins)
        / sum(b["size"] for b in bins)
        for cell, bins in calibrations.items()
    }
    rows = Markup().join(
        Markup('<tr><th scope="row">{}{}</th><td>{:.3f}</td><td>{}</td></tr>').format(
            key(look[cell]), cell_name(cell), error, _sure(sure[cell])
        )
        for cell, error in errors.items()
    )
    heads = ("model", "calibration error", "on average")
    head = Markup().join(Markup('<th scope="col">{}</th>').format(name) for name in heads)
    return Markup("""<h2>Calibration</h2>
<p>A calibrated model with a confidence of 80% is right in 80 of 100 cases: it lies on the grey
line. Above the line a model is underconfident, below it overconfident. Larger markers stand for
more predictions, each for at least {}, unless there are fewer.</p>
{}
<div class="pair">{}
<figure><figcaption>Calibration error</figcaption><div class="wide"><table><thead><tr>{}</tr>
</thead><tbody>{}</tbody></table></div><p class="note">The expected
calibration error: the difference between confidence and accuracy in ten bins of confidence,
weighted by the number of predictions in each bin. Here it is over the predictions of all seeds
together; in the first table it is the mean over seeds.</p>
</figure></div>""").format(
        ENOUGH,
        legend(look, {}),
        plot(reliability_curves(calibrations), "Accuracy by confidence"),
        head,
        rows,
    )
