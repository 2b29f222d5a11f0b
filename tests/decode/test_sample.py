import math

import pytest
import torch

from ostinato.decode import chain, draw
from ostinato.errors import ConfigError


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


def test_a_greedy_chain_always_draws_the_most_probable():
    logits = torch.randn(20, 9, generator=seeded())
    drawn = draw(chain(temperature=3.0, top_k=4, top_p=0.9, greedy=True)(logits), seeded())
    assert torch.equal(drawn, logits.argmax(-1))


@pytest.mark.parametrize("setting", [{"temperature": 0}, {"top_k": 0}, {"top_p": 0}])
def test_a_wrong_setting_is_refused_before_anything_is_drawn(setting):
    with pytest.raises(ConfigError, match=f"^{next(iter(setting))}: "):
        chain(**setting)
