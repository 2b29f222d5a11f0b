"""The n-gram baseline: interpolated Kneser-Ney, what counting alone can say of the next symbol.

It stands beside every language model: on little text it is hard to beat.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass

import numpy as np

from ostinato.data import Symbols
from ostinato.tasks.generate.ngrams import P, orders

PATIENCE = 2
"""Orders that are no better than the best before them, in a row, after which it is the best."""
MOST = 4_000_000
"""Maximum number of symbols that are counted and predicted: those nearest to the cut between the
two. Memory stays below 1 GB."""
WEIGHED = 200_000
"""Maximum number of held-out symbols, the first, by which a network and n-grams are weighed."""


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


def fit_ngram(training: Symbols, held_out: Symbols, symbols: int) -> tuple[NGram, list[P]]:
    """Counts the training text; the order is the one with the least loss on the held-out text.

    The order grows from 1 until two in a row are no better. It is chosen on the text that it is
    measured on, as the best epoch of a network is.

    Args:
        training: the symbols of the training text (N,), at least one.
        held_out: those of the text that follows it (M,), at least two; its first one is given.
        symbols: V, how many symbols there are, the unknown one included.

    Returns:
        The best order; and by the orders 1, 2, … P of the held-out symbols but the first, of at
        most `WEIGHED`.
    """
    began = time.perf_counter()
    counted, predicted = np.asarray(training[-MOST:]), np.asarray(held_out[:MOST])
    best, order, said = np.inf, 0, []
    for model in orders(counted, symbols):
        context = counted[-model.order :]
        p = model.of_text(np.concatenate([context, predicted]), len(context) + 1)
        said.append(p[:WEIGHED].copy())
        nats = float(-np.log(p).mean())
        if nats < best:
            best, order = nats, model.order
        elif model.order - order == PATIENCE:
            break
    return NGram(order, best, len(counted), time.perf_counter() - began), said
