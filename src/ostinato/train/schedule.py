"""Learning rate schedules and early stopping: functions of the history."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ostinato.train.config import Training
from ostinato.train.meter import Record


def rate(done: float, settings: Training, scores: Sequence[float] = ()) -> float:
    """The learning rate as a part of its largest.

    Args:
        done: the part of all steps that is done, 0 to 1.
        settings: the schedule.
        scores: how each epoch was judged, the larger the better: `plateau` goes by them.
    """
    if done < settings.warmup:
        return (done + 1e-3) / (settings.warmup + 1e-3)
    left = (1 - done) / (1 - settings.warmup)
    match settings.schedule:
        case "linear":
            return left
        case "cosine":
            return (1 - math.cos(math.pi * left)) / 2
        case "plateau":
            return settings.plateau_factor ** falls(scores, settings.plateau_epochs)
        case "constant":
            return 1.0


def falls(scores: Sequence[float], epochs: int) -> int:
    """How often the learning rate has fallen: once after each `epochs` without a better score."""
    best, waited, count = -math.inf, 0, 0
    for score in scores:
        waited = 0 if score > best else waited + 1
        best = max(best, score)
        if waited == epochs:
            waited, count = 0, count + 1
    return count


def scores_of(history: Sequence[Record], judged_by: str) -> list[float]:
    """How each epoch was judged, the larger the better."""
    sign = -1 if judged_by.startswith("-") else 1
    return [sign * record[judged_by.removeprefix("-")] for record in history]


def since_best(scores: Sequence[float]) -> int:
    """How many epochs have passed since the best one; of equals the first is the best."""
    return len(scores) - 1 - scores.index(max(scores)) if scores else 0
