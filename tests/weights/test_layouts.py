from dataclasses import replace

import numpy as np
import pytest
import torch

from every import EVERY, assert_near, short
from ostinato import cells
from ostinato.equation import affine, cell, tanh
from ostinato.equation.rewrite import without_bias
from ostinato.levels import aten
from ostinato.proof import prove
from ostinato.proof.cases import draw
from ostinato.weights.torch import from_torch, gradients_from_torch, to_torch, torch_stacks
from tolerances import EQUAL, SAME

SIZES = {"D": 3, "H": 4, "R": 2}
every_cell = pytest.mark.parametrize("name", EVERY, ids=short)


@every_cell
@pytest.mark.parametrize("rewrite", [lambda graph: graph, without_bias], ids=["bias", "bare"])
def test_stacked_and_taken_apart_again_are_the_same_weights(name, rewrite):
    graph = rewrite(cells.find(name).graph)
    weights = draw(graph, (1,), SIZES, seed=0).parameters
    stacked = to_torch(graph, weights)
    assert_near(from_torch(graph, stacked), weights, SAME)
    assert all(bias.any() for name, bias in stacked.items() if name == "bias_ih")


@pytest.mark.parametrize("name", [n for n in EVERY if aten.supports(cells.find(n))])
@pytest.mark.parametrize("rewrite", [lambda graph: graph, without_bias], ids=["bias", "bare"])
def test_the_state_dict_of_pytorchs_layer_fits_both_ways(name, rewrite):
    plain = cells.find(name)
    cell = replace(plain, graph=rewrite(plain.graph))
    layer = aten.torch_layer(cell, SIZES).double()
    theirs = {k.removesuffix("_l0"): w.numpy() for k, w in layer.state_dict().items()}
    ours = from_torch(cell.graph, theirs)
    stacked = to_torch(cell.graph, ours)
    assert {k: w.shape for k, w in stacked.items()} == {k: w.shape for k, w in theirs.items()}
    assert_near({k: w for k, w in stacked.items() if k[0] == "w"},
                {k: w for k, w in theirs.items() if k[0] == "w"}, SAME)  # fmt: skip
    x = torch.randn(5, SIZES["D"], dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    before = layer(x)[0]
    layer.load_state_dict({f"{k}_l0": torch.tensor(w) for k, w in stacked.items()}, strict=True)
    assert_near(layer(x)[0], before, EQUAL)


def test_the_gates_stand_in_pytorchs_order():
    for name, order in [("lstm", "ifgo"), ("gru", "rzn")]:
        first, second = torch_stacks(cells.find(name).graph)
        assert first.matrices == tuple(f"W_x{gate}" for gate in order)
        assert second.matrices == tuple(f"W_h{gate}" for gate in order)
    assert [s.weight for s in torch_stacks(cells.find("projected_lstm").graph)] == [
        "weight_ih", "weight_hh", "weight_hr",
    ]  # fmt: skip


def test_the_two_halves_of_a_bias_both_have_its_gradient():
    graph = cells.find("rnn").graph
    gradient = np.arange(4.0)
    halves = {"weight_ih": np.ones((4, 3)), "weight_hh": np.ones((4, 4))}
    halves |= {"bias_ih": gradient, "bias_hh": gradient}
    assert_near(gradients_from_torch(graph, halves)["b_h"], gradient, SAME)


def test_maps_that_no_layer_of_pytorch_has_get_tensors_of_their_own():
    @cell(sizes={"m": "R"})
    def odd(x, h, m):
        deep = tanh(affine(x))
        c = tanh(affine(deep, h, m) + affine(h, bias=False))
        return c, affine(c, m, size="R")

    stacks = torch_stacks(odd.graph)
    names = [s.weight for s in stacks] + [s.bias for s in stacks if s.bias]
    assert len(set(names)) == len(names)
    assert sorted(m for s in stacks for m in s.matrices) == sorted(
        m for _, node in odd.graph.affines() for m in node.matrices
    )
    assert [p for p in prove(odd) if not p.holds] == []
