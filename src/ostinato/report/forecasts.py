"""The sections of a page on forecasts: all measures, errors by step, fans, quantiles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean

from markupsafe import Markup

from ostinato.report.figures import Look, looks
from ostinato.report.forecast_figures import NAIVE, dotted, error_by_step, fan, quantile_curves
from ostinato.report.page import key, legend, named, plot
from ostinato.report.records import Record
from ostinato.report.sentences import cell_name

MEASURES = ("mse", "mae", "mase", "pinball", "coverage")
TOLERATED = 0.02
"""How far the part of values below a quantile may be from its level before it is said."""
COLUMNS = 8
"""The most targets whose own errors are shown."""


def forecasting(groups: Mapping[str, Sequence[Record]]) -> Record | None:
    """What a page shows of forecasts: means over the seeds of each cell, fans of the best.

    Args:
        groups: runs by cell, each with `test` (see `ForecastHeldOut.judge`) and `forecasts`.

    Returns:
        None where there are no forecasts.
    """
    groups = {c: [r for r in runs if r.get("forecasts")] for c, runs in groups.items()}
    groups = {cell: runs for cell, runs in groups.items() if runs}
    if not groups:
        return None
    own = {cell: _mean([run["test"] for run in runs]) for cell, runs in groups.items()}
    first = next(iter(groups.values()))[0]["test"]
    best = min(own, key=lambda cell: own[cell]["mse"])
    return {
        "cells": own,
        "naive": _mean([first["baseline"]]),
        "name": first["baseline"].get("name", "seasonal naive"),
        "levels": first["levels"],
        "season": first["season"],
        "part": first["part"],
        "windows": first["windows"],
        "best": best,
        "fans": groups[best][0]["forecasts"],
        "future": groups[best][0].get("future") or [],
    }


def _mean(tests: Sequence[Record]) -> Record:
    numbers = {
        name: fmean(test[name] for test in tests)
        for name in MEASURES
        if all(test.get(name) is not None for test in tests)
    }
    columns = {
        name: fmean(test["columns"][name]["mae"] for test in tests) for name in tests[0]["columns"]
    }
    steps = [fmean(at) for at in zip(*(test["steps"]["mae"] for test in tests), strict=True)]
    below = {
        level: fmean(test["below"][level] for test in tests) for level in tests[0].get("below", {})
    }
    return numbers | {"columns": columns, "steps": steps, "below": below}


def horizon_section(found: Record) -> str:
    """All measures in a table, and the error by step."""
    if not found:
        return ""
    cells, naive, name = found["cells"], found["naive"], found["name"]
    look = looks(cells)
    one = f"the {cell_name(next(iter(cells)))}" if len(cells) == 1 else ""
    worse = [step for step in range(len(naive["steps"])) if _behind(cells, naive, step)]
    said = (
        f"At every step {one or 'some model'} has a smaller error than the baseline, {name}."
        if not worse
        else f"The baseline, {name}, has a smaller error than {one or 'every model'} at "
        f"{len(worse)} of {len(naive['steps'])} steps."
    )
    figure = plot(
        error_by_step({cell: own["steps"] for cell, own in cells.items()}, naive["steps"], name),
        Markup("Mean absolute error by step <small>in standardised units</small>"),
    )
    part = {"test": "test set", "validation": "validation set"}.get(found["part"], "whole data")
    return Markup("""<h2>Errors by horizon</h2>
<p>Every window of the {} is forecast, {:,} of them. {}</p>
<div class="wide" role="region" aria-label="Measures" tabindex="0">{}</div>
<p class="note">MSE, MAE and pinball loss are in standardised units, in which the deviation of the
training set is 1. MASE is the mean absolute error divided by that of the value one season ago
on the training set.</p>
{}
<div class="pair">{}
<figure><figcaption>Mean absolute error of each series <small>in original
units</small></figcaption>
<div class="wide">{}</div></figure></div>""").format(
        part,
        found["windows"],
        said,
        _measures(found, look),
        legend(look, {name: "dot"}),
        figure,
        _columns(found, look),
    )


def _measures(found: Record, look: Mapping[str, Look]) -> str:
    """The table of all measures, a row for each forecast."""
    every = {**found["cells"], found["name"]: found["naive"]}
    measures = [name for name in MEASURES if any(name in each for each in every.values())]
    rows = Markup()
    for name, each in every.items():
        own = look.get(name)
        title = named(own, name) if own else Markup("{}{}").format(key(NAIVE), name)
        values = Markup().join(
            Markup("<td>{}</td>").format(_shown(m, each.get(m), own is None)) for m in measures
        )
        rows += Markup('<tr><th scope="row">{}</th>{}</tr>').format(title, values)
    return _table([_head(m, found["levels"]) for m in measures], rows)


def _columns(found: Record, look: Mapping[str, Look]) -> str:
    """The table of each series' own error, a row for each forecast."""
    names = list(found["naive"]["columns"])[:COLUMNS]
    rows = Markup().join(
        Markup('<tr><th scope="row">{}{}</th>').format(
            key(look[c]) if c in look else key(NAIVE), cell_name(c) if c in look else c
        )
        + Markup().join(Markup("<td>{:.4g}</td>").format(each["columns"][name]) for name in names)
        + Markup("</tr>")
        for c, each in {**found["cells"], found["name"]: found["naive"]}.items()
    )
    return _table(names, rows)


