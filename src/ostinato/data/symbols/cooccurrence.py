"""Vectors of tokens from what stands near them in the training texts: PPMI and SVD."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

WINDOW = 5
"""How far a neighbour may be; one at distance d counts 1/d."""

SMOOTHING = 0.75
"""The power to which the frequencies of contexts are raised: rare ones say less."""


def ppmi_vectors(
    sequences: Sequence[NDArray[np.int64]], symbols: int, features: int, seed: int
) -> NDArray[np.float32]:
    """A vector for each symbol (V, E), of mean square 1; zeros for those without neighbours.

        PPMI(w, c) = max(0, ln p(w, c) / (p(w) p(c)))      vectors = U √S of its truncated SVD

    Levy, Goldberg & Dagan 2015, "Improving Distributional Similarity with Lessons Learned from
    Word Embeddings": contexts smoothed by 0.75, eigenvalues weighted by ½. Symbol 0, the unknown
    one, is nobody's neighbour.

    Args:
        sequences: the texts as symbols.
        symbols: V.
        features: E; where there are fewer symbols, the rest stays zero.
        seed: of the randomised SVD.
    """
    from scipy import sparse
    from sklearn.utils.extmath import randomized_svd

    gap = np.zeros(WINDOW, np.int64)  # unknown symbols between two texts
    flat = np.concatenate([np.concatenate([s, gap]) for s in sequences] or [gap])
    shape = (symbols, symbols)
    counts = sparse.csr_matrix(shape, dtype=np.float64)
    for distance in range(1, WINDOW + 1):
        word, context = flat[:-distance], flat[distance:]
        real = (word > 0) & (context > 0)
        weights = np.full(int(real.sum()), 1 / distance)
        counts += sparse.csr_matrix((weights, (word[real], context[real])), shape=shape)
    counts = (counts + counts.T).tocoo()
    vectors = np.zeros((symbols, features), np.float32)
    if not counts.nnz:
        return vectors
    words = np.asarray(counts.sum(1)).ravel()
    contexts = words**SMOOTHING / (words**SMOOTHING).sum()
    information = np.log(counts.data / (words[counts.row] * contexts[counts.col]))
    more = information > 0
    ppmi = sparse.csr_matrix((information[more], (counts.row[more], counts.col[more])), shape)
    rank = min(features, symbols - 1)
    left, values, _ = randomized_svd(ppmi.astype(np.float32), rank, n_iter=4, random_state=seed)
    vectors[:, :rank] = left * np.sqrt(values)
    return vectors / max(float(np.sqrt((vectors**2).mean())), 1e-12)
