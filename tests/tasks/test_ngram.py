"""The n-gram baseline against Kneser-Ney written down once more, with dictionaries."""

import math
from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from order import PERIODIC, SMALL_GENERATOR

from ostinato import Generator
from ostinato.tasks.generate import baseline as ngram
from ostinato.tasks.generate.baseline import fit_ngram, probabilities

texts = st.lists(st.integers(0, 3), min_size=1, max_size=60)


class KneserNey:
    """Interpolated, one discount for each order; histories are tuples."""

    def __init__(self, training, symbols, order):
        self.symbols, self.order = symbols, order
        self.counts = {}
        for n in range(1, order + 1):
            grams = Counter(tuple(training[i : i + n]) for i in range(len(training) - n + 1))
            if n < order:
                before = defaultdict(set)
                for i in range(len(training) - n):
                    before[tuple(training[i + 1 : i + 1 + n])].add(training[i])
                grams = Counter({gram: len(kinds) for gram, kinds in before.items()})
            self.counts[n] = grams

    def probability(self, history, symbol, n=None):
        n = self.order if n is None else n
        if n == 0:
            return 1 / self.symbols
        history = tuple(history[len(history) - (n - 1) :])
        lower = self.probability(history[1:], symbol, n - 1)
        counts = self.counts[n]
        follow = {gram: c for gram, c in counts.items() if gram[:-1] == history}
        if not follow:
            return lower
        once, twice = (sum(c == k for c in counts.values()) for k in (1, 2))
        discount = once / (once + 2 * twice) if once and twice else 0.5
        own = max(counts[(*history, symbol)] - discount, 0)
        return (own + discount * len(follow) * lower) / sum(follow.values())


@given(texts, texts, st.integers(1, 4))
def test_it_is_kneser_ney(training, held_out, order):
    found = probabilities(np.array(training), np.array(held_out), 4, order)
    oracle, text = KneserNey(training, 4, order), training + held_out
    for k in range(len(held_out)):
        place = len(training) + k
        if place >= order - 1:
            expected = oracle.probability(text[:place], text[place])
            assert found[k] == pytest.approx(expected, rel=1e-9)


@given(texts.filter(lambda text: len(text) > 4), texts, st.integers(1, 4))
def test_probabilities_of_all_that_may_follow_sum_to_one(training, held_out, order):
    last = [
        probabilities(np.array(training), np.array([*held_out, symbol]), 5, order)[-1]
        for symbol in range(5)
    ]
    assert sum(last) == pytest.approx(1)
    assert min(last) > 0


def test_the_order_has_the_least_loss():
    random = np.random.default_rng(0)
    text = [0, 1]
    for _ in range(4000):  # of second order: what follows depends on two
        text.append((text[-1] + 2 * text[-2] + int(random.random() < 0.1)) % 5)
    training, held_out = np.array(text[:3000]), np.array(text[3000:])
    found = fit_ngram(training, held_out, 5)
    losses = [-np.log(probabilities(training, held_out, 5, n)[1:]).mean() for n in range(1, 6)]
    assert found.order == 1 + int(np.argmin(losses)) == 3
    assert found.nats == min(losses)
    noise = -(0.9 * math.log(0.9) + 0.1 * math.log(0.1))
    assert noise < found.nats < noise + 0.05
    assert found.record().keys() == {"model", "order", "nats", "counted", "seconds"}


def test_only_so_many_symbols_are_counted(monkeypatch):
    monkeypatch.setattr(ngram, "MOST", 100)
    text = np.random.default_rng(0).integers(0, 3, 500)
    found = fit_ngram(text[:300], text[300:], 3)
    assert found.counted == 100
    assert found.nats == fit_ngram(text[200:300], text[300:400], 3).nats


def test_it_stands_beside_a_generator(tmp_path):
    fitted = Generator("rnn", **SMALL_GENERATOR | {"train": {"epochs": 1}}).fit(PERIODIC)
    assert fitted.baseline_.nats < 0.1
    unfitted = Generator("rnn", baseline=False, **SMALL_GENERATOR | {"train": {"epochs": 1}})
    assert unfitted.fit(PERIODIC).baseline_ is None
