"""The n-gram baseline: interpolated Kneser-Ney, what counting alone can say of the next symbol.

It stands beside every language model: on little text it is hard to beat.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from ostinato.data import Symbols

LONGEST = 12
"""The largest order that is tried, in symbols."""
PATIENCE = 2
"""Orders that are no better than the best before them, in a row, after which it is the best."""
MOST = 4_000_000
"""Maximum number of symbols that are counted and predicted: those nearest to the cut between the
two. Memory stays below 1 GB."""


@dataclass(frozen=True)
class NGram:
    """How an n-gram model does on a held-out text.

    Attributes:
        order: n, the length of an n-gram: n - 1 symbols before the one that is predicted.
        nats: the mean of -ln P of a symbol.
        counted: the symbols of the training text that were counted.
        seconds: how long counting and choosing the order took.
    """

    order: int
    nats: float
    counted: int
    seconds: float

    def record(self) -> dict[str, object]:
        """As the file baseline.json of a run holds it."""
        return {"model": "interpolated Kneser-Ney", **asdict(self)}


def fit_ngram(training: Symbols, held_out: Symbols, symbols: int) -> NGram:
    """Counts the training text; the order is the one with the least loss on the held-out text.

    The order grows from 1 until two in a row are no better. It is chosen on the text that it is
    measured on, as the best epoch of a network is.

    Args:
        training: the symbols of the training text (N,), at least one.
        held_out: those of the text that follows it (M,), at least two; its first one is given.
        symbols: V, how many symbols there are, the unknown one included.
    """
    began = time.perf_counter()
    counted, predicted = np.asarray(training[-MOST:]), np.asarray(held_out[:MOST])
    best, order = np.inf, 0
    for n, probability in enumerate(_by_order(counted, predicted, symbols), start=1):
        nats = float(-np.log(probability[1:]).mean())
        if nats < best:
            best, order = nats, n
        elif n - order == PATIENCE:
            break
    return NGram(order, best, len(counted), time.perf_counter() - began)


def probabilities(
    training: NDArray[np.int64], held_out: NDArray[np.int64], symbols: int, order: int
) -> NDArray[np.float64]:
    """P of each symbol of a held-out text, given those before it (M,), at an order.

        P(w | h) = (max(c(hw) - D, 0) + D · N₁₊(h•) · P'(w | h')) / c(h•)

    c counts n-grams in the training text; c(h•) sums over what follows h, and N₁₊(h•) is the
    number of different symbols that do; h' is h without its first symbol. In the lower orders P'
    a gram counts once for each different symbol before it, however often it comes: N₁₊(•hw). The
    lowest order leans on 1 / V. D = n₁ / (n₁ + 2 n₂), of the numbers of grams that come once and
    twice, in each order anew; 1/2 where there are none of either. A history that was never seen
    says nothing: P(w | h) = P'(w | h').

    The training text and the held-out text are one: the first symbols of the second are predicted
    from the last of the first.

    Source: Chen and Goodman 1999, "An empirical study of smoothing techniques for language
    modeling"; Kneser and Ney 1995.
    """
    for n, found in enumerate(_by_order(training, held_out, symbols), start=1):
        if n == order:
            return found
    raise ValueError(f"the order must be from 1 to {LONGEST}, not {order}")


def _by_order(
    training: NDArray[np.int64], held_out: NDArray[np.int64], symbols: int
) -> Iterator[NDArray[np.float64]]:
    """The probabilities (M,) for the orders 1, 2, ….

    Grams are numbered: `grams[t]` is the number of the gram that ends at place t. A gram of order
    n is the gram of order n - 1 that ends one place before, and a symbol.
    """
    text = np.concatenate([training, held_out])
    N = len(training)
    lower = np.full(len(held_out), 1 / symbols)  # P' of the order that comes
    history = np.zeros(len(text), np.int64)  # the number of the gram before each place
    grams = _number(text)
    for n in range(1, LONGEST + 1):
        kinds = int(grams.max()) + 1
        raw = np.bincount(grams[n - 1 : N], minlength=kinds)
        yield _interpolate(raw, grams, history, N, lower)
        # The grams of the next order give what precedes the grams of this one.
        ahead = np.concatenate([[0], grams[:-1]])
        longer = _number(ahead * symbols + text)
        continued = np.bincount(grams[_places(longer, n, N)], minlength=kinds)
        lower = _interpolate(continued, grams, history, N, lower)
        history, grams = ahead, longer


def _number(keys: NDArray[np.int64]) -> NDArray[np.int64]:
    """Equal keys as equal numbers 0, 1, …."""
    return np.unique(keys, return_inverse=True)[1].astype(np.int64)


def _places(grams: NDArray[np.int64], first: int, N: int) -> NDArray[np.int64]:
    """For each different gram that ends in places first to N - 1 one such place."""
    place = np.full(int(grams.max()) + 1, -1)
    place[grams[first:N]] = np.arange(min(first, N), N)
    return place[place >= 0]


def _interpolate(
    counts: NDArray[np.int64],
    grams: NDArray[np.int64],
    history: NDArray[np.int64],
    N: int,
    lower: NDArray[np.float64],
) -> NDArray[np.float64]:
    """P of the held-out symbols (M,) from the counts of an order's grams and the order below."""
    once, twice = (int((counts == k).sum()) for k in (1, 2))
    discount = once / (once + 2 * twice) if once and twice else 0.5
    places = _places(grams, 0, N)
    places = places[counts[grams[places]] > 0]
    size = int(history.max()) + 1
    total = np.bincount(history[places], weights=counts[grams[places]], minlength=size)
    followers = np.bincount(history[places], minlength=size)
    h, c = history[N:], counts[grams[N:]]
    own = np.maximum(c - discount, 0) + discount * followers[h] * lower
    return np.where(total[h] > 0, own / np.maximum(total[h], 1), lower)
