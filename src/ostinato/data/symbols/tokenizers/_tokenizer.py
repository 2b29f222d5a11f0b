"""What every tokenizer can do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import ClassVar, Self

from ostinato import registry
from ostinato.data.symbols.numbering import Numbering, NumberingOfTokens

_BEGINNING = 2**26  # characters from which a tokenizer is trained at most


class Tokenizer(ABC):
    """A way to split a text into tokens, and to join tokens into readable text.

    Attributes:
        learns: whether it must be trained before it splits.
        state: what was learnt from texts, as JSON; None where nothing was.
    """

    learns: ClassVar[bool] = False
    state: str | None = None

    @abstractmethod
    def split(self, text: str) -> list[str]:
        """The tokens of a text."""

    @abstractmethod
    def join(self, tokens: list[str]) -> str:
        """A readable text of these tokens; `split` gives the same tokens again."""

    @abstractmethod
    def cut(self, text: str) -> int:
        """The last place found where a text can be cut into two that are split alone.

        split(text) = split(text[:cut]) + split(text[cut:]), whatever may follow the text; 0
        where there is no such place.
        """

    def train(self, texts: Iterable[str], size: int) -> Tokenizer:
        """The tokenizer after it has seen training texts; itself where nothing is learnt.

        Args:
            texts: the training texts, read once.
            size: the most tokens that it may know.
        """
        return self

    def numbering(self) -> Numbering:
        """A numbering of its tokens that knows none yet."""
        return NumberingOfTokens(self.split)

    def __deepcopy__(self, memo: object) -> Self:
        return self  # it never changes


def tokenizer(name: str, state: str | None = None) -> Tokenizer:
    """The tokenizer of that name: "word", "spaced", "char" or "bpe".

    Args:
        name: the stem of its file.
        state: what the tokenizer of an earlier training had learnt.

    Raises:
        UnknownName: for any other name.
        DataError: for a state that is not the tokenizer's, or a package that is missing.
    """
    from ostinato.data.symbols import tokenizers  # this file's own package

    made: Tokenizer = registry.find(tokenizers, "tokenizer", name).make(state)
    return made


def train_on_beginning(
    tokenizer: Tokenizer, chunks: Iterable[str], size: int, share: float
) -> tuple[Tokenizer, Iterator[str]]:
    """Trains on the first part of one text that can be read only once.

    Args:
        tokenizer: the tokenizer, untrained.
        chunks: the text.
        size: the most tokens that it may know.
        share: the part of the text that is for training; of a text too long to be held in memory,
            this part of its beginning.

    Returns:
        The trained tokenizer, and the whole text again.
    """
    if not tokenizer.learns:
        return tokenizer, iter(chunks)
    rest = iter(chunks)
    read: list[str] = []
    while sum(map(len, read)) < _BEGINNING and (chunk := next(rest, None)) is not None:
        read.append(chunk)
    beginning = "".join(read)[:_BEGINNING]
    lines = beginning[: round(len(beginning) * share)].splitlines(keepends=True)
    return tokenizer.train(lines, size), chain(read, rest)
