"""What the commands show of a forecaster: how it was trained, how good its forecasts are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ostinato.data import Panel
from ostinato.errors import counted, first_few, quoted
from ostinato.tasks.base.summary import (
    Figures,
    Message,
    Shown,
    SummaryTable,
    duration,
    parameters,
)

if TYPE_CHECKING:
    from ostinato.tasks.forecast.estimator import Forecaster


def trained(forecaster: Forecaster, panel: Panel) -> Iterator[Shown]:
    """How good it is on the validation part, and on the test part, if there is one."""
    spent = sum(record["seconds"] for record in forecaster.history_)
    yield from _unheld(forecaster)
    for part in ("validation", "test") if forecaster.settings().data.test else ("validation",):
        yield from measured(forecaster, panel, part)
    weights = parameters(forecaster.network_)
    yield Message(f"{weights:,} parameters, trained in {duration(spent)}.")


def measured(forecaster: Forecaster, panel: Panel, part: str | None) -> Iterator[Shown]:
    """The table of a part: the answer, and what each member does alone; then the units of each."""
    from ostinato.tasks.forecast.model import NETWORK  # which needs PyTorch

    model = forecaster.model_
    together = model.ensemble is not None and not model.ensemble.alone
    every = [None, *model.members] if together else model.members
    names = {by: forecaster.called(by) for by in every}
    found = {by: forecaster.evaluate(panel, part=part, by=by) for by in every}
    own = found[None if together else NETWORK]
    rows = {names[by]: each for by, each in found.items()}
    levels = forecaster.settings().model.quantiles
    inner = f"in {levels[-1] - levels[0]:.0%}" if len(levels) > 1 else None
    columns = ["MSE", "MAE", "MASE", *(["pinball"] if levels else []), *([inner] if inner else [])]
    shown = []
    for by, each in found.items():
        values = [number(each[key]) for key in ("mse", "mae", "mase")]
        if levels:
            values.append(number(each["pinball"]))
        if inner:
            values.append(f"{each['coverage']:.1%}" if by in (None, NETWORK) else "–")
        shown.append([names[by], *values])
    yield SummaryTable([f"{part or 'all'}: {own['windows']:,} windows", *columns], shown)
    scores = {by: forecaster.blocks(panel, each, part) for by, each in found.items()}
    yield from _better(names, scores, scores.pop(None if together else NETWORK))
    yield _own_units(rows)
    kept = {name: {k: each[k] for k in each if k != "each"} for name, each in rows.items()}
    yield Figures({part or "all": kept})


def _better(
    names: Mapping[str | None, str],
    scores: Mapping[str | None, Sequence[float]],
    answer: Sequence[float],
) -> Iterator[Message]:
    """Which member is better than the answer, beyond chance; nothing where none is.

    Args:
        names: of the members.
        scores: the error of each in stretches that are nearly independent.
        answer: that of the answer.
    """
    from ostinato.statistics import is_better  # which needs SciPy

    better = [
        by for by, own in scores.items() if is_better([-e for e in own], [-e for e in answer])
    ]
    if better:
        best = min(better, key=lambda by: sum(scores[by]))
        yield Message(f"{names[best]} alone is better.")


def _unheld(forecaster: Forecaster) -> Iterator[Message]:
    """The series that are learnt from and not measured, because they are too short."""
    trained, unheld = forecaster.model_.trained, forecaster.parts_.unheld
    if len(unheld):
        named = first_few(
            f"{quoted(trained.names[k])} ({counted(int(forecaster.parts_.training[k]), 'step')})"
            for k in unheld.tolist()
        )
        yield Message(f"Too short to be measured, learnt from as far as they reach: {named}.")


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
