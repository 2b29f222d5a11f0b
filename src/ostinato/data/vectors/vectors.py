"""The vectors of the words that are needed, matched by how words are written."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ostinato.data.symbols.vocabulary import UNKNOWN

_DIGIT = re.compile(r"\d")
Read: TypeAlias = Callable[[str], str | None]
"""The token that a model makes of a word by itself; None where it makes several of it."""


@dataclass(frozen=True)
class Vectors:
    """The vectors that were found.

    Attributes:
        title: the file.
        size: D.
        known: the vector of each token that was found (D,) float32.
        further: the tokens among them that were not asked for, the most frequent first.
    """

    title: str
    size: int
    known: dict[str, NDArray[np.float32]]
    further: Sequence[str] = ()


class Matching:
    """Gathers, row by row, the vectors of tokens.

    A token has the vector of the word as it is written, or of its lower-case form, or of the first
    word that differs from it in case and digits only: the first words of a file are its most
    frequent ones. Of a word that comes twice the first counts. White space around a token is no
    part of the word.

    Args:
        tokens: those that are needed.
        read: what a model makes of a word.
        further: from how many words at the beginning of the file tokens are taken that are not
            among those.

    Attributes:
        rows: how many there were.
        no_text: how many of them have a word that is no UTF-8.
        twice: how many of those that are needed came before.
    """

    def __init__(self, tokens: Iterable[str], read: Read, further: int = 0) -> None:
        self.rows = self.no_text = self.twice = 0
        self._words = dict.fromkeys(tokens)
        exact = {token.strip() for token in self._words}
        self._exact = exact | {word.lower() for word in exact}
        self._folded = {folded(word) for word in exact}
        self._read, self._first = read, further
        self._found: dict[str, NDArray[np.float32]] = {}
        self._alike: dict[str, NDArray[np.float32]] = {}
        self._further: dict[str, None] = {}
        self._now = ""

    def needs(self, word: bytes) -> bool:
        """Whether the vector of the next row's word is needed."""
        self.rows += 1
        try:
            self._now = word.decode()
        except UnicodeDecodeError:
            self.no_text += 1
            return False
        if self._now in self._found:
            self.twice += 1
            return False
        if self._now in self._exact or self.rows <= self._first:
            return True
        alike = folded(self._now)
        return alike in self._folded and alike not in self._alike

    def keep(self, numbers: NDArray[np.float64]) -> None:
        """Takes the vector of the word that was needed."""
        word, vector = self._now, numbers.astype(np.float32)
        if word in self._exact:
            self._found[word] = vector
        self._alike.setdefault(folded(word), vector)
        if self.rows <= self._first:
            token = self._read(word)
            if token not in (None, UNKNOWN) and token not in self._words:
                self._further[token] = None
                self._found.setdefault(word, vector)

    def found(self, title: str, size: int) -> Vectors:
        """The vectors of all tokens that have one."""
        known: dict[str, NDArray[np.float32]] = {}
        for token in [*self._words, *self._further]:
            word = token.strip()
            for kept, form in ((self._found, word), (self._found, word.lower()),
                               (self._alike, folded(word))):  # fmt: skip
                if form in kept:
                    known[token] = kept[form]
                    break
        return Vectors(title, size, known, list(self._further))


def folded(word: str) -> str:
    """A word in lower case with each digit as 0: what rarely changes its meaning.

    >>> folded("Apollo-11")
    'apollo-00'
    """
    return _DIGIT.sub("0", word.lower())
