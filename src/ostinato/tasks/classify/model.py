"""A trained classifier of texts, or of series of numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Self, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ostinato.data.series.signals import Signal
from ostinato.data.tables.labels import Label, each, label_text
from ostinato.equation import Cell
from ostinato.errors import check_finite
from ostinato.tasks.base.parts import Part
from ostinato.tasks.base.pooled.model import PooledModel, PooledSequences
from ostinato.tasks.base.pooled.network import PooledBatch
from ostinato.tasks.base.pooled.together import FACTS
from ostinato.tasks.base.stored import from_json
from ostinato.tasks.classify.bayes import NaiveBayesLinear
from ostinato.tasks.classify.calibration import probabilities
from ostinato.tasks.classify.decision import Decision
from ostinato.tasks.classify.ensemble import Linear, LinearMember
from ostinato.tasks.classify.network import ClassifyEnsemble, ClassifyNetwork
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


@dataclass(eq=False, kw_only=True)
class ClassifyModel(PooledModel[ClassifySettings, PooledBatch, Classification]):
    """A trained classifier.

    Attributes:
        classes: as they were given in training, numbers as numbers (K,).
        tokenizer, vocabulary, numbers, bigrams: see `PooledModel`.
        decision: how logits become probabilities and labels.
        linear: a linear model that answers with the network, if there is one.
    """

    kind = ClassifySettings

    network: ClassifyNetwork | ClassifyEnsemble = field(init=False)
    classes: NDArray[np.generic]
    decision: Decision = field(default_factory=Decision)
    linear: LinearMember | None = None

    @property
    def multi_label(self) -> bool:
        """Whether a text has any number of labels, also none."""
        return self.settings.data.labels.multi_label

    @property
    def class_names(self) -> list[str]:
        """The classes as text, in their order."""
        return [label_text(each) for each in self.classes]

    @property
    def linear_learns_all(self) -> bool:
        """See `PooledModel`; one that was asked for learns from all texts, too."""
        asked = self.settings.model.linear and not isinstance(self.settings.data.validation, str)
        return bool(asked) or super().linear_learns_all

    def sequences(self, inputs: Sequence[str | Signal]) -> PooledSequences:
        """See `Model`."""
        return PooledSequences(self.rows(inputs), self.linear_logits(inputs))

    def linear_logits(self, inputs: Sequence[str | Signal]) -> NDArray[np.float32] | None:
        """What the linear model says (N, K), if one answers too."""
        return None if self.linear is None else self.said_by(self.linear.model, inputs)

    def said_by(self, linear: Linear, inputs: Sequence[str | Signal]) -> NDArray[np.float32]:
        """What a linear model says (N, K)."""
        if isinstance(linear, NaiveBayesLinear):
            return linear.log_probabilities(self.whole(inputs))
        return linear.logits(inputs)

    def logits(self, inputs: Sequence[str | Signal]) -> NDArray[np.float32]:
        """Logits (N, K) of all that answer, over the temperature."""
        found = self.each(inputs, self._logits)
        return np.array(found, dtype=np.float32).reshape(len(found), len(self.classes))

    def probabilities(self, inputs: Sequence[str | Signal]) -> NDArray[np.float32]:
        """P of each class (N, K); for multi-label texts, independent of each other."""
        return probabilities(self.logits(inputs), self.multi_label)

    def decode(self, outputs: Tensor, batch: PooledBatch) -> list[Classification]:
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

    def parts(self) -> list[Part]:
        """See `Model`."""
        parts = super().parts()
        if self.linear is None:
            return parts
        inside = f"{self.linear.reads}, combined with the network"
        count = self.linear.model.parameters
        return [*parts, Part("linear", self.linear.name, inside, parts[-1].gives, count)]

    def new_network(self) -> ClassifyNetwork | ClassifyEnsemble:
        """See `Model`."""
        settings = self.settings.model
        members = [
            ClassifyNetwork(
                self.cell, settings, self.symbols, len(self.classes), self.bigrams, self.features
            )
            for _ in range(settings.members)
        ]
        return members[0] if len(members) == 1 else ClassifyEnsemble(members, self.multi_label)

    @classmethod
    def read_parts(cls, run: Run, settings: ClassifySettings, cell: Cell) -> Self:
        """See `Model`."""
        classes = from_json(run, "labels.json", _classes)
        model = cls(settings=settings, cell=cell, classes=classes)
        model.read_inputs(run)
        if not run.unfinished:
            model._read_fitted(run)
        return model

    def _read_fitted(self, run: Run) -> None:
        """Reads what is fitted after training."""
        order, classes = self.settings.model.linear, len(self.classes)
        if order:
            self.linear = LinearMember.read(run, order, self.symbols, classes)
        elif run.holds(FACTS):
            split, names = self.tokenizer, self.class_names
            self.linear = LinearMember.read_baseline(run, split, names, self.multi_label)
        # runs from before there was calibration have no such setting, and no such file
        if "calibrate" in run.config().get("model", {}):
            self.decision = from_json(
                run, "decision.json", lambda d: Decision.from_json(d, classes, self.multi_label)
            )

    def write_parts(self, run: Run) -> None:
        """See `Model`."""
        self.write_inputs(run)
        run.write_json("labels.json", self.classes.tolist())

    def write_fitted(self, run: Run) -> None:
        """See `Model`."""
        run.write_json("decision.json", asdict(self.decision))
        if self.linear:
            self.linear.write(run)

    def _logits(self, outputs: Tensor, batch: PooledBatch) -> NDArray[np.float32]:
        """Logits (B, K) of all that answer, over the temperature."""
        found: NDArray[np.float32] = outputs.detach().cpu().numpy()
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
