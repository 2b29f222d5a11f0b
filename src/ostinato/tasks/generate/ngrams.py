"""Interpolated Kneser-Ney: what counting alone can say of the next symbol of a text.

    P(w | h) = (max(c(hw) - D, 0) + D · N₁₊(h•) · P'(w | h')) / c(h•)

c counts n-grams; c(h•) sums over what follows h, and N₁₊(h•) is the number of different symbols
that do; h' is h without its first symbol. In the lower orders P' a gram counts once for each
different symbol before it, however often it comes: N₁₊(•hw). The lowest order leans on 1 / V.
D = n₁ / (n₁ + 2 n₂), of the numbers of grams that come once and twice, in each order anew; 1/2
where there are none of either. A history that was never seen says nothing: P(w | h) = P'(w | h').

Source: Chen and Goodman 1999, "An empirical study of smoothing techniques for language modeling";
Kneser and Ney 1995.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

LONGEST = 12
"""The largest order, in symbols."""

Numbers = NDArray[np.int64]
P = NDArray[np.float64]


@dataclass(frozen=True)
class NGrams:
    """An n-gram model.

    Attributes:
        levels: the grams of 1, 2, … symbols.
        symbols: V.
    """

    levels: tuple[Level, ...]
    symbols: int

    @classmethod
    def counted(cls, text: Numbers, symbols: int, order: int) -> NGrams:
        """That of a text, see `orders`; of a lower order where the text is shorter."""
        for model in orders(text, symbols, order):
            found = model  # those before it are let go
        return found

    @property
    def order(self) -> int:
        """n of its longest grams."""
        return len(self.levels)

    @property
    def parameters(self) -> int:
        """The counts that it has."""
        return sum(len(level.count) for level in self.levels)

    def of_text(self, text: Numbers, given: int = 0) -> P:
        """P of each symbol of texts, given those before it (…, N - given).

        Args:
            text: symbols (…, N); -1 before the beginning of a text.
            given: how many at the beginning are not asked for.
        """
        p, history = np.full(text[..., given:].shape, 1 / self.symbols), np.zeros_like(text)
        for level in self.levels:
            p = level.interpolate(history[..., given:], text[..., given:], p)
            history = shifted(level.find(history, text))
        return p

    def after(self, history: Numbers) -> P:
        """P of all symbols (V,) that may follow a history, see `read`."""
        p = np.full(self.symbols, 1 / self.symbols)
        for level, gram in zip(self.levels, history.tolist(), strict=True):
            if gram < 0 or not level.total[gram]:
                break
            p = level.all_after(gram, p)
        return p

    def start(self) -> Numbers:
        """The history before the first symbol (order,), see `read`."""
        return np.array([0, *[-1] * (self.order - 1)])

    def read(self, history: Numbers, symbol: int) -> Numbers:
        """Reads a symbol more.

        Args:
            history: the numbers of the last 0, 1, … symbols (order,), each in its level; -1 where
                they were never seen.
            symbol: the one that follows.
        """
        levels = zip(self.levels[:-1], history.tolist(), strict=False)
        return np.array([0, *(level.find_one(gram, symbol) for level, gram in levels)])

    def to_tensors(self) -> dict[str, Tensor]:
        """The counts, as small as they go; `of_tensors` reads them."""
        found = {}
        for n, level in enumerate(self.levels, start=1):
            for name, values in level.to_arrays().items():
                found[f"{n}.{name}"] = torch.from_numpy(_small(values))
        return found

    @classmethod
    def of_tensors(cls, tensors: Mapping[str, Tensor], symbols: int) -> Self:
        """The model of what `to_tensors` gave.

        Raises:
            KeyError: when something is missing.
            ValueError: for counts that no text has.
        """
        levels: list[Level] = []
        while f"{len(levels) + 1}.count" in tensors or not levels:
            n, parents = len(levels) + 1, len(levels[-1].count) if levels else 1
            followers, last, count = (
                tensors[f"{n}.{name}"].long().numpy() for name in ("followers", "last", "count")
            )
            levels.append(Level.of_arrays(followers, last, count, parents, symbols))
        return cls(tuple(levels), symbols)


@dataclass(frozen=True)
class Level:
    """The grams of n symbols, numbered 0, 1, … by their first n - 1 symbols, then by the last.

    Attributes:
        keys: h V + w of each gram (G,), in order: the number that its first n - 1 symbols have
            among the grams of these, and its last symbol.
        count: of each (G,).
        parents: how many grams of n - 1 symbols there are.
        symbols: V.
    """

    keys: Numbers
    count: Numbers
    parents: int
    symbols: int

    @cached_property
    def discount(self) -> float:
        """D."""
        once, twice = (int((self.count == k).sum()) for k in (1, 2))
        return once / (once + 2 * twice) if once and twice else 0.5

    @cached_property
    def total(self) -> P:
        """c(h•) for each h (parents,)."""
        found: P = np.bincount(self.keys // self.symbols, self.count, self.parents).astype(float)
        return found

    @cached_property
    def left(self) -> P:
        """D · N₁₊(h•) / c(h•) for each h (parents,): what the lower order's part is; 1 without."""
        held = (self.keys // self.symbols)[self.count > 0]
        followers = np.bincount(held, minlength=self.parents)
        known = self.total > 0
        return np.where(known, self.discount * followers / np.where(known, self.total, 1), 1.0)

    def said(self, history: Numbers) -> NDArray[np.bool_]:
        """Whether anything is known of what follows these histories (…)."""
        return (history >= 0) & (self.total[history] > 0)

    def find(self, history: Numbers, symbols: Numbers) -> Numbers:
        """The numbers of grams (…), -1 where there is none, from histories and symbols likewise."""
        wanted = history * self.symbols + symbols
        place = np.minimum(np.searchsorted(self.keys, wanted), len(self.keys) - 1)
        there = (history >= 0) & (symbols >= 0) & (self.keys[place] == wanted)
        return np.where(there, place, -1)

    def find_one(self, gram: int, symbol: int) -> int:
        """As `find`, of one."""
        wanted = gram * self.symbols + symbol
        place = int(self.keys.searchsorted(wanted))
        there = gram >= 0 and place < len(self.keys) and self.keys[place] == wanted
        return place if there else -1

    def interpolate(self, history: Numbers, symbols: Numbers, lower: P) -> P:
        """P of symbols (…) after histories (…), from those of the lower order (…)."""
        said, grams = self.said(history), self.find(history, symbols)
        own = np.where(grams < 0, 0, np.maximum(self.count[grams] - self.discount, 0))
        total = np.where(said, self.total[history], 1)
        return np.where(said, own / total + self.left[history] * lower, lower)

    def all_after(self, gram: int, lower: P) -> P:
        """P of all symbols (V,) after a history with a total, from that of the lower order (V,)."""
        start, end = self.keys.searchsorted([gram * self.symbols, (gram + 1) * self.symbols])
        p: P = self.left[gram] * lower
        own = np.maximum(self.count[start:end] - self.discount, 0)
        p[self.keys[start:end] - gram * self.symbols] += own / self.total[gram]
        return p

    def to_arrays(self) -> dict[str, Numbers]:
        """How many grams continue each h, and the last symbol and the count of each."""
        parents, last = np.divmod(self.keys, self.symbols)
        followers = np.bincount(parents, minlength=self.parents)
        return {"followers": followers, "last": last, "count": self.count}

    @classmethod
    def of_arrays(
        cls, followers: Numbers, last: Numbers, count: Numbers, parents: int, symbols: int
    ) -> Self:
        """The level of what `to_arrays` gave.

        Raises:
            ValueError: when that cannot be.
        """
        sizes = followers.shape == (parents,) and last.shape == count.shape and last.ndim == 1
        if not sizes or (followers < 0).any() or followers.sum() != len(last) or not len(last):
            raise ValueError("the numbers of grams do not fit")
        keys = np.repeat(np.arange(parents), followers) * symbols + last
        outside = (last < 0) | (last >= symbols) | (count < 0)
        if outside.any() or (np.diff(keys) <= 0).any():
            raise ValueError("symbols or counts that there cannot be")
        return cls(keys, count, parents, symbols)


def orders(text: Numbers, symbols: int, longest: int = LONGEST) -> Iterator[NGrams]:
    """The n-gram models of a text (N,), of the orders 1, 2, …

    Args:
        text: its symbols, at least one.
        symbols: V.
        longest: the largest order.
    """
    lower: list[Level] = []  # as they count within the orders above them
    top, grams = None, np.zeros(len(text), np.int64)  # the number of the gram that ends at a place
    for n in range(1, min(longest, len(text)) + 1):
        keys = grams[: len(text) - n + 1] * symbols + text[n - 1 :]
        kinds, places, longer, raw = np.unique(
            keys, return_index=True, return_inverse=True, return_counts=True
        )
        if top:
            # The first symbols of these grams stand before the others of theirs.
            preceded = np.bincount(grams[places + 1], minlength=len(top.count))
            lower.append(Level(top.keys, preceded, top.parents, symbols))
        top = Level(kinds, raw, len(top.count) if top else 1, symbols)
        grams = longer
        yield NGrams((*lower, top), symbols)


def shifted(grams: Numbers) -> Numbers:
    """The grams that end before each place (…, N), from those that end there."""
    return np.concatenate([np.full_like(grams[..., :1], -1), grams[..., :-1]], axis=-1)


def _small(values: Numbers) -> NDArray[np.integer]:
    """In the smallest type that holds them."""
    most = int(values.max(initial=0))
    kinds = (np.uint8, np.int16, np.int32)
    fitting = [kind for kind in kinds if most <= np.iinfo(kind).max]
    return values.astype(fitting[0] if fitting else np.int64)
