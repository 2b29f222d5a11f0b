import itertools

import pytest
import torch

from every import EVERY, assert_near, short, sizes
from ostinato.nn import LSTM, Recurrent
from results import normal
from tolerances import ORACLE

T, B = 4, 3


def seen_by(module, x, count, **given):
    """What `count` hooks see of a call, and its results."""
    seen = [[] for _ in range(count)]
    handles = [
        module.register_step_hook(lambda *step, k=k: seen[k].append(step)) for k in range(count)
    ]
    results = module(x, **given)
    for handle in handles:
        handle.remove()
    return seen, results


@pytest.mark.parametrize("engine", ["auto", "native", "torch"])
@pytest.mark.parametrize("name", EVERY, ids=short)
def test_hooks_see_every_step_of_every_layer_and_direction(name, engine):
    module = Recurrent(
        **sizes(name), num_layers=2, bidirectional=True, engine=engine, dtype=torch.float64
    )
    x = normal(T, B, 3)
    plain, _ = module(x)
    (one, other), (outputs, _) = seen_by(module, x, 2)
    layers = ["_l0", "_l0_reverse", "_l1", "_l1_reverse"]
    assert [step[:2] for step in one] == [*itertools.product(layers, range(T))]
    assert all(a[2] is b[2] for a, b in zip(one, other, strict=True))
    output = module.cell.graph.state_names[0]
    by_layer = {layer: [s[output] for at, _, s in one if at == layer] for layer in layers}
    forward, backward = (torch.stack(by_layer[layer]) for layer in layers[2:])
    assert_near(torch.cat([forward, backward.flip(0)], -1), outputs, 0)
    assert_near(outputs, plain, ORACLE)


def test_the_longest_sequences_come_first_and_ended_ones_are_gone():
    (seen,), _ = seen_by(LSTM(3, 5), torch.randn(T, B, 3), 1, lengths=[2, 4, 1])
    assert [len(signals["h"]) for _, _, signals in seen] == [3, 2, 1, 1]


@pytest.mark.parametrize("order", [*itertools.permutations(range(3))])
def test_hooks_are_removed_in_any_order(order):
    module, x, calls = LSTM(3, 5), torch.randn(1, B, 3), []
    handles = [module.register_step_hook(lambda *_, k=k: calls.append(k)) for k in range(3)]
    left = [0, 1, 2]
    for k in order:
        calls.clear()
        module(x)
        assert calls == left
        handles[k].remove()
        handles[k].remove()  # which may be done again
        left.remove(k)
    calls.clear()
    module(x)
    assert calls == []


def test_a_hook_that_removes_itself_or_fails_leaves_the_others():
    module, x, calls = LSTM(3, 5), torch.randn(T, B, 3), []

    def once(layer, t, signals):
        calls.append("once")
        handle.remove()

    def fail(layer, t, signals):
        raise ZeroDivisionError

    handle = module.register_step_hook(once)
    with module.register_step_hook(lambda *_: calls.append("always")):
        module(x)
        assert calls == ["once", *["always"] * T]
        with pytest.raises(ZeroDivisionError), module.register_step_hook(fail):
            module(x)
        calls.clear()
        module(x)
        assert calls == ["always"] * T
    calls.clear()
    module(x)
    assert calls == []


def test_signals_are_those_of_the_computation():
    module, x = LSTM(3, 5, dtype=torch.float64), normal(T, B, 3)
    gates = []

    def keep(layer, t, signals):
        signals["f"].retain_grad()
        gates.append(signals["f"])

    with module.register_step_hook(keep):
        module(x)[0].sum().backward()
    assert all(gate.grad.abs().sum() > 0 for gate in gates[1:])  # c_0 is 0: f_1 counts for nothing
