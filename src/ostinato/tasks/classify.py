"""Classify texts: `Classifier`, and how well it does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from ostinato import data
from ostinato.data import Examples, Skipped, Store, tokenizer
from ostinato.data.cooccurrence import ppmi_vectors
from ostinato.equation import Cell
from ostinato.errors import DataError
from ostinato.nn import frequent_pairs
from ostinato.tasks.classify_learner import ClassifyLearner, pad_batch
from ostinato.tasks.classify_network import ClassifyEnsemble, ClassifyNetwork
from ostinato.tasks.classify_settings import ClassifySettings
from ostinato.tasks.estimator import TextEstimator, from_json, reproducible
from ostinato.tasks.linear import Baseline, fit_baseline
from ostinato.train import Progress, Run, fit

_TEXTS_AT_A_TIME = 2**14
_CHARACTERS = 2**25  # of texts for the baseline, where they do not fit into memory


@dataclass(frozen=True)
class Evaluation:
    """How a classifier does on labelled texts.

    Attributes:
        accuracy: the part of texts whose label is right.
        f1: the mean over classes of the harmonic mean of precision and recall.
        report: precision, recall, F1 and count of each class, as a table.
        confusion: texts by true class (row) and predicted class (column).
        classes: the classes, in the order of the rows.
    """

    accuracy: float
    f1: float
    report: str
    confusion: NDArray[np.int64]
    classes: list[str]


class Classifier(ClassifierMixin, TextEstimator[ClassifySettings]):  # type: ignore[misc]
    """Classifies texts with a recurrent network; a linear baseline is fitted beside it.

    `Classifier("gru", model={"hidden": 128}, train={"epochs": 3})`: the settings are those of
    `ClassifySettings`.

    Args:
        cell: a cell, its name, or `path/to/file.py:name`.
        tokenizer: `word` (the default), `char` or `bpe`.
        seed: fixes everything random.
        data: what is read, see `ClassifyData`.
        model: the network, see `ClassifyModel`.
        train: the loop, see `Training`.
        baseline: whether to fit the linear baseline too.

    After `fit`: `classes_`, `tokenizer_`, `vocabulary_`, `network_`, `history_` (a record for each
    epoch), `baseline_` and `baseline_accuracy_` on the validation texts.
    """

    kind = ClassifySettings

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
        settings = self.settings()
        examples = data.examples_of(texts, labels, settings.data.text, settings.data.label)
        self.skipped_ = skipped
        counts = Counter(examples.labels)
        if len(counts) < 2 or min(counts.values()) < 2:
            raise DataError(
                f"a classifier needs two classes with two texts each, not {dict(counts)}"
            )
        self.classes_ = sorted(counts)
        kept, held = data.split_blocks(examples.labels, settings.data.validation, settings.seed)
        training, validation = examples.select(kept), examples.select(held)

        size = settings.data.vocabulary
        self.tokenizer_ = tokenizer(settings.tokenizer).train(training.texts, size)
        store = self._store(training.texts, settings)
        self.vocabulary_ = store.vocabulary(size, settings.data.min_count)
        held_out = self._store(validation.texts, settings)
        rows, symbols = store.rows(self.vocabulary_), len(self.vocabulary_)
        ppmi = settings.model.start == "ppmi"
        counted = ppmi or settings.model.bigrams > 0  # over texts that fit into memory
        near = [np.asarray(row) for row in rows] if counted else []
        self.bigrams_ = frequent_pairs(near, symbols, settings.model.bigrams)
        with reproducible(settings.seed, settings.train.threads):
            self.network_ = self._network(self._cell())
            if ppmi:
                vectors = ppmi_vectors(near, symbols, settings.model.embedding, settings.seed)
                for member in getattr(self.network_, "members", [self.network_]):
                    member.embedding.weight.data = torch.from_numpy(0.3 * vectors)
            learner = ClassifyLearner(
                self.network_,
                settings,
                (rows, self._targets(training.labels)),
                (held_out.rows(self.vocabulary_), self._targets(validation.labels)),
            )
            if run:
                self._begin(run, self.network_.recurrent, examples.fingerprint(), resume)
            self.history_ = fit(learner, settings.train, run, show, resume)
        self.baseline_: Baseline | None = None
        if self.baseline:
            part = _in_memory(training)
            self.baseline_ = fit_baseline(part.texts, part.labels, self.tokenizer_)
            validation = _in_memory(validation)
            self.baseline_accuracy_ = self.baseline_.accuracy(validation.texts, validation.labels)
        if run and self.baseline_:
            run.write_json(
                "baseline.json",
                {
                    "validation_accuracy": self.baseline_accuracy_,
                    "parameters": self.baseline_.parameters,
                    "seconds": self.baseline_.seconds,
                    "texts": len(part),
                },
            )
        return self

    def decision_function(self, texts: Any) -> NDArray[np.float32]:
        """Logits (N, K) of each text and class.

        Args:
            texts: a list, an array, a Series, or a table with a column of texts, as for `fit`.

        Raises:
            DataError: for a single text in place of a list, or what is no text.
        """
        check_is_fitted(self)
        settings = self.settings()
        texts = data.texts_of(texts, settings.data.text)
        logits = np.zeros((len(texts), len(self.classes_)), dtype=np.float32)
        with torch.inference_mode():
            self.network_.eval()
            for start in range(0, len(texts), _TEXTS_AT_A_TIME):
                sequences = self._encode_all(texts[start : start + _TEXTS_AT_A_TIME])
                lengths = list(map(len, sequences))
                for batch in data.bucketed(lengths, settings.data.batch_tokens, 0, 0):
                    found = self.network_(*pad_batch([sequences[i] for i in batch]))
                    logits[start + batch] = found.numpy()
        return logits

    def predict_proba(self, texts: Any) -> NDArray[np.float32]:
        """Probabilities (N, K) of each text and class, in the order of `classes_`."""
        probabilities: NDArray[np.float32] = (
            torch.tensor(self.decision_function(texts)).softmax(-1).numpy()
        )
        return probabilities

    def predict(self, texts: Any) -> NDArray[np.str_]:
        """The most probable label of each text."""
        best = self.decision_function(texts).argmax(-1)
        predicted: NDArray[np.str_] = np.array(self.classes_)[best]
        return predicted

    def score(self, texts: Any, labels: Any = None, sample_weight: Any = None) -> float:
        """The part of texts whose label is right; labels are compared as text."""
        examples = self._labelled(texts, labels)
        return float(super().score(examples.texts, examples.labels, sample_weight))

    def evaluate(self, texts: Any, labels: Any = None) -> Evaluation:
        """How well labels are predicted; texts and labels as for `fit`.

        Raises:
            DataError: for a label that was not in the training data.
        """
        from sklearn.metrics import classification_report, confusion_matrix, f1_score

        examples = self._labelled(texts, labels)
        truth, predicted = examples.labels, self.predict(examples.texts)
        for number, label in enumerate(truth, start=1):
            if label not in self.classes_:
                raise DataError(
                    f"text {number}: its label {label!r} was not in the training data, "
                    f"which had {', '.join(self.classes_)}"
                )
        options = {"labels": self.classes_, "zero_division": 0}
        return Evaluation(
            accuracy=float(np.mean(predicted == np.array(truth))),
            f1=float(f1_score(truth, predicted, average="macro", **options)),
            report=str(classification_report(truth, predicted, digits=3, **options)),
            confusion=confusion_matrix(truth, predicted, labels=self.classes_),
            classes=list(self.classes_),
        )

    def _network(self, cell: Cell) -> ClassifyNetwork | ClassifyEnsemble:
        settings, pairs = self.settings().model, self.bigrams_
        sizes = len(self.vocabulary_), len(self.classes_)
        members = [ClassifyNetwork(cell, settings, *sizes, pairs) for _ in range(settings.members)]
        return members[0] if len(members) == 1 else ClassifyEnsemble(members)

    def _read(self, run: Run) -> None:
        super()._read(run)
        self.classes_ = from_json(run, "labels.json", lambda labels: [str(y) for y in labels])
        self.bigrams_ = np.zeros((0, 2), np.int64)
        if self.settings().model.bigrams:
            self.bigrams_ = from_json(run, "bigrams.json", _pairs)

    def _write(self, run: Run) -> None:
        super()._write(run)
        run.write_json("labels.json", self.classes_)
        if self.settings().model.bigrams:
            run.write_json("bigrams.json", self.bigrams_.tolist())

    def encode(self, texts: Sequence[str], labels: Sequence[str]) -> tuple[Tensor, Tensor, Tensor]:
        """Texts as the network takes them: tokens (B, T), lengths (B,); and the classes (B,)."""
        return *pad_batch(self._encode_all(texts)), self._targets(list(labels))

    def _labelled(self, texts: Any, labels: Any) -> Examples:
        columns = self.settings().data
        return data.examples_of(texts, labels, columns.text, columns.label, split="test")

    def _store(self, texts: Sequence[str], settings: ClassifySettings) -> Store:
        store = Store(self.tokenizer_, keep=settings.data.max_tokens)
        for text in texts:
            store.add(text)
        return store

    def _encode_all(self, texts: Sequence[str]) -> list[NDArray[np.int64]]:
        settings, split = self.settings(), self.tokenizer_.split
        return [self._encode(split(text), settings) for text in texts]

    def _encode(self, tokens: list[str], settings: ClassifySettings) -> NDArray[np.int64]:
        """Symbols of a text's last tokens; a text without any is one unknown symbol."""
        return self.vocabulary_.encode(tokens[-settings.data.max_tokens :] or [""])

    def _targets(self, labels: list[str]) -> Tensor:
        return torch.tensor([self.classes_.index(label) for label in labels])


def _pairs(listed: Any) -> NDArray[np.int64]:
    return np.array(listed, np.int64).reshape(-1, 2)


def _in_memory(examples: Examples) -> Examples:
    """All examples, or where they lie in a file every n-th, so that memory can hold them."""
    if isinstance(examples.texts, list):
        return examples
    step = -(-sum(map(len, examples.texts)) // _CHARACTERS)
    part = examples.select(range(0, len(examples), step))
    return Examples(list(part.texts), part.labels)
