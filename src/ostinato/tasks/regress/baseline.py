"""Baselines: the mean of the training targets, and ridge regression.

They stand beside every regressor, because on few examples they are hard to beat; where ridge
regression helps a network, both answer together.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ostinato.data import Tokenizer
from ostinato.tasks.base.pooled.baseline import LinearModel, every, features_of
from ostinato.tasks.base.pooled.solvers import Weights, ridge, ridge_of_texts
from ostinato.tasks.regress.scale import TargetScale


@dataclass(frozen=True)
class RegressBaseline:
    """A fitted linear baseline and what it cost.

    Attributes:
        model: the linear model, of standardised targets.
        scale: of the targets.
        seconds: how long fitting took.
    """

    model: LinearModel
    scale: TargetScale
    seconds: float

    @property
    def parameters(self) -> int:
        """The number of its weights."""
        return self.model.parameters

    def predict(self, inputs: Sequence[Any]) -> NDArray[np.float64]:
        """The predicted numbers (N,), in units of the data."""
        return self.scale.restored(self.model.scores(inputs)[:, 0])


def fit_baseline(
    inputs: Sequence[Any],
    targets: NDArray[np.float64],
    tokenizer: Tokenizer | None,
    scale: TargetScale,
    seed: int = 0,
) -> RegressBaseline:
    """Fits standardised targets: of texts by `ridge_of_texts` on `NGramFeatures`, of series by
    `ridge` on `ConvolutionFeatures`.

    Args:
        inputs: training texts or series.
        targets: the number of each (N,).
        tokenizer: that of the network; None where series are read.
        scale: of the targets.
        seed: see `features_of`.
    """
    began = time.perf_counter()
    some = every(inputs, tokenizer)
    inputs, targets = inputs[some], targets[some]
    features = features_of(inputs, tokenizer, 1, seed)
    x, z = features.matrix(inputs), scale.standardised(targets)[:, None].astype(np.float64)
    found: Weights = ridge(x, z).fitted if tokenizer is None else ridge_of_texts(x, z)
    return RegressBaseline(LinearModel.of(features, found), scale, time.perf_counter() - began)
