"""Texts whose labels are asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np
from torch import Tensor, nn

from ostinato.data import Examples, read_labelled, split_blocks, tokenizer
from ostinato.data.series.signals import are_signals
from ostinato.errors import ConfigError
from ostinato.tasks.base import defaults
from ostinato.tasks.base.held_out import SEQUENCES, Given, HeldOut, Judged
from ostinato.tasks.base.network import AnyNetwork
from ostinato.tasks.classify.baseline import fit_baseline
from ostinato.tasks.classify.estimator import Classifier
from ostinato.tasks.classify.prepare import before_validation
from ostinato.tasks.classify.settings import ClassifySettings
from ostinato.train import Run


@dataclass(frozen=True)
class ClassifyHeldOut(HeldOut):
    """Texts whose labels are asked for; each is right (1) or wrong (0)."""

    examples: Examples
    biased: bool = False
    training: Given | None = None
    kind = Classifier
    metric = "accuracy"
    lower = False

    @classmethod
    def read(cls, data: str, estimator: Classifier, run: Run) -> Self:
        """A source's test texts; else all texts, without those that the run was trained on.

        Raises:
            ConfigError: for multi-label texts, or when the run was trained on all of them.
        """
        settings = estimator.settings()
        if settings.data.labels.multi_label:
            raise ConfigError(
                f"{run.path}: its texts are multi-label, which a report does "
                "not support yet; use `ostinato evaluate`"
            )
        own = settings.data
        splits = read_labelled(data, own.text, own.label, dialect=own.dialect)
        examples, trained = splits["train"], run.manifest.data
        digest = examples.fingerprint()
        known = (examples.texts, examples.labels) if digest == trained.get("sha256") else None
        if "test" in splits:
            return cls(splits["test"], training=known)
        whole = "sha256" if isinstance(own.validation, str) else "extra_sha256"
        if digest == trained.get(whole):
            raise ConfigError(
                f"{run.path}: the run was trained on all of {data}, which cannot evaluate it"
            )
        if known and not isinstance(own.validation, str):
            _, held = split_blocks(examples.labels, own.validation, settings.seed)
            examples = examples.select(np.sort(held))
            return cls(examples, True, known)
        return cls(examples, digest == trained.get("validation_sha256"))

    def __len__(self) -> int:
        return len(self.examples)

    def fingerprint(self) -> str:
        """See the class."""
        return self.examples.fingerprint()

    @classmethod
    def trained_on(cls, training: Given) -> str:
        """That of texts and labels."""
        return Examples(*training).fingerprint()

    def judge(self, estimator: Classifier) -> Judged:
        """Accuracy, F1, confusion matrix; for each text whether it is right, and its confidence.

        Of its own data a classifier is judged as it was before its linear model learned from them.

        Raises:
            DataError: for a label that the classifier does not know.
        """
        if self.biased and self.training:
            known = Examples(*self.training)
            estimator = estimator.with_model(before_validation(estimator.model_, known))
        evaluation = estimator.evaluate(self.examples.texts, self.examples.labels)
        probabilities = estimator.predict_proba(self.examples.texts)
        best = estimator.given(probabilities).argmax(-1)
        predicted = np.array(estimator.class_names)[best]
        right = predicted == np.array([label.strip() for label in self.examples.labels])
        beside = {}
        if estimator.model_.linear:
            beside["alone"] = estimator.alone(self.examples.texts, self.examples.labels)
        return beside | {
            "accuracy": evaluation.accuracy,
            "f1": evaluation.f1,
            "classes": evaluation.classes,
            "confusion": evaluation.confusion.tolist(),
            "scores": right.astype(int).tolist(),
            "confidence": [round(float(p), 6) for p in probabilities[np.arange(len(best)), best]],
        }

    def baseline(self, settings: ClassifySettings, training: Given) -> Judged:
        """Logistic regression on words and pairs; see `fit_baseline`."""
        texts, labels = training
        share, chosen = settings.data.validation, Examples(texts, labels)
        if not isinstance(share, str):
            chosen = chosen.select(split_blocks(labels, share, settings.seed)[0])
        split = None
        if not are_signals(chosen.texts):
            settings = defaults.reading(settings, chosen.texts)
            split = tokenizer(settings.tokenizer).train(chosen.texts, settings.data.vocabulary)
        names = sorted(set(chosen.labels))
        fitted = fit_baseline(chosen.texts, chosen.labels, names, split, settings.seed)
        predicted = fitted.predict(self.examples.texts)
        right = [int(p == y) for p, y in zip(predicted, self.examples.labels, strict=True)]
        return {
            "name": "linear baseline",
            "reads": fitted.model.features.words,
            "accuracy": sum(right) / len(right),
            "scores": right,
            "parameters": fitted.parameters,
            "seconds": fitted.seconds,
        }

    def loss(self, estimator: Classifier, network: AnyNetwork) -> Callable[[], Tensor]:
        """Over the longest texts; the loss is that of each text's label."""
        by_length = sorted(range(len(self)), key=lambda i: -len(self.examples.texts[i]))
        chosen = self.examples.select(by_length[:SEQUENCES])
        batch, targets = estimator.encode(chosen.texts, chosen.labels)

        def of_batch() -> Tensor:
            return nn.functional.cross_entropy(network(batch), targets, reduction="sum")

        return of_batch
