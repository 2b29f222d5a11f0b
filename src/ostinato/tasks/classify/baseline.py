"""The linear baseline: logistic regression on n-grams, or ridge regression on convolutions.

It stands beside every classifier, because it is hard to beat where texts or series are few or
short; where it helps a network, both answer together.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ostinato.data import Tokenizer
from ostinato.data.tables.labels import Label, each
from ostinato.tasks.base.pooled.baseline import LinearModel, every, features_of
from ostinato.tasks.base.pooled.solvers import Weights, logistic, ridge
from ostinato.tasks.classify.calibration import fit_temperature


@dataclass(frozen=True)
class ClassifyBaseline:
    """A fitted baseline and what it cost.

    Attributes:
        model: the linear model; of two classes it has one score, ln(p₁ / p₀).
        classes: the names of the classes, in the order of logits.
        multi_label: whether a text has any number of labels, also none.
        seconds: how long fitting took.
    """

    model: LinearModel
    classes: Sequence[str]
    multi_label: bool
    seconds: float

    @property
    def parameters(self) -> int:
        """The number of its weights."""
        return self.model.parameters

    def logits(self, inputs: Sequence[Any]) -> NDArray[np.float32]:
        """Logits (N, K) of texts or series."""
        scores = self.model.scores(inputs)
        if scores.shape[1] == len(self.classes):
            return scores
        return np.concatenate([np.zeros_like(scores), scores], 1)

    def predict(self, inputs: Sequence[Any]) -> list[Label]:
        """The most probable label of each, or all that are more probable than not."""
        logits = self.logits(inputs)
        if not self.multi_label:
            return [self.classes[int(k)] for k in logits.argmax(1)]
        return [tuple(self.classes[int(k)] for k in np.flatnonzero(row >= 0)) for row in logits]

    def accuracy(self, inputs: Sequence[Any], labels: Sequence[Label]) -> float:
        """The fraction whose label is right."""
        hits = [p == y for p, y in zip(self.predict(inputs), labels, strict=True)]
        return sum(hits) / len(hits)

    def to_tensors(self) -> dict[str, Tensor]:
        """What `LinearModel.of_tensors` takes."""
        return self.model.to_tensors()


def columns_of(classes: int, multi_label: bool) -> int:
    """How many scores a linear model of so many classes has."""
    return 1 if classes == 2 and not multi_label else classes


def fit_baseline(
    inputs: Sequence[Any],
    labels: Sequence[Label],
    classes: Sequence[str],
    tokenizer: Tokenizer | None,
    seed: int = 0,
) -> ClassifyBaseline:
    """Fits the baseline: of texts `logistic` on `NGramFeatures`, of series `ridge` on
    `ConvolutionFeatures`.

    For multi-label texts, each label has a regression of its own, against the rest. The scores of
    ridge regression are made logits by a temperature, under which the labels of training series
    are most probable, each as it is predicted without having been learnt from.

    Args:
        inputs: training texts or series.
        labels: the label of each; for multi-label texts tuples.
        classes: the names of the classes.
        tokenizer: that of the network; None where series are read.
        seed: see `features_of`.
    """
    began = time.perf_counter()
    multi_label, place = isinstance(labels[0], tuple), {name: k for k, name in enumerate(classes)}
    truth = np.zeros((len(labels), len(classes)), bool)
    for row, label in zip(truth, labels, strict=True):
        row[[place[name] for name in each(label)]] = True
    columns = columns_of(len(classes), multi_label)
    some = every(inputs, tokenizer)
    inputs, truth = inputs[some], truth[some]
    features = features_of(inputs, tokenizer, columns, seed)
    x = features.matrix(inputs)
    if tokenizer is None:
        found = _of_series(x, truth, multi_label)
    elif multi_label:
        found = _side_by_side([logistic(x, own.astype(np.int64), 2) for own in truth.T])
    else:
        found = logistic(x, truth.argmax(1), len(classes))
    model = LinearModel.of(features, found)
    return ClassifyBaseline(model, [*classes], multi_label, time.perf_counter() - began)


def _side_by_side(each: Sequence[Weights]) -> Weights:
    return Weights(*(np.concatenate(parts, -1) for parts in zip(*each, strict=True)))


def _of_series(x: NDArray[np.floating], truth: NDArray[np.bool_], multi_label: bool) -> Weights:
    """Weights and biases of logits."""
    fitted, left_out = ridge(x, truth.astype(np.float64) - 0.5)
    weights, biases = fitted
    temperature = fit_temperature(left_out, truth, multi_label)
    if truth.shape[1] == 2 and not multi_label:
        weights, biases = weights[:, 1:] - weights[:, :1], biases[1:] - biases[:1]
    scale = np.float32(1 / temperature)
    return Weights(weights * scale, biases * scale)
