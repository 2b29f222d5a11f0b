"""Dropouts and zoneout, seen through cells that let the noise through as it is."""

import pytest
import torch

from every import EVERY, assert_near, short, sizes
from ostinato.equation import affine, cell
from ostinato.errors import ConfigError
from ostinato.nn import LSTM, Recurrent
from ostinato.nn.recurrent import CHANCES
from results import first_states, normal
from tolerances import ORACLE, SAME

UNITS = 400
STATES = ("recurrent_dropout", "weight_dropout")
LENGTHS = torch.tensor([2, 4, 1])


@cell
def see(x, h):
    """With W = I the output is the input."""
    return affine(x, bias=False)


@cell
def recall(x, h):
    """With W = I the state is handed on."""
    return affine(h, bias=False)


def module(cell, layers=1, **options):
    made = Recurrent(cell, UNITS, UNITS, layers, dtype=torch.float64, **options)
    with torch.no_grad():
        for weight in made.parameters():
            weight.copy_(torch.eye(UNITS))
    torch.manual_seed(1)
    return made


def ones(steps=4, batch=3):
    return torch.ones(steps, batch, UNITS, dtype=torch.float64)


@pytest.mark.parametrize("name", EVERY, ids=short)
@pytest.mark.parametrize(
    "noise",
    [{name: 0.5} for name in CHANCES],
    ids=lambda noise: next(iter(noise)),
)
def test_evaluation_is_without_dropout_and_training_is_not(name, noise):
    if noise.keys() & STATES and name in ("indrnn", "min_gru"):
        return  # refused, see below

    def outputs(training, **noise):
        torch.manual_seed(0)
        made = Recurrent(**sizes(name), num_layers=2, dtype=torch.float64, **noise)
        hx = first_states(made, 3)
        return made.train(training)(normal(5, 3, 3), hx if len(hx) > 1 else hx[0])[0]

    plain = outputs(True)
    assert_near(outputs(False, **noise), plain, ORACLE)
    assert (outputs(True, **noise) - plain).abs().max() > 0.01


@pytest.mark.parametrize("name", ["indrnn", "min_gru"])
@pytest.mark.parametrize("noise", STATES)
def test_dropout_of_states_is_refused_where_none_enters_a_product(name, noise):
    with pytest.raises(ConfigError, match=f"{noise} has no effect"):
        Recurrent(name, 3, 4, **{noise: 0.5})


def test_dropout_stands_between_layers_and_draws_anew_at_each_step():
    outputs, _ = module(see, 2, dropout=0.5)(ones())
    assert set(outputs.unique().tolist()) == {0, 2}
    assert abs(outputs.mean() - 1) < 0.1
    assert not torch.equal(outputs[0], outputs[1])
    with pytest.warns(UserWarning, match="has no effect with num_layers=1"):
        made = module(see, 1, dropout=0.5)
    single, _ = made(ones())
    assert_near(single, ones(), SAME)


@pytest.mark.parametrize("lengths", [None, LENGTHS])
def test_a_variational_mask_is_one_for_a_sequence_and_its_own(lengths):
    outputs, _ = module(see, variational_dropout=0.5)(ones(), lengths=lengths)
    masks = outputs[0]
    assert set(masks.unique().tolist()) == {0, 2}
    assert abs(masks.mean() - 1) < 0.1
    for b, n in enumerate([4, 4, 4] if lengths is None else lengths):
        assert_near(outputs[:n, b], masks[b].expand(n, -1), SAME)
        assert not torch.equal(masks[b], masks[b - 1])


def test_variational_dropout_is_on_the_input_of_every_layer():
    outputs, _ = module(see, 2, variational_dropout=0.5)(ones())
    assert set(outputs.unique().tolist()) == {0, 4}


