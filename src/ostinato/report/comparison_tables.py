"""The tables of a comparison: what each model reaches, and which differences are significant."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from markupsafe import Markup

from ostinato import tasks
from ostinato.report.figures import Look, looks
from ostinato.report.page import bar, key, named, two
from ostinato.report.records import Results
from ostinato.report.sentences import duration
from ostinato.report.verdicts import contestant, equality, measure, method, networks_alone, p_value


def models_table(results: Results) -> str:
    """What each cell reaches, how large it is, how long it takes; the baseline last.

    What answers together is followed by what each of it does alone.
    """
    baseline, rows = results["baseline"], results["rows"]
    judged = any("mean" in row for row in rows)
    terms = tasks.of_metric(results["metric"]).terms
    where = "held out" if judged else "on validation data"
    heads = {
        "spread": "95% of the mean",
        "calibration": "calibration error",
        "parameters": "parameters",
        "time": "training time",
    }
    lines = _lines(results, judged)
    known = {
        name: head for name, head in heads.items() if any(name in line.cells for line in lines)
    }
    ways = "; lower is better" if results["lower"] else ""
    better = "low" if results["lower"] else "high"
    notes = [
        "Mean ± standard deviation over seeds; the confidence interval of "
        "the mean uses Student’s t distribution."
        if "spread" in known
        else "",
        "Time is that of one run, without validation.",
        f"The validation set also chose the best epoch, so these figures are biased {better}: on "
        "new data they are worse."
        if results.get("biased")
        else "",
        networks_alone(results),
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
        Markup().join(Markup('<th scope="col">{}</th>').format(head) for head in known.values()),
        Markup("\n").join(_row(line, results, lines, known) for line in lines),
        Markup(" ").join(filter(None, notes)),
    )


@dataclass(frozen=True)
class _Line:
    """A row of the table.

    Attributes:
        name: what is judged, as HTML.
        aside: what is said of it in small letters.
        look: how it is drawn.
        value: of the metric; None where it is not known.
        around: the standard deviation over seeds.
        kind: `model`, `alone` or `baseline`.
        cells: the other columns by name, those that are known.
    """

    name: str
    aside: str
    look: Look
    value: float | None
    around: float | None = None
    kind: str = "model"
    cells: Mapping[str, str] = field(default_factory=dict)


def _lines(results: Results, judged: bool) -> list[_Line]:
    """A row for each cell, below it what each does alone that answers together; the baseline last.

    Args:
        results: see `comparison_page`.
        judged: whether there are results on held-out data, or only on validation data.
    """
    metric, baseline, rows = results["metric"], results["baseline"], results["rows"]
    look, grey = looks(row["cell"] for row in rows), Look("var(--muted)", "line")
    found = {row["cell"]: row.get("mean") if judged else row["validation"] for row in rows}
    lines = []
    for row in rows:
        own, value = look[row["cell"]], found[row["cell"]]
        cells = {
            "parameters": two(
                f"{row['parameters']:,}", f"{row['recurrent_parameters']:,} recurrent"
            ),
            "time": two(duration(row["seconds"]), f"{row['tokens_per_second']:,.0f} tokens/s"),
        }
        if row.get("deviation") is not None:
            ends = (measure(metric, row[end]) for end in ("low", "high"))
            cells["spread"] = " … ".join(ends)
        if "calibration_error" in row:
            cells["calibration"] = f"{row['calibration_error']:.3f}"
        name, units = named(own, row["cell"]), f"{row['hidden']:,} units"
        lines.append(_Line(name, units, own, value, row.get("deviation"), "model", cells))
        lines += [
            _Line(f"{name} alone", "", own, alone, kind="alone")
            for name, alone in row.get("alone", {}).items()
            if not baseline or (name, alone) != (baseline["name"], baseline[metric])
        ]
    if baseline:
        cells = {"time": duration(baseline["seconds"])}
        if "parameters" in baseline:
            cells["parameters"] = f"{baseline['parameters']:,}"
        name, value = Markup("{}{}").format(key(grey), baseline["name"]), baseline[metric]
        aside = baseline.get("reads") or tasks.of_metric(metric).terms.baseline
        lines.append(_Line(name, aside, grey, value, None, "baseline", cells))
    return lines


def _row(line: _Line, results: Results, lines: Sequence[_Line], columns: Iterable[str]) -> str:
    """A line as HTML; the best of several is marked."""
    metric, shown, best = results["metric"], "–", False
    if line.value is not None:
        digits = tasks.of_metric(metric).terms.digits
        values = [each.value for each in lines if each.value is not None]
        best = len(values) > 1 and line.value == (min if results["lower"] else max)(values)
        full = max([*values, 1.0 if digits is None else 1e-9])
        pill = "best" if all(each.around is None for each in lines) else "best mean"
        spread = "" if line.around is None else measure(metric, line.around)
        shown = Markup("{}<b>{}</b>{}{}").format(
            bar(line.value / full, line.look.color),
            measure(metric, line.value),
            Markup(" <small>± {}</small>").format(spread) if spread else "",
            Markup(' <span class="best">{}</span>').format(pill) if best else "",
        )
    missing = "" if line.kind == "alone" else "–"
    kind = f"{line.kind} top" if best else line.kind
    return Markup(
        '<tr class="{}"><th scope="row">{} <small>{}</small></th>'
        '<td class="accuracy">{}</td>{}</tr>'
    ).format(
        kind,
        line.name,
        line.aside,
        shown,
        Markup().join(
            Markup("<td>{}</td>").format(line.cells.get(name, missing)) for name in columns
        ),
    )


def pairs_table(results: Results) -> str:
    """Every two: how far apart, and whether it is shown; with one seed what that alone says."""
    metric, baseline, pairs = results["metric"], results["baseline"], results["pairs"]
    if not pairs:
        return ""
    tested = any(pair["p"] is not None for pair in pairs)
    body = []
    for pair in pairs:
        names = [contestant(pair[k], baseline).removeprefix("the ") for k in ("first", "second")]
        width = ""
        if pair["deviation"] is not None:
            width = f"{_signed(metric, pair['low'])} … {_signed(metric, pair['high'])}"
        better = "not shown"
        if pair["better"]:
            better = Markup("<b>{}</b> is better").format(names[pair["better"] == pair["second"]])
        difference = two(_signed(metric, pair["mean"]), width)
        examples = _small(pair["over_examples"])
        if tested:
            each = ", ".join(map(_small, pair["each_seed"]))
            seeds = "–" if pair["over_seeds"] is None else _small(pair["over_seeds"])
            corrected = "–" if pair["p"] is None else p_value(pair["p"])
            cells = [difference, seeds, two(examples, f"each seed: {each}"), corrected]
        else:
            cells = [difference, examples]
        body.append(
            Markup('<tr><th scope="row">{} − {}</th><td class="result">{}</td>{}</tr>').format(
                *names, better, Markup().join(map(Markup("<td>{}</td>").format, cells))
            )
        )
    unit = "difference, points" if tasks.of_metric(metric).terms.digits is None else "difference"
    unit += ", nats" if metric == "nats" else ""
    heads = [unit, *(["p over seeds"] if tested else []), "p over examples"]
    heads += ["corrected"] if tested else []
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
