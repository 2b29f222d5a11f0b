"""A linear model of what texts or series hold: the baseline of tasks that answer for the whole."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ostinato.data import Tokenizer
from ostinato.tasks.base.pooled.convolutions import ConvolutionFeatures
from ostinato.tasks.base.pooled.ngrams import NGramFeatures
from ostinato.tasks.base.pooled.solvers import Weights

Features: TypeAlias = NGramFeatures | ConvolutionFeatures
_WEIGHTS = 2**23  # of a model of texts at most
_SERIES, _STEPS = 2**13, 2**20  # that a model is fitted to at most
_AT_A_TIME = 2**12  # inputs whose features are in memory


@dataclass(frozen=True)
class LinearModel:
    """Scores z = x W + b of texts or series, with the features x.

    Attributes:
        features: how x is made of a text or a series.
        weights: W (P, K) float32.
        biases: b (K,) float32.
    """

    features: Features
    weights: NDArray[np.float32]
    biases: NDArray[np.float32]

    @classmethod
    def of(cls, features: Features, found: Weights) -> Self:
        """With the weights that a solver found."""
        return cls(features, found.weights, found.biases)

    @property
    def parameters(self) -> int:
        """The number of learned weights."""
        return self.weights.size + self.biases.size

    def scores(self, inputs: Sequence[Any]) -> NDArray[np.float32]:
        """z (N, K)."""
        found = [np.zeros((0, len(self.biases)), np.float32)]
        for start in range(0, len(inputs), _AT_A_TIME):
            some = inputs[start : start + _AT_A_TIME]
            found.append(self.features.times(some, self.weights) + self.biases)
        return np.concatenate(found)

    def to_tensors(self) -> dict[str, Tensor]:
        """All of it, as `of_tensors` takes it."""
        own = {"weights": self.weights, "biases": self.biases}
        tensors = {name: torch.from_numpy(array) for name, array in own.items()}
        return tensors | self.features.to_tensors()

    @classmethod
    def of_tensors(
        cls, tensors: Mapping[str, Tensor], split: Tokenizer | None, columns: int
    ) -> Self:
        """The model that gave these tensors.

        Args:
            tensors: what `to_tensors` gave.
            split: the tokenizer of the network; None where series are read.
            columns: K.

        Raises:
            KeyError, ValueError: for tensors that do not fit.
        """
        features: Features
        if split is None:
            features = ConvolutionFeatures.of_tensors(tensors)
        else:
            features = NGramFeatures.of_tensors(tensors, split)
        weights, biases = tensors["weights"], tensors["biases"]
        if biases.shape != (columns,) or weights.shape != (features.count, columns):
            raise ValueError(f"weights {[*weights.shape]} and biases {[*biases.shape]}")
        if {weights.dtype, biases.dtype} != {torch.float32}:
            raise ValueError("numbers of another type")
        if not (weights.isfinite().all() and biases.isfinite().all()):
            raise ValueError("a weight is not finite")
        return cls(features, weights.numpy(), biases.numpy())


def every(inputs: Sequence[Any], split: Tokenizer | None) -> slice:
    """All texts; of series every n-th, where there are more than a linear model needs."""
    if split is not None:
        return slice(None)
    most = max(sum(map(len, inputs)) / _STEPS, len(inputs) / _SERIES)
    return slice(None, None, max(math.ceil(most), 1))


def features_of(
    inputs: Sequence[Any], split: Tokenizer | None, columns: int, seed: int
) -> Features:
    """The features of training texts, or of series where there is no tokenizer.

    Args:
        inputs: the training part.
        split: the tokenizer of the network; None where series are read.
        columns: K, which is how many weights each feature has.
        seed: fixes which channels of series are read together.
    """
    if split is None:
        return ConvolutionFeatures.fit(inputs, seed)
    return NGramFeatures.fit(inputs, split, max(_WEIGHTS // columns, 1), columns)
