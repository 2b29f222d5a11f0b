"""What a linear model reads of texts: n-grams of words, and of the characters of words."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ostinato.data import Tokenizer, tokenizer
from ostinato.data.symbols.tokenizers.char import Characters

Numbers64: TypeAlias = NDArray[np.uint64]
Indices: TypeAlias = NDArray[np.intp]
WORDS, CHARACTERS = 2, 4
"""The longest n-grams, in words and in characters."""
_CHARACTERS, _WORK = 2**22, 2**27
"""Characters of all training texts, and times the scores of a text: of more, words are enough."""
_FACTOR = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class NGramFeatures:
    """How often n-grams occur in a text, by tf-idf.

    Words and pairs of words are one block; n-grams of one to four characters of a word, with a
    space before it and after it, are another, where training texts are short enough. In each
    block, with the count c of n-gram g in the text, and N_g of the N training texts that have it,

        x_g = (1 + ln c) (1 + ln (1 + N) / (1 + N_g)),    over √(Σ_g x_g²) of the block

    and the row of both blocks has length 1 again. n-grams are known by numbers of 64 bits.

    Attributes:
        split: what splits texts into words.
        numbers: of the known n-grams (P,) int64, ascending.
        idf: the second factor of each (P,) float32.
        of_words: whether each is one of words, not of characters (P,) bool.
    """

    split: Tokenizer
    numbers: NDArray[np.int64]
    idf: NDArray[np.float32]
    of_words: NDArray[np.bool_]

    @classmethod
    def fit(cls, texts: Sequence[str], split: Tokenizer, most: int, scores: int = 1) -> Self:
        """Counts n-grams; those of one text only are left out where there are a hundred or more.

        Args:
            texts: the training texts.
            split: what splits texts for the network; of characters alone, words are split by
                the tokenizer `word`.
            most: how many n-grams there may be; those that most texts have are kept.
            scores: how many scores a linear model gives each text.
        """
        split = words_of(split)
        blocks = [_of_words(texts, split)]
        characters = sum(map(len, texts))
        if characters <= _CHARACTERS and characters * scores <= _WORK:
            blocks.append(_of_characters(texts))
        least = 2 if len(texts) >= 100 else 1
        found: list[tuple[NDArray[np.int64], Indices, NDArray[np.bool_]]] = []
        for block, orders in enumerate(blocks):
            for order in orders:
                known, counts = _document_counts(*order, least)
                found.append((known, counts, np.full(len(known), block == 0)))
        numbers = np.concatenate([known for known, _, _ in found])
        counts = np.concatenate([count for _, count, _ in found])
        words = np.concatenate([block for _, _, block in found])
        kept = np.argsort(-counts, kind="stable")[:most]
        kept = kept[np.argsort(numbers[kept])]
        idf = 1 + np.log((1 + len(texts)) / (1 + counts[kept]))
        return cls(split, numbers[kept], idf.astype(np.float32), words[kept])

    words: ClassVar[str] = "n-grams of words and characters"
    """What is read, in words."""

    @property
    def count(self) -> int:
        """P."""
        return len(self.numbers)

    def matrix(self, texts: Sequence[str]) -> Any:
        """The features of texts: a sparse matrix (N, P) float32."""
        from scipy import sparse

        columns, values, ends = self._rows(texts)
        return sparse.csr_matrix((values, columns, ends), (len(texts), len(self.numbers)))

    def times(self, texts: Sequence[str], weights: NDArray[np.float32]) -> NDArray[np.float32]:
        """The features of texts times weights (P, K): a matrix (N, K)."""
        columns, values, ends = self._rows(texts)
        product: NDArray[np.float32] = nn.functional.embedding_bag(
            torch.from_numpy(columns),
            torch.from_numpy(weights),
            torch.from_numpy(ends[:-1]),
            mode="sum",
            per_sample_weights=torch.from_numpy(values),
        ).numpy()
        return product

    def _rows(self, texts: Sequence[str]) -> tuple[Indices, NDArray[np.float32], Indices]:
        """Which n-grams texts have, one text after the other, their features, where texts end."""
        orders = [*_of_words(texts, self.split)]
        if not self.of_words.all():
            orders += _of_characters(texts)
        places = np.concatenate([self._known(*order, len(self.numbers)) for order in orders])
        places, counts = np.unique(places, return_counts=True)
        row, columns = np.divmod(places, max(len(self.numbers), 1))
        x = (1 + np.log(counts)) * self.idf[columns]
        block = 2 * row + self.of_words[columns]
        squares = np.bincount(block, x**2, 2 * len(texts))
        blocks = (squares.reshape(-1, 2) > 0).sum(1).repeat(2)
        values = (x / np.sqrt(squares * blocks)[block]).astype(np.float32)
        return columns, values, np.append(0, np.cumsum(np.bincount(row, minlength=len(texts))))

    def to_tensors(self) -> dict[str, Tensor]:
        """All of it but the tokenizer, as `of_tensors` takes it."""
        names = "numbers", "idf", "of_words"
        return {name: torch.from_numpy(getattr(self, name)) for name in names}

    @classmethod
    def of_tensors(cls, tensors: Mapping[str, Tensor], split: Tokenizer) -> Self:
        """The features that gave these tensors.

        Raises:
            KeyError, ValueError: for tensors that do not fit.
        """
        kinds = {"numbers": torch.int64, "idf": torch.float32, "of_words": torch.bool}
        for name, kind in kinds.items():
            if tensors[name].dtype != kind or tensors[name].shape != tensors["numbers"].shape[:1]:
                raise ValueError(f"{name} {tensors[name].dtype} {[*tensors[name].shape]}")
        numbers, idf, of_words = (tensors[name].numpy() for name in kinds)
        if (numbers[1:] <= numbers[:-1]).any() or not np.isfinite(idf).all():
            raise ValueError("the n-grams are not in ascending order, or have no weights")
        return cls(words_of(split), numbers, idf, of_words)

    def _known(self, numbers: Numbers64, rows: Indices, width: int) -> Indices:
        """Of those n-grams that are known, row times P plus column."""
        places = np.searchsorted(self.numbers, numbers.view(np.int64))
        there = np.append(self.numbers, 0)[places] == numbers.view(np.int64)
        there &= places < width
        known: Indices = rows[there] * width + places[there]
        return known


def words_of(split: Tokenizer) -> Tokenizer:
    """A tokenizer of words: this one, or `word` where it splits characters alone."""
    return tokenizer("word") if isinstance(split, Characters) else split


def _of_words(texts: Sequence[str], split: Tokenizer) -> Iterator[tuple[Numbers64, Indices]]:
    """The numbers of all words, of all pairs, …, each with the row of its text."""
    known: dict[str, int] = {}
    numbers, lengths = [], []
    for text in texts:
        tokens = split.split(text)
        lengths.append(len(tokens))
        for token in tokens:
            number = known.get(token)
            if number is None:
                digest = hashlib.blake2b(token.encode("utf-8", "surrogatepass"), digest_size=8)
                number = known[token] = int.from_bytes(digest.digest(), "little")
            numbers.append(number)
    rows = np.repeat(np.arange(len(texts)), lengths)
    yield from _orders(np.array(numbers, np.uint64), rows, WORDS)


def _of_characters(texts: Sequence[str]) -> Iterator[tuple[Numbers64, Indices]]:
    """The same of the characters of each word, with a space before it and one after it."""
    words = [text.lower().split() for text in texts]
    spaced = [f" {word} " for each in words for word in each]
    codes = np.frombuffer("".join(spaced).encode("utf-32-le", "surrogatepass"), np.uint32)
    word = np.repeat(np.arange(len(spaced)), [*map(len, spaced)])
    row = np.repeat(np.arange(len(texts)), [*map(len, words)])
    for numbers, own in _orders(codes + np.uint64(1), word, CHARACTERS):
        yield numbers, row[own]


def _orders(symbols: Numbers64, rows: Indices, longest: int) -> Iterator[tuple[Numbers64, Indices]]:
    """The numbers of the n-grams of symbols up to a length, none over the end of its row."""
    salted = numbers = symbols
    for order in range(1, longest + 1):
        if order > 1:
            numbers = numbers[:-1] * _FACTOR + symbols[order - 1 :]
        inside = rows[: len(rows) - order + 1] == rows[order - 1 :]
        salted = (numbers ^ np.uint64(order)) * _FACTOR
        yield salted[inside], rows[order - 1 :][inside]


def _document_counts(
    numbers: Numbers64, rows: Indices, least: int
) -> tuple[NDArray[np.int64], Indices]:
    """The numbers that at least so many rows have, and how many rows have each."""
    order = np.argsort(numbers, kind="stable")  # rows ascend, so those of a number do, too
    number, row = numbers[order], rows[order]
    new = np.ones(len(number), bool)
    new[1:] = number[1:] != number[:-1]
    first = new | np.append(True, row[1:] != row[:-1])[: len(row)]
    known = number[new].view(np.int64)
    counts = np.bincount(np.cumsum(new) - 1, first, len(known)).astype(np.intp)
    return known[counts >= least], counts[counts >= least]
