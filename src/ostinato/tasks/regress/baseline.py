"""Baselines: the mean of the training targets, and ridge regression.

They stand beside every regressor, because on few examples they are hard to beat, and a network that
does not beat them should be known not to.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ostinato.data import Tokenizer
from ostinato.tasks.base.pooled.baseline import linear_features
from ostinato.tasks.regress.scale import TargetScale


@dataclass(frozen=True)
class RegressBaseline:
    """A fitted linear baseline and what it cost.

    Attributes:
        pipeline: scikit-learn's tf-idf and ridge regression.
        scale: of the targets; the regression predicts standardised ones.
        parameters: the number of its weights.
        seconds: how long fitting took.
    """

    pipeline: Any
    scale: TargetScale
    parameters: int
    seconds: float

    def predict(self, inputs: Sequence[Any]) -> NDArray[np.float64]:
        """The predicted numbers (N,), in units of the data."""
        found: NDArray[np.float64] = np.asarray(self.pipeline.predict(inputs), np.float64)
        return found * self.scale.deviation + self.scale.mean


def fit_baseline(
    inputs: Sequence[Any],
    targets: NDArray[np.float64],
    tokenizer: Tokenizer | None,
    scale: TargetScale,
) -> RegressBaseline:
    """Fits w, b that minimise Σ (z - w·x - b)² + |w|², with z the standardised targets.

    x are the features of `linear_features`: of texts words and pairs of words, of signals means,
    deviations, first and last of each number.
    """
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline

    began = time.perf_counter()
    regression = Ridge(alpha=1.0)
    pipeline = make_pipeline(linear_features(tokenizer, len(inputs)), regression)
    pipeline.fit(inputs, (targets - scale.mean) / scale.deviation)
    weights = regression.coef_.size + 1
    return RegressBaseline(pipeline, scale, weights, time.perf_counter() - began)
