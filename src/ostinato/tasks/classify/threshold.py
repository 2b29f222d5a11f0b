"""From which probability on a label is given: what the training setting asks, or the best one."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

ENOUGH = 10
"""Texts with a label, and texts without it, from which its threshold can be told."""


def best_thresholds(
    probabilities: NDArray[np.floating],
    truth: NDArray[np.bool_],
    measure: Literal["f1", "accuracy"],
) -> tuple[float, ...]:
    """The threshold of each label under which held-out texts are judged best.

    A label that fewer than `ENOUGH` texts have, or lack, has no threshold of its own: all such
    labels together have one, or 0.5 where even together they are too few.

    Args:
        probabilities: of each text and label (N, K).
        truth: whether the text has the label (N, K).
        measure: see `best_threshold`.
    """
    count = truth.sum(0)
    enough = (count >= ENOUGH) & (len(truth) - count >= ENOUGH)
    rare, own = probabilities[:, ~enough].ravel(), truth[:, ~enough].ravel()
    shared = 0.5
    if min(own.sum(), (~own).sum()) >= ENOUGH:
        shared = best_threshold(rare, own, measure)
    return tuple(
        best_threshold(p, y, measure) if well else shared
        for p, y, well in zip(probabilities.T, truth.T, enough, strict=True)
    )


def best_threshold(
    probabilities: ArrayLike, truth: ArrayLike, measure: Literal["f1", "accuracy"]
) -> float:
    """The threshold under which held-out texts are judged best.

    The label is given where p ≥ threshold. All thresholds between two neighbouring probabilities
    are alike; the one half-way stands for them. Of equally good ones it is the one nearest to 0.5,
    and 0.5 itself where no text has the label, or all have it.

    Args:
        probabilities: of the label, for each text (N).
        truth: whether the text has it (N).
        measure: F1 = 2 TP / (2 TP + FP + FN) of the label, or the part of texts that is right.

    >>> best_threshold([0.125, 0.25, 0.375, 0.45], [False, False, True, True], "f1")
    0.3125
    """
    p, positive = np.asarray(probabilities, dtype=np.float64), np.asarray(truth, dtype=bool)
    if not 0 < positive.sum() < len(positive):
        return 0.5
    places = np.unique(p)
    # The half of a sum may be the lower one of two neighbouring numbers.
    between = np.maximum((places[1:] + places[:-1]) / 2, np.nextafter(places[:-1], np.inf))
    # Beyond all probabilities every text has the label, or none; also beyond 1, in float32.
    above = max((places[-1] + 1) / 2, np.nextafter(np.float32(places[-1]), np.float32(2)))
    candidates = np.unique([*between, 0.5, places[0] / 2, above])
    order = np.argsort(p)
    # Texts from each threshold on, and how many of those have the label.
    start = np.searchsorted(p[order], candidates, side="left")
    hits = np.concatenate([np.cumsum(positive[order][::-1])[::-1], [0]])[start]
    given, wanted = len(p) - start, int(positive.sum())
    if measure == "f1":
        scores = 2 * hits / (given + wanted)
    else:
        scores = (hits + (len(p) - given) - (wanted - hits)) / len(p)
    best = np.flatnonzero(scores == scores.max())
    return float(candidates[best[np.abs(candidates[best] - 0.5).argmin()]])
