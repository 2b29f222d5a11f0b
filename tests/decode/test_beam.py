import itertools
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ostinato.decode import beam_search
from ostinato.errors import ConfigError

V, H = 3, 5


class Model:
    """A small recurrent model, with weights that make it surprising."""

    def __init__(self, seed):
        draw = torch.Generator().manual_seed(seed)
        self.embed, self.mix, self.out = (
            torch.randn(shape, generator=draw, dtype=torch.float64) * 1.5
            for shape in ((V, H), (H, H), (H, V))
        )

    def step(self, states, symbols):
        h = torch.tanh(states[0] @ self.mix + self.embed[symbols])
        return (h[0] @ self.out).log_softmax(-1), (h,)

    def start(self, rows=1):
        return (torch.linspace(-1, 1, rows * H, dtype=torch.float64).view(1, rows, H),)

    def judge(self, states, first, symbols):
        """The log-probability of symbols after a first one, read one by one."""
        total, last = 0.0, first
        for symbol in symbols:
            log_p, states = self.step(states, torch.tensor([last]))
            total, last = total + log_p[0, symbol].item(), symbol
        return total


def every(length, end):
    """Every continuation: those that end, and those of the whole length that do not."""
    for symbols in itertools.product(range(V), repeat=length):
        if end not in symbols:
            yield symbols
    if end is not None:
        for n in range(length):
            yield from ((*s, end) for s in itertools.product(range(V), repeat=n) if end not in s)


@given(
    st.integers(0, 1000),
    st.integers(1, 4),
    st.sampled_from([None, 0, 2]),
    st.sampled_from([0, 0.6, 2.0]),
)
def test_a_wide_beam_is_enumeration(seed, length, end, alpha):
    model = Model(seed)
    found = beam_search(
        model.step, model.start(), torch.tensor([1]), length,
        beam=V**length, best=V**length, end=end, alpha=alpha,
    )[0]  # fmt: skip
    expected = []
    for symbols in every(length, end):
        nats = model.judge(model.start(), 1, symbols)
        score = nats / ((5 + len(symbols)) / 6) ** alpha
        expected.append((score, nats, tuple(s for s in symbols if s != end)))
    expected.sort(reverse=True)
    assert [h.symbols for h in found] == [symbols for *_, symbols in expected]
    for h, (score, nats, _) in zip(found, expected, strict=True):
        assert (h.score, h.log_probability) == pytest.approx((score, nats))


@given(st.integers(0, 1000), st.sampled_from([None, 0]))
def test_a_beam_of_one_is_greedy(seed, end):
    model = Model(seed)
    ((found,),) = beam_search(
        model.step, model.start(), torch.tensor([1]), 12, beam=1, end=end, alpha=0.6
    )
    symbols, states, last = [], model.start(), 1
    while len(symbols) < 12:
        log_p, states = model.step(states, torch.tensor([last]))
        last = int(log_p.argmax())
        if last == end:
            break
        symbols.append(last)
    assert found.symbols == tuple(symbols)


@given(st.integers(0, 1000), st.integers(1, 5), st.sampled_from([None, 0]))
def test_each_sequence_of_a_batch_is_searched_alone(seed, beam, end):
    model, options = Model(seed), {"beam": beam, "best": beam, "end": end, "alpha": 0.6}
    (states,) = model.start(4)
    together = beam_search(model.step, (states,), torch.tensor([0, 1, 2, 1]), 6, **options)
    for b, first in enumerate([0, 1, 2, 1]):
        alone = beam_search(
            model.step, (states[:, b : b + 1],), torch.tensor([first]), 6, **options
        )[0]
        assert [h.symbols for h in together[b]] == [h.symbols for h in alone]
        scores = [h.score for h in alone]
        assert [h.score for h in together[b]] == pytest.approx(scores)
        assert scores == sorted(scores, reverse=True)
        for h in together[b]:  # what is said of it is true
            ended = (*h.symbols, end) if len(h.symbols) < 6 else h.symbols
            assert h.log_probability == pytest.approx(
                model.judge((states[:, b : b + 1],), first, ended)
            )


def test_a_wider_beam_finds_what_greedy_misses():
    # 0 looks better at first (0.6), but what follows it is split; after 1 it is sure.
    table = torch.tensor([[0.5, 0.5], [0.01, 0.99], [0.6, 0.4]]).log()

    def step(states, symbols):
        return table[symbols], states

    def search(beam):
        return beam_search(step, torch.zeros(1, 1, 1), torch.tensor([2]), 2, beam=beam)[0][0]

    assert (search(1).symbols, search(2).symbols) == ((0, 0), (1, 1))
    assert math.exp(search(2).log_probability) == pytest.approx(0.4 * 0.99)


def test_of_equals_the_lower_symbol_comes_first():
    def step(states, symbols):
        return torch.zeros(len(symbols), 2), states

    (found,) = beam_search(step, None, torch.tensor([0]), 2, beam=4, best=4)
    assert [h.symbols for h in found] == [(0, 0), (0, 1), (1, 0), (1, 1)]


def test_there_may_be_fewer_than_wanted():
    def step(states, symbols):
        return torch.tensor([[0.0, -math.inf]]).expand(len(symbols), 2), states

    (found,) = beam_search(step, {"a": torch.zeros(2, 1, 1)}, torch.tensor([0]), 3, best=4)
    assert [h.symbols for h in found] == [(0, 0, 0)]
    (found,) = beam_search(step, None, torch.tensor([0]), 3, best=4, end=0)
    assert [(h.symbols, h.score) for h in found] == [((), 0.0)]


@pytest.mark.parametrize(
    ("option", "says"),
    [
        ({"length": 0}, "length: 0 must be at least 1$"),
        ({"beam": 0}, "beam: 0 must be at least 1$"),
        ({"beam": 1001}, "beam: 1001 must be at most 1,000$"),
        ({"best": 10**22}, f"best: {10**22} must be at most 1,000$"),
        ({"best": 5}, "best: 5 must be at least 1 and at most the beam, 4"),
        ({"alpha": -1}, "alpha: -1 must be at least 0"),
        ({"alpha": math.nan}, "alpha: nan must be"),
    ],
)
def test_numbers_out_of_range_are_refused(option, says):
    model = Model(0)
    with pytest.raises(ConfigError, match=f"^{says}"):
        beam_search(model.step, model.start(), torch.tensor([0]), **{"length": 3} | option)
