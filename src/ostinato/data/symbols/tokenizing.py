"""A tokenizer by its name, and its training on the beginning of a long text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

from ostinato import registry
from ostinato.data.symbols import tokenizers
from ostinato.data.symbols.tokenizers import Tokenizer


def tokenizer(name: str, state: str | None = None) -> Tokenizer:
    """The tokenizer of that name: "word", "spaced", "char" or "bpe".

    Args:
        name: the stem of its file.
        state: that of the tokenizer of an earlier training, "null" where it had none; None: a
            new one.

    Raises:
        UnknownName: for any other name.
        DataError: for a state that is not the tokenizer's, or a package that is missing.
    """

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
    if not tokenizer.sees:
        return tokenizer, iter(chunks)
    rest = iter(chunks)
    read: list[str] = []
    while sum(map(len, read)) < tokenizer.sees and (chunk := next(rest, None)) is not None:
        read.append(chunk)
    beginning = "".join(read)[: tokenizer.sees]
    lines = beginning[: round(len(beginning) * share)].splitlines(keepends=True)
    return tokenizer.train(lines, size), chain(read, rest)
