import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ostinato import registry
from ostinato.decode import samplers
from ostinato.decode.samplers.greedy import greedy
from ostinato.decode.samplers.min_p import min_p
from ostinato.decode.samplers.repetition_penalty import WINDOW, repetition_penalty
from ostinato.decode.samplers.temperature import temperature
from ostinato.decode.samplers.top_k import top_k
from ostinato.decode.samplers.top_p import top_p
from ostinato.decode.samplers.typical import typical
from ostinato.errors import ConfigError

# Few values, so that ties are common.
rows = st.lists(st.sampled_from([-math.inf, -2.0, -0.5, 0.0, 1.0, 3.0]), min_size=1).filter(
    lambda row: max(row) > -math.inf
)
SEEN = torch.tensor([1, 3, 3])
SETTINGS = {
    "temperature": [0.7], "top_k": [3], "top_p": [0.8], "greedy": [],
    "min_p": [0.3], "typical": [0.6], "repetition_penalty": [1.3, SEEN],
}  # fmt: skip


def kept(logits):
    return [i for i, logit in enumerate(logits.tolist()) if logit > -math.inf]


def ranking(row):
    """The oracle's order: falling logit, then rising index."""
    return sorted(range(len(row)), key=lambda i: (-row[i], i))


def softmax(row):
    powers = [math.exp(z - max(row)) for z in row]
    return [power / sum(powers) for power in powers]


@pytest.mark.parametrize("name", registry.names(samplers))
@pytest.mark.parametrize("shape", [(5,), (1, 5), (2, 3, 5)])
def test_every_sampler_treats_each_row_alone_and_changes_nothing_in_place(name, shape):
    sampler = getattr(registry.find(samplers, "sampler", name), name)
    logits = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    before = logits.clone()
    found = sampler(logits, *SETTINGS[name])
    torch.testing.assert_close(logits, before, rtol=0, atol=0)
    assert (found.shape, found.dtype) == (logits.shape, logits.dtype)
    for row, sampled in zip(logits.reshape(-1, 5), found.reshape(-1, 5), strict=True):
        torch.testing.assert_close(sampled, sampler(row, *SETTINGS[name]), rtol=0, atol=0)


@given(rows, st.integers(1, 12))
def test_top_k_keeps_exactly_the_first_k(row, k):
    found = top_k(torch.tensor(row), k)
    possible = [i for i in ranking(row)[:k] if row[i] > -math.inf]
    assert kept(found) == sorted(possible)
    assert all(found[i] == row[i] for i in possible)


@given(rows, st.floats(0.01, 1))
def test_top_p_keeps_the_smallest_set_that_reaches_p(row, p):
    logits = torch.tensor(row, dtype=torch.float64)
    found = kept(top_p(logits, p))
    probability, order = softmax(row), ranking(row)
    assert sorted(found) == sorted(order[: len(found)])
    mass = [sum(probability[i] for i in order[:n]) for n in range(len(row) + 1)]
    assert found
    assert mass[len(found)] >= p - 1e-9
    assert len(found) == 1 or mass[len(found) - 1] <= p + 1e-9


def test_top_p_on_the_boundary_stops_there():
    probability = torch.tensor([0.125, 0.5, 0.25, 0.125])
    for p, expected in [(0.4, [1]), (0.5, [1]), (0.6, [1, 2]), (0.75, [1, 2]), (0.8, [0, 1, 2])]:
        assert kept(top_p(probability.log(), p)) == expected


def test_top_p_of_one_and_top_k_of_all_keep_the_least_probable_too():
    logits = torch.linspace(-30, 30, 1000)
    torch.testing.assert_close(top_p(logits, 1.0), logits, rtol=0, atol=0)
    torch.testing.assert_close(top_k(logits, 1000), logits, rtol=0, atol=0)
    torch.testing.assert_close(top_k(logits, 5000), logits, rtol=0, atol=0)


@given(rows, st.floats(0.01, 1))
def test_min_p_keeps_what_is_a_share_as_probable_as_the_best(row, share):
    found = kept(min_p(torch.tensor(row, dtype=torch.float64), share))
    probability = softmax(row)
    for i, p in enumerate(probability):
        if abs(p - share * max(probability)) > 1e-9:
            assert (i in found) == (p > share * max(probability))


