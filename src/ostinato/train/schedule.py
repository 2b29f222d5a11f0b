"""Learning rate schedules: functions of what is done, and of the history."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ostinato.train.config import Training


def rate(done: float, settings: Training, scores: Sequence[float] = ()) -> float:
    """The learning rate as a part of its largest.

    Args:
        done: the part of all steps that is done, 0 to 1.
        settings: the schedule.
        scores: the metric of each epoch, the larger the better: `plateau` goes by them.
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
