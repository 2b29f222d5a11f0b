"""A trained tagger of the words of sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Self, TypeAlias

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ostinato.data import Skipped, TaggedFile, Vocabulary, read_tagged
from ostinato.data.sentences.formats import text
from ostinato.data.symbols.spelling import Spelling
from ostinato.equation import Cell
from ostinato.errors import DataError, check_finite
from ostinato.tasks.base.model import Model
from ostinato.tasks.base.stored import from_json
from ostinato.tasks.tag.context import CharacterContext
from ostinato.tasks.tag.indicators import indicators
from ostinato.tasks.tag.labels import Labels
from ostinato.tasks.tag.network import TagBatch, TagNetwork, real
from ostinato.tasks.tag.sequences import TagSequences, plain
from ostinato.tasks.tag.settings import TagSettings
from ostinato.train import Run

_ASIDE = 8  # times as many tokens in a batch where nothing is learned from it
Scored: TypeAlias = tuple[float, list[str]]
"""The log-probability of a tagging, in nats; and the tags."""


@dataclass(frozen=True)
class Tagging:
    """The tags of a sentence.

    Attributes:
        tags: the most likely ones, all words of the sentence taken together.
        confidences: how likely each tag is by itself, given the whole sentence (T,).
    """

    tags: list[str]
    confidences: NDArray[np.float32]

    def to_json(self) -> dict[str, object]:
        """Plain data."""
        return {"tags": self.tags, "confidences": self.confidences.tolist()}


@dataclass(eq=False, kw_only=True)
class TagModel(Model[TagSettings, Sequence[str], TagBatch, Tensor, Tagging]):
    """A trained tagger.

    Attributes:
        labels: the tags, as the labels of the network.
        vocabulary: the words that are known.
        spelling: the characters that are known.
        context: what language models know at each word, if there are some.
        format: that of the file of training, and of what is written.
        width: the columns of that file; 0 where there was none.
    """

    kind = TagSettings

    network: TagNetwork = field(init=False)
    labels: Labels
    vocabulary: Vocabulary
    spelling: Spelling
    context: CharacterContext | None = None
    format: str = "conll"
    width: int = 0

    @property
    def batch_tokens(self) -> int:
        """See `Model`."""
        return _ASIDE * self.settings.data.batch_tokens

    @property
    def metric(self) -> str:
        """The metric: `f1` of entities, `accuracy` of other tags."""
        return "f1" if self.labels.entities else "accuracy"

    def sequences(self, inputs: Sequence[Sequence[str]]) -> TagSequences:
        """See `Model`."""
        number: dict[str, int] = {}
        words, which = [], []
        for sentence in inputs:
            words.append(self.vocabulary.encode(self.as_read(sentence)))
            numbers = (number.setdefault(word, len(number)) for word in sentence)
            which.append(np.fromiter(numbers, np.int64, len(sentence)))
        spelt = [self.spelling.encode(word) for word in number]
        context = self.context.states(inputs) if self.context else None
        buckets = self.settings.model.indicators
        features = indicators(map(self.spelling.read, number), buckets) if buckets else None
        return TagSequences(words, which, spelt, context, features)

    def as_read(self, words: Sequence[str]) -> Sequence[str]:
        """Words as the vocabulary has them."""
        words = [*map(self.spelling.read, words)]
        return plain(words) if self.settings.data.lower else words

    def decode(self, outputs: Tensor, batch: TagBatch) -> list[Tagging]:
        """See `Model`."""
        answers = []
        for path, chances in zip(
            self.paths(outputs, batch), self.marginals(outputs, batch), strict=True
        ):
            confidences = chances[np.arange(len(path)), path]
            answers.append(Tagging(self.labels.tags(path), confidences))
        return answers

    def paths(self, emissions: Tensor, batch: TagBatch) -> list[list[int]]:
        """The most likely labels of each sentence.

        Raises:
            NotFinite: when an emission is not a number.
        """
        check_finite(emissions)
        return self.network.crf.decode(emissions, real(batch))

    def tags(self, emissions: Tensor, batch: TagBatch) -> list[list[str]]:
        """The most likely tags of each sentence; see `paths`."""
        return [self.labels.tags(path) for path in self.paths(emissions, batch)]

    def marginals(self, emissions: Tensor, batch: TagBatch) -> list[NDArray[np.float32]]:
        """P of each label at each word of each sentence (T, K); see `paths`."""
        check_finite(emissions)
        found = self.network.crf.marginals(emissions, real(batch)).cpu().numpy()
        return [found[:length, row] for row, length in enumerate(batch.lengths.tolist())]

    def n_best(self, emissions: Tensor, batch: TagBatch, n: int) -> Iterable[list[Scored]]:
        """The n most likely taggings of each sentence; see `paths`."""
        check_finite(emissions)
        crf, mask = self.network.crf, real(batch)
        likely = crf.log_partition(emissions, mask).tolist()
        for found, all_ in zip(crf.n_best(emissions, mask, n), likely, strict=True):
            yield [(score - all_, self.labels.tags(path)) for score, path in found]

    def read_file(
        self,
        where: str,
        *,
        format: str | None = None,
        skip_bad_rows: Skipped | None = None,
        blind: bool = False,
    ) -> TaggedFile:
        """The sentences of a file, in the format that is detected, or else that of training.

        The columns in the settings are those of the format of training; another format uses its
        default columns.

        Args:
            where: a file, `-` for standard input, or a packaged source of texts.
            format: the format, if it is neither of these.
            skip_bad_rows: see `read_tagged`.
            blind: whether tags may be missing.

        Raises:
            DataError: see `read_tagged`; and for plain text, where the labels are not its tags.
        """
        columns = self.settings.data
        file = read_tagged(
            where,
            columns.word,
            columns.tag,
            format=format,
            skip_bad_rows=skip_bad_rows,
            trained=(self.width or 2) if blind else None,
            usual=self.format,
            known=self.labels.possible() if blind else (),
            encoding=columns.encoding,
        )
        if file.format == "text" and not set(self.labels.classes) <= set(text.TAGS):
            raise DataError(
                f"{file.title}: plain text requires a run that restores case "
                "and punctuation; the tags of this run are "
                f"{self.labels.named()}; if the file is not plain text, give "
                "--format"
            )
        return file

    def unknown(self, sentences: Sequence[Sequence[str]]) -> dict[str, Counter[str]]:
        """The unknown words and characters, and their counts."""
        count = Counter(word for words in sentences for word in words)
        read = self.as_read(list(count))
        words = {
            word: count[word]
            for word, symbol in zip(count, self.vocabulary.encode(read), strict=True)
            if symbol == 0
        }
        return {"word": Counter(words), "character": self.spelling.unknown(sentences)}

    def new_network(self) -> TagNetwork:
        """See `Model`."""
        characters, labels = len(self.spelling.characters), len(self.labels.classes)
        sizes = len(self.vocabulary), characters, labels
        context = self.context.features if self.context else 0
        constraints = self.labels.constraints()
        return TagNetwork(self.cell, self.settings.model, *sizes, constraints, context)

    @classmethod
    def read_parts(cls, run: Run, settings: TagSettings, cell: Cell) -> Self:
        """See `Model`."""
        vocabulary = from_json(run, "vocabulary.json", Vocabulary.from_json)
        longest = settings.data.max_characters
        spelling = from_json(run, "characters.json", lambda v: Spelling.from_json(v, longest))
        labels = from_json(run, "labels.json", Labels.from_json)
        format, width = from_json(
            run, "format.json", lambda values: (str(values["format"]), int(values["width"]))
        )
        return cls(
            settings=settings,
            cell=cell,
            labels=labels,
            vocabulary=vocabulary,
            spelling=spelling,
            context=CharacterContext.read(run, settings.model, settings.data.max_characters),
            format=format,
            width=width,
        )

    def write_parts(self, run: Run) -> None:
        """See `Model`."""
        run.write_json("vocabulary.json", self.vocabulary.to_json())
        run.write_json("characters.json", self.spelling.to_json())
        run.write_json("labels.json", self.labels.to_json())
        if self.context:
            self.context.write(run)
        run.write_json("format.json", {"format": self.format, "width": self.width})
