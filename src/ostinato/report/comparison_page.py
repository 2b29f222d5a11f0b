"""The page of `ostinato compare` and `ostinato report`.

A section is a function from the results to HTML; a section whose results are missing is "".
"""

from __future__ import annotations

from markupsafe import Markup

from ostinato.errors import counted
from ostinato.report.classifications import calibrations_section, confusions_section
from ostinato.report.comparison_tables import models_table, pairs_table
from ostinato.report.diagrams import cell_diagram, network_diagram
from ostinato.report.figures import gradient_times, looks
from ostinato.report.forecasts import (
    fans_section,
    future_section,
    horizon_section,
    quantiles_section,
)
from ostinato.report.page import document, key, named, origin, plot
from ostinato.report.predictions import predictions_section
from ostinato.report.records import Record, Results
from ostinato.report.sections import gradients, learning
from ostinato.report.sentences import cell_name
from ostinato.report.tagging import sentences_section, types_section
from ostinato.report.transducing import attention_section, lengths_section
from ostinato.report.verdicts import overview, terms_of


def comparison_page(results: Results, command: str) -> str:
    """A page on several runs.

    Args:
        results: what `comparison` gives, and `title`, `created`, `seconds`, `machine`, `task`;
            perhaps `data` and `equal`.
        command: what made it.

    Returns:
        HTML, see `document`.
    """
    terms = terms_of(results)
    forecasts, tagged = results.get("forecasts") or {}, results.get("tagged", {})
    transduced = results.get("transduced", {})
    sections = {
        "Comparison": models_table(results),
        "Predictions": predictions_section(results.get("predictions", {})),
        "Forecasts": fans_section(forecasts),
        "Future": future_section(forecasts),
        "Horizon": horizon_section(forecasts),
        "Quantiles": quantiles_section(forecasts),
        "Differences": pairs_table(results),
        "Lengths": lengths_section(transduced),
        "Attention": attention_section(transduced),
        "Types": types_section(tagged),
        "Sentences": sentences_section(tagged),
        "Mistakes": confusions_section(results.get("confusions", {}), terms.things),
        "Calibration": calibrations_section(results.get("calibrations", {})),
        "Samples": _samples(results.get("samples", {})),
        "Learning": learning(_histories(results), terms),
        "Gradients": _gradients(results),
        "Diagrams": _diagrams(results),
        "Runs": _runs(results),
    }
    lead = " ".join(filter(None, overview(results)))
    return document(results["title"], lead, sections, origin(results, command))


def _histories(results: Results) -> list[Record]:
    names = _networks(results)
    return [{"cell": names[run["cell"]], "history": run["history"]} for run in results["runs"]]


def _networks(results: Results) -> dict[str, str]:
    """What is learned and what gradients flow in: each network without what answers with it.

    Those that only this sets apart keep their names.
    """
    bare = {
        row["cell"]: row["cell"].partition(" with ")[0] if row["joined"] else row["cell"]
        for row in results["rows"]
    }
    return {
        cell: name if [*bare.values()].count(name) == 1 else cell for cell, name in bare.items()
    }


def _gradients(results: Results) -> str:
    """Before and after training, and what happened between."""
    names = _networks(results)
    flow = {names[cell]: own for cell, own in results.get("flow", {}).items()}
    if not flow:
        return ""
    pooling, terms = results.get("pooling"), terms_of(results)
    if terms.flow:
        note = terms.flow
    elif pooling in (None, "last"):
        note = f"Means over the longest {terms.things}; the loss is that of the last step."
    else:
        note = (
            f"Means over the longest {terms.things}. The pooling, "
            f"{pooling.replace('_', ' ')}, uses every step, so the gradient "
            "does not come from the last step alone."
        )
    text = gradients(flow, note, terms.step)
    look = looks(flow)
    times = list(dict.fromkeys(when for own in flow.values() for when in own))
    if len(times) > 2:
        plots = Markup().join(
            plot(gradient_times(own, look[cell]), named(look[cell], cell))
            for cell, own in flow.items()
        )
        between = ", ".join(times[:-1])
        text += Markup("""
<h3>During training</h3>
<p>The gradient of the output at {} and with the best weights: dotted before training; later curves
are stronger.</p>
<div class="trio">{}</div>""").format(between, plots)
    return text


def _samples(samples: Record) -> str:
    """What each generator wrote."""
    if not samples:
        return ""
    look = looks(samples)
    figures = Markup().join(
        Markup(
            "<figure><figcaption>{}{} "
            "<small>temperature {}</small></figcaption>"
            '<pre class="sample">\n{}</pre></figure>'
        ).format(key(look[cell]), cell_name(cell), each["temperature"], each["text"])
        for cell, own in samples.items()
        for each in own
    )
    return Markup("""<h2>Generated text</h2>
<p>Sampled from the first seed of each, without a prompt.</p>
<div class="samples">{}</div>
<p class="note warning">This text is fiction, generated token by token. It imitates the training
text, and offensive language in it can reappear.</p>""").format(figures)


def _diagrams(results: Results) -> str:
    """The networks and the steps of their cells, drawn from themselves."""
    look = looks(results["architectures"])
    blocks = Markup().join(
        Markup(
            '<figure><figcaption>{}{}</figcaption><div class="drawn">{}{}</div></figure>'
        ).format(
            key(look[cell]),
            cell_name(cell),
            network_diagram(parts, look[cell].color),
            cell_diagram(results["graphs"][cell], look[cell].color),
        )
        for cell, parts in results["architectures"].items()
    )
    return Markup("""<h2>Architecture</h2>
<p>Left: the network, with the shape of the output of each part (B sequences, T steps) and its
number of parameters. Right: one step of its cell, drawn from its equations; inputs are at the top,
gates are coloured, and new states have a thick frame. ⊙ is the elementwise product, σ the logistic
function; each W is a separate matrix.</p>
<div class="diagrams">{}</div>""").format(blocks)


def _runs(results: Results) -> str:
    """Where the runs are."""
    rows = Markup().join(
        Markup("<li><code>{}</code><span>{}, seed {}, {}</span></li>").format(
            run["path"], cell_name(run["cell"]), run["seed"], counted(len(run["history"]), "epoch")
        )
        for run in results["runs"]
    )
    return Markup('<h2>The runs</h2>\n<ul class="commands">{}</ul>').format(rows)
