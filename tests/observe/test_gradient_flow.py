import pytest
import torch
from torch import nn

from every import assert_near
from ostinato.nn import Recurrent
from ostinato.observe.gradient_flow import gradient_flow
from tolerances import ORACLE, SAME

LENGTHS = [4, 1, 6, 3]


def rnn(x, states, w_ih, w_hh, b_ih, b_hh):
    (h,) = states
    return (torch.tanh(w_ih @ x + b_ih + w_hh @ h + b_hh),)


def lstm(x, states, w_ih, w_hh, b_ih, b_hh):
    h, c = states
    i, f, g, o = (w_ih @ x + b_ih + w_hh @ h + b_hh).chunk(4)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


STATES = {rnn: ["h"], lstm: ["h", "c"]}


@pytest.fixture
def network():
    torch.manual_seed(0)

    def network(cell, layers=1):
        recurrent = Recurrent(cell, 3, 5, layers)
        return nn.ModuleDict({"recurrent": recurrent, "output": nn.Linear(5, 1)}).double()

    return network


@pytest.fixture
def x():
    return torch.randn(6, len(LENGTHS), 3, dtype=torch.float64)


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("step", [rnn, lstm], ids=lambda step: step.__name__)
def test_the_sizes_are_those_of_a_network_unrolled_by_hand(network, x, step, layers):
    model = network(step.__name__, layers)

    def loss():
        outputs, states = model["recurrent"](x, lengths=LENGTHS)
        last = states[0][-1] if isinstance(states, tuple) else states[-1]
        return model["output"](last).square().sum() + outputs.sum()  # at the end, and on the way

    found = gradient_flow(model, model["recurrent"], loss)

    sizes = {name: [[] for _ in range(max(LENGTHS))] for name in STATES[step]}
    for b, length in enumerate(LENGTHS):
        sequence = list(x[:length, b])
        for layer in range(layers):
            names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
            weights = [model["recurrent"].get_parameter(f"{name}_l{layer}") for name in names]
            states, walked = tuple(torch.zeros(5).double() for _ in STATES[step]), []
            for x_t in sequence:
                states = step(x_t, states, *weights)
                walked.append(states)
            sequence = [states[0] for states in walked]
        for state in sum(walked, ()):
            state.retain_grad()
        (model["output"](sequence[-1]).square().sum() + sum(map(torch.sum, sequence))).backward()
        for distance, states in enumerate(reversed(walked)):
            for name, state in zip(STATES[step], states, strict=True):
                sizes[name][distance].append(state.grad.norm().item())
    expected = {name: [sum(at) / len(at) for at in all_] for name, all_ in sizes.items()}
    assert_near(found, expected, ORACLE)


def watched(recurrent):
    return bool(recurrent._step_hooks or recurrent._forward_hooks)


def test_it_leaves_no_gradient_and_no_hook_even_after_an_error(network, x):
    model = network("rnn")

    def good():
        return model["output"](model["recurrent"](x)[0]).sum()

    def bad():
        good().backward()
        raise ZeroDivisionError

    good().backward()
    gradient_flow(model, model["recurrent"], good)
    clean = [p.grad for p in model.parameters()]
    assert not watched(model["recurrent"])
    with pytest.raises(ZeroDivisionError):
        gradient_flow(model, model["recurrent"], bad)
    clean += [p.grad for p in model.parameters()]
    assert not watched(model["recurrent"])
    assert clean == [None] * len(clean)


def test_the_first_call_of_a_stack_is_observed_and_later_ones_are_not(network, x):
    model = network("lstm")

    def loss(calls):
        _, states = model["recurrent"](x)
        for _ in range(calls - 1):
            model["recurrent"](x, states)
        return (states[0] ** 2).sum()

    once, twice = (gradient_flow(model, model["recurrent"], lambda n=n: loss(n)) for n in (1, 2))
    assert len(twice["h"]) == len(x)
    assert_near(twice, once, SAME)
