"""The baseline of a generator: a table of what followed the last few symbols.

It stands beside every network that is compared, because a network that does not beat it should
be known not to.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ORDERS = {"char": 6, "word": 3}
"""The longest context and the symbol after it, by tokenizer."""


@dataclass(frozen=True)
class Table:
    """What a table of n-grams gives for a text.

    Attributes:
        nats: -ln p of every symbol of the text (N,).
        parameters: how many n-grams were counted, of all lengths together.
        seconds: how long it took.
    """

    nats: NDArray[np.float64]
    parameters: int
    seconds: float


def ngram(training: NDArray[np.int64], text: NDArray[np.int64], symbols: int, order: int) -> Table:
    """Interpolated n-grams with Witten-Bell smoothing, counted on one text, asked about another.

    p_k(w | h) = (c(h w) + T(h) p_{k-1}(w | h')) / (c(h) + T(h)), where c counts, T(h) is how many
    different symbols followed h, h' is h without its first symbol, and p_0 = 1 / V.
    Witten & Bell 1991; Chen & Goodman, "An empirical study of smoothing techniques" (1998),
    section 2.5.

    Args:
        training: the text that is counted, as indices (M,).
        text: the text that is asked about, as indices (N,); it goes on after the training text.
        symbols: V, the number of symbols.
        order: the length of the longest n-gram counted.
    """
    began, start = time.perf_counter(), len(training)
    whole = np.concatenate([training, text])
    p = np.full(len(text), 1 / symbols)
    grams, total = np.zeros(len(whole), dtype=np.int64), 0
    for k in range(order):
        context = np.concatenate([[0], grams[:-1]])  # the number of the k symbols before
        _, grams = np.unique(context * symbols + whole, return_inverse=True)
        counted, asked = slice(k, start), slice(start, None)
        count = np.bincount(grams[counted], minlength=grams.max() + 1)
        seen, first = np.unique(grams[counted], return_index=True)
        before = context[counted]
        follows = np.bincount(before, minlength=context.max() + 1)[context[asked]]  # c(h)
        kinds = np.bincount(before[first], minlength=context.max() + 1)[context[asked]]  # T(h)
        mixed = (count[grams[asked]] + kinds * p) / np.maximum(follows + kinds, 1)
        p = np.where(follows > 0, mixed, p)
        total += len(seen)
    return Table(-np.log(p), total, time.perf_counter() - began)
