"""The page of `ostinato compare` and `ostinato report`.

A section is a function from the results to HTML; a section whose results are missing is "".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from ostinato import tasks
from ostinato.report.diagrams import cell_diagram, network_diagram
from ostinato.report.figures import Look, gradient_times, looks, reliability_curves
from ostinato.report.forecasts import fans_section, horizon_section, quantiles_section
from ostinato.report.page import Results, bar, document, key, legend, named, origin, plot
from ostinato.report.sections import gradients, learning
from ostinato.report.sentences import cell_name, duration
from ostinato.report.tagging import sentences_section, types_section
from ostinato.report.transducing import attention_section, lengths_section
from ostinato.report.verdicts import (
    contestant,
    equality,
    measure,
    method,
    overview,
    p_value,
)
from ostinato.tasks.classify.calibration import Bin, calibration_error

FEW = 8
"""The most classes whose confusion is shown as a square."""
MISTAKES = 12
"""The mistakes that are listed where there are more."""


def comparison_page(results: Results, command: str) -> str:
    """A page on several runs.

    Args:
        results: what `comparison` gives, and `title`, `created`, `seconds`, `machine`, `task`;
            perhaps `data` and `equal`.
        command: what made it.

    Returns:
        HTML, see `document`.
    """
    terms = tasks.find(results["task"]).terms
    forecasts, tagged = results.get("forecasts") or {}, results.get("tagged", {})
    transduced = results.get("transduced", {})
    sections = {
        "Comparison": _table(results),
        "Forecasts": fans_section(forecasts),
        "Horizon": horizon_section(forecasts),
        "Quantiles": quantiles_section(forecasts),
        "Differences": _pairs(results),
        "Lengths": lengths_section(transduced),
        "Attention": attention_section(transduced),
        "Learning": learning(_histories(results), terms),
        "Gradients": _gradients(results),
        "Types": types_section(tagged),
        "Sentences": sentences_section(tagged),
        "Mistakes": _confusions(results.get("confusions", {}), terms.things),
        "Calibration": _calibrations(results.get("calibrations", {})),
        "Samples": _samples(results.get("samples", {})),
        "Diagrams": _diagrams(results),
        "Runs": _runs(results),
    }
    lead = " ".join(filter(None, overview(results)))
    return document(results["title"], lead, sections, origin(results, command))


def _histories(results: Results) -> list[dict[str, Any]]:
    return [{"cell": run["cell"], "history": run["history"]} for run in results["runs"]]


def _table(results: Results) -> str:
    """What each cell reaches, how large it is, how long it takes; the baseline last."""
    metric, baseline, rows = results["metric"], results["baseline"], results["rows"]
    judged = any("mean" in row for row in rows)
    look = looks(row["cell"] for row in rows)
    values = [row["mean"] for row in rows if "mean" in row]
    values += [row["validation"] for row in rows if not judged]
    values += [baseline[metric]] if baseline else []
    most = max([*values, 1e-9])
    best = (min if results["lower"] else max)(values) if len(values) > 1 else None
    terms = tasks.of_metric(metric).terms
    full = 1.0 if terms.digits is None else most
    extra = any("calibration_error" in row for row in rows)
    body = []
    for row in rows:
        value = row.get("mean", None if judged else row["validation"])
        name = named(look[row["cell"]], row["cell"])
        aside = f"{row['hidden']:,} units"
        ends = "–"
        if row.get("deviation") is not None:
            ends = f"{measure(metric, row['low'])} … {measure(metric, row['high'])}"
        cells = [
            ends if judged else None,
            (f"{row['calibration_error']:.3f}" if "calibration_error" in row else "–")
            if extra
            else None,
            _two(f"{row['parameters']:,}", f"{row['recurrent_parameters']:,} recurrent"),
            _two(duration(row["seconds"]), f"{row['tokens_per_second']:,.0f} tokens/s"),
        ]
        around = row.get("deviation")
        body.append(_row(name, aside, metric, value, around, full, look[row["cell"]], best, cells))
    if baseline:
        grey = Look("var(--muted)", "line")
        cells = ["–" if judged else None, "–" if extra else None]
        count = f"{baseline['parameters']:,}" if "parameters" in baseline else "–"
        cells += [count, duration(baseline["seconds"])]
        name = Markup("{}{}").format(key(grey), baseline["name"])
        body.append(
            _row(name, terms.baseline, metric, baseline[metric], None, full, grey, best, cells)
        )
    where = "held out" if judged else "on validation data"
    heads = ["95% of the mean"] if judged else []
    heads += ["calibration error"] if extra else []
    heads += ["parameters", "training time"]
    ways = "; the lower the better" if results["lower"] else ""
    notes = [
        "Mean ± standard deviation over seeds; the interval of the mean is Student’s."
        if any(row.get("deviation") is not None for row in rows)
        else "",
        "Time is that of one run, validation left out.",
        equality(results),
    ]
    return Markup("""<h2>{}</h2>
