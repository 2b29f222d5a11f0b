"""Sentences with a tag for each word, and the files they come from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ostinato.data.sentences.sentence import Answer, Sentence
from ostinato.data.split import split_blocks
from ostinato.errors import DataError, counted


@dataclass(frozen=True)
class Tagged:
    """Sentences, each a list of words, and for each word its tag.

    Attributes:
        words: the sentences.
        tags: the tags of each.
        places: where each is, for errors; "sentence 1" and so on unless given.
        numbers: the number of the line of each word, where each has a line of its own.
        format, width: those of the file that they are from, see `TaggedFile`; "" and 0 of none.

    Raises:
        DataError: when a sentence has no words, or not as many tags as words.
    """

    words: list[list[str]]
    tags: list[list[str]]
    places: Sequence[str] = ()
    numbers: Sequence[Sequence[int]] = ()
    format: str = ""
    width: int = 0

    def __post_init__(self) -> None:
        if len(self.words) != len(self.tags):
            has = counted(len(self.words), "sentence")
            raise DataError(f"{has}, but tags for {len(self.tags):,}")
        for k, (words, tags) in enumerate(zip(self.words, self.tags, strict=True)):
            if len(words) != len(tags):
                both = counted(len(words), "word"), counted(len(tags), "tag")
                raise DataError(f"{self.place(k)}: {', but '.join(both)}")
            if not words:
                raise DataError(f"{self.place(k)}: it has no words")

    def __len__(self) -> int:
        return len(self.words)

    def select(self, indices: Iterable[int]) -> Tagged:
        """The sentences at these indices, in their order."""
        chosen = list(indices)
        places = [self.place(i) for i in chosen]
        numbers = [self.numbers[i] for i in chosen] if self.numbers else ()
        words, tags = [self.words[i] for i in chosen], [self.tags[i] for i in chosen]
        return Tagged(words, tags, places, numbers, self.format, self.width)

    def split(self, share: float, seed: int) -> tuple[Tagged, Tagged]:
        """Holds out whole blocks of neighbours; both parts are in file order."""
        kept, held = split_blocks([""] * len(self), share, seed)
        return self.select(np.sort(kept)), self.select(np.sort(held))

    def place(self, sentence: int, word: int = 0) -> str:
        """Where a sentence is, for errors, or one of its words where that has its own line."""
        place = self.places[sentence] if self.places else f"sentence {sentence + 1}"
        if self.numbers and self.numbers[sentence]:
            title, line, _ = place.rpartition("line ")
            return f"{title}{line}{self.numbers[sentence][word]}"
        return place

    def tokens(self) -> int:
        """How many words there are."""
        return sum(map(len, self.words))

    def fingerprint(self) -> str:
        """SHA-256 (hex) over all words and tags and their order: what a run says it saw."""
        digest = hashlib.sha256()
        for pair in zip(self.words, self.tags, strict=True):
            digest.update(json.dumps(pair).encode())
        return digest.hexdigest()


@dataclass(frozen=True)
class TaggedFile:
    """A file of sentences.

    Attributes:
        title: what it is called in an error.
        format: which it is of.
        pieces: all that stands in it, in order: sentences, bad ones only where they may be left
            out, and what belongs to none.
        mark: the byte-order mark that it begins with, if there is one.
    """

    title: str
    format: str
    pieces: list[Sentence]
    mark: str = ""

    @property
    def sentences(self) -> list[Sentence]:
        """The good ones."""
        return [piece for piece in self.pieces if piece.good]

    @property
    def width(self) -> int:
        """How many columns it has; 0 where it is not of so many."""
        return next((getattr(piece, "width", 0) for piece in self.pieces if piece.good), 0)

    def tagged(self) -> Tagged:
        """The words and tags of the good sentences."""
        good = self.sentences
        places = [f"{self.title}, {s.place}" for s in good]
        numbers = [s.numbers for s in good]
        words, tags = [s.words for s in good], [s.tags for s in good]
        return Tagged(words, tags, places, numbers, self.format, self.width)

    def written(self, answers: Iterable[Answer]) -> Iterator[str]:
        """The file with an answer for each good sentence, piece by piece; bad ones as they are."""
        following, answer = iter(answers), Answer([])
        if self.mark:
            yield self.mark
        for piece in self.pieces:
            if piece.good:
                answer = next(following)
                yield piece.written(answer)
            elif piece.fault:
                yield piece.plain()
            else:  # what stands behind the last sentence may get further columns with it
                sure: list[float] | None = None if answer.confidence is None else []
                yield piece.written(Answer([], sure, answer.beside))
