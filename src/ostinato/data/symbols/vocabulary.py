"""Symbols and their indices."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import chain

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ostinato.errors import ConfigError, DataError, quoted

UNKNOWN = "<unk>"


def unknown_share(rows: Iterable[ArrayLike]) -> float:
    """The part of symbols that are unknown; 0 where there are none.

    >>> unknown_share([[0, 1, 1], [2]])
    0.25
    """
    unknown = total = 0
    for row in map(np.asarray, rows):
        unknown, total = unknown + int((row == 0).sum()), total + len(row)
    return unknown / total if total else 0.0


class Vocabulary:
    """The symbols a model knows; index 0 stands for every other.

    There is no padding symbol: lengths travel with values, and nothing guesses padding from
    a token's value.

    >>> vocabulary = Vocabulary(["to", "be"])
    >>> vocabulary.encode(["to", "see"]), vocabulary.decode([0, 2])
    (array([1, 0]), ['<unk>', 'be'])

    Args:
        symbols: in the order of their indices 1, 2, …; `<unk>` is put before them.

    Raises:
        DataError: when a symbol comes twice, or `<unk>` is among them.
    """

    def __init__(self, symbols: Iterable[str]) -> None:
        self.symbols = [UNKNOWN, *symbols]
        self._index = {symbol: index for index, symbol in enumerate(self.symbols)}
        if len(self._index) < len(self.symbols):
            twice, _ = Counter(self.symbols).most_common(1)[0]
            raise DataError(f"the vocabulary has the symbol {quoted(twice)} more than once")

    @classmethod
    def build(
        cls, token_lists: Iterable[list[str]], max_size: int | None = None, min_count: int = 1
    ) -> Vocabulary:
        """The most frequent symbols first; those seen equally often in alphabetical order.

        Args:
            token_lists: the training texts, as tokens. A token `<unk>` counts as unknown.
            max_size: the most symbols to keep, `<unk>` included; None keeps all.
            min_count: how often a symbol must be seen to be kept.

        Raises:
            ConfigError: when `max_size` leaves no place for `<unk>`.
        """
        return cls.of_counts(Counter(chain.from_iterable(token_lists)), max_size, min_count)

    @classmethod
    def of_counts(
        cls, counts: Mapping[str, int], max_size: int | None = None, min_count: int = 1
    ) -> Vocabulary:
        """As `build`, from how often each token is seen.

        Raises:
            ConfigError: when `max_size` leaves no place for `<unk>`.
        """
        if max_size is not None and max_size < 1:
            raise ConfigError(f"max_size: {max_size} must be at least 1")
        kept = [s for s, count in counts.items() if count >= min_count and s != UNKNOWN]
        kept.sort(key=lambda symbol: (-counts[symbol], symbol))
        return cls(kept if max_size is None else kept[: max_size - 1])

    def encode(self, tokens: Iterable[str]) -> NDArray[np.int64]:
        """The index of each token (T,) int64; 0 for one that is not known."""
        return np.array([self._index.get(token, 0) for token in tokens], dtype=np.int64)

    def decode(self, indices: Iterable[int]) -> list[str]:
        """The symbol at each index."""
        return [self.symbols[index] for index in indices]

    def __len__(self) -> int:
        return len(self.symbols)

    def __contains__(self, symbol: str) -> bool:
        return symbol in self._index

    def to_json(self) -> list[str]:
        """All symbols; the place of each is its index."""
        return list(self.symbols)

    @classmethod
    def from_json(cls, symbols: list[str]) -> Vocabulary:
        """The vocabulary that `to_json` wrote.

        Raises:
            DataError: when `<unk>` is not first, or a symbol comes twice.
        """
        if not all(isinstance(symbol, str) for symbol in symbols):
            raise DataError("a vocabulary is a list of symbols")
        if symbols[:1] != [UNKNOWN]:
            raise DataError(f"a vocabulary begins with {quoted(UNKNOWN)}, not with {symbols[:1]}")
        return cls(symbols[1:])
