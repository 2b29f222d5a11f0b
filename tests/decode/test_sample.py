import math

import pytest
import torch

from ostinato.decode import chain, draw
from ostinato.errors import ConfigError, UnknownName


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_draws_follow_the_probabilities():
    probability = torch.tensor([0.1, 0.0, 0.6, 0.3])
    drawn = draw(probability.log().expand(50_000, 4), seeded())
    found = torch.bincount(drawn, minlength=4) / 50_000
    assert found[1] == 0
    torch.testing.assert_close(found, probability, rtol=0, atol=0.01)


@pytest.mark.parametrize("shape", [(7,), (1, 7), (2, 3, 7)])
def test_one_draw_for_each_row(shape):
    logits = torch.full(shape, -math.inf)
    wanted = torch.randint(7, shape[:-1], generator=seeded())
    logits.scatter_(-1, wanted.unsqueeze(-1), 0.0)
    assert torch.equal(draw(logits, seeded()), wanted)


def test_the_generator_fixes_the_draws():
    logits = torch.zeros(100, 10)
    assert torch.equal(draw(logits, seeded(1)), draw(logits, seeded(1)))
    assert not torch.equal(draw(logits, seeded(1)), draw(logits, seeded(2)))
    generator = seeded(1)
    assert not torch.equal(draw(logits, generator), draw(logits, generator))


def test_the_default_chain_changes_no_probability():
    logits = torch.randn(3, 9, generator=seeded())
    torch.testing.assert_close(chain()(logits).softmax(-1), logits.softmax(-1))


def test_the_order_is_temperature_then_top_k_then_top_p():
    probability = torch.tensor([0.4, 0.3, 0.2, 0.1])
    # Top-k first leaves 4 : 3, of which the first alone reaches 0.55; top-p first would not.
    found = chain(top_k=2, top_p=0.55)(probability.log()).softmax(-1)
    assert found.tolist() == pytest.approx([1, 0, 0, 0])
    # Temperature first makes it 16 : 9 : 4 : 1, so that two reach 0.8 instead of three.
    found = chain(temperature=0.5, top_p=0.8)(probability.log()).softmax(-1)
    assert found.tolist() == pytest.approx([0.64, 0.36, 0, 0])


def test_the_order_goes_on_with_min_p_and_typical():
    probability = torch.tensor([0.4, 0.3, 0.2, 0.1])
    # Temperature first makes it 16 : 9 : 4 : 1, of which two are at least half the first.
    found = chain(min_p=0.5, temperature=0.5)(probability.log()).softmax(-1)
    assert found.tolist() == pytest.approx([0.64, 0.36, 0, 0])
    # Of these two, H = 0.653: the first is 0.207 off, the second 0.369.
    found = chain(typical=0.1, min_p=0.5, temperature=0.5)(probability.log()).softmax(-1)
    assert found.tolist() == pytest.approx([1, 0, 0, 0])


def test_what_was_seen_is_penalised_before_anything_is_left_out():
    logits, seen = torch.tensor([2.0, 1.5, 1.0]), torch.tensor([0])
    assert chain(top_k=1, repetition_penalty=2.0)(logits, seen).argmax() == 1
    assert chain(top_k=1, repetition_penalty=2.0)(logits).argmax() == 0


def test_settings_that_are_nothing_leave_a_sampler_out():
    logits = torch.randn(9, generator=seeded())
    nothing = chain(temperature=None, top_k=None, greedy=False, typical=None)
    torch.testing.assert_close(nothing(logits), logits, rtol=0, atol=0)


def test_an_unknown_sampler_is_refused():
    with pytest.raises(UnknownName, match="did you mean 'temperature'"):
        chain(tempreature=1.0)


@pytest.mark.parametrize("u", [0.0, 0.1, 0.5, 0.7, 1 - 2**-53])
def test_a_symbol_without_probability_is_never_drawn(monkeypatch, u):
    monkeypatch.setattr(torch, "rand", lambda shape, **_: torch.full(shape, u, dtype=torch.float64))
    logits = torch.tensor([-math.inf, 0.0, -math.inf, 1.0, -math.inf])
    assert draw(logits, seeded()) in (1, 3)


def test_a_greedy_chain_always_draws_the_most_probable():
    logits = torch.randn(20, 9, generator=seeded())
    drawn = draw(chain(temperature=3.0, top_k=4, top_p=0.9, greedy=True)(logits), seeded())
    assert torch.equal(drawn, logits.argmax(-1))


@pytest.mark.parametrize("setting", [{"temperature": -1}, {"top_k": 0}, {"top_p": 0}, {"min_p": 2}])
def test_a_wrong_setting_is_refused_before_anything_is_drawn(setting):
    with pytest.raises(ConfigError, match=f"^{next(iter(setting))}: "):
        chain(**setting)
