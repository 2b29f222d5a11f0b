"""Probabilities that mean what they say: temperature scaling, and how far off they are.

A network is often surer than it should be. One number, the temperature T, makes all of its answers
softer or sharper: softmax(logits / T), or for multi-label texts sigmoid(logits / T).
The order of the labels stays as it is. Guo et al., "On calibration of modern neural networks",
ICML 2017.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

_MOST = 4.0  # |ln T|
_ENOUGH = 2**22  # logits to fit T to; of more every n-th text


def probabilities(logits: NDArray[np.float32], multi_label: bool) -> NDArray[np.float32]:
    """Logits (N, K) → probabilities (N, K): of the classes, or of each label for itself."""
    if multi_label:
        from scipy.special import expit  # whose import takes longer than a prediction

        found: NDArray[np.float32] = expit(logits)
        return found
    odds = np.exp(logits - logits.max(-1, keepdims=True, initial=-np.inf))
    found = odds / odds.sum(-1, keepdims=True)
    return found


def log_probabilities(logits: NDArray[np.float32], multi_label: bool) -> NDArray[np.float32]:
    """Their logarithms (nats), without rounding small ones to nothing."""
    from scipy.special import log_expit, log_softmax

    found: NDArray[np.float32] = log_expit(logits) if multi_label else log_softmax(logits, -1)
    return found


def fit_temperature(logits: ArrayLike, truth: ArrayLike, multi_label: bool) -> float:
    """The temperature T under which texts that were held out are most probable.

    It minimises Σ -ln p(label | text, T) + (ln T)² / 2 over all texts, or all texts and labels. The
    last term, a normal prior on ln T, weighs as much as a text or two: it keeps T finite where all
    answers are right and any T nearer to 0 would do better.

    Args:
        logits: (N, K).
        truth: (N, K), whether the text has the label.
        multi_label: whether a text has any number of labels, also none.
    """
    from scipy.optimize import minimize_scalar
    from scipy.special import log_expit, log_softmax

    step = -(-np.size(logits) // _ENOUGH)
    given = np.asarray(logits, dtype=np.float64)[::step]
    right = np.asarray(truth, dtype=bool)[::step]

    def loss(log_t: float) -> float:
        scaled = given / np.exp(log_t)
        if multi_label:
            nats = -log_expit(np.where(right, scaled, -scaled)).sum()
        else:
            nats = -log_softmax(scaled, -1)[right].sum()
        return float(nats + log_t**2 / 2)

    # The sum of two functions with a minimum each may have two: the lower one is near this place.
    grid = np.linspace(-_MOST, _MOST, 33)
    k = int(np.argmin([loss(place) for place in grid]))
    ends = grid[max(k - 1, 0)], grid[min(k + 1, len(grid) - 1)]
    return float(np.exp(minimize_scalar(loss, bounds=ends, options={"xatol": 1e-8}).x))


class Bin(NamedTuple):
    """Predictions of like confidence.

    Attributes:
        size: how many.
        confidence: the mean probability that they were given.
        accuracy: the part of them that was right.
    """

    size: int
    confidence: float
    accuracy: float


def reliability(confidence: Sequence[float], right: Sequence[bool], bins: int = 10) -> list[Bin]:
    """Predictions in bins of like confidence, equally wide from 0 to 1; empty ones are left out.

    Args:
        confidence: the probability given to each predicted class.
        right: whether it was right.
        bins: how many bins; a border belongs to the bin below it.
    """
    sure, hits = np.asarray(confidence, dtype=np.float64), np.asarray(right, dtype=np.float64)
    where = np.clip(np.ceil(sure * bins) - 1, 0, bins - 1)
    return [
        Bin(int(inside.sum()), float(sure[inside].mean()), float(hits[inside].mean()))
        for k in range(bins)
        if (inside := where == k).any()
    ]


def calibration_error(bins: Sequence[Bin]) -> float:
    """The expected calibration error: Σ n_b / n · |accuracy_b - confidence_b|.

    Naeini et al. 2015; Guo et al., "On calibration of modern neural networks", ICML 2017.

    >>> calibration_error([Bin(1, 0.5, 1.0), Bin(3, 0.9, 0.8)])
    0.2
    """
    total = sum(each.size for each in bins)
    return round(sum(b.size * abs(b.accuracy - b.confidence) for b in bins) / total, 12)


def error_of(found: NDArray[np.float32], truth: NDArray[np.bool_], multi_label: bool) -> float:
    """The expected calibration error of the more probable answers, in ten bins.

    Args:
        found: probabilities (N, K).
        truth: (N, K), whether the text has the label.
        multi_label: whether each label of each text is a question of its own, with a yes or a no.
    """
    if multi_label:
        confidence, right = np.maximum(found, 1 - found), (found >= 0.5) == truth
    else:
        best = found.argmax(-1)[:, None]
        confidence = np.take_along_axis(found, best, -1)
        right = np.take_along_axis(truth, best, -1)
    return calibration_error(reliability(confidence.ravel().tolist(), right.ravel().tolist()))
