"""The tables of a comparison: what each model reaches, and which differences are significant."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from ostinato import tasks
from ostinato.report.figures import Look, looks
from ostinato.report.page import bar, key, named, two
from ostinato.report.records import Results
from ostinato.report.sentences import duration
from ostinato.report.verdicts import contestant, equality, measure, method, p_value


def models_table(results: Results) -> str:
    """What each cell reaches, how large it is, how long it takes; the baseline last."""
    metric, baseline, rows = results["metric"], results["baseline"], results["rows"]
    judged = any("mean" in row for row in rows)
    extra = any("calibration_error" in row for row in rows)
    terms = tasks.of_metric(metric).terms
    where = "held out" if judged else "on validation data"
    heads = ["95% of the mean"] if judged else []
    heads += ["calibration error"] if extra else []
    heads += ["parameters", "training time"]
    ways = "; lower is better" if results["lower"] else ""
    better = "low" if results["lower"] else "high"
    notes = [
        "Mean ± standard deviation over seeds; the confidence interval of "
        "the mean uses Student’s t distribution."
        if any(row.get("deviation") is not None for row in rows)
        else "",
        "Time is that of one run, without validation.",
        f"The validation set also chose the best epoch, so these figures are biased {better}: on "
        "new data they are worse."
        if results.get("biased")
        else "",
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
        "Comparison" if len(rows) > 1 or baseline else "Results",
        terms.words,
        where,
        ways,
        Markup().join(Markup('<th scope="col">{}</th>').format(head) for head in heads),
        Markup("\n").join(_models(results, judged, extra)),
        Markup(" ").join(filter(None, notes)),
    )


def _models(results: Results, judged: bool, extra: bool) -> list[str]:
    """A row for each cell, the baseline last.

    Args:
        results: see `comparison_page`.
        judged: whether there are results on held-out data, or only on validation data.
        extra: whether there is a column of calibration errors.
    """
    metric, baseline, rows = results["metric"], results["baseline"], results["rows"]
    look, terms = looks(row["cell"] for row in rows), tasks.of_metric(metric).terms
    values = [row["mean"] for row in rows if "mean" in row]
    values += [row["validation"] for row in rows if not judged]
    values += [baseline[metric]] if baseline else []
    best = (min if results["lower"] else max)(values) if len(values) > 1 else None
    full = 1.0 if terms.digits is None else max([*values, 1e-9])
    body = []
    for row in rows:
        value = row.get("mean", None if judged else row["validation"])
        name = named(look[row["cell"]], row["cell"])
        ends = "–"
        if row.get("deviation") is not None:
            ends = f"{measure(metric, row['low'])} … {measure(metric, row['high'])}"
        error = f"{row['calibration_error']:.3f}" if "calibration_error" in row else "–"
        cells = [
            ends if judged else None,
            error if extra else None,
            two(f"{row['parameters']:,}", f"{row['recurrent_parameters']:,} recurrent"),
            two(duration(row["seconds"]), f"{row['tokens_per_second']:,.0f} tokens/s"),
        ]
        aside, around = f"{row['hidden']:,} units", row.get("deviation")
        body.append(_row(name, aside, metric, value, around, full, look[row["cell"]], best, cells))
    if baseline:
        grey = Look("var(--muted)", "line")
        count = f"{baseline['parameters']:,}" if "parameters" in baseline else "–"
        cells = ["–" if judged else None, "–" if extra else None]
        cells += [count, duration(baseline["seconds"])]
        name = Markup("{}{}").format(key(grey), baseline["name"])
        body.append(
            _row(name, terms.baseline, metric, baseline[metric], None, full, grey, best, cells)
        )
    return body


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


def pairs_table(results: Results) -> str:
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
                two(_signed(metric, pair["mean"]), width),
                seeds,
                two(_small(pair["over_examples"]), f"each seed: {each}"),
                corrected,
            )
        )
    unit = "difference, points" if tasks.of_metric(metric).terms.digits is None else "difference"
    unit += ", nats" if metric == "nats" else ""
    heads = [unit, "p over seeds", "p over examples", "corrected"]
    return Markup("""<h2>Which differences are significant?</h2>
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