def _table(heads: Sequence[str], rows: str) -> str:
    titles = Markup().join(Markup('<th scope="col">{}</th>').format(head) for head in heads)
    return Markup(
        '<table><thead><tr>\n<th scope="col">forecast</th>{}</tr></thead><tbody>{}</tbody></table>'
    ).format(titles, rows)


def _behind(cells: Mapping[str, Record], naive: Record, step: int) -> bool:
    return all(own["steps"][step] > naive["steps"][step] for own in cells.values())


def _head(measure: str, levels: Sequence[float]) -> str:
    if measure == "coverage":
        return f"coverage of the {levels[-1] - levels[0]:.0%} interval"
    return measure.upper() if measure != "pinball" else "pinball"


def _shown(measure: str, value: float | None, naive: bool) -> str:
    if value is None or (naive and measure == "coverage"):
        return "–"
    return f"{value:.1%}" if measure == "coverage" else f"{value:.4f}"


def fans_section(found: Record) -> str:
    """Forecasts over real series."""
    if not found:
        return ""
    cell = found["best"]
    look = looks(found["cells"])[cell]
    figures = Markup().join(
        plot(
            fan(each, found["levels"], look),
            Markup("{} <small>{} from {}</small>").format(
                each["column"], each["series"], each["times"][each["origin"]]
            ),
        )
        for each in found["fans"]
    )
    levels = found["levels"]
    bands = f", with intervals up to {levels[-1] - levels[0]:.0%}" if len(levels) > 1 else ""
    return Markup("""<h2>Forecasts and observations</h2>
<p>Windows from the whole held-out part. The series is grey; the {} does not read it after the
dashed line. Its forecast is coloured{}; the baseline, {}, is dotted.</p>
<div class="trio">{}</div>""").format(cell_name(cell), bands, found["name"], figures)


def future_section(found: Record) -> str:
    """How series go on after their last known value."""
    if not found or not found.get("future"):
        return ""
    look = looks(found["cells"])[found["best"]]
    figures = Markup().join(
        plot(
            fan(each, found["levels"], look),
            Markup("{} <small>{} the next {:,} steps</small>").format(
                each["column"], each["series"], len(each["naive"])
            ),
        )
        for each in found["future"]
    )
    return Markup("""<h2>Forecast of the future</h2>
<p>What the {} expects after the last known values, from the dashed line on. The dotted line
repeats {}.</p>
<div class="trio">{}</div>""").format(cell_name(found["best"]), dotted(found["season"]), figures)


def leaning(below: Mapping[str, float]) -> str:
    """On which side quantiles are, if all are on one, or whether they are too near or too far.

    Args:
        below: by level, the part of values below the quantile.

    >>> leaning({"0.1": 0.05, "0.5": 0.3, "0.9": 0.8})
    'biased low'
    >>> leaning({"0.1": 0.3, "0.5": 0.5, "0.9": 0.7})
    'intervals too narrow'
    """
    off = {float(level): part - float(level) for level, part in below.items()}
    if all(each < -TOLERATED for each in off.values()):
        return "biased low"
    if all(each > TOLERATED for each in off.values()):
        return "biased high"
    width = off[max(off)] - off[min(off)]
    if len(off) > 1 and abs(width) > 2 * TOLERATED:
        return "intervals too narrow" if width < 0 else "intervals too wide"
    return ""


def quantiles_section(found: Record) -> str:
    """Whether quantiles are where they say."""
    if not found or not found["levels"]:
        return ""
    cells = found["cells"]
    rows = Markup().join(
        Markup('<tr><th scope="row">{}{}</th>').format(key(look), cell_name(cell))
        + Markup().join(
            Markup("<td>{:.1%}</td>").format(part) for part in cells[cell]["below"].values()
        )
        + Markup("<td>{}</td></tr>").format(leaning(cells[cell]["below"]) or "–")
        for cell, look in looks(cells).items()
    )
    heads = Markup().join(
        Markup('<th scope="col">{:g}</th>').format(level) for level in found["levels"]
    ) + Markup('<th scope="col">so they are</th>')
    figure = plot(
        quantile_curves({cell: own["below"] for cell, own in cells.items()}),
        "Fraction of values below the quantile, by its level",
    )
    return Markup("""<h2>Quantile coverage</h2>
<p>90% of the observed values should be below the quantile of level 0.9: on the grey line. A
steeper curve means that the intervals are too wide, a flatter one that they are too narrow.</p>
{}
<div class="pair">{}<figure><figcaption>Fraction of values below each quantile</figcaption>
<div class="wide"><table><thead><tr><th scope="col">forecast</th>{}</tr></thead>
<tbody>{}</tbody></table></div></figure></div>""").format(
        legend(looks(cells), {}), figure, heads, rows
    )
