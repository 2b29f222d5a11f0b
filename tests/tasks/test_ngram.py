"""N-grams against a plain count with dictionaries."""

from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostinato.tasks.ngram import ngram


def plain(training, text, symbols, order):
    """The probability of each symbol of the text, counted as the formula says."""
    count, followers = Counter(), defaultdict(set)
    for n in range(1, order + 1):
        for k in range(len(training) - n + 1):
            *history, last = training[k : k + n]
            count[(*history, last)] += 1
            followers[tuple(history)].add(last)
    whole = [*training, *text]
    found = []
    for k in range(len(training), len(whole)):
        p = 1 / symbols
        for n in range(order):
            history = tuple(whole[k - n : k])
            total = sum(count[(*history, w)] for w in range(symbols))
            kinds = len(followers[history])
            if total:
                p = (count[(*history, whole[k])] + kinds * p) / (total + kinds)
        found.append(p)
    return np.array(found)


texts = st.lists(st.integers(0, 3), min_size=6, max_size=40)


@given(texts, texts, st.integers(1, 4))
def test_it_is_the_plain_count(training, text, order):
    found = ngram(np.array(training), np.array(text), 4, order)
    assert found.nats == pytest.approx(-np.log(plain(training, text, 4, order)), abs=1e-9)


def test_probabilities_of_all_symbols_sum_to_one():
    training = np.random.default_rng(0).integers(0, 5, 200)
    p = sum(np.exp(-ngram(training, np.array([1, 2, w]), 5, 3).nats[2]) for w in range(5))
    assert p == pytest.approx(1)


def test_a_worked_number():
    # of "abab" after "b": c(b)=1, T(b)=1; p_1(a) = (2 + 2/2) / (4 + 2) = 1/2
    # p_2(a|b) = (1 + 1 · 1/2) / (1 + 1) = 3/4
    found = ngram(np.array([0, 1, 0, 1]), np.array([0]), 2, 2)
    assert np.exp(-found.nats[0]) == pytest.approx(0.75)
    assert found.parameters == 2 + 2  # a, b; ab, ba