@pytest.mark.parametrize("lengths", [None, LENGTHS])
def test_recurrent_dropout_has_the_same_mask_at_each_step(lengths):
    outputs, _ = module(recall, recurrent_dropout=0.5)(ones(), ones(1), lengths=lengths)
    masks = outputs[0]
    assert set(masks.unique().tolist()) == {0, 2}
    for b, n in enumerate([4, 4, 4] if lengths is None else lengths):
        powers = torch.stack([masks[b] ** (t + 1) for t in range(n)])
        assert_near(outputs[:n, b], powers, SAME)
        assert not torch.equal(masks[b], masks[b - 1])


def test_weight_dropout_has_the_same_mask_in_a_whole_call_and_scales_gradients_alike():
    made = module(recall, weight_dropout=0.5)
    outputs, _ = made(ones(), ones(1))
    mask = outputs[0, 0]  # of the diagonal, which is all that W = I has
    assert set(mask.unique().tolist()) == {0, 2}
    assert_near(
        outputs, torch.stack([mask ** (t + 1) for t in range(4)])[:, None].expand_as(outputs), SAME
    )
    assert not torch.equal(made(ones(), ones(1))[0][0, 0], mask)
    outputs[0].sum().backward()
    assert_near(made.weight_hh_l0.grad.unique(), torch.tensor([0.0, 6.0]).double(), SAME)


def counting(steps=4, batch=3):
    """At step t every feature is t + 1."""
    return ones(steps, batch) * torch.arange(1, steps + 1)[:, None, None]


def test_zoneout_keeps_the_old_value_with_its_probability_anew_at_each_step():
    x, chance = counting(), 0.3
    outputs, _ = module(see, zoneout=chance)(x)
    kept = outputs != x
    old = torch.cat([torch.zeros_like(x[:1]), outputs[:-1]])
    assert_near(outputs, torch.where(kept, old, x), SAME)
    assert abs(kept.double().mean() - chance) < 0.03  # 4800 draws: a standard error of 0.0066
    assert not torch.equal(kept[0], kept[1])


def test_zoneout_in_evaluation_is_its_expectation():
    x, chance = counting(batch=500), 0.3
    made = module(see, zoneout=chance)
    drawn = made(x)[0].mean((1, 2))
    outputs, _ = made.eval()(x)
    h = 0
    for t in range(4):
        h = chance * h + (1 - chance) * (t + 1)
        assert_near(outputs[t], torch.full_like(outputs[t], h), ORACLE)
        assert abs(drawn[t] - h) < 0.02  # 200 000 draws of a spread of about 1: an error of 0.002


@pytest.mark.parametrize("name", EVERY, ids=short)
@pytest.mark.parametrize("training", [True, False])
def test_zoneout_of_one_keeps_the_first_state(name, training):
    made = Recurrent(**sizes(name), zoneout=1.0, dtype=torch.float64).train(training)
    hx = first_states(made, 2)
    outputs, states = made(normal(4, 2, 3), hx if len(hx) > 1 else hx[0], lengths=[4, 2])
    assert_near(states if len(hx) > 1 else [states], hx, SAME)
    assert_near(outputs[:2], hx[0].expand(2, -1, -1), SAME)


def test_zoneout_of_one_state_by_its_name():
    made = LSTM(3, 5, zoneout={"c": 1.0}, dtype=torch.float64)
    h, c = first_states(made, 2)
    _, (h_last, c_last) = made(normal(4, 2, 3), (h, c))
    assert_near(c_last, c, SAME)
    assert not torch.equal(h_last, h)


def test_noise_is_fixed_by_the_seed():
    made = LSTM(3, 5, 2, dropout=0.5, zoneout=0.1, recurrent_dropout=0.2)
    runs = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        runs.append(made(torch.ones(4, 2, 3))[0])
    assert_near(runs[0], runs[1], SAME)
    assert not torch.equal(runs[0], runs[2])


def test_noise_in_evaluation_is_its_expectation_and_draws_nothing():
    module, x = LSTM(3, 5, zoneout=0.2, recurrent_dropout=0.3).eval(), torch.randn(4, 2, 3)
    state = torch.get_rng_state()
    assert_near(module(x)[0], module(x)[0], SAME)
    assert torch.equal(torch.get_rng_state(), state)
