"""The estimator of a task that answers once for a whole text, or series of numbers."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ostinato.data import Tokenizer, Vocabulary
from ostinato.tasks.base.estimator import TextEstimator
from ostinato.tasks.base.pooled.model import PooledModel
from ostinato.tasks.base.pooled.numbers import Numbers
from ostinato.tasks.base.pooled.settings import PooledSettings

S = TypeVar("S", bound=PooledSettings)


class PooledEstimator(TextEstimator[S]):
    """Its trained model reads texts, or signals: arrays (T, D) of any length."""

    model_: PooledModel[Any, Any, Any]

    @property
    def tokenizer_(self) -> Tokenizer | None:
        """The tokenizer; None for time series."""
        return self.model_.tokenizer

    @property
    def vocabulary_(self) -> Vocabulary | None:
        """The vocabulary; None for time series."""
        return self.model_.vocabulary

    @property
    def numbers_(self) -> Numbers | None:
        """The means and deviations of the training set, for time series."""
        return self.model_.numbers

    @property
    def bigrams_(self) -> NDArray[np.int64]:
        """The bigrams with their own embeddings (P, 2)."""
        return self.model_.bigrams
