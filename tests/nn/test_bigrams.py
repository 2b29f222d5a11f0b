import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ostinato.nn import BigramEmbedding, frequent_pairs

PAIRS = np.array([[1, 2], [3, 1], [2, 2]])


def test_known_pairs_have_rows_and_all_others_are_zero():
    bigrams = BigramEmbedding(PAIRS, symbols=5, features=3)
    assert not bigrams(torch.tensor([[1], [2], [2]])).any()  # nothing is learnt yet
    with torch.no_grad():
        bigrams.weight.copy_(torch.arange(1.0, 10).reshape(3, 3))
    row = {tuple(pair): None for pair in PAIRS.tolist()}
    for k, code in enumerate(sorted(a * 5 + b for a, b in row)):
        row[code // 5, code % 5] = bigrams.weight[k]
    tokens = torch.tensor([[3, 4], [1, 1], [2, 2], [2, 0], [0, 3], [4, 1]])  # (T, B)
    found = bigrams(tokens)
    assert found.shape == (6, 2, 3)
    for t in range(6):
        for b in range(2):
            pair = (int(tokens[t - 1, b]), int(tokens[t, b])) if t else None
            expected = row.get(pair)
            expected = torch.zeros(3) if expected is None else expected
            assert torch.equal(found[t, b], expected), (t, b)


def test_only_rows_that_were_seen_learn():
    bigrams = BigramEmbedding(PAIRS, symbols=5, features=2)
    bigrams(torch.tensor([[4, 1], [4, 2]])).sum().backward()
    assert bigrams.weight.grad.abs().sum(1).tolist() == [2, 0, 0]


def test_no_pairs_at_all():
    bigrams = BigramEmbedding(np.zeros((0, 2), np.int64), 5, 2)
    assert torch.equal(bigrams(torch.zeros(3, 4, dtype=torch.long)), torch.zeros(3, 4, 2))


@given(
    st.lists(st.lists(st.integers(0, 6), min_size=1, max_size=20), max_size=8), st.integers(1, 9)
)
def test_the_most_frequent_pairs_counted_one_by_one(texts, most):
    counts = {}
    for text in texts:
        for a, b in itertools.pairwise(text):
            if a and b:
                counts[a, b] = counts.get((a, b), 0) + 1
    wanted = sorted((p for p, n in counts.items() if n > 1), key=lambda p: (-counts[p], p))[:most]
    found = frequent_pairs([np.array(t, np.int64) for t in texts], 7, most)
    assert [tuple(pair) for pair in found.tolist()] == wanted


@pytest.mark.parametrize("steps", [1, 2])
def test_short_texts(steps):
    tokens = torch.ones(steps, 3, dtype=torch.long)
    assert BigramEmbedding(PAIRS, 5, 2)(tokens).shape == (steps, 3, 2)