<div class="wide" role="region" aria-label="Comparison" tabindex="0"><table class="spreads">
<thead><tr><th scope="col">model</th><th scope="col" class="accuracy">{} {}{}
</th>{}</tr></thead>
<tbody>
{}
</tbody>
</table></div>
<p class="note">{}</p>""").format(
        "Which is best?" if len(rows) > 1 or baseline else "What is reached?",
        terms.words,
        where,
        ways,
        Markup().join(Markup('<th scope="col">{}</th>').format(head) for head in heads),
        Markup("\n").join(body),
        Markup(" ").join(filter(None, notes)),
    )


def _row(
    name: str,
    aside: str,
    metric: str,
    value: float | None,
    around: float | None,
    full: float,
    look: Look,
    best: float | None,
    cells: Sequence[str | None],
) -> str:
    top = best is not None and value == best
    mark = Markup(' <span class="best">best mean</span>') if top else ""
    shown = "–"
    if value is not None:
        spread = (
            Markup(" <small>± {}</small>").format(measure(metric, around))
            if around is not None
            else ""
        )
        shown = Markup("{}<b>{}</b>{}{}").format(
            bar(value / full, look.color), measure(metric, value), spread, mark
        )
    return Markup(
        '<tr{}><th scope="row">{} <small>{}</small></th><td class="accuracy">{}</td>{}</tr>'
    ).format(
        " class=top" if top else "",
        name,
        aside,
        shown,
        Markup().join(Markup("<td>{}</td>").format(text) for text in cells if text is not None),
    )


def _two(text: str, below: str) -> str:
    """A number, and a smaller one below it."""
    return Markup('{}<small class="below">{}</small>').format(text, below)


def _pairs(results: Results) -> str:
    """Every two: how far apart, and whether it is shown."""
    metric, baseline, pairs = results["metric"], results["baseline"], results["pairs"]
    if not pairs:
        return ""
    body = []
    for pair in pairs:
        names = [contestant(pair[k], baseline).removeprefix("the ") for k in ("first", "second")]
        width = ""
        if pair["deviation"] is not None:
            width = f"{_signed(metric, pair['low'])} … {_signed(metric, pair['high'])}"
        better = "not shown"
        if pair["better"]:
            better = Markup("<b>{}</b> is better").format(names[pair["better"] == pair["second"]])
        each = ", ".join(map(_small, pair["each_seed"]))
        seeds = "–" if pair["over_seeds"] is None else _small(pair["over_seeds"])
        corrected = "–" if pair["p"] is None else p_value(pair["p"])
        body.append(
            Markup(
                '<tr><th scope="row">{} − {}</th><td class="result">{}</td>'
                "<td>{}</td><td>{}</td>"
                "<td>{}</td>"
                "<td>{}</td></tr>"
            ).format(
                names[0],
                names[1],
                better,
                _two(_signed(metric, pair["mean"]), width),
                seeds,
                _two(_small(pair["over_examples"]), f"each seed: {each}"),
                corrected,
            )
        )
    unit = "difference, points" if tasks.of_metric(metric).terms.digits is None else "difference"
    unit += ", nats" if metric == "nats" else ""
    heads = [unit, "p over seeds", "p over examples", "corrected"]
    return Markup("""<h2>Which differences are shown?</h2>
