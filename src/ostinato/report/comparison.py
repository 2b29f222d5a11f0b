"""Runs → a comparison: what each cell reaches over its seeds, and which differences are shown.

A run is a record: `cell` (how it is called), `seed`, `history`, `parameters`,
`recurrent_parameters`, `hidden`, `level`, `test` (the metric, `scores` of every example, and
`exam`, a hash of the examples).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from ostinato.report.forecasts import forecasting
from ostinato.report.predictions import predictions
from ostinato.report.records import Record
from ostinato.report.tagging import tagging
from ostinato.report.transducing import transducing
from ostinato.statistics import LEVEL, holm, over_examples, paired_t, sign_flip, spread
from ostinato.tasks.base.parts import AFTER
from ostinato.tasks.classify.calibration import calibration_error, reliability

PERMUTED = 6
"""The seeds from which on differences over seeds are permuted: with 5, p is never below 0.06."""


def comparison(
    runs: Sequence[Record], metric: str, lower: bool, baseline: Record | None = None
) -> dict[str, Any]:
    """All that is worked out from runs, as plain data.

    Args:
        runs: the runs.
        metric: what they are judged by.
        lower: whether less of it is better.
        baseline: `name`, the metric, `scores`, `exam`, `seconds`, perhaps `parameters`.
    """
    firsts = {cell: own[0] for cell, own in by_cell(runs).items()}
    counts = {len(run["test"]["scores"]) for run in runs if "test" in run}
    return {
        "metric": metric,
        "judged": counts.pop() if len(counts) == 1 else None,
        "lower": lower,
        "rows": rows(runs, metric, lower),
        "pairs": pairs(runs, metric, lower, baseline),
        "baseline": baseline and {k: v for k, v in baseline.items() if k != "scores"},
        "confusions": confusions(runs),
        "calibrations": calibrations(runs),
        "flow": mean_flow(runs),
        "samples": {c: run["samples"] for c, run in firsts.items() if run.get("samples")},
        "forecasts": forecasting(by_cell(runs)),
        "predictions": predictions(by_cell(runs)),
        "tagged": tagging(by_cell(runs)),
        "transduced": transducing(by_cell(runs)),
        "architectures": {cell: run["architecture"] for cell, run in firsts.items()},
        "graphs": {cell: run["graph"] for cell, run in firsts.items()},
        "runs": [{name: run[name] for name in ("cell", "seed", "path", "history")} for run in runs],
    }


def by_cell(runs: Sequence[Record]) -> dict[str, list[Record]]:
    """The runs of each cell, in the order in which cells come first."""
    groups: dict[str, list[Record]] = {}
    for run in runs:
        groups.setdefault(run["cell"], []).append(run)
    return groups


def rows(runs: Sequence[Record], metric: str, lower: bool) -> list[Record]:
    """A row for each cell: what it reaches, how large it is, how long it takes."""
    return [_row(cell, own, metric, lower) for cell, own in by_cell(runs).items()]


def _row(cell: str, runs: Sequence[Record], metric: str, lower: bool) -> Record:
    best = min if lower else max
    valid = [best(epoch[metric] for epoch in run["history"]) for run in runs]
    seconds = [sum(epoch["seconds"] for epoch in run["history"]) for run in runs]
    tokens = [
        sum(epoch["seconds"] * epoch["tokens_per_second"] for epoch in run["history"])
        for run in runs
    ]
    row = {
        "cell": cell,
        "seeds": [run["seed"] for run in runs],
        "seconds": sum(seconds) / len(runs),
        "validation": sum(valid) / len(runs),
        "epochs": sum(len(run["history"]) for run in runs) / len(runs),
        "tokens_per_second": sum(tokens) / max(sum(seconds), 1e-9),
        "joined": any(part["kind"] in AFTER for run in runs for part in run["architecture"]),
        **{k: runs[0][k] for k in ("hidden", "parameters", "recurrent_parameters", "level")},
    }
    if all("test" in run for run in runs):
        values = [run["test"][metric] for run in runs]
        row |= {"values": values, **_inside(spread(values)._asdict(), lower)}
    if alone := _alone(runs):
        row["alone"] = alone
    if all("confidence" in run.get("test", {}) for run in runs):
        errors = [calibration_error(reliability(*_sure(run))) for run in runs]
        row["calibration_error"] = sum(errors) / len(errors)
    return row


def _inside(found: dict[str, Any], lower: bool) -> dict[str, Any]:
    """A spread whose interval ends where the metric does: no loss is below 0, no part above 1."""
    if found["deviation"] is None:
        return found
    low, high = max(found["low"], 0.0), found["high"] if lower else min(found["high"], 1.0)
    return found | {"low": low, "high": high}


def _alone(runs: Sequence[Record]) -> dict[str, float]:
    """What each of those that answer together does alone: the mean of the metric over seeds."""
    each = [run.get("test", {}).get("alone", {}) for run in runs]
    return {
        name: sum(own[name] for own in each) / len(each)
        for name in each[0]
        if all(name in own for own in each)
    }


def pairs(
    runs: Sequence[Record], metric: str, lower: bool, baseline: Record | None = None
) -> list[dict[str, Any]]:
    """Every two cells, and every cell and the baseline: their difference, and whether it is shown.

    Two questions are asked. *Over seeds*: would training again give the same answer? Differences
    of the metric, seed by seed: Student's paired t, or from `PERMUTED` seeds on the paired
    permutation test. *Over examples*: would other examples give it? McNemar's exact test for one
    seed of classifiers, else the paired permutation test of each example's mean over seeds.
    Each question's p are corrected for the number of pairs (Holm); `p` is the larger of the two,
    and `better` names a cell only if p is below `LEVEL`. One seed alone shows nothing.
    """
    groups = by_cell([run for run in runs if "test" in run])
    contestants = {cell: {run["seed"]: run["test"] for run in own} for cell, own in groups.items()}
    name = baseline["name"] if baseline else None
    found = []
    for first, second in combinations([*contestants, *([name] if name else [])], 2):
        ours = contestants[first]
        theirs = contestants.get(second) or dict.fromkeys(ours, baseline or {})
        found.append(_pair(first, second, ours, theirs, metric))
    found = [pair for pair in found if pair["seeds"]]
    for question in ("over_seeds", "over_examples"):
        asked = [pair for pair in found if pair[question] is not None]
        for pair, p in zip(asked, holm([pair[question] for pair in asked]), strict=True):
            pair[f"{question}_corrected"] = p
    for pair in found:
        alone = pair["over_seeds"] is None
        worse = max(pair.get(f"over_{what}_corrected", 0.0) for what in ("seeds", "examples"))
        pair["p"] = None if alone else worse
        shown = not alone and worse < LEVEL
        ahead = pair["first"] if (pair["mean"] < 0) == lower else pair["second"]
        pair["better"] = ahead if shown else None
    return found


def _pair(
    first: str, second: str, ours: Mapping[int, Record], theirs: Mapping[int, Record], metric: str
) -> dict[str, Any]:
    seeds = [seed for seed in ours if seed in theirs and ours[seed]["exam"] == theirs[seed]["exam"]]
    pair: dict[str, Any] = {"first": first, "second": second, "seeds": seeds}
    if not seeds:
        return pair
    differences = [ours[seed][metric] - theirs[seed][metric] for seed in seeds]
    scores = [_differences(ours[seed], theirs[seed]) for seed in seeds]
    each = [over_examples(s) for s in scores]
    if len(seeds) == 1:
        test, p = None, None
    elif len(seeds) < PERMUTED:
        test, p = "Student's paired t", paired_t(differences)
    else:
        test, p = "paired permutation", sign_flip(differences)
    return {
        **pair,
        **spread(differences)._asdict(),
        "differences": differences,
        "seeds_test": test,
        "over_seeds": p,
        "examples_test": each[0][0] if len(seeds) == 1 else "paired permutation",
        "over_examples": each[0][1] if len(seeds) == 1 else sign_flip(np.mean(scores, 0).tolist()),
        "each_seed_test": each[0][0],
        "each_seed": [p for _, p in each],
    }


def _differences(ours: Record, theirs: Record) -> list[float]:
    return [a - b for a, b in zip(ours["scores"], theirs["scores"], strict=True)]


def confusions(runs: Sequence[Record]) -> dict[str, Record]:
    """For each cell the classes, and the texts by true and predicted class, over all seeds."""
    return {
        cell: _summed([run["test"] for run in own])
        for cell, own in by_cell(runs).items()
        if all("confusion" in run.get("test", {}) for run in own)
    }


def _summed(tests: Sequence[Record]) -> Record:
    """Confusions added up; a tagger's names only the classes that came, with each seed others."""
    classes = list(dict.fromkeys(name for test in tests for name in test["classes"]))
    counts = np.zeros((len(classes), len(classes)), np.int64)
    for test in tests:
        at = [classes.index(name) for name in test["classes"]]
        counts[np.ix_(at, at)] += np.asarray(test["confusion"], np.int64)
    return {"classes": classes, "counts": counts.tolist()}


