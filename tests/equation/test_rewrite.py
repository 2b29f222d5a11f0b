from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import oracles
from every import EVERY, assert_near, short
from ostinato import cells, levels
from ostinato.equation import affine, cell, tanh
from ostinato.equation.rewrite import recurrent_dropout, without_bias, zoneout
from ostinato.levels import torch as torch_level
from ostinato.proof.cases import draw as draw_case
from ostinato.weights.torch import to_torch
from tolerances import ORACLE, SAME

SIZES = {"D": 2, "H": 3, "R": 2}
every_cell = pytest.mark.parametrize("name", EVERY, ids=short)


def draw(graph):
    """One sequence of five steps: tokens (5, D), first states (1, ·), the cell's weights."""
    case = draw_case(graph, (5,), SIZES, seed=0)
    return torch.tensor(case.x[0]), tuple(map(torch.tensor, case.states)), case.parameters


def scan(cell, x, states, weights, **noise):
    stacked = to_torch(cell.graph, weights)
    p = SimpleNamespace(**{name: torch.tensor(w) for name, w in stacked.items()})
    return torch_level.scan(cell)(x, [1] * len(x), states, p, **noise)


def by_hand(cell, x, states, weights, wrap):
    """The oracle's step, wrapped, over all steps of one sequence."""
    p = SimpleNamespace(**{name: torch.tensor(w) for name, w in weights.items()})
    step = wrap(getattr(oracles, cell.name))
    states, outputs = tuple(s[0] for s in states), []
    for t in range(len(x)):
        states = step(t, x[t], states, p)
        outputs.append(states[0])
    return torch.stack(outputs), tuple(s[None] for s in states)


@every_cell
def test_without_bias_is_the_cell_whose_biases_are_zero(name):
    cell = cells.find(name)
    bare = replace(cell, graph=without_bias(cell.graph))
    case = draw_case(cell.graph, (3, 1), SIZES, seed=0)
    silent = {k: w * (k[0] != "b") for k, w in case.parameters.items()}
    few = {k: silent[k] for k in bare.graph.parameters}
    assert few.keys() == {k for k in silent if k[0] != "b"}
    for level in (levels.find("python"), levels.find("numpy"), torch_level):
        expected = vars(level.run(cell, replace(case, parameters=silent)))
        expected["gradients"] = {k: expected["gradients"][k] for k in few}
        found = level.run(bare, replace(case, parameters=few))
        assert_near(vars(found), expected, ORACLE)


def noise_of(cell, fill):
    """A tensor for every leaf of noise: masks (1, ·) for a sequence, keeps (N, ·) for its steps."""
    leaves = [cell.graph.nodes[i] for i in cell.graph.noise]
    rows = {"still": 1, "input": 5}
    return {n.label: fill(n.label, (rows[n.op], SIZES[n.size])) for n in leaves}


@every_cell
@pytest.mark.parametrize(("rewrite", "value"), [(recurrent_dropout, 1.0), (zoneout, 0.0)])
def test_noise_that_does_nothing_leaves_the_plain_cell(name, rewrite, value):
    cell = cells.find(name)
    noisy = replace(cell, graph=rewrite(cell.graph))
    given = draw(cell.graph)
    noise = noise_of(noisy, lambda _, shape: torch.full(shape, value, dtype=torch.float64))
    assert_near(scan(noisy, *given, **noise), scan(cell, *given), ORACLE)


@every_cell
def test_zoneout_of_one_keeps_every_state_to_the_bit(name):
    cell = cells.find(name)
    noisy = replace(cell, graph=zoneout(cell.graph))
    x, states, weights = draw(cell.graph)
    ones = noise_of(noisy, lambda _, shape: torch.ones(shape, dtype=torch.float64))
    outputs, last = scan(noisy, x, states, weights, **ones)
    assert_near(last, states, SAME)
    assert_near(outputs, states[0].expand(5, -1), SAME)


def random_noise(label, shape):
    return torch.tensor(np.random.default_rng(len(label) + ord(label[-1])).random(shape))


@every_cell
def test_zoneout_mixes_old_and_new_state_by_its_formula(name):
    cell = cells.find(name)
    noisy = replace(cell, graph=zoneout(cell.graph))
    noise = noise_of(noisy, random_noise)

    def wrap(plain):
        def step(t, x, old, p):
            keep = [noise[f"k_{s}"][t] for s in cell.graph.state_names]
            new = plain(x, *old, p)
            return tuple(k * o + (1 - k) * n for k, o, n in zip(keep, old, new, strict=True))

        return step

    given = draw(cell.graph)
    assert_near(scan(noisy, *given, **noise), by_hand(cell, *given, wrap), ORACLE)


@pytest.mark.parametrize("name", ["rnn", "lstm", "gru", "projected_lstm", "layer_norm_lstm"])
def test_recurrent_dropout_masks_the_state_in_products_and_nowhere_else(name):
    cell = cells.find(name)
    noisy = replace(cell, graph=recurrent_dropout(cell.graph))
    noise = noise_of(noisy, random_noise)
    assert list(noise) == ["m_h"]
    x, states, weights = draw(cell.graph)
    # W (m ⊙ h) is the product of h with W whose columns are multiplied by m.
    masked = {k: w * noise["m_h"].numpy() if k[:3] == "W_h" else w for k, w in weights.items()}

    def wrap(plain):
        return lambda t, x_t, old, p: plain(x_t, *old, p)

    expected = by_hand(cell, x, states, masked, wrap)
    assert_near(scan(noisy, x, states, weights, **noise), expected, ORACLE)


def test_zoneout_takes_no_name_that_a_signal_has():
    @cell
    def named(x, h):
        h_new = tanh(affine(x, h))
        h = 0.5 * h + h_new
        return h

    names = zoneout(named.graph).names
    assert sorted({*names.values()}) == sorted(names.values()) == ["h", "h_new", "h_new_new"]
    assert names[zoneout(named.graph).outputs[0]] == "h"


def test_noise_has_no_gradient_but_passes_it_on():
    cell = cells.find("lstm")
    both = replace(cell, graph=zoneout(recurrent_dropout(cell.graph)))
    noise = noise_of(both, random_noise)
    assert set(noise) == {"m_h", "k_h", "k_c"}
    x, states, weights = draw(cell.graph)
    outputs, _ = scan(both, x.requires_grad_(), states, weights, **noise)
    assert torch.autograd.grad(outputs.sum(), x)[0].abs().min() > 0


def test_noise_keeps_its_name_where_a_signal_has_it():
    @cell
    def named(x, h):
        k_h = tanh(affine(x, h))
        m_h = k_h * h
        h = m_h + k_h
        return h

    noisy = replace(named, graph=zoneout(recurrent_dropout(named.graph)))
    given = draw(named.graph)
    idle = {"k_h": torch.zeros(5, 3).double(), "m_h": torch.ones(1, 3).double()}
    assert_near(scan(noisy, *given, **idle), scan(named, *given), ORACLE)
