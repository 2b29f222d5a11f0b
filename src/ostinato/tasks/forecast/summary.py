"""What the commands show of a forecaster: how it was trained, how good its forecasts are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ostinato.data import Panel
from ostinato.tasks.base.summary import Message, Shown, SummaryTable, duration, parameters

if TYPE_CHECKING:
    from ostinato.tasks.forecast.estimator import Forecaster


def trained(forecaster: Forecaster, panel: Panel) -> Iterator[Shown]:
    """How good it is on the validation part, and on the test part, if there is one."""
    spent = sum(record["seconds"] for record in forecaster.history_)
    for part in ("validation", "test") if forecaster.settings().data.test else ("validation",):
        yield from measured(forecaster, panel, part)
    weights = parameters(forecaster.network_)
    yield Message(f"{weights:,} parameters, trained in {duration(spent)}.")


def measured(forecaster: Forecaster, panel: Panel, part: str | None) -> Iterator[Shown]:
    """The table of a part: the forecaster and seasonal naive, and below it what each column has."""
    cell = forecaster.network_.recurrent.cell.name
    season = forecaster.season_
    own = forecaster.evaluate(panel, part=part)
    naive = forecaster.evaluate(panel, part=part, naive=True)
    rows = {cell: own, f"seasonal naive, {season} step{'s' if season > 1 else ''} ago": naive}
    levels = forecaster.settings().model.quantiles
    inner = f"in {levels[-1] - levels[0]:.0%}" if len(levels) > 1 else None
    columns = ["MSE", "MAE", "MASE", *(["pinball"] if levels else []), *([inner] if inner else [])]
    shown = []
    for name, each in rows.items():
        values = [number(each[key]) for key in ("mse", "mae", "mase")]
        if levels:
            values.append(number(each["pinball"]))
        if inner:
            values.append("–" if each is naive else f"{each['coverage']:.1%}")
        shown.append([name, *values])
    yield SummaryTable([f"{part or 'all'}: {own['windows']:,} windows", *columns], shown)
    if naive["mse"] <= own["mse"]:
        yield Message("The seasonal naive baseline is better.")
    yield _own_units(rows)


def _own_units(rows: Mapping[str, Mapping[str, Any]]) -> SummaryTable:
    """MAE of each target in its own units; the other measures are in deviations of training."""
    names = list(next(iter(rows.values()))["columns"])[:8]
    shown = [
        [row, *(number(each["columns"][name]["mae"]) for name in names)]
        for row, each in rows.items()
    ]
    return SummaryTable(["MAE in original units", *names], shown)


def number(value: float | None) -> str:
    """A measure to four digits; a dash where there is none."""
    return "–" if value is None else f"{value:.4g}" if abs(value) >= 10 else f"{value:.4f}"