<div class="wide" role="region" aria-label="Differences" tabindex="0"><table>
<thead><tr><th scope="col">pair</th><th scope="col" class="result">result</th>
{}</tr></thead>
<tbody>
{}
</tbody>
</table></div>
<p class="note">{}</p>""").format(
        Markup().join(Markup('<th scope="col">{}</th>').format(head) for head in heads),
        Markup("\n").join(body),
        method(results),
    )


def _signed(metric: str, value: float) -> str:
    """A difference with its sign; one of accuracies in points."""
    text = (
        f"{100 * value:+.2f}" if tasks.of_metric(metric).terms.digits is None else f"{value:+.3f}"
    )
    return text.replace("-", "−")


def _small(p: float) -> str:
    """A p of two digits."""
    return "<0.0001" if p < 1e-4 else f"{p:.2g}"


def _gradients(results: Results) -> str:
    """Before and after training, and what happened between."""
    flow = results.get("flow", {})
    if not flow:
        return ""
    pooling, terms = results.get("pooling"), tasks.find(results["task"]).terms
    if terms.flow:
        note = terms.flow
    elif pooling in (None, "last"):
        note = "Means over the longest texts; the loss is read off the last step."
    else:
        note = (
            f"Means over the longest texts. The pooling, {pooling.replace('_', ' ')}, "
            "reads every step, so the gradient does not only come back from the last one."
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
<h3>While it was trained</h3>
<p>The output’s gradient at {} and with the best weights: dotted before training, then the
later the stronger.</p>
<div class="trio">{}</div>""").format(between, plots)
    return text


def _confusions(confusions: Mapping[str, Any], things: str) -> str:
    """Which classes are taken for which."""
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
    return Markup("""<h2>What is taken for what</h2>
<p>Held-out {} by their true class (rows) and the predicted one (columns), as parts of each
true class; all seeds together.</p>
<div class="trio">{}</div>""").format(things, figures)


def _confusion(classes: Sequence[str], counts: Sequence[Sequence[int]], color: str) -> str:
    if len(classes) > FEW:
        wrong = sorted(
            ((n, a, b) for a, row in enumerate(counts) for b, n in enumerate(row) if a != b and n),
            reverse=True,
        )
        rows = Markup().join(
            Markup('<tr><th scope="row">{}</th><td>{}</td><td>{:,}</td></tr>').format(
                classes[a], classes[b], n
            )
            for n, a, b in wrong[:MISTAKES]
        )
        head = Markup("<tr><th>true</th><th>predicted</th><th>count</th></tr>")
        return Markup(
            '<div class="scroll"><table><thead>{}</thead><tbody>{}</tbody></table></div>'
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


def _calibrations(calibrations: Mapping[str, Any]) -> str:
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
        Markup('<tr><th scope="row">{}{}</th><td>{:.3f}</td><td>{:.1%} too {}</td></tr>').format(
            key(look[cell]),
            cell_name(cell),
            error,
            abs(sure[cell]),
            "sure" if sure[cell] > 0 else "unsure",
        )
        for cell, error in errors.items()
    )
    head = Markup("<tr><th>model</th><th>calibration error</th><th>on the whole</th></tr>")
    return Markup("""<h2>How sure is right?</h2>
<p>A model that is 80% sure should be right in 80 of 100 cases: on the grey line. Above it a model
is less sure than it could be, below it surer than it should be. The larger a mark, the more
predictions it stands for.</p>
{}
<div class="pair">{}
<figure><figcaption>In one number</figcaption><table><thead>{}</thead><tbody>{}</tbody>
</table><p class="note">The expected calibration error: the distance between confidence and
accuracy, in ten bins of confidence, weighed by how many predictions are in each; here over the
predictions of all seeds together, in the first table the mean of each seed’s.</p>
</figure></div>""").format(
        legend(look, {}), plot(reliability_curves(calibrations), "Right, by confidence"), head, rows
    )


def _samples(samples: Mapping[str, Any]) -> str:
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
    return Markup("""<h2>What they write</h2>
<p>Drawn from the first seed of each, without a prompt.</p>
<div class="samples">{}</div>
<p class="note warning">Nobody said this: the text is invented, one symbol at a time. It imitates
what it was trained on, and can carry what is ugly there.</p>""").format(figures)


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
    return Markup("""<h2>How they are made</h2>
<p>Left the network, with the shape of what each part hands on (B sequences of T steps) and its
parameters; right one step of its cell, from its equations: what goes in stands above, gates are
tinted, the new states have a strong frame. ⊙ multiplies unit by unit, σ is the logistic
function; each W is a matrix of its own.</p>
<div class="diagrams">{}</div>""").format(blocks)


def _runs(results: Results) -> str:
    """Where the runs are."""
    rows = Markup().join(
        Markup("<li><code>{}</code><span>{}, seed {}, {} epochs</span></li>").format(
            run["path"], cell_name(run["cell"]), run["seed"], len(run["history"])
        )
        for run in results["runs"]
    )
    return Markup('<h2>The runs</h2>\n<ul class="commands">{}</ul>').format(rows)
