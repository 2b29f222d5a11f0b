"""Tag the words of sentences: embedding, spelling → recurrent stack → CRF."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Self, TypeVar, Unpack

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from ostinato.data import Skipped, Tagged, TaggedFile, Vocabulary
from ostinato.data.symbols.spelling import Spelling
from ostinato.errors import DataError, quoted
from ostinato.tasks.base.estimator import Estimator, Fitting
from ostinato.tasks.tag.baseline import FrequentTag
from ostinato.tasks.tag.labels import Labels
from ostinato.tasks.tag.measures import (
    TagMeasures,
    confusion,
    entity_scores,
    right,
    tag_scores,
    total,
)
from ostinato.tasks.tag.model import Scored, TagModel
from ostinato.tasks.tag.network import TagBatch
from ostinato.tasks.tag.prepare import prepare
from ostinato.tasks.tag.sequences import tagged, words_of
from ostinato.tasks.tag.settings import TagSettings

R = TypeVar("R")


class Tagger(Estimator[TagSettings]):
    """A tagger of words, with a recurrent network over words and their characters.

    `Tagger("gru", model={"hidden": 128}, train={"epochs": 3})`: the settings are those of
    `TagSettings`.

    Args:
        cell: a cell, its name, or `path/to/file.py:name`.
        seed: the seed of all random numbers.
        data: settings of the data, see `TagData`.
        model: settings of the network, see `TagNetworkSettings`.
        train: settings of training, see `Training`.
        baseline: whether to also evaluate the baseline, each word's most frequent tag.

    After `fit`: `model_`, the trained `TagModel`, and of its parts `labels_`, `vocabulary_`,
    `spelling_` and `network_`; `history_` (a record for each epoch), `baseline_` and
    `baseline_score_` on the validation sentences, and whether it has more of their words right than
    the network, beyond chance, `baseline_better_`.
    """

    kind = TagSettings
    model_type = TagModel
    model_: TagModel
    baseline_: FrequentTag | None = None

    def fit(
        self,
        sentences: object,
        tags: object = None,
        *,
        validation: Tagged | None = None,
        **options: Unpack[Fitting],
    ) -> Self:
        """Trains the network.

        The best epoch is chosen by F1 of entities, or by accuracy if the tags are not entities, on
        the validation set: the given sentences, or the file of `data.validation`, or else a part
        of the sentences, in whole blocks of neighbouring sentences.

        Args:
            sentences: lists of words, what `read_tagged` gives, or a table with the columns
                `tokens` and `ner_tags`, such as a `Dataset`.
            tags: the tags of each sentence; None if the sentences contain them. Numbers become the
                names that a `Dataset` has for them, or are names; -100 is a tag that is not known.
            validation: the validation set, which chooses the best epoch.
            options: see `Fitting`.

        Raises:
            DataError: when a sentence is empty, the numbers of words and tags differ, there are
            too few sentences for a validation set, or a tag is not in a known scheme.
        """
        settings, given = self._settings(options), tagged(sentences, tags)
        digest = options.get("run") is not None
        prepared = prepare(settings, self._cell(), given, validation, digest)
        self._train(prepared, **options)
        self.baseline_ = prepared.baseline
        if prepared.baseline_score is not None:
            self.baseline_score_ = prepared.baseline_score
            self.baseline_better_ = prepared.baseline_better
        return self

    @property
    def metric(self) -> str:
        """The metric: `f1` of entities, `accuracy` of other tags."""
        return self.model_.metric

    def predict(self, sentences: object) -> list[list[str]]:
        """The most likely tag sequence of each sentence."""
        return self._each(sentences, lambda model: model.tags)

    def tag(self, sentences: object) -> list[tuple[list[str], NDArray[np.float32]]]:
        """Tags of each sentence and their marginal probabilities, given the whole sentence.

        Args:
            sentences: lists of words, or what `read_tagged` gives.

        Raises:
            DataError: for what is no list of words, or has none.
        """
        found = self._each(sentences, lambda model: model.decode)
        return [(tagging.tags, tagging.confidences) for tagging in found]

    def predict_proba(self, sentences: object) -> list[NDArray[np.float32]]:
        """P of each label at each word (T, K), in the order of `labels_.classes`."""
        return self._each(sentences, lambda model: model.marginals)

    def best(self, sentences: object, n: int = 5) -> list[list[Scored]]:
        """The n most likely taggings of each sentence, each with its log-probability in nats."""
        return self._each(sentences, lambda model: partial(model.n_best, n=n))

    def read_file(
        self,
        where: str,
        *,
        format: str | None = None,
        skip_bad_rows: Skipped | None = None,
        blind: bool = False,
    ) -> TaggedFile:
        """The sentences of a file; see `TagModel.read_file`."""
        return self.model_.read_file(where, format=format, skip_bad_rows=skip_bad_rows, blind=blind)

    def score(self, sentences: object, tags: object = None) -> float:
        """F1 of entities, or the accuracy if the tags are not entities."""
        result = self.evaluate(sentences, tags)
        return result.f1 if self.labels_.entities else result.accuracy

    def evaluate(self, sentences: object, tags: object = None) -> TagMeasures:
        """Evaluates the tags; words whose tag is not known are ignored.

        Raises:
            DataError: when the numbers of words and tags differ, or a tag is not in a known
            scheme.
        """
        check_is_fitted(self, "model_")
        given, labels = tagged(sentences, tags), self.labels_
        self._check(given)
        true, predicted = labels.known(given.tags, self.predict(given.words))
        scores = (entity_scores if labels.entities else tag_scores)(true, predicted)
        classes, counts = confusion(true, predicted, labels.scheme)
        words = sum(map(len, true))
        encoded = self.model_.sequences(given.words).words
        return TagMeasures(
            accuracy=right(true, predicted) / max(words, 1),
            total=total(scores),
            scores=scores,
            confusion=counts,
            classes=classes,
            words=words,
            unknown_words=sum(int((symbols == 0).sum()) for symbols in encoded),
            unknown_characters=self.spelling_.unknown(given.words),
        )

    def unknown(self, sentences: Sequence[Sequence[str]]) -> dict[str, Counter[str]]:
        """The unknown words and characters, and their counts."""
        return self.model_.unknown(sentences)

    @property
    def labels_(self) -> Labels:
        """The tags, as the labels of the network."""
        return self.model_.labels

    @property
    def vocabulary_(self) -> Vocabulary:
        """The vocabulary of words."""
        return self.model_.vocabulary

    @property
    def spelling_(self) -> Spelling:
        """The vocabulary of characters."""
        return self.model_.spelling

    @property
    def format_(self) -> str:
        """The format of the file of training."""
        return self.model_.format

    @property
    def width_(self) -> int:
        """The number of columns of that file; 0 if there was none."""
        return self.model_.width

    def _each(
        self,
        sentences: object,
        answer: Callable[[TagModel], Callable[[Tensor, TagBatch], Iterable[R]]],
    ) -> list[R]:
        """What is made of each sentence's emissions."""
        check_is_fitted(self, "model_")
        return self.model_.each(words_of(sentences), answer(self.model_))

    def _check(self, given: Tagged) -> None:
        """That tags of entities are some, and of other tags one at least is known.

        Raises:
            DataError: for one that is of no scheme, or where none is known.
        """
        labels = self.labels_
        if labels.entities:
            Labels.of(given, labels.scheme, labels.unlabelled)
        elif not labels.any_known(given.tags):
            tag = next(tag for tags in given.tags for tag in tags)
            raise DataError(
                f"{given.place(0)}: no tag is in the training data, beginning "
                f"with {quoted(tag)}; its tags are {labels.named()}"
            )
