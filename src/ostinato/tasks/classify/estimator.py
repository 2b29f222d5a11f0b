"""Classify texts, and series of numbers: `Classifier`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self, Unpack

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from ostinato import data
from ostinato.data import Examples
from ostinato.data.tables.labels import Label, each
from ostinato.errors import DataError, first_few, quoted
from ostinato.tasks.base.estimator import Fitting
from ostinato.tasks.base.pooled.estimator import PooledEstimator
from ostinato.tasks.base.pooled.network import PooledBatch
from ostinato.tasks.classify.baseline import ClassifyBaseline
from ostinato.tasks.classify.calibration import (
    error_of,
    log_probabilities,
    probabilities,
)
from ostinato.tasks.classify.decision import Decision
from ostinato.tasks.classify.ensemble import LinearMember
from ostinato.tasks.classify.measures import ClassifyMeasures, measured, micro_f1
from ostinato.tasks.classify.model import ClassifyModel
from ostinato.tasks.classify.prepare import prepare
from ostinato.tasks.classify.settings import ClassifySettings


class Classifier(ClassifierMixin, PooledEstimator[ClassifySettings]):  # type: ignore[misc]
    """A classifier of texts with a recurrent network, and a linear baseline.

    `Classifier("gru", model={"hidden": 128}, train={"epochs": 3})`: the settings are those of
    `ClassifySettings`.

    Args:
        cell: a cell, its name, or `path/to/file.py:name`.
        tokenizer: `word` (the default), `char` or `bpe`.
        seed: the seed of all random numbers, like `random_state` of scikit-learn.
        data: settings of the data, see `ClassifyData`.
        model: settings of the network, see `ClassifyNetworkSettings`.
        train: settings of training, see `Training`.
        baseline: whether to also fit the linear baseline.

    With `data={"multi_label": True}` each text has a list of labels, which may be empty; what is a
    matrix of classes (N, K) below then holds each label for itself.

    Instead of texts, the inputs may be time series: arrays (T, D) of any length, standardised as
    in training (`numbers_`), with a linear map in place of the embedding.

    After `fit`: `model_`, the trained `ClassifyModel`, and of its parts `classes_` (as they were
    given: numbers stay numbers), `tokenizer_`, `vocabulary_`, `network_`, `decision_` (temperature
    and thresholds) and `linear_`, the linear model that answers with the network, if one does;
    `history_` (a record for each epoch), `baseline_`, fitted on the training part, and on the
    validation texts `baseline_accuracy_`, `baseline_micro_f1_` and `baseline_better_`: whether it
    is better than the network beyond chance.
    """

    kind = ClassifySettings
    model_type = ClassifyModel
    model_: ClassifyModel
    baseline_: ClassifyBaseline | None = None
    baseline_better_: bool = False
    together_: ClassifyMeasures | None = None

    def fit(self, texts: object, labels: object = None, **options: Unpack[Fitting]) -> Self:
        """Trains the network, and the baseline, on the same texts.

        A validation set of whole blocks of neighbouring texts is held out to choose the best
        epoch. If the texts are in a file, the baseline uses every n-th, to limit its memory.

        Args:
            texts: the texts: a list, an array, a Series; or a table with texts and labels, that is
                a frame of pandas or polars, a `Dataset`, a `DatasetDict` with "train".
            labels: the label of each text; None if the table contains them.
            options: see `Fitting`.

        Raises:
            DataError: when a row is empty or not a text, there are fewer than two classes, or a
            class has only one text.
        """
        settings = self._settings(options)
        examples = data.examples_of(texts, labels, settings.data.text, settings.data.labels)
        digest = options.get("run") is not None
        prepared = prepare(settings, self._cell(), examples, digest)
        self._train(prepared, **options)
        self.baseline_, self.together_ = prepared.baseline, prepared.together
        self.baseline_better_ = prepared.baseline_better
        if right := prepared.baseline_measures:
            self.baseline_accuracy_ = right.accuracy
            self.baseline_micro_f1_ = right.micro_f1
        return self

    def decision_function(self, texts: object) -> NDArray[np.float32]:
        """Logits (N, K) of each text and class; for two classes ln(p₁ / p₀) (N).

        Args:
            texts: a list, an array, a Series, or a table with a column of texts, as for `fit`.

        Raises:
            DataError: for a single text instead of a list, or an entry that is not a text.
        """
        logits = self._logits(texts)
        two = logits.shape[1] == 2 and not self.model_.multi_label
        return logits[:, 1] - logits[:, 0] if two else logits

    def predict_proba(self, texts: object) -> NDArray[np.float32]:
        """Probabilities (N, K) of each text and class, in the order of `classes_`.

        For multi-label texts, each probability is independent.
        """
        return probabilities(self._logits(texts), self.model_.multi_label)

    def predict_log_proba(self, texts: object) -> NDArray[np.float32]:
        """The natural logarithms of `predict_proba` (N, K)."""
        return log_probabilities(self._logits(texts), self.model_.multi_label)

    def predict(self, texts: object, threshold: float | None = None) -> NDArray[np.generic]:
        """The most probable label of each text (N), or all labels above their thresholds.

        Args:
            texts: as for `decision_function`.
            threshold: the probability threshold of a label, instead of the fitted ones; for two
            classes, that of the second class.

        Returns:
            Labels as they were given to `fit`, numbers as numbers; for multi-label texts, tuples.

        Raises:
            ConfigError: for a threshold out of range, or with more than two classes.
        """
        given = self.given(self.predict_proba(texts), threshold)
        if not self.model_.multi_label:
            found: NDArray[np.generic] = self.classes_[given.argmax(-1)]
            return found
        tuples = np.empty(len(given), dtype=object)
        tuples[:] = self.model_.labels(given)
        return tuples

    def given(
        self, probabilities: NDArray[np.float32], threshold: float | None = None
    ) -> NDArray[np.bool_]:
        """Which labels are predicted for these probabilities, both (N, K); see `predict`."""
        check_is_fitted(self, "model_")
        return self.model_.given(probabilities, threshold)

    def score(
        self, texts: object, labels: object = None, sample_weight: Sequence[float] | None = None
    ) -> float:
        """Accuracy: the fraction of texts whose labels are correct, compared as strings."""
        examples = self._labelled(texts, labels)
        given = self.given(self.predict_proba(examples.texts))
        right = (given == self.model_.truth(examples.labels)).all(1)
        known = set(self.class_names)
        right &= [known.issuperset(each(label)) for label in examples.labels]
        return float(np.average(right, weights=sample_weight))

    def evaluate(
        self, texts: object, labels: object = None, *, threshold: float | None = None
    ) -> ClassifyMeasures:
        """Evaluates the predictions; texts and labels as for `fit`, threshold as for `predict`.

        Raises:
            DataError: for a label that is not in the training data, or when there are no texts.
        """
        examples = self._labelled(texts, labels)
        if not len(examples):
            raise DataError("there are no texts to evaluate")
        known, multi_label = self.class_names, self.model_.multi_label
        for number, label in enumerate(examples.labels, start=1):
            for name in each(label):
                if name not in known:
                    raise DataError(
                        f"text {number}: its label {quoted(name)} is not in "
                        f"the training data, which has {first_few(known)}"
                    )
        logits, truth = self._logits(examples.texts), self.model_.truth(examples.labels)
        found = probabilities(logits, multi_label)
        given = self.given(found, threshold)
        raw = probabilities(logits * np.float32(self.decision_.temperature), multi_label)
        errors = (error_of(p, truth, multi_label) for p in (raw, found))
        return measured(truth, given, known, multi_label, *errors)

    def alone(self, texts: object, labels: object = None) -> dict[str, float]:
        """Accuracy of the network and of the linear model and baseline, each alone.

        For multi-label texts it is the F1 of all texts and labels together.

        Args:
            texts: texts and labels as for `fit`.
            labels: likewise.
        """
        examples, model = self._labelled(texts, labels), self.model_
        found = {"network": model.without_linear().logits(examples.texts)}
        if model.linear and (said := model.linear_logits(examples.texts)) is not None:
            found[model.linear.name] = said
        if self.baseline_ and not (model.linear and model.linear.is_baseline):
            found["linear baseline"] = self.baseline_.logits(examples.texts)
        truth, multi_label = model.truth(examples.labels), model.multi_label
        plain = Decision()
        return {
            part: micro_f1(truth, plain.given(probabilities(logits, multi_label), multi_label))
            for part, logits in found.items()
        }

    def encode(self, texts: Sequence[str], labels: Sequence[Label]) -> tuple[PooledBatch, Tensor]:
        """Texts as one batch for the network; and the classes (B,)."""
        model = self.model_
        return model.encode(texts), model.targets(list(labels)).to(model.device)

    @property
    def class_names(self) -> list[str]:
        """The classes as text, in the order of `classes_`."""
        return self.model_.class_names

    @property
    def classes_(self) -> NDArray[np.generic]:
        """The classes, as they were given."""
        return self.model_.classes

    @property
    def decision_(self) -> Decision:
        """How logits become probabilities and labels."""
        return self.model_.decision

    @property
    def linear_(self) -> LinearMember | None:
        """The linear model that is combined with the network, if there is one."""
        return self.model_.linear

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        given = self.data or {}
        tags.classifier_tags.multi_label = bool(given.get("multi_label") or given.get("separator"))
        return tags

    def _labelled(self, texts: object, labels: object) -> Examples:
        check_is_fitted(self, "model_")
        columns = self.model_.settings.data
        return data.examples_of(texts, labels, columns.text, columns.labels, split="test")

    def _logits(self, texts: object) -> NDArray[np.float32]:
        """Logits (N, K) over the temperature."""
        check_is_fitted(self, "model_")
        return self.model_.logits(data.texts_of(texts, self.model_.settings.data.text))
