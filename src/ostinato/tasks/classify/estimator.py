"""Classify texts, and series of numbers: `Classifier`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from ostinato import data
from ostinato.data import Examples, Skipped, Store, tokenizer
from ostinato.data.series.signals import are_signals
from ostinato.data.symbols.cooccurrence import ppmi_vectors
from ostinato.data.tables.labels import Label, each, label_text
from ostinato.equation import Cell
from ostinato.errors import ConfigError, DataError, check_finite, first_few, quoted
from ostinato.nn import frequent_pairs
from ostinato.tasks.base.estimator import TextEstimator, reproducible
from ostinato.tasks.base.stored import from_json
from ostinato.tasks.classify.baseline import Baseline, fit_baseline
from ostinato.tasks.classify.bayes import check_countable
from ostinato.tasks.classify.calibration import (
    error_of,
    log_probabilities,
    probabilities,
)
from ostinato.tasks.classify.class_weights import class_weights
from ostinato.tasks.classify.decision import Decision, check_threshold
from ostinato.tasks.classify.ensemble import LinearMember
from ostinato.tasks.classify.examples import (
    classes_in,
    in_memory,
    joined,
    names_of,
    split_examples,
)
from ostinato.tasks.classify.learner import ClassifyLearner, logits_of, pad_batch
from ostinato.tasks.classify.measures import Evaluation, measured
from ostinato.tasks.classify.network import ClassifyEnsemble, ClassifyNetwork
from ostinato.tasks.classify.numbers import Numbers
from ostinato.tasks.classify.settings import ClassifySettings
from ostinato.train import Progress, Run, fit

_TEXTS_AT_A_TIME = 2**14


class Classifier(ClassifierMixin, TextEstimator[ClassifySettings]):  # type: ignore[misc]
    """Classifies texts with a recurrent network; a linear baseline is fitted beside it.

    `Classifier("gru", model={"hidden": 128}, train={"epochs": 3})`: the settings are those of
    `ClassifySettings`.

    Args:
        cell: a cell, its name, or `path/to/file.py:name`.
        tokenizer: `word` (the default), `char` or `bpe`.
        seed: fixes everything random, as scikit-learn's `random_state` does.
        data: what is read, see `ClassifyData`.
        model: the network, see `ClassifyModel`.
        train: the loop, see `Training`.
        baseline: whether to fit the linear baseline too.

    With `data={"multi_label": True}` each text has a list of labels, which may be empty; what is a
    matrix of classes (N, K) below then tells of each label for itself.

    In place of texts there may be signals: arrays (T, D) of any length, read by a linear map where
    texts have an embedding, each number on the scale of training (`numbers_`).

    After `fit`: `classes_` (as they were given: numbers stay numbers), `tokenizer_`, `vocabulary_`,
    `network_`, `history_` (a record for each epoch), `decision_` (temperature and thresholds),
    `baseline_`, and on the validation texts `baseline_accuracy_` and `baseline_micro_f1_`; and
    `linear_`, the linear model that answers with the network where `model.linear` asks for one.
    """

    kind = ClassifySettings
    classes_: NDArray[Any]
    numbers_: Numbers | None
    decision_: Decision
    linear_: LinearMember | None = None
    baseline_: Baseline | None = None

    def fit(
        self,
        texts: Any,
        labels: Any = None,
        *,
        run: Run | None = None,
        show: Callable[[Progress], None] = lambda progress: None,
        resume: bool = False,
        skipped: Skipped | None = None,
    ) -> Self:
        """Trains the network, and the baseline on the same texts.

        A part of the texts, in whole blocks of neighbours, is held out to choose the best epoch.
        Of texts that lie in a file the baseline sees every n-th, as many as memory should hold.

        Args:
            texts: the texts: a list, an array, a Series; or a table with texts and labels, that is
                a frame of pandas or polars, a `Dataset`, a `DatasetDict` with "train".
            labels: the label of each; None where the table has them.
            run: where to log and save; None saves nothing.
            show: is told of the progress.
            resume: go on from the newest checkpoint of `run`.
            skipped: what was left out of the data, for the manifest of `run`.

        Raises:
            DataError: when a row is empty or no text, there are fewer than two classes, or a class
                has a single text.
        """
        settings, self.linear_ = self.settings(), None
        column = settings.data.labels
        examples = data.examples_of(texts, labels, settings.data.text, column)
        self.skipped_ = skipped
        self.classes_ = classes_in(examples, column.several)
        if settings.model.threshold is not None:
            check_threshold(len(self.classes_), column.several)
        if settings.model.linear and column.several:
            raise ConfigError("model.linear: texts of several labels have none")
        self.decision_ = Decision()
        training, validation = split_examples(examples, settings)
        digests = {"sha256": examples.fingerprint()} if run else {}
        if settings.data.extra:
            extra = self._extra(settings.data.extra)
            training = joined(training, extra)
            digests |= {"extra_sha256": extra.fingerprint()} if run else {}

        self.numbers_ = Numbers.of(training.texts) if are_signals(training.texts) else None
        if self.numbers_:
            _check_for_signals(settings)
            rows, held_out = (self._encode_all(part.texts) for part in (training, validation))
        else:
            rows, held_out = self._learn_symbols(training.texts, validation.texts)
        if settings.model.linear:
            check_countable(settings.model.linear, len(self.vocabulary_))
        ppmi = settings.model.start == "ppmi"
        counted = ppmi or settings.model.bigrams > 0  # over texts that fit into memory
        near = [np.asarray(row) for row in rows] if counted else []
        symbols = 0 if self.numbers_ else len(self.vocabulary_)
        self.bigrams_ = frequent_pairs(near, symbols, settings.model.bigrams)
        with reproducible(settings.seed, settings.train.threads):
            self.network_ = self._built()
            if ppmi:
                vectors = ppmi_vectors(near, symbols, settings.model.embedding, settings.seed)
                for member in getattr(self.network_, "members", [self.network_]):
                    member.embedding.weight.data = torch.from_numpy(0.3 * vectors)
            truth = self._truth(training.labels)
            learner = ClassifyLearner(
                self.network_,
                settings,
                (rows, self._targets(training.labels)),
                (held_out, self._targets(validation.labels)),
                class_weights(settings.model.class_weight, self.class_names, truth, column.several),
            )
            if run:
                self._begin(run, self.network_.recurrent, digests, resume)
            self.history_ = fit(learner, settings.train, run, show, resume)
            said, judged = learner.held_out(), validation
            if settings.model.linear:
                judged = in_memory(validation)
                self.linear_, said = self._linear_member(in_memory(training), judged)
            self.decision_ = Decision.fit(
                said,
                self._truth(judged.labels),
                column.several,
                settings.model.calibrate,
                settings.model.threshold,
            )
        self.baseline_ = None
        if self.baseline:
            self._fit_baseline(in_memory(training), in_memory(validation), run)
        if run:
            self._finish(run)
        return self

    def _fit_baseline(self, training: Examples, validation: Examples, run: Run | None) -> None:
        """Fits the linear baseline, and measures it on the validation texts."""
        split = None if self.numbers_ else self.tokenizer_
        self.baseline_ = fit_baseline(training.texts, training.labels, split)
        guessed = self.baseline_.predict(validation.texts)
        right = measured(
            self._truth(validation.labels), self._truth(guessed), self.class_names, self._several
        )
        self.baseline_accuracy_, self.baseline_micro_f1_ = right.accuracy, right.micro_f1
        if run:
            run.write_json(
                "baseline.json",
                {
                    "validation_accuracy": right.accuracy,
                    "validation_micro_f1": right.micro_f1,
                    "parameters": self.baseline_.parameters,
                    "seconds": self.baseline_.seconds,
                    "texts": len(training),
                },
            )

    def decision_function(self, texts: Any) -> NDArray[np.float32]:
        """Logits (N, K) of each text and class; of two classes ln(p₁ / p₀) (N).

        Args:
            texts: a list, an array, a Series, or a table with a column of texts, as for `fit`.

        Raises:
            DataError: for a single text in place of a list, or what is no text.
        """
        logits = self._logits(texts)
        two = logits.shape[1] == 2 and not self._several
        return logits[:, 1] - logits[:, 0] if two else logits

    def predict_proba(self, texts: Any) -> NDArray[np.float32]:
        """Probabilities (N, K) of each text and class, in the order of `classes_`.

        Where a text may have several labels, each is a probability of its own.
        """
        return probabilities(self._logits(texts), self._several)

    def predict_log_proba(self, texts: Any) -> NDArray[np.float32]:
        """The natural logarithms of `predict_proba` (N, K)."""
        return log_probabilities(self._logits(texts), self._several)

    def predict(self, texts: Any, threshold: float | None = None) -> NDArray[Any]:
        """The most probable label of each text (N), or all from their thresholds on.

        Args:
            texts: as for `decision_function`.
            threshold: the probability from which on a label is given, in place of the fitted ones;
                of two classes that of the second.

        Returns:
            Labels as they were given to `fit`, numbers as numbers; of several labels tuples.

        Raises:
            ConfigError: for a threshold out of range, or with more than two classes.
        """
        given = self.given(self.predict_proba(texts), threshold)
        if not self._several:
            found: NDArray[Any] = self.classes_[given.argmax(-1)]
            return found
        tuples = np.empty(len(given), dtype=object)
        tuples[:] = [tuple(self.classes_[row].tolist()) for row in given]
        return tuples

    def given(
        self, probabilities: NDArray[np.float32], threshold: float | None = None
    ) -> NDArray[np.bool_]:
        """Which labels are given to texts of these probabilities, both (N, K); see `predict`."""
        check_is_fitted(self)
        decision, several = self.decision_, self._several
        if threshold is not None:
            decision = decision.at(threshold, len(self.classes_), several)
        return decision.given(probabilities, several)

    @property
    def class_names(self) -> list[str]:
        """The classes as text, in the order of `classes_`."""
        return [label_text(each) for each in self.classes_]

    def score(self, texts: Any, labels: Any = None, sample_weight: Any = None) -> float:
        """The part of texts whose labels are right; they are compared as text."""
        examples = self._labelled(texts, labels)
        given = self.given(self.predict_proba(examples.texts))
        right = (given == self._truth(examples.labels)).all(1)
        known = set(self.class_names)
        right &= [known.issuperset(each(label)) for label in examples.labels]
        return float(np.average(right, weights=sample_weight))

    def evaluate(
        self, texts: Any, labels: Any = None, *, threshold: float | None = None
    ) -> Evaluation:
        """How well labels are predicted; texts and labels as for `fit`, threshold as for `predict`.

        Raises:
            DataError: for a label that was not in the training data, or when there are no texts.
        """
        examples = self._labelled(texts, labels)
        if not len(examples):
            raise DataError("there are no texts to judge by")
        known = self.class_names
        for number, label in enumerate(examples.labels, start=1):
            for name in each(label):
                if name not in known:
                    raise DataError(
                        f"text {number}: its label {quoted(name)} was not in the training data, "
                        f"which had {first_few(known)}"
                    )
        logits, truth = self._logits(examples.texts), self._truth(examples.labels)
        found = probabilities(logits, self._several)
        given = self.given(found, threshold)
        raw = probabilities(logits * np.float32(self.decision_.temperature), self._several)
        errors = (error_of(p, truth, self._several) for p in (raw, found))
        return measured(truth, given, known, self._several, *errors)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        given = self.data or {}
        tags.classifier_tags.multi_label = bool(given.get("multi_label") or given.get("separator"))
        return tags

    def _network(self, cell: Cell) -> ClassifyNetwork | ClassifyEnsemble:
        settings, pairs = self.settings().model, self.bigrams_
        features = len(self.numbers_.mean) if self.numbers_ else 0
        sizes = 0 if features else len(self.vocabulary_), len(self.classes_)
        members = [
            ClassifyNetwork(cell, settings, *sizes, pairs, features)
            for _ in range(settings.members)
        ]
        return members[0] if len(members) == 1 else ClassifyEnsemble(members, self._several)

    def alone(self, texts: Any, labels: Any = None) -> dict[str, float]:
        """Accuracy of the network, the linear model and the baseline, each by itself.

        Args:
            texts: texts and labels as for `fit`.
            labels: likewise.
        """
        examples = self._labelled(texts, labels)
        targets = self._targets(examples.labels).numpy()
        said = {"network": self._logits(examples.texts, linear=False)}
        if self.linear_:
            whole = self._whole(examples.texts)
            said["linear model"] = self.linear_.model.log_probabilities(whole)
        right = {part: float((s.argmax(1) == targets).mean()) for part, s in said.items()}
        if self.baseline_:
            guessed = self._targets(self.baseline_.predict(examples.texts)).numpy()
            right["linear baseline"] = float((guessed == targets).mean())
        return right

    def _extra(self, where: str) -> Examples:
        columns, known = self.settings().data, self.class_names
        extra = data.read_labelled(where, columns.text, columns.labels, classes=known)["train"]
        if strange := names_of(extra.labels) - set(known):
            raise DataError(
                f"{where}: its label {quoted(min(strange))} is none of {first_few(known)}"
            )
        return extra

    def _linear_member(
        self, training: Examples, validation: Examples
    ) -> tuple[LinearMember, NDArray[np.float32]]:
        def encoded(part: Examples) -> tuple[list[NDArray[np.int64]], NDArray[np.int64]]:
            return self._whole(part.texts), self._targets(part.labels).numpy()

        return LinearMember.fit(
            encoded(training),
            encoded(validation),
            self._logits(validation.texts, linear=False),
            order=self.settings().model.linear,
            symbols=len(self.vocabulary_),
        )

    def _whole(self, texts: Sequence[str]) -> list[NDArray[np.int64]]:
        """Symbols of texts, however long: a linear model sees all of them."""
        return [self.vocabulary_.encode(self.tokenizer_.split(text)) for text in texts]

    def _read(self, run: Run) -> None:
        self.numbers_ = None
        if run.holds("numbers.json"):
            self.numbers_ = from_json(run, "numbers.json", Numbers.from_json)
        else:
            super()._read(run)
        self.classes_ = from_json(run, "labels.json", _classes)
        self.linear_, self.decision_ = None, Decision()
        if self.settings().model.linear and not run.unfinished:
            self.linear_ = LinearMember.read(
                run, self.settings().model.linear, len(self.vocabulary_), len(self.classes_)
            )
        # runs from before there was calibration have no such setting, and no such file
        if "calibrate" in run.config().get("model", {}) and not run.unfinished:
            sizes = len(self.classes_), self._several
            self.decision_ = from_json(
                run, "decision.json", lambda found: Decision.from_json(found, *sizes)
            )
        self.bigrams_ = np.zeros((0, 2), np.int64)
        if self.settings().model.bigrams:
            self.bigrams_ = from_json(run, "bigrams.json", _pairs)

    def _write(self, run: Run) -> None:
        if self.numbers_:
            run.write_json("numbers.json", self.numbers_.to_json())
        else:
            super()._write(run)
        run.write_json("labels.json", self.classes_.tolist())
        if self.settings().model.bigrams:
            run.write_json("bigrams.json", self.bigrams_.tolist())

    def _write_fitted(self, run: Run) -> None:
        run.write_json("decision.json", asdict(self.decision_))
        if self.linear_:
            self.linear_.write(run)

    def encode(
        self, texts: Sequence[str], labels: Sequence[Label]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Texts as the network takes them: tokens (B, T), lengths (B,); and the classes (B,)."""
        return *pad_batch(self._encode_all(texts)), self._targets(list(labels))

    def _labelled(self, texts: Any, labels: Any) -> Examples:
        columns = self.settings().data
        return data.examples_of(texts, labels, columns.text, columns.labels, split="test")

    def _learn_symbols(self, training: Sequence[str], validation: Sequence[str]) -> tuple[Any, Any]:
        """Learns tokenizer and vocabulary, and gives both parts as symbols."""
        settings = self.settings()
        size = settings.data.vocabulary
        self.tokenizer_ = tokenizer(settings.tokenizer).train(training, size)
        store = self._store(training, settings)
        self.vocabulary_ = store.vocabulary(size, settings.data.min_count)
        held_out = self._store(validation, settings)
        return store.rows(self.vocabulary_), held_out.rows(self.vocabulary_)

    def _store(self, texts: Sequence[str], settings: ClassifySettings) -> Store:
        store = Store(self.tokenizer_, keep=settings.data.max_tokens)
        for text in texts:
            store.add(text)
        return store

    def _encode_all(self, texts: Sequence[Any]) -> list[NDArray[Any]]:
        settings = self.settings()
        if self.numbers_:
            return list(self.numbers_.scaled(texts, settings.data.max_tokens))
        if are_signals(texts):
            raise DataError("this classifier was trained on texts, and these are numbers")
        split = self.tokenizer_.split
        return [self._encode(split(text), settings) for text in texts]

    def _encode(self, tokens: list[str], settings: ClassifySettings) -> NDArray[np.int64]:
        """Symbols of a text's last tokens; a text without any is one unknown symbol."""
        return self.vocabulary_.encode(tokens[-settings.data.max_tokens :] or [""])

    @property
    def _several(self) -> bool:
        return self.settings().data.labels.several

    def _logits(self, texts: Any, linear: bool = True) -> NDArray[np.float32]:
        """Logits (N, K) over the temperature; of the network alone, or of all that answer."""
        check_is_fitted(self)
        settings = self.settings()
        texts = data.texts_of(texts, settings.data.text)
        logits = np.zeros((len(texts), len(self.classes_)), dtype=np.float32)
        for start in range(0, len(texts), _TEXTS_AT_A_TIME):
            some = texts[start : start + _TEXTS_AT_A_TIME]
            found = logits_of(self.network_, self._encode_all(some), settings.data.batch_tokens)
            if linear and self.linear_:
                found = self.linear_.join(found, self._whole(some))
            check_finite(found)
            logits[start : start + len(some)] = found
        return logits / np.float32(self.decision_.temperature)

    def _truth(self, labels: Sequence[Label]) -> NDArray[np.bool_]:
        """Whether each text has each label (N, K); a label that is no class leaves no trace."""
        place = {name: k for k, name in enumerate(self.class_names)}
        truth = np.zeros((len(labels), len(place)), dtype=bool)
        for row, label in zip(truth, labels, strict=True):
            row[[place[name] for name in each(label) if name in place]] = True
        return truth

    def _targets(self, labels: Sequence[Label]) -> Tensor:
        """What the loss takes: the class of each text (N,), or of several labels (N, K) 0 and 1."""
        truth = torch.from_numpy(self._truth(labels))
        return truth.float() if self._several else truth.int().argmax(-1)


def _classes(listed: Any) -> NDArray[Any]:
    """Classes from what a run's file holds."""
    known = isinstance(listed, list) and all(isinstance(y, str | int | float) for y in listed)
    if not known or not listed:
        raise ValueError("no list of labels")
    return np.array(listed)


def _check_for_signals(settings: ClassifySettings) -> None:
    """That nothing is asked for that only symbols have.

    Raises:
        ConfigError: when something is.
    """
    if settings.model.start == "ppmi" or settings.model.bigrams or settings.model.linear:
        what = "model.start = ppmi, model.bigrams and model.linear"
        raise ConfigError(f"{what} are for texts; these are numbers")


def _pairs(listed: Any) -> NDArray[np.int64]:
    return np.array(listed, np.int64).reshape(-1, 2)
