"""The estimator of a task that answers once for a whole text, or series of numbers."""

from __future__ import annotations

from copy import copy
from typing import Any, Self, TypeVar, Unpack

import numpy as np
from numpy.typing import NDArray

from ostinato.data import Tokenizer, Vocabulary
from ostinato.tasks.base.estimator import Fitting, Prepared, TextEstimator
from ostinato.tasks.base.pooled.model import PooledModel
from ostinato.tasks.base.pooled.numbers import Numbers
from ostinato.tasks.base.pooled.settings import PooledSettings

S = TypeVar("S", bound=PooledSettings)


class PooledEstimator(TextEstimator[S]):
    """Its trained model reads texts, or signals: arrays (T, D) of any length."""

    model_: PooledModel[Any, Any, Any]

    def _trained(self, prepared: Prepared, **options: Unpack[Fitting]) -> None:
        run = options.get("run")
        before = run.like if run and not options.get("resume") else run
        if before and "alone" not in before.config().get("model", {}):
            # it is from before a baseline could answer too, and is continued or repeated as it was
            settings = prepared.model.settings
            network = settings.model.model_copy(update={"alone": True})
            prepared.model.settings = settings.model_copy(update={"model": network})
        super()._trained(prepared, **options)

    def with_model(self, model: PooledModel[Any, Any, Any]) -> Self:
        """The same estimator with another trained model."""
        other = copy(self)
        other.model_ = model
        return other

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
