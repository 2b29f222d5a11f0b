"""Sentences whose tags are asked for."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from torch import Tensor

from ostinato.data import Tagged
from ostinato.data.sentences.schemes import spans
from ostinato.errors import DataError
from ostinato.tasks.base.held_out import SEQUENCES, Given, HeldOut, Judged
from ostinato.tasks.base.network import AnyNetwork
from ostinato.tasks.tag.baseline import FrequentTag
from ostinato.tasks.tag.estimator import Tagger
from ostinato.tasks.tag.labels import Labels
from ostinato.tasks.tag.measures import entity_scores, tag_scores, total
from ostinato.tasks.tag.sequences import tagged
from ostinato.tasks.tag.settings import TagSettings
from ostinato.train import Run

SENTENCES = 12
"""The sentences that a page shows."""


@dataclass(frozen=True)
class TagHeldOut(HeldOut):
    """Sentences whose tags are asked for; each has its number of errors.

    The metric is F1 of entities; of tags that mark no entities that of words, which equals their
    accuracy. As F1 = 1 - errors / (found + there), the score of a sentence is minus its errors:
    what was found and is not there, and what is there and was not found.
    """

    sentences: Tagged
    biased: bool = False
    training: Given | None = None
    kind = Tagger
    metric = "f1"
    lower = False

    @classmethod
    def read(cls, data: str, estimator: Tagger, run: Run) -> Self:
        """All sentences of a file, without those that the run was trained on."""
        given = estimator.read_file(data).tagged()
        seen, unseen = parts(given, estimator, run)
        if unseen is None:
            raise DataError(f"{data}: the run was trained on all of it; give other sentences")
        return cls(unseen, seen is not None, None if seen is None else (seen,))

    def __len__(self) -> int:
        return len(self.sentences)

    def fingerprint(self) -> str:
        """See the class."""
        return self.sentences.fingerprint()

    @classmethod
    def trained_on(cls, training: Given) -> str:
        """That of sentences and their tags."""
        return tagged(*training).fingerprint()

    def judge(self, estimator: Tagger) -> Judged:
        """F1, accuracy, confusion; each type's counts; and minus the errors of each sentence."""
        found = estimator.evaluate(self.sentences)
        true, predicted = estimator.labels_.known(
            self.sentences.tags, estimator.predict(self.sentences.words)
        )
        return {
            "f1": found.f1,
            "accuracy": found.accuracy,
            "classes": found.classes,
            "confusion": found.confusion.tolist(),
            "kinds": {k: [s.correct, s.found, s.there] for k, s in found.scores.items()},
            "scores": _errors(true, predicted, estimator.labels_),
        }

    def baseline(self, settings: TagSettings, training: Given) -> Judged:
        """Each word's most frequent tag."""
        began = time.perf_counter()
        given = tagged(*training)
        labels = Labels.of(given, settings.data.scheme, settings.data.unlabelled)
        fitted = FrequentTag.of(given, settings.data.unlabelled)
        found = [fitted.predict(words) for words in self.sentences.words]
        true, predicted = labels.known(self.sentences.tags, found)
        scores = (entity_scores if labels.entities else tag_scores)(true, predicted)
        return {
            "name": "most frequent tag",
            "f1": total(scores).f1,
            "scores": _errors(true, predicted, labels),
            "seconds": time.perf_counter() - began,
        }

    def loss(self, estimator: Tagger, network: AnyNetwork) -> Callable[[], Tensor]:
        """Over the longest sentences; the loss is that of the label of each one's last word."""
        lengths = [len(words) for words in self.sentences.words]
        chosen = self.sentences.select(np.argsort(lengths, kind="stable")[::-1][:SEQUENCES])
        model = estimator.model_
        batch = model.encode(chosen.words)
        sets = [model.labels.sets(tags, unknown=True)[-1] for tags in chosen.tags]
        last = torch.from_numpy(np.stack(sets)).to(model.device)

        def of_batch() -> Tensor:
            emissions: Tensor = network(batch)
            rows = np.arange(len(chosen))
            chances = emissions[batch.lengths - 1, rows].log_softmax(-1)
            return -chances.masked_fill(~last, -torch.inf).logsumexp(-1).sum()

        return of_batch

    def shown(self, estimator: Tagger) -> Judged:
        """`tagged`: sentences with their tags and confidences, those with errors first."""
        part = self.sentences.select(range(min(len(self), 50 * SENTENCES)))
        answers = estimator.tag(part.words)
        true, predicted = estimator.labels_.written, [tags for tags, _ in answers]
        wrong = [
            sum(a != b for a, b in zip(true(own), tags, strict=True))
            for own, tags in zip(part.tags, predicted, strict=True)
        ]
        order = sorted(range(len(part)), key=lambda k: (wrong[k] == 0, k))[:SENTENCES]
        return {
            "tagged": [
                {
                    "words": part.words[k],
                    "true": true(part.tags[k]),
                    "tags": predicted[k],
                    "sure": [round(float(p), 4) for p in answers[k][1]],
                }
                for k in order
            ]
        }


def held_out(given: Tagged, tagger: Tagger, run: Run) -> Tagged | None:
    """Of the very sentences that a run was trained on those that it held out; others all.

    None where it was trained on all of them, and others chose its best epoch.
    """
    return parts(given, tagger, run)[1]


def parts(given: Tagged, tagger: Tagger, run: Run) -> tuple[Tagged | None, Tagged | None]:
    """The sentences among these that a run was trained on, and those that can judge it."""
    settings, trained = tagger.settings(), run.manifest.data
    share = settings.data.validation
    if given.fingerprint() != trained.get("sha256"):
        return None, given
    if isinstance(share, str) or "validation_sha256" in trained:
        return given, None
    return given.split(share, settings.seed)


def _errors(
    true: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]], labels: Labels
) -> list[int]:
    """Minus the errors of each sentence."""
    errors = []
    for a, b in zip(true, predicted, strict=True):
        if labels.entities:
            errors.append(-len(set(spans(a)) ^ set(spans(b))))
        else:
            errors.append(-2 * sum(x != y for x, y in zip(a, b, strict=True)))
    return errors
