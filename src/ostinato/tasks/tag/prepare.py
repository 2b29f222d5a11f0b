"""From tagged sentences to all that training a tagger begins with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain

import numpy as np
import torch
from numpy.typing import NDArray

from ostinato.data import Tagged, Vocabulary, read_tagged
from ostinato.data.symbols.spelling import Spelling
from ostinato.data.symbols.vocabulary import unknown_share
from ostinato.data.vectors.vectors import folded
from ostinato.equation import Cell
from ostinato.errors import DataError, quoted
from ostinato.statistics import LEVEL, by_chance, is_better
from ostinato.tasks.base import defaults
from ostinato.tasks.base.defaults import Facts
from ostinato.tasks.base.estimator import Prepared
from ostinato.tasks.base.words import begin_with, fitted, known_words, neighbours
from ostinato.tasks.tag.baseline import FrequentTag
from ostinato.tasks.tag.context import CharacterContext
from ostinato.tasks.tag.labels import Labels
from ostinato.tasks.tag.learner import TagLearner
from ostinato.tasks.tag.measures import accuracy_and_f1
from ostinato.tasks.tag.model import TagModel
from ostinato.tasks.tag.settings import TagSettings
from ostinato.train import Record, Run


@dataclass
class TagPrepared(Prepared):
    """What training a tagger begins with.

    Attributes:
        model: the tagger, without a network.
        digests: see `Prepared`.
        training, validation: the sentences of both parts.
        table: what the embeddings begin with (V, E), where there are vectors.
        baseline: each word's most frequent tag, once it is counted.
        baseline_score: what the baseline reaches on the validation sentences.
        baseline_better: whether it has more of their words right than the network, beyond chance.
    """

    model: TagModel
    digests: dict[str, str]
    training: Tagged
    validation: Tagged
    table: NDArray[np.float32] | None = None
    baseline: FrequentTag | None = None
    baseline_score: float | None = None
    baseline_better: bool = False
    _hits: list[int] = field(default_factory=list)  # of the baseline in each validation sentence

    def learner(self) -> TagLearner:
        """See `Prepared`."""
        model, settings = self.model, self.model.settings
        sequences, symbols = model.sequences(self.training.words), len(model.vocabulary)
        counts = np.bincount(np.concatenate(sequences.words), minlength=symbols)
        model.network.counts = torch.from_numpy(counts).float().to(model.device)
        table = self.table
        if table is None:
            table = neighbours(settings, settings.model.start, sequences.words, symbols)
        begin_with(table, [model.network.embedding])
        return TagLearner(model, (sequences, self.training), self.validation)

    def finish(self) -> None:
        """Finds whether the baseline is better than the network."""
        if self.baseline:
            model, held = self.model, self.validation.words
            own = self._right(model.over(model.sequences(held), model.tags))
            self.baseline_better = is_better(self._hits, own)

    def _right(self, predicted: Sequence[Sequence[str]]) -> list[int]:
        """How many words of each validation sentence have the right tag."""
        pairs = zip(self.validation.tags, predicted, strict=True)
        return [sum(a == b for a, b in zip(true, tags, strict=True)) for true, tags in pairs]

    def no_better(self, record: Record) -> str | None:
        """See `Prepared`: the tag that is most frequent in training."""
        training, true = (
            list(chain.from_iterable(map(self.model.labels.given, part.tags)))
            for part in (self.training, self.validation)
        )
        if not training or not true:
            return None
        (most, _), *_ = Counter(training).most_common(1)
        share, hits = true.count(most) / len(true), round(record["accuracy"] * len(true))
        chance = by_chance(hits, len(true), share)
        return f"always {quoted(most)} (accuracy {share:.4f})" if chance >= LEVEL else None

    def unknown(self) -> float | None:
        """See `Prepared`."""
        return unknown_share(self.model.sequences(self.validation.words).words)

    def fit_baseline(self, run: Run | None) -> None:
        """Counts each word's most frequent tag, and measures it on the validation sentences."""
        model = self.model
        self.baseline = FrequentTag.of(self.training, model.settings.data.unlabelled)
        predicted = [self.baseline.predict(words) for words in self.validation.words]
        judged = accuracy_and_f1(model.labels, self.validation.tags, predicted)
        self.baseline_score, self._hits = judged[model.metric], self._right(predicted)
        if run:
            run.write_json("baseline.json", {f"validation_{model.metric}": self.baseline_score})


def prepare(
    settings: TagSettings, cell: Cell, given: Tagged, validation: Tagged | None, digest: bool
) -> TagPrepared:
    """Splits sentences, and learns from the training part all that the network does not.

    Args:
        settings: those of the tagger.
        cell: the recurrence.
        given: sentences and their tags.
        validation: what chooses the epoch; None takes what the settings say.
        digest: whether to compute the SHA-256 of what is trained on.

    Raises:
        DataError: when there are too few sentences to hold some out, or a tag is of no scheme.
    """
    format, width = (given.format, given.width) if given.format else ("conll", 0)
    training, held = _split(settings, given, validation, format)
    labels = Labels.of(given, settings.data.scheme, settings.data.unlabelled)
    spelling = Spelling.of(training.words, settings.data.max_characters)
    chosen, network = settings.data, settings.model

    def read(word: str) -> str:
        word = spelling.read(word)
        return folded(word) if chosen.lower else word

    count = Counter(read(word) for words in training.words for word in words)
    frequent, seen = (
        Vocabulary.of_counts(count, chosen.vocabulary, n) for n in (chosen.min_count, 1)
    )
    known = known_words(network.vectors, network.further_words, frequent, seen, read)
    context = CharacterContext.trained(settings.model, settings.data.max_characters)
    facts = Facts(list(map(len, training.words)), sum(map(len, held.words)))
    settings = defaults.tagged(fitted(settings, vectors=known), facts, len(labels.classes))
    model = TagModel(
        settings=settings,
        cell=cell,
        labels=labels,
        vocabulary=known.vocabulary,
        spelling=spelling,
        context=context,
        format=format,
        width=width,
    )
    digests: dict[str, str] = {}
    if digest:
        digests |= known.digests | context.digests
        digests["sha256"] = given.fingerprint()
        if training is given:  # what chooses the epoch is not a part of it
            digests["validation_sha256"] = held.fingerprint()
    return TagPrepared(model, digests, training, held, known.table)


def _split(
    settings: TagSettings, given: Tagged, validation: Tagged | None, format: str
) -> tuple[Tagged, Tagged]:
    """The sentences to learn from, and those that choose the epoch."""
    share = settings.data.validation
    if validation is None and isinstance(share, str):
        own = settings.data
        file = read_tagged(share, own.word, own.tag, usual=format, encoding=own.encoding)
        validation = file.tagged()
    if validation is not None:
        return given, validation
    if len(given) < 2:
        raise DataError(
            "a tagger needs at least two sentences: one for training, one for validation"
        )
    return given.split(float(share), settings.seed)
