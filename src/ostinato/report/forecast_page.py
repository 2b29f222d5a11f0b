"""The page of `ostinato predict RUN --plot`: how series continue, as fans."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from ostinato.report.figures import Look, looks
from ostinato.report.forecast_figures import dotted, fan
from ostinato.report.page import document, origin, plot
from ostinato.report.records import Record, Results
from ostinato.report.sentences import cell_name


def forecast_page(results: Results, command: str) -> str:
    """A page with a figure for each series and target.

    Args:
        results: `cell`, `member` (the simple forecast that answers too, or None), `levels`,
            `fans` (see `forecast_figures.fan`, each with `series` and `column`), `left_out` (how
            many more there are), `season` (in steps), `created`, `seconds`, `machine`.
        command: what made it.
    """
    levels, fans = results["levels"], results["fans"]
    look = looks([results["cell"]])[results["cell"]]
    bands = ""
    if len(levels) > 1:
        inside = f"{levels[-1] - levels[0]:.0%}"
        bands = f" The widest band is to hold {inside} of what will come."
    who = cell_name(results["cell"])
    if results["member"]:
        who = f"{who} and the simple forecast “{results['member']}” together"
    lead = Markup(
        "How the series continue, by the {}. The past is grey; the forecast is coloured.{} The "
        "dotted line repeats {}."
    ).format(who, bands, dotted(results["season"]))
    more = results["left_out"]
    rest = f"<p>{more:,} more are not drawn.</p>" if more else ""
    sections = {"Forecasts": _fans(fans, levels, look) + Markup(rest)}
    title = f"Forecast of {results['title']}"
    return document(title, lead, sections, origin(results, command))


def _fans(fans: Sequence[Record], levels: Sequence[float], look: Look) -> Markup:
    figures = Markup().join(
        plot(
            fan(each, levels, look),
            Markup("{} <small>{}</small>").format(each["column"], each["series"]),
        )
        for each in fans
    )
    side_by_side = {1: "", 2: "pair"}.get(len(fans), "trio")
    return Markup('<h2>Forecasts</h2>\n<div class="{}">{}</div>').format(side_by_side, figures)
