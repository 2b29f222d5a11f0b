"""Embeddings of pairs of neighbouring tokens, added to those of the tokens."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn


class BigramEmbedding(nn.Module):
    """e_t = E[(x_{t-1}, x_t)] for the pairs it knows, and 0 for all others.

    "not good" is learned as one thing before a recurrent layer has learned to keep the "not". The
    pairs are looked up exactly: nothing is hashed, so no two share a row by chance. All rows
    start at zero, so that a pair says nothing until it has been learned.

    Source: the bag of bigrams of Wang & Manning 2012, "Baselines and Bigrams", as features of a
    network.

    Args:
        pairs: the known pairs (P, 2) of token numbers.
        symbols: V, how many tokens there are.
        features: E.
    """

    known: Tensor

    def __init__(self, pairs: NDArray[np.int64], symbols: int, features: int) -> None:
        super().__init__()
        self.symbols = symbols
        known = np.unique(pairs[:, 0] * symbols + pairs[:, 1])  # ascending
        self.register_buffer("known", torch.from_numpy(known), persistent=False)
        self.weight = nn.Parameter(torch.zeros(len(known), features))

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens (T, B) → (T, B, E); the first step has no pair."""
        if not len(self.known):
            return self.weight.new_zeros(*tokens.shape, self.weight.shape[1])
        pair = (tokens[:-1] * self.symbols + tokens[1:]).contiguous()
        place = torch.searchsorted(self.known, pair).clamp(max=len(self.known) - 1)
        found = (self.known[place] == pair).unsqueeze(-1)
        embedded = nn.functional.embedding(place, self.weight) * found
        return nn.functional.pad(embedded, (0, 0, 0, 0, 1, 0))


def frequent_pairs(
    sequences: Iterable[NDArray[np.int64]], symbols: int, most: int
) -> NDArray[np.int64]:
    """The most frequent pairs of neighbours (P, 2), each seen twice at least; P ≤ `most`.

    Symbol 0, the unknown one, is part of no pair. Of equally frequent pairs those of smaller
    numbers, which are the more frequent tokens, come first.

    Args:
        sequences: texts as symbols.
        symbols: V, how many there are.
        most: the most pairs to give.
    """
    nothing = np.zeros(0, np.int64)
    codes = [np.where((s[:-1] > 0) & (s[1:] > 0), s[:-1] * symbols + s[1:], -1) for s in sequences]
    code, count = np.unique(np.concatenate([nothing, *codes]), return_counts=True)
    code, count = code[code >= 0], count[code >= 0]
    order = np.argsort(-count, kind="stable")
    chosen = code[order[count[order] > 1][:most]]
    return np.stack([chosen // symbols, chosen % symbols], 1)
