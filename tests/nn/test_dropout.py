"""Dropout from sixteen bits a number, held to what it promises and to PyTorch's."""

import pytest
import torch

from every import assert_near
from ostinato.nn import Dropout
from ostinato.nn.dropout import LEVELS, chosen, dropout
from tolerances import SAME

MANY = 400_000


@pytest.mark.parametrize("chance", [1e-4, 0.05, 0.3, 0.5, 0.97])
def test_each_number_is_chosen_with_its_chance(chance):
    torch.manual_seed(0)
    mask = chosen((MANY,), chance, torch.ones(()))
    assert set(mask.unique().tolist()) == {0, 1}
    error = (chance * (1 - chance) / MANY) ** 0.5
    assert abs(mask.mean().item() - chance) < 4 * error + 0.5 / LEVELS
    for lane in range(4):  # numbers that share a draw
        assert abs(mask[lane::4].mean().item() - chance) < 8 * error + 0.5 / LEVELS


def test_numbers_of_one_draw_have_nothing_to_do_with_each_other():
    torch.manual_seed(0)
    lanes = chosen((MANY, 4), 0.5, torch.ones((), dtype=torch.float64)).T
    assert_near(torch.corrcoef(lanes), torch.eye(4, dtype=torch.float64), 5 * MANY**-0.5)


@pytest.mark.parametrize("chance", [0.0, 1e-6, 1 - 1e-6, 1.0])
def test_what_is_nearly_sure_is_sure(chance):
    assert_near(chosen((3, 5), chance, torch.ones(())), torch.full((3, 5), round(chance)), SAME)
    assert_near(dropout(torch.ones(3, 5), chance), torch.full((3, 5), 1.0 - round(chance)), SAME)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("shape", [(), (0,), (1,), (7, 3), (2, 5, 9)])
def test_shape_and_number_type_stay(shape, dtype):
    x = torch.randn(shape, dtype=dtype)
    assert dropout(x, 0.5).shape == x.shape
    assert dropout(x, 0.5).dtype == dtype


def test_values_and_gradients_are_multiplied_by_one_mask():
    torch.manual_seed(0)
    x = torch.randn(50, 7, dtype=torch.float64, requires_grad=True)
    module = Dropout(0.75)
    y = module(x)
    factor = y.detach() / x.detach()
    assert_near(factor.unique(), torch.tensor([0, 4], dtype=torch.float64), SAME)
    y.sum().backward()
    assert_near(x.grad, factor, SAME)
    assert module.eval()(x) is x


def test_the_expectation_stays_to_the_last_digit_of_the_rounded_chance():
    chance = 0.3  # between two multiples
    scale = dropout(torch.ones(1000, dtype=torch.float64), chance).max().item()
    assert scale == pytest.approx(1 / (1 - round(chance * LEVELS) / LEVELS), rel=SAME)


def test_the_seed_fixes_it():
    drawn = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        drawn.append(dropout(torch.ones(100), 0.5))
    assert_near(drawn[0], drawn[1], SAME)
    assert not torch.equal(drawn[0], drawn[2])


def test_under_vmap_each_has_a_mask_of_its_own_or_all_the_same():
    x = torch.ones(2, 100)
    one, other = torch.func.vmap(lambda t: dropout(t, 0.5), randomness="different")(x)
    assert not torch.equal(one, other)
    one, other = torch.func.vmap(lambda t: dropout(t, 0.5), randomness="same")(x)
    assert torch.equal(one, other)
