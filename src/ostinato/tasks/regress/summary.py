"""What the commands show of a regressor: how it was trained, how good it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from ostinato.data import Examples
from ostinato.tasks.base.summary import (
    Figures,
    Message,
    Shown,
    SummaryTable,
    duration,
    parameters,
    together,
    within,
)
from ostinato.tasks.regress.measures import RegressMeasures, measured
from ostinato.tasks.regress.scale import targets_of

if TYPE_CHECKING:
    from ostinato.tasks.regress.estimator import Regressor


def trained(regressor: Regressor, test: Examples | None) -> Iterator[Shown]:
    """What was trained, and how good it is on a test part, if there is one."""
    best = regressor.best_
    name, count = regressor.network_.recurrent.cell.name, parameters(regressor.network_)
    spent = sum(record["seconds"] for record in regressor.history_)
    rows = [[name, number(best["rmse"]), number(best["mae"]), f"{count:,}", duration(spent)]]
    found, linear = regressor.baseline_measures_ or {}, regressor.baseline_
    names = {"linear": "linear baseline", "mean": "mean of training"}
    for key, own in found.items():
        cost = ["–", "–"]
        if key == "linear" and linear:
            cost = [f"{linear.parameters:,}", duration(linear.seconds)]
        rows.append([names[key], number(own.rmse), number(own.mae), *cost])
    if (both := regressor.together_) and linear:
        cost = [f"{count + linear.parameters:,}", duration(spent + linear.seconds)]
        rows.append([f"{name} and linear baseline", number(both.rmse), number(both.mae), *cost])
    yield SummaryTable(["", "validation RMSE", "MAE", "parameters", "time"], rows)
    if better := [names[key] for key in regressor.baselines_better_]:
        be = "is" if len(better) == 1 else "are"
        yield Message(f"The {' and the '.join(better)} {be} better.")
    if regressor.together_:
        yield Message(together(name))
    if test is not None:
        own = regressor.evaluate(test.texts, test.labels)
        yield from within("test", shown(regressor, own, test, "test "))


def shown(
    regressor: Regressor, own: RegressMeasures, examples: Examples, part: str = ""
) -> Iterator[Shown]:
    """The measures of examples with targets."""
    targets = targets_of(examples)
    mean = measured(targets, np.full(len(targets), regressor.scale_.mean))
    yield Message(f"{part}rmse {number(own.rmse)}, of the mean of training {number(mean.rmse)}")
    yield Message(f"{part}mae {number(own.mae)}, of the mean of training {number(mean.mae)}")
    yield Message(f"{part}r2 {_or_dash(own.r2)}")
    yield Message(f"{part}spearman {_or_dash(own.spearman)}")
    if regressor.linear_:
        members = regressor.alone(examples).items()
        alone = ", ".join(f"{name} rmse {number(each.rmse)}" for name, each in members)
        yield Message(f"{part}alone: {alone}")
    yield Message(f"{part}examples {len(targets)}")
    yield Figures({**vars(own), "mean": vars(mean), "examples": len(targets)})


def number(value: float) -> str:
    """A number in units of the data, to six digits."""
    return f"{value:.6g}"


def _or_dash(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
