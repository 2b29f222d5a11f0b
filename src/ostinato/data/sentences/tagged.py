"""Sentences with a tag for each word, and the files they come from."""

from __future__ import annotations

import codecs
import hashlib
import io
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from types import ModuleType

import numpy as np

from ostinato import registry
from ostinato.data.files.file import File, title
from ostinato.data.readers.labelled import packaged
from ostinato.data.sentences import Answer, Sentence, formats
from ostinato.data.sentences.formats import text
from ostinato.data.split import split_blocks
from ostinato.data.tables.examples import Examples
from ostinato.data.tables.rows import Skipped, good
from ostinato.data.tables.table import Table
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


def read_tagged(
    where: str,
    word: str = "",
    tag: str = "",
    *,
    format: str | None = None,
    skip_bad_rows: Skipped | None = None,
    trained: int | None = None,
    usual: str | None = None,
) -> TaggedFile:
    """Tagged sentences, in file order.

    Args:
        where: a file, `-` for standard input, or a packaged source of texts.
        word: the column of the words, see the format; "" is its usual one.
        tag: the column of the tags.
        format: `conll`, `conllu` or `text`, where the file does not tell it.
        skip_bad_rows: goes on without bad sentences and counts them; None refuses the first.
        trained: how many columns the training file had, when it is not this one; then tags may
            be missing.
        usual: the format of the training file, when it is not this one: that of a file that does
            not tell its own. `word` and `tag` are columns of this format; another has its usual
            ones.

    Raises:
        DataError: when there is nothing of that name, something is wrong in it, or it holds no
            sentence.
    """
    source = packaged(where)
    if source is not None:
        if format not in (None, "text"):
            raise DataError(f"{where} holds texts, and nothing in the format {format}")
        if isinstance(source, Table):
            raise DataError(f"{where} is a table of series; sentences are needed here")
        lines = _lines(source)
        all_ = (p for number, line in lines for p in text.pieces(line, f"line {number}"))
        return _gathered(where, "text", all_, skip_bad_rows)
    with File(where) as file:
        kind = _format(where, file, format, usual)
        name = kind.__name__.rpartition(".")[2]
        if usual not in (None, name):
            word = tag = ""
        mark = "\ufeff" if file.head.startswith(codecs.BOM_UTF8) else ""
        read = kind.read(file, word, tag, trained)
        return _gathered(title(where), name, read, skip_bad_rows, mark)


def _gathered(
    title: str, format: str, read: Iterable[Sentence], skipped: Skipped | None, mark: str = ""
) -> TaggedFile:
    """All pieces, each word and tag that comes often held once."""
    pieces: list[Sentence] = []

    def sentences() -> Iterator[Sentence]:
        for piece in read:
            piece.words = [*map(sys.intern, piece.words)]
            piece.tags = [*map(sys.intern, piece.tags)]
            pieces.append(piece)
            if piece.words or piece.fault:
                yield piece

    for _ in good(sentences(), title, skipped):
        pass
    return TaggedFile(title, format, pieces, mark)


def _lines(source: dict[str, Examples] | str) -> Iterator[tuple[int, str]]:
    """The lines of a packaged source, numbered."""
    if isinstance(source, str):
        return enumerate(io.StringIO(source), start=1)
    texts: Sequence[str] = source["train"].texts
    return enumerate((line for t in texts for line in io.StringIO(f"{t}\n")), start=1)


def _format(where: str, file: File, given: str | None, usual: str | None) -> ModuleType:
    """The format that is given, or that the name tells, or else the first bytes; or the usual."""
    if given:
        return registry.find(formats, "format", given)
    known = {name: registry.find(formats, "format", name) for name in registry.names(formats)}
    plain = where.lower().removesuffix(".gz").removesuffix(".xz")
    for name, kind in known.items():
        if plain.endswith(kind.SUFFIXES) and name != "text":
            return kind
    found = next((name for name, kind in known.items() if kind.sniff(file.head)), None)
    if found == "conll" and usual == "text":  # the lines of a verse may have as many words too
        found = None
    name = found or usual or ("text" if plain.endswith(text.SUFFIXES) else "conll")
    return registry.find(formats, "format", name)
