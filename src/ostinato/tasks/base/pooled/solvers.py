"""Weights of linear models: logistic regression of texts, ridge regression of few examples."""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

_VISITS = 50_000
_PENALTIES = np.logspace(-2, 2, 9)  # over the mean of s²


class Weights(NamedTuple):
    """A linear map from features to scores.

    Attributes:
        weights: (P, K) float32.
        biases: (K,) float32.
    """

    weights: NDArray[np.float32]
    biases: NDArray[np.float32]


def logistic(x: Any, classes: NDArray[np.int64], count: int) -> Weights:
    """Weights W and biases b of logistic regression; of two classes, one column.

    They minimise, over examples x with classes y, with the penalty C = 10:

        C Σ -ln softmax(x W + b)_y + |W|² / 2

    Schmidt, Le Roux & Bach 2017, "Minimizing finite sums with the stochastic average gradient":
    a few passes over the examples, more of them where there are few. A class without examples
    has the odds of one in N, and so have all classes where there are no features.

    Args:
        x: a sparse matrix (N, P).
        classes: the class of each example (N,), from 0 to K-1.
        count: K.
    """
    from sklearn.linear_model import LogisticRegression

    examples, features = x.shape
    columns = 1 if count == 2 else count
    each = np.bincount(classes, minlength=count)
    odds = np.log(np.maximum(each, 1) / examples).astype(np.float32)
    biases = odds if columns > 1 else odds[1:] - odds[:1]
    weights = np.zeros((features, columns), np.float32)
    present = np.flatnonzero(each)
    if not features or len(present) < 2:
        return Weights(weights, biases)
    passes = int(np.clip(_VISITS // examples, 5, 500))
    model = LogisticRegression(C=10.0, solver="sag", max_iter=passes, tol=1e-3, random_state=0)
    with warnings.catch_warnings():
        # so many passes are enough; many classes with few texts each are counted elsewhere
        warnings.filterwarnings("ignore", "The max_iter was reached")
        warnings.filterwarnings("ignore", "The number of unique classes")
        model.fit(x, classes)
    own = present if columns > 1 else [0]
    found, offsets = model.coef_.T, model.intercept_
    if columns > 1 and len(present) == 2:
        found, offsets = np.hstack([-found, found]) / 2, np.hstack([-offsets, offsets]) / 2
    weights[:, own], biases[own] = found, offsets
    return Weights(weights, biases)


def ridge_of_texts(x: Any, targets: NDArray[np.float64]) -> Weights:
    """Weights W and biases b that minimise |x W + b - y|² + |W|².

    Args:
        x: a sparse matrix (N, P) whose rows have length 1.
        targets: y (N, K).
    """
    from sklearn.linear_model import Ridge as Regression

    if not x.shape[1]:
        weights = np.zeros((0, targets.shape[1]), np.float32)
        return Weights(weights, targets.mean(0).astype(np.float32))
    model = Regression(alpha=1.0, solver="sparse_cg").fit(x, targets)
    weights, biases = np.atleast_2d(model.coef_).T, np.atleast_1d(model.intercept_)
    return Weights(weights.astype(np.float32), biases.astype(np.float32))


class Ridge(NamedTuple):
    """Ridge regression.

    Attributes:
        fitted: the map from features to targets.
        left_out: what would be said of each example, had it not been learnt from (N, K).
    """

    fitted: Weights
    left_out: NDArray[np.float64]


def ridge(x: NDArray[np.floating], targets: NDArray[np.float64]) -> Ridge:
    """Weights W and biases b that minimise |x W + b - y|² + α |W|², features standardised.

    α is the one of nine with the least squared error of examples that are left out, one at a time,
    which is known without fitting again: with the singular values s and left vectors U of x,

        H = U diag(s² / (s² + α)) Uᵀ + 1/N        y_i - ŷ_(i) = (y_i - ŷ_i) / (1 - H_ii)

    Args:
        x: features (N, P).
        targets: y (N, K).
    """
    mean, deviation = x.mean(0, dtype=np.float64), x.std(0, dtype=np.float64)
    scale = np.where(deviation > 1e-6, deviation, np.inf)  # of a constant feature the weight is 0
    z, centre = (x - mean) / scale, targets.mean(0)
    u, squares, back = _singular(z)
    rotated, best = u.T @ (targets - centre), np.inf
    for penalty in _PENALTIES * max(float(squares.mean()), 1e-12):
        shrunk = squares / (squares + penalty)
        rest = targets - centre - u @ (shrunk[:, None] * rotated)
        rest /= np.maximum(1 - u**2 @ shrunk - 1 / len(x), 1e-6)[:, None]
        if (error := float((rest**2).mean())) < best:
            best, left_out = error, targets - rest
            weights = back @ (rotated / (squares + penalty)[:, None])
    weights /= scale[:, None]
    biases = centre - mean @ weights
    return Ridge(Weights(weights.astype(np.float32), biases.astype(np.float32)), left_out)


def _singular(z: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    """Of z (N, P): left vectors U (N, R), s² (R,), and zᵀ U (P, R), by the smaller product."""
    wide = z.shape[1] > len(z)
    squares, vectors = np.linalg.eigh(z @ z.T if wide else z.T @ z)
    kept = squares > max(squares[-1], 0) * 1e-10
    squares, vectors = squares[kept], vectors[:, kept]
    if wide:
        return vectors, squares, z.T @ vectors
    return z @ vectors / np.sqrt(squares), squares, vectors * np.sqrt(squares)
