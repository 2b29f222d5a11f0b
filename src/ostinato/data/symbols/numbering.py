"""Tokens as numbers before a vocabulary is known: each new token takes the next number."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import final

import numpy as np
from numpy.typing import NDArray


class Numbering(ABC):
    """The numbers of tokens: 1, 2, … in the order in which they were first met.

    0 is left free, for a token that a vocabulary does not know.
    """

    @abstractmethod
    def number(self, text: str) -> NDArray[np.int64]:
        """The number of each token of a text (T,) int64."""

    @abstractmethod
    def symbols(self) -> list[str]:
        """The tokens numbered 1, 2, …."""


@final
class NumberingOfTokens(Numbering):
    """Any tokens, as a function splits them off.

    >>> numbering = NumberingOfTokens(str.split)
    >>> numbering.number("to be or not to be"), numbering.symbols()
    (array([1, 2, 3, 4, 1, 2]), ['to', 'be', 'or', 'not'])
    """

    def __init__(self, split: Callable[[str], list[str]]) -> None:
        self._split = split
        self._numbers = _Consecutive()

    def number(self, text: str) -> NDArray[np.int64]:
        """The number of each token (T,) int64."""
        tokens = self._split(text)
        return np.fromiter(map(self._numbers.__getitem__, tokens), np.int64, len(tokens))

    def symbols(self) -> list[str]:
        """The tokens numbered 1, 2, …."""
        return list(self._numbers)


class _Consecutive(dict[str, int]):
    def __missing__(self, token: str) -> int:
        self[token] = number = len(self) + 1
        return number


@final
class NumberingOfCharacters(Numbering):
    """Characters, without a Python string for each: a table over all code points.

    >>> numbering = NumberingOfCharacters()
    >>> numbering.number("otto"), numbering.symbols()
    (array([1, 2, 2, 1]), ['o', 't'])
    """

    def __init__(self) -> None:
        self._numbers = np.zeros(0x110000, dtype=np.int64)  # by code point
        self._points: list[int] = []

    def number(self, text: str) -> NDArray[np.int64]:
        """The number of each character (T,) int64."""
        # "surrogatepass": a Python string may hold half a pair, and it is a character too.
        points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")
        numbers: NDArray[np.int64] = self._numbers[points]
        if not numbers.all():
            unseen = points[numbers == 0]
            fresh, first = np.unique(unseen, return_index=True)
            fresh = fresh[np.argsort(first)]
            self._numbers[fresh] = np.arange(1, len(fresh) + 1) + len(self._points)
            self._points += fresh.tolist()
            numbers = self._numbers[points]
        return numbers

    def symbols(self) -> list[str]:
        """The characters numbered 1, 2, …."""
        return list(map(chr, self._points))
