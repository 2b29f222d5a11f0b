"""Predict numbers from texts, and from series of numbers: `Regressor`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self, Unpack

import numpy as np
from numpy.typing import NDArray
from sklearn.base import RegressorMixin
from sklearn.utils.validation import check_is_fitted

from ostinato import data
from ostinato.data import Examples
from ostinato.tasks.base.estimator import Fitting
from ostinato.tasks.base.pooled.estimator import PooledEstimator
from ostinato.tasks.regress.baseline import RegressBaseline
from ostinato.tasks.regress.ensemble import RegressMember
from ostinato.tasks.regress.measures import RegressMeasures, measured, r2_score
from ostinato.tasks.regress.model import RegressModel
from ostinato.tasks.regress.prepare import prepare
from ostinato.tasks.regress.scale import TargetScale, targets_of
from ostinato.tasks.regress.settings import RegressSettings


class Regressor(RegressorMixin, PooledEstimator[RegressSettings]):  # type: ignore[misc]
    """Predicts a number from a text with a recurrent network; two baselines stand beside it.

    `Regressor("gru", model={"hidden": 128}, train={"epochs": 3})`: the settings are those of
    `RegressSettings`.

    Args:
        cell: a cell, its name, or `path/to/file.py:name`.
        tokenizer: `word` (the default), `char` or `bpe`.
        seed: fixes everything random, as scikit-learn's `random_state` does.
        data: what is read, see `RegressData`.
        model: the network and its loss, see `RegressNetworkSettings`.
        train: the loop, see `RegressTraining`.
        baseline: whether to fit the linear baseline too.

    In place of texts there may be signals: arrays (T, D) of any length, read by a linear map where
    texts have an embedding, each number on the scale of training (`numbers_`). Targets are
    standardised with mean and deviation of the training part (`scale_`); predictions are in units
    of the data.

    After `fit`: `model_`, the trained `RegressModel`, and of its parts `scale_`, `tokenizer_`,
    `vocabulary_` and `network_`; `history_` (a record for each epoch), `baseline_`, and
    `baseline_measures_` on the validation part, of the `linear` baseline and of the `mean`, and
    `baselines_better_`, those whose errors are smaller than the network's there, beyond chance.
    """

    kind = RegressSettings
    model_type = RegressModel
    model_: RegressModel
    baseline_: RegressBaseline | None = None
    baseline_measures_: dict[str, RegressMeasures] | None = None
    baselines_better_: Sequence[str] = ()
    together_: RegressMeasures | None = None

    def fit(self, texts: object, targets: object = None, **options: Unpack[Fitting]) -> Self:
        """Trains the network, and the baseline on the same examples.

        A part of the examples, in whole blocks of neighbours, is held out to choose the best epoch.

        Args:
            texts: the texts: a list, an array, a Series; signals, as a list of arrays (T, D); or a
                table with texts and targets, as for `Classifier.fit`.
            targets: the number of each; None where the table has them.
            options: see `Fitting`.

        Raises:
            DataError: when a row is empty or no text, a target is not a finite number, there are
                fewer than three examples, or all targets are the same.
        """
        settings = self._settings(options)
        columns = settings.data
        examples = data.examples_of(texts, targets, columns.text, columns.targets)
        prepared = prepare(settings, self._cell(), examples, options.get("run") is not None)
        self._train(prepared, **options)
        self.baseline_, self.baseline_measures_ = prepared.baseline, prepared.measures
        self.baselines_better_, self.together_ = prepared.better, prepared.together
        return self

    def predict(self, texts: object) -> NDArray[np.float64]:
        """The predicted numbers (N,), in units of the data.

        Args:
            texts: texts or signals as for `fit`.

        Raises:
            DataError: for a single text in place of a list, or what is no text.
        """
        check_is_fitted(self, "model_")
        return self.model_.values(data.texts_of(texts, self.model_.settings.data.text))

    def score(
        self, texts: object, targets: object = None, sample_weight: Sequence[float] | None = None
    ) -> float:
        """R², see `r2_score`; not a number where all targets are the same.

        Args:
            texts: texts and targets as for `fit`.
            targets: likewise.
            sample_weight: how much each counts (N,).
        """
        examples = self._measured(texts, targets)
        weights = None if sample_weight is None else np.asarray(sample_weight, np.float64)
        found = r2_score(targets_of(examples), self.predict(examples.texts), weights)
        return float("nan") if found is None else found

    def evaluate(self, texts: object, targets: object = None) -> RegressMeasures:
        """How near predictions are; texts and targets as for `fit`.

        Raises:
            DataError: when there are no examples.
        """
        examples = self._measured(texts, targets)
        return measured(targets_of(examples), self.predict(examples.texts))

    def alone(self, texts: object, targets: object = None) -> dict[str, RegressMeasures]:
        """How near the network and the linear baseline are that predict together, each alone.

        Args:
            texts: texts and targets as for `fit`.
            targets: likewise.
        """
        examples, model = self._measured(texts, targets), self.model_
        found = {"network": model.without_linear().values(examples.texts)}
        if model.linear:
            said = model.linear.model.scores(examples.texts)[:, 0]
            found["linear baseline"] = model.scale.restored(said)
        right = targets_of(examples)
        return {part: measured(right, values) for part, values in found.items()}

    @property
    def linear_(self) -> RegressMember | None:
        """The linear baseline as it answers with the network, if it does."""
        return self.model_.linear

    @property
    def scale_(self) -> TargetScale:
        """Mean and deviation of the training targets."""
        return self.model_.scale

    def _measured(self, texts: object, targets: object) -> Examples:
        check_is_fitted(self, "model_")
        columns = self.model_.settings.data
        return data.examples_of(texts, targets, columns.text, columns.targets, split="test")
