"""The n-gram baseline against Kneser-Ney written down once more, with dictionaries."""

import math
from collections import Counter, defaultdict

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from order import PERIODIC, SMALL_GENERATOR

from ostinato import Generator
from ostinato.tasks.generate import baseline as ngram
from ostinato.tasks.generate.baseline import fit_ngram
from ostinato.tasks.generate.ngrams import NGrams, orders

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
        follow = {gram: c for gram, c in counts.items() if gram[:-1] == history and c}
        if not follow:
            return lower
        once, twice = (sum(c == k for c in counts.values()) for k in (1, 2))
        discount = once / (once + 2 * twice) if once and twice else 0.5
        own = max(counts[(*history, symbol)] - discount, 0)
        return (own + discount * len(follow) * lower) / sum(follow.values())


def counted(training, symbols, order):
    return NGrams.counted(np.array(training), symbols, order)


@given(texts, texts, st.integers(1, 4))
def test_it_is_kneser_ney(training, held_out, order):
    model, text = counted(training, 4, order), training + held_out
    oracle = KneserNey(training, 4, model.order)
    found = model.of_text(np.array(text), len(training))
    for k in range(len(held_out)):
        place = len(training) + k
        if place >= order - 1:
            expected = oracle.probability(text[:place], text[place])
            assert found[k] == pytest.approx(expected, rel=1e-9)


@given(texts.filter(lambda text: len(text) > 4), texts, st.integers(1, 4))
def test_symbol_by_symbol_it_says_the_same_of_all_that_may_follow(training, text, order):
    model = counted(training, 5, order)
    history, said = model.start(), model.of_text(np.array(text))
    for symbol, p in zip(text, said, strict=True):
        every = model.after(history)
        assert every.sum() == pytest.approx(1)
        assert every.min() > 0
        assert every[symbol] == pytest.approx(p, rel=1e-12)
        history = model.read(history, symbol)


def test_a_text_may_begin_anywhere_in_a_row_of_texts():
    model = counted([0, 1, 2, 0, 1, 3, 0, 1, 2], 4, 3)
    text = np.array([2, 0, 1, 3])
    rows = np.array([[-1, -1, *text], [0, 1, *text]])
    found = model.of_text(rows, 2)
    assert found[0].tolist() == model.of_text(text).tolist()
    assert found[1].tolist() == model.of_text(rows[1], 2).tolist() != found[0].tolist()


@given(texts, st.integers(1, 4))
def test_it_is_kept_in_tensors(training, order):
    model = counted(training, 4, order)
    tensors = model.to_tensors()
    assert all(tensor.dtype == torch.uint8 for tensor in tensors.values())
    again = NGrams.of_tensors(tensors, 4)
    assert again.order == model.order
    assert again.parameters == model.parameters
    text = np.array(training * 2)
    assert again.of_text(text).tolist() == model.of_text(text).tolist()


@pytest.mark.parametrize(
    ("name", "value"),
    [("1.last", [0, 9, 2]), ("1.last", [1, 0, 2]), ("1.count", [1, 2]), ("2.followers", [1, 1, 0]),
     ("1.count", None), ("1.count", [1, 2, -1]), ("2.followers", [-1, 3, 1])],
)  # fmt: skip
def test_counts_that_no_text_has_are_refused(name, value):
    tensors = counted([0, 1, 2, 0, 1], 3, 2).to_tensors()
    if value is None:
        del tensors[name]
    else:
        tensors[name] = torch.tensor(value)
    with pytest.raises((KeyError, ValueError)):
        NGrams.of_tensors(tensors, 3)


def test_the_order_has_the_least_loss():
    random = np.random.default_rng(0)
    text = [0, 1]
    for _ in range(4000):  # of second order: what follows depends on two
        text.append((text[-1] + 2 * text[-2] + int(random.random() < 0.1)) % 5)
    training, held_out = np.array(text[:3000]), np.array(text[3000:])
    found, said = fit_ngram(training, held_out, 5)
    losses = [
        -np.log(model.of_text(np.array(text), 3001)).mean() for model in orders(training, 5, 5)
    ]
    assert found.order == 1 + int(np.argmin(losses)) == 3
    assert found.nats == min(losses)
    assert [-np.log(p).mean() for p in said] == losses
    noise = -(0.9 * math.log(0.9) + 0.1 * math.log(0.1))
    assert noise < found.nats < noise + 0.05
    assert found.record().keys() == {"model", "order", "nats", "counted", "seconds"}


def test_only_so_many_symbols_are_counted(monkeypatch):
    monkeypatch.setattr(ngram, "MOST", 100)
    text = np.random.default_rng(0).integers(0, 3, 500)
    found, _ = fit_ngram(text[:300], text[300:], 3)
    assert found.counted == 100
    assert found.nats == fit_ngram(text[200:300], text[300:400], 3)[0].nats


def test_members_are_weighed_by_the_first_symbols(monkeypatch):
    monkeypatch.setattr(ngram, "WEIGHED", 40)
    text = np.random.default_rng(0).integers(0, 3, 500)
    found, said = fit_ngram(text[:300], text[300:], 3)
    assert {len(p) for p in said} == {40}
    assert found.nats == fit_ngram(text[:300], text[300:], 3)[0].nats
    assert found.nats != -np.log(said[found.order - 1]).mean()


def test_it_stands_beside_a_generator(tmp_path):
    fitted = Generator("rnn", **SMALL_GENERATOR | {"train": {"epochs": 1}}).fit(PERIODIC)
    assert fitted.baseline_.nats < 0.1
    unfitted = Generator("rnn", baseline=False, **SMALL_GENERATOR | {"train": {"epochs": 1}})
    assert unfitted.fit(PERIODIC).baseline_ is None