def test_min_p_keeps_what_is_on_the_boundary():
    logits = torch.tensor([0.0, 1.0, 1.0])
    assert kept(min_p(logits, 1.0)) == [1, 2]
    torch.testing.assert_close(min_p(logits, 0.0), logits, rtol=0, atol=0)


@given(rows, st.floats(0.01, 1))
def test_typical_keeps_the_shortest_beginning_of_the_ranking_by_surprise(row, mass):
    found = kept(typical(torch.tensor(row, dtype=torch.float64), mass))
    probability = softmax(row)
    possible = [i for i, p in enumerate(probability) if p]
    entropy = -sum(probability[i] * math.log(probability[i]) for i in possible)
    off = {i: abs(-math.log(probability[i]) - entropy) for i in possible}
    assert found
    assert set(found) <= set(possible)
    left = set(possible) - set(found)
    assert max(off[i] for i in found) <= min((off[i] for i in left), default=math.inf) + 1e-9
    assert sum(probability[i] for i in found) >= mass - 1e-9
    last = max(found, key=lambda i: (off[i], i))
    assert sum(probability[i] for i in found if i != last) <= mass + 1e-9


def test_typical_may_leave_the_most_probable_out():
    probability = torch.tensor([0.4, *[0.06] * 10], dtype=torch.float64)
    # H = 2.054: the surprise of the first is 1.138 off, that of the others 0.759
    assert kept(typical(probability.log(), 0.3)) == [1, 2, 3, 4, 5]


@given(rows, st.floats(0.5, 3), st.lists(st.integers(0, 20)))
def test_repetition_penalty_lowers_what_was_seen(row, factor, seen):
    recent = {s % len(row) for s in seen}
    found = repetition_penalty(
        torch.tensor(row, dtype=torch.float64),
        factor,
        torch.tensor([s % len(row) for s in seen]).long(),
    ).tolist()
    for i, z in enumerate(row):
        lowered = z / factor if z > 0 else z * factor
        assert found[i] == pytest.approx(lowered if i in recent else z)


def test_repetition_penalty_forgets():
    seen = torch.tensor([0] + [1] * WINDOW)
    assert repetition_penalty(torch.ones(3), 2.0, seen).tolist() == [1, 0.5, 1]
    assert repetition_penalty(torch.ones(3), 2.0, seen[:-1]).tolist() == [0.5, 0.5, 1]


@given(rows)
def test_greedy_keeps_the_first_of_the_largest(row):
    assert kept(greedy(torch.tensor(row))) == [ranking(row)[0]]


@given(rows, st.floats(0.1, 10))
def test_temperature_is_softmax_of_the_quotient(row, value):
    found = temperature(torch.tensor(row, dtype=torch.float64), value).softmax(-1)
    assert found.tolist() == pytest.approx(softmax([z / value for z in row]), abs=1e-12)


@pytest.mark.parametrize("value", [1e-6, 1e-45, 5e-324, 0])
def test_a_temperature_of_nothing_is_greedy_and_never_nan(value):
    found = temperature(torch.tensor([1.0, 9.0, -math.inf, 8.999]), value).softmax(-1)
    assert found.tolist() == [0, 1, 0, 0]


@pytest.mark.parametrize(
    ("sampler", "setting"),
    [
        *((temperature, value) for value in (-1, math.inf, math.nan)),
        *((top_k, k) for k in (0, -1)),
        *((top_p, p) for p in (0, -0.1, 1.1, math.nan)),
        *((min_p, p) for p in (-0.1, 1.1, math.nan)),
        *((typical, p) for p in (0, -0.1, 1.1, math.nan)),
        *((repetition_penalty, p) for p in (0, -1, math.inf, math.nan)),
    ],
)
def test_a_setting_out_of_range_is_refused(sampler, setting):
    rest = [SEEN[:1]] if sampler is repetition_penalty else []
    with pytest.raises(ConfigError, match=f"^{sampler.__name__}: "):
        sampler(torch.zeros(3), setting, *rest)
