"""A trained classifier of texts, or of series of numbers."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import asdict, dataclass, field
from typing import Self, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ostinato import data
from ostinato.data import Rows, Symbols, Tokenizer, Vocabulary
from ostinato.data.series.signals import Signal, are_signals
from ostinato.data.tables.labels import Label, each, label_text
from ostinato.equation import Cell
from ostinato.errors import DataError, check_finite
from ostinato.tasks.base.batch import Indices
from ostinato.tasks.base.model import Model
from ostinato.tasks.base.stored import from_json, read_symbols, write_symbols
from ostinato.tasks.classify.calibration import probabilities
from ostinato.tasks.classify.decision import Decision
from ostinato.tasks.classify.ensemble import LinearMember
from ostinato.tasks.classify.network import ClassifyBatch, ClassifyEnsemble, ClassifyNetwork
from ostinato.tasks.classify.numbers import Numbers
from ostinato.tasks.classify.settings import ClassifySettings
from ostinato.train import Run

Class: TypeAlias = str | int | float
"""A class, as it was given in training."""


@dataclass(frozen=True)
class Classification:
    """What a classifier says of a text.

    Attributes:
        label: the class; for multi-label texts, all predicted labels.
        probabilities: of each class by its name; for multi-label texts, independent of each other.
    """

    label: Class | tuple[Class, ...]
    probabilities: dict[str, float]

    def to_json(self) -> dict[str, object]:
        """Plain data."""
        label = list(self.label) if isinstance(self.label, tuple) else self.label
        return {"label": label, "probabilities": self.probabilities}


@dataclass(frozen=True)
class ClassifySequences:
    """Texts as symbols, or signals on the scale of training.

    Attributes:
        rows: symbols (T,), or numbers (T, D), of each.
        linear: what a linear model says of them (N, K), if one answers too.
    """

    rows: Sequence[Symbols | Signal] | Rows
    linear: NDArray[np.float32] | None = None

    @property
    def lengths(self) -> list[int]:
        """See `Sequences`."""
        return list(map(len, self.rows))

    def batch(self, chosen: Indices) -> ClassifyBatch:
        """See `Sequences`."""
        values, lengths = data.pad([self.rows[i] for i in chosen])
        linear = None if self.linear is None else torch.from_numpy(self.linear[chosen])
        return ClassifyBatch(torch.from_numpy(values), torch.from_numpy(lengths), linear)


@dataclass(eq=False, kw_only=True)
class ClassifyModel(Model[ClassifySettings, "str | Signal", ClassifyBatch, Tensor, Classification]):
    """A trained classifier.

    Attributes:
        classes: as they were given in training, numbers as numbers (K,).
        tokenizer: what splits texts.
        vocabulary: the symbols that are known; none where series of numbers are read.
        numbers: the scale of training, where series of numbers are read in place of texts.
        bigrams: the pairs of symbols that have embeddings of their own (P, 2).
        decision: how logits become probabilities and labels.
        linear: a linear model that answers with the network, if there is one.
    """

    kind = ClassifySettings

    network: ClassifyNetwork | ClassifyEnsemble = field(init=False)
    classes: NDArray[np.generic]
    tokenizer: Tokenizer | None = None
    vocabulary: Vocabulary | None = None
    numbers: Numbers | None = None
    bigrams: NDArray[np.int64] = field(default_factory=lambda: np.zeros((0, 2), np.int64))
    decision: Decision = field(default_factory=Decision)
    linear: LinearMember | None = None

    @property
    def multi_label(self) -> bool:
        """Whether a text has any number of labels, also none."""
        return self.settings.data.labels.several

    @property
    def class_names(self) -> list[str]:
        """The classes as text, in their order."""
        return [label_text(each) for each in self.classes]

    @property
    def batch_tokens(self) -> int:
        """See `Model`."""
        return self.settings.data.batch_tokens

    def sequences(self, inputs: Sequence[str | Signal]) -> ClassifySequences:
        """See `Model`; of longer texts the last tokens, of one without any an unknown symbol."""
        keep = self.settings.data.max_tokens
        if self.numbers is not None:
            return ClassifySequences(self.numbers.scaled(inputs, keep))  # type: ignore[arg-type]
        if are_signals(inputs):
            raise DataError("this classifier was trained on texts, but these are numbers")
        split, known = self.text_codec()
        tokens = [split.split(str(text)) for text in inputs]
        rows = [known.encode(each[-keep:] or [""]) for each in tokens]
        if not self.linear:
            return ClassifySequences(rows)
        whole = [known.encode(each) for each in tokens]
        return ClassifySequences(rows, self.linear.model.log_probabilities(whole))

    def text_codec(self) -> tuple[Tokenizer, Vocabulary]:
        """What splits texts, and the symbols.

        Raises:
            DataError: where series of numbers are read.
        """
        if self.tokenizer is None or self.vocabulary is None:
            raise DataError("this classifier was trained on numbers: it has no vocabulary")
        return self.tokenizer, self.vocabulary

    def without_linear(self) -> Self:
        """The same model, in which the network answers alone."""
        alone = copy(self)
        alone.linear = None
        return alone

    def logits(self, inputs: Sequence[str | Signal]) -> NDArray[np.float32]:
        """Logits (N, K) of all that answer, over the temperature."""
        found = self.each(inputs, self._logits)
        return np.array(found, dtype=np.float32).reshape(len(found), len(self.classes))

    def decode(self, outputs: Tensor, batch: ClassifyBatch) -> list[Classification]:
        """See `Model`."""
        found = probabilities(self._logits(outputs, batch), self.multi_label)
        names = self.class_names
        return [
            Classification(label, dict(zip(names, row, strict=True)))
            for label, row in zip(self.labels(self.given(found)), found.tolist(), strict=True)
        ]

    def given(
        self, probabilities: NDArray[np.float32], threshold: float | None = None
    ) -> NDArray[np.bool_]:
        """Which labels are given to texts of these probabilities, both (N, K).

        Args:
            probabilities: of each text and class.
            threshold: the probability from which on a label is given, in place of the fitted ones.

        Raises:
            ConfigError: for a threshold out of range, or with more than two classes.
        """
        decision = self.decision
        if threshold is not None:
            decision = decision.at(threshold, len(self.classes), self.multi_label)
        return decision.given(probabilities, self.multi_label)

    def labels(self, given: NDArray[np.bool_]) -> list[Class | tuple[Class, ...]]:
        """The labels that are given (N, K), as they were in training."""
        if self.multi_label:
            return [tuple(self.classes[row].tolist()) for row in given]
        found: list[Class | tuple[Class, ...]] = self.classes[given.argmax(-1)].tolist()
        return found

    def truth(self, labels: Sequence[Label]) -> NDArray[np.bool_]:
        """Whether each text has each label (N, K); a label that is no class leaves no trace."""
        place = {name: k for k, name in enumerate(self.class_names)}
        truth = np.zeros((len(labels), len(place)), dtype=bool)
        for row, label in zip(truth, labels, strict=True):
            row[[place[name] for name in each(label) if name in place]] = True
        return truth

    def targets(self, labels: Sequence[Label]) -> Tensor:
        """The targets of the loss: the class of each text (N,), or for multi-label texts 0 and 1
        (N, K)."""
        truth = torch.from_numpy(self.truth(labels))
        return truth.float() if self.multi_label else truth.int().argmax(-1)

    def new_network(self) -> ClassifyNetwork | ClassifyEnsemble:
        """See `Model`."""
        settings = self.settings.model
        features = len(self.numbers.mean) if self.numbers is not None else 0
        symbols = 0 if self.vocabulary is None else len(self.vocabulary)
        members = [
            ClassifyNetwork(self.cell, settings, symbols, len(self.classes), self.bigrams, features)
            for _ in range(settings.members)
        ]
        return members[0] if len(members) == 1 else ClassifyEnsemble(members, self.multi_label)

    @classmethod
    def read_parts(cls, run: Run, settings: ClassifySettings, cell: Cell) -> Self:
        """See `Model`."""
        split, known, numbers = None, None, None
        if run.holds("numbers.json"):
            numbers = from_json(run, "numbers.json", Numbers.from_json)
        else:
            split, known = read_symbols(run, settings.tokenizer)
        model = cls(
            settings=settings,
            cell=cell,
            classes=from_json(run, "labels.json", _classes),
            tokenizer=split,
            vocabulary=known,
            numbers=numbers,
        )
        if settings.model.bigrams:
            model.bigrams = from_json(run, "bigrams.json", _pairs)
        if not run.unfinished:
            model._read_fitted(run)
        return model

    def _read_fitted(self, run: Run) -> None:
        """Reads what is fitted after training."""
        order, classes = self.settings.model.linear, len(self.classes)
        if order:
            self.linear = LinearMember.read(run, order, len(self.text_codec()[1]), classes)
        # runs from before there was calibration have no such setting, and no such file
        if "calibrate" in run.config().get("model", {}):
            self.decision = from_json(
                run, "decision.json", lambda d: Decision.from_json(d, classes, self.multi_label)
            )

    def write_parts(self, run: Run) -> None:
        """See `Model`."""
        if self.numbers is not None:
            run.write_json("numbers.json", self.numbers.to_json())
        else:
            write_symbols(run, *self.text_codec())
        run.write_json("labels.json", self.classes.tolist())
        if self.settings.model.bigrams:
            run.write_json("bigrams.json", self.bigrams.tolist())

    def write_fitted(self, run: Run) -> None:
        """See `Model`."""
        run.write_json("decision.json", asdict(self.decision))
        if self.linear:
            self.linear.write(run)

    def _logits(self, outputs: Tensor, batch: ClassifyBatch) -> NDArray[np.float32]:
        """Logits (B, K) of all that answer, over the temperature."""
        found: NDArray[np.float32] = outputs.cpu().numpy()
        if self.linear and batch.linear is not None:
            found = self.linear.join(found, batch.linear.cpu().numpy())
        check_finite(found)
        return found / np.float32(self.decision.temperature)


def _classes(listed: object) -> NDArray[np.generic]:
    """Classes from what a run's file holds."""
    known = isinstance(listed, list) and all(isinstance(y, str | int | float) for y in listed)
    if not known or not listed:
        raise ValueError("no list of labels")
    return np.array(listed)


def _pairs(listed: list[list[int]]) -> NDArray[np.int64]:
    return np.array(listed, np.int64).reshape(-1, 2)
