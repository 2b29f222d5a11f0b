"""A linear model of n-grams: logistic regression on weights of naive Bayes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ostinato.data import Symbols
from ostinato.errors import ConfigError

_ARRAYS = ("ngrams", "ratios", "weights", "biases")


@dataclass(frozen=True)
class NaiveBayesLinear:
    """Logistic regression on which n-grams a text has, each weighted by naive Bayes.

    For each class k against all others, over the n-grams g of a text, with the counts p_kg and
    q_kg of training texts of class k and of other classes that have g, one added:

        r_kg = ln (p_kg / Σ_g p_kg) / (q_kg / Σ_g q_kg)        x_kg = r_kg / √(Σ_g r_kg²)
        z_k  = Σ_g w_kg x_kg + b_k                             p_k ∝ 1 / (1 + exp(-z_k))

    Wang & Manning 2012, "Baselines and Bigrams: Simple, Good Sentiment and Topic Classification",
    with logistic regression in place of their support vector machine, rows of length 1, and
    n-grams up to any length. Two classes need one z: that of the other is -z.

    Attributes:
        order: the longest n-gram.
        symbols: V; symbol 0, the unknown one, is part of no n-gram.
        ngrams: the known n-grams as numbers in base V, ascending (P,) int64.
        ratios: r (C, P) float32; C = K, or 1 where there are two classes.
        weights: w (C, P) float32.
        biases: b (C,) float32.
    """

    order: int
    symbols: int
    ngrams: NDArray[np.int64]
    ratios: NDArray[np.float32]
    weights: NDArray[np.float32]
    biases: NDArray[np.float32]

    @property
    def parameters(self) -> int:
        """The number of learned weights."""
        return self.weights.size + self.biases.size

    def log_probabilities(self, sequences: Sequence[Symbols]) -> NDArray[np.float32]:
        """ln p (N, K) of each text and class; texts as symbols, whole."""
        counts = _matrix([ngrams_of(s, self.order, self.symbols) for s in sequences], self.ngrams)
        scores = [_weighted(counts, r) @ w for r, w in zip(self.ratios, self.weights, strict=True)]
        z = np.stack(scores, 1) + self.biases
        if z.shape[1] == 1:
            z = np.concatenate([-z, z], 1)
        log = torch.nn.functional.logsigmoid(torch.from_numpy(z)).log_softmax(-1)
        found: NDArray[np.float32] = log.numpy()
        return found

    def to_tensors(self) -> dict[str, Tensor]:
        """All of it, as `of_tensors` takes it."""
        sizes = {"order": torch.tensor(self.order), "symbols": torch.tensor(self.symbols)}
        return sizes | {name: torch.from_numpy(getattr(self, name)) for name in _ARRAYS}

    @classmethod
    def of_tensors(
        cls, tensors: Mapping[str, Tensor], order: int, symbols: int, classes: int
    ) -> Self:
        """The model that gave these tensors, for so many symbols and classes.

        Raises:
            KeyError, ValueError: for tensors that do not fit.
        """
        arrays = {name: tensors[name].numpy() for name in _ARRAYS}
        rows, known = (classes if classes > 2 else 1), len(np.atleast_1d(arrays["ngrams"]))
        shapes = {"ngrams": (known,), "biases": (rows,)}
        for name, array in arrays.items():
            kind = np.int64 if name == "ngrams" else np.float32
            if array.shape != shapes.get(name, (rows, known)) or array.dtype != kind:
                raise ValueError(f"{name} {array.dtype} {array.shape}")
        if (np.diff(arrays["ngrams"]) <= 0).any():
            raise ValueError("the n-grams are not in ascending order")
        if (int(tensors["order"]), int(tensors["symbols"])) != (order, symbols):
            raise ValueError("its order or its vocabulary is different")
        return cls(order, symbols, **arrays)


def fit_naive_bayes_linear(
    sequences: Sequence[Symbols], targets: NDArray[np.int64], classes: int, order: int, symbols: int
) -> NaiveBayesLinear:
    """Counts and fits; n-grams of one text only are left out where there are 100 texts or more.

    The penalty is L2 with C = 10.

    Args:
        sequences: the training texts as symbols.
        targets: the class of each (N,), from 0 to K-1.
        classes: K; one without a training text is given no n-grams and the odds of one in N. Where
            no n-gram is known at all, the answer is how often each class is there.
        order: the longest n-gram.
        symbols: V.

    Raises:
        ConfigError: when there are more n-grams of V symbols than numbers below 2⁶³.
    """
    from sklearn.linear_model import LogisticRegression

    check_countable(order, symbols)
    grams = [ngrams_of(sequence, order, symbols) for sequence in sequences]
    known, texts = np.unique(np.concatenate(grams), return_counts=True)
    known = known[texts >= (2 if len(sequences) >= 100 else 1)]
    counts = _matrix(grams, known)
    columns = range(classes) if classes > 2 else [1]
    ratios, weights = (np.zeros((len(columns), len(known)), np.float32) for _ in range(2))
    biases = np.full(len(columns), -np.log(len(sequences)), np.float32)
    for row, k in enumerate(columns):
        inside = targets == k
        if not inside.any():
            continue
        if not len(known):
            biases[row] = np.log((inside.sum() + 1) / ((~inside).sum() + 1))
            continue
        ratios[row] = _log_ratio(counts[inside].sum(0), counts[~inside].sum(0))
        model = LogisticRegression(C=10.0, max_iter=300)
        model.fit(_weighted(counts, ratios[row]), inside)
        weights[row], biases[row] = model.coef_[0], model.intercept_[0]
    return NaiveBayesLinear(order, symbols, known, ratios, weights, biases)


def check_countable(order: int, symbols: int) -> None:
    """Refuses n-grams that have no numbers.

    Raises:
        ConfigError: when there are more n-grams of V symbols than numbers below 2⁶³.
    """
    if symbols**order >= 2**63:
        raise ConfigError(
            f"model.linear: {symbols} tokens have too many n-grams of length "
            f"{order} to count; use a smaller model.linear or data.vocabulary"
        )


def ngrams_of(sequence: Symbols, order: int, symbols: int) -> NDArray[np.int64]:
    """The distinct n-grams of a text up to a length, as numbers in base V, ascending.

    An n-gram has no symbol 0, so that its number says how long it is.

    >>> ngrams_of(np.array([7, 0, 1, 2]), 2, 10)
    array([ 1,  2,  7, 12])
    """
    sequence = np.asarray(sequence, np.int64)
    number, real = sequence, sequence > 0
    found = [number[real]]
    for _ in range(order - 1):
        number = number[:-1] * symbols + sequence[len(sequence) - len(number) + 1 :]
        real = real[:-1] & (sequence[len(sequence) - len(number) :] > 0)
        found.append(number[real])
    distinct: NDArray[np.int64] = np.unique(np.concatenate(found))
    return distinct


def _matrix(ngrams: Sequence[NDArray[np.int64]], known: NDArray[np.int64]) -> Any:
    """Which text has which of the known n-grams: a sparse matrix (N, P) of ones."""
    from scipy import sparse

    flat = np.concatenate([np.zeros(0, np.int64), *ngrams])
    places = np.searchsorted(known, flat)
    found = np.append(known, -1)[places] == flat
    ends = np.cumsum([0, *map(len, ngrams)])
    kept = np.append(0, np.cumsum(found))[ends]
    ones = np.ones(kept[-1], np.float32)
    return sparse.csr_matrix((ones, places[found], kept), (len(ngrams), len(known)))


def _log_ratio(inside: Any, outside: Any) -> NDArray[np.float32]:
    """r (P,) from the numbers of texts that have each n-gram."""
    p, q = (np.asarray(counts, np.float64).ravel() + 1 for counts in (inside, outside))
    ratio: NDArray[np.float32] = np.log(p / p.sum() / (q / q.sum())).astype(np.float32)
    return ratio


def _weighted(has: Any, ratio: NDArray[np.float32]) -> Any:
    """x (N, P): the ratio of each n-gram that a text has, rows of length 1."""
    from sklearn.preprocessing import normalize

    x = has.copy()
    x.data = ratio[x.indices]
    return normalize(x, copy=False) if x.shape[1] else x