def calibrations(runs: Sequence[Record]) -> dict[str, list[Record]]:
    """For each cell the bins of its reliability diagram, over all seeds."""
    return {
        cell: [
            each._asdict()
            for each in reliability(
                [p for run in own for p in _sure(run)[0]], [r for run in own for r in _sure(run)[1]]
            )
        ]
        for cell, own in by_cell(runs).items()
        if all("confidence" in run.get("test", {}) for run in own)
    }


def _sure(run: Record) -> tuple[list[float], list[bool]]:
    return run["test"]["confidence"], run["test"]["scores"]


def mean_flow(runs: Sequence[Record]) -> dict[str, dict[str, dict[str, list[float]]]]:
    """Sizes of gradients by cell, time, state and distance: the mean over seeds.

    What some seed lacks is left out: a time that it did not come to, a state, distances.
    """
    return {
        cell: {
            when: {
                state: np.mean([at[:shortest] for at in sizes], 0).tolist()
                for state in own[0]["flow"][when]
                if (sizes := [run["flow"][when].get(state, []) for run in own])
                and (shortest := min(map(len, sizes)))
            }
            for when in own[0]["flow"]
            if all(when in run["flow"] for run in own)
        }
        for cell, own in by_cell(runs).items()
        if all(run.get("flow") for run in own)
    }
