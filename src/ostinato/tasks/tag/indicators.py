"""Indicator features: what a linear tagger goes by, beside the recurrent layers."""

from __future__ import annotations

from collections.abc import Iterable
from zlib import crc32

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ostinato.data.vectors.vectors import folded
from ostinato.nn.dropout import dropout

SUFFIXES, PREFIXES = (1, 2, 3, 4), (1, 2, 3)
"""The lengths of the last and first letters that are features."""
AROUND = (-2, -1, 1, 2)
"""The neighbours, by distance, whose word and shape are features."""


def indicators(words: Iterable[str], buckets: int) -> NDArray[np.int64]:
    """The features of words (W, F), each as the bucket that its name is hashed to.

    Args:
        words: whose spelling, shape and affixes are the features.
        buckets: how many there are; features of one bucket have one weight.
    """
    found = [[_hash(name) % buckets for name in _features(word)] for word in words]
    return np.array(found, np.int64).reshape(len(found), 2 + len(SUFFIXES) + len(PREFIXES))


def _hash(name: str) -> int:
    return crc32(name.encode("utf-8", "surrogatepass"))


def _features(word: str) -> list[str]:
    small = folded(word)
    last, first = [small[-n:] for n in SUFFIXES], [small[:n] for n in PREFIXES]
    affixes = [f"-{part}" for part in last] + [f"{part}-" for part in first]
    return [f"={small}", f"#{_shape(word)}", *affixes]


def _shape(word: str) -> str:
    """Kinds of characters, of equal ones in a row just one: `Aa0` is that of `Iraq90`."""
    shape = ""
    for c in word:
        kind = "A" if c.isupper() else "a" if c.isalpha() else "0" if c.isnumeric() else c
        shape += "" if shape.endswith(kind) else kind
    return shape


class IndicatorScores(nn.Module):
    """Scores of labels that are a linear function of indicator features.

        s_t = Σ_{f ∈ F(w_t)} A f + Σ_{d ∈ AROUND} Σ_{f ∈ G(w_{t+d})} B_d f

    F are all features of a word, G the word itself and its shape. They meet the scores of the
    recurrent layers before the CRF, as in Huang, Xu and Yu 2015, "Bidirectional LSTM-CRF models
    for sequence tagging" (there: features connected directly to the outputs).

    Args:
        buckets: how many weights a label has for each place.
        labels: K.
        drop: the probability that a feature is left out in training.
    """

    def __init__(self, buckets: int, labels: int, drop: float) -> None:
        super().__init__()
        self.own = nn.Embedding(buckets, labels)
        self.near = nn.Embedding(buckets, labels * len(AROUND))
        self.drop = drop
        for table in (self.own, self.near):
            nn.init.zeros_(table.weight)

    def forward(self, distinct: Tensor, which: Tensor, real: Tensor) -> Tensor:
        """Scores (T, B, K).

        Args:
            distinct: the features of the different words (W, F) int64.
            which: the words of the batch (T, B), each as its row in `distinct`.
            real: which steps are real (T, B).
        """
        own, near = self.own(distinct), self.near(distinct[:, :2])
        if self.training:
            kept = dropout(own.new_ones(*distinct.shape, 1), self.drop)
            own, near = own * kept, near * kept[:, :2]
        scores: Tensor = own.sum(1)[which]
        around = near.sum(1)[which] * real[..., None]
        for place, part in zip(AROUND, around.chunk(len(AROUND), -1), strict=True):
            shifted = torch.zeros_like(part)
            steps = len(part)
            if abs(place) < steps:
                to = slice(max(0, -place), steps - max(0, place))
                of = slice(max(0, place), steps - max(0, -place))
                shifted[to] = part[of]
            scores = scores + shifted
        return scores
