"""PyTorch's own layer, where it has one for the cell's equations."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ostinato.equation.trace import Cell
from ostinato.levels import numpy as reference
from ostinato.levels._case import Array, Case, Values
from ostinato.proof.cases import BATCHES, SIZES, draw
from ostinato.proof.comparison import Proof, compare
from ostinato.weights.torch import gradients_from_torch, to_torch

if TYPE_CHECKING:
    from torch import Tensor


def prove(cell: Cell) -> list[Proof]:
    """Each sequence alone through the layer: values and gradients."""
    from ostinato.levels import aten

    if not aten.supports(cell):
        return []
    proofs = []
    for batch, lengths in BATCHES.items():
        case = draw(cell.graph, lengths, SIZES, seed=7)
        ours, theirs = reference.run(cell, case), _layer(cell, case)
        proofs += compare(cell, "independent", "torch.nn", batch, ours, theirs)
    return proofs


def _layer(cell: Cell, case: Case) -> Values:
    import torch

    from ostinato.levels import aten

    layer = aten.torch_layer(cell, SIZES).double()
    weights = to_torch(cell.graph, case.parameters)
    layer.load_state_dict({f"{k}_l0": torch.tensor(w) for k, w in weights.items()}, strict=True)
    several_states = len(case.states) > 1
    values = Values([], (), [], (), {})
    ends, starts = [], []
    for b, x in enumerate(case.x):
        leaf = torch.tensor(x, requires_grad=True)
        first = [torch.tensor(s[b : b + 1], requires_grad=True) for s in case.states]
        outputs, last = layer(leaf, tuple(first) if several_states else first[0])
        last = last if several_states else (last,)
        loss = (outputs * torch.tensor(case.d_outputs[b])).sum()
        for s, d in zip(last, case.d_states, strict=True):
            loss = loss + (s * torch.tensor(d[b])).sum()
        loss.backward()
        values.outputs.append(outputs.detach().numpy())
        values.dx.append(_gradient(leaf))
        ends.append([s.detach().numpy()[0] for s in last])
        starts.append([_gradient(s)[0] for s in first])
    gradients = {k.removesuffix("_l0"): _gradient(w) for k, w in layer.named_parameters()}
    return replace(
        values,
        states=tuple(np.array(s) for s in zip(*ends, strict=True)),
        d_states=tuple(np.array(s) for s in zip(*starts, strict=True)),
        gradients=gradients_from_torch(cell.graph, gradients),
    )


def _gradient(leaf: Tensor) -> Array:
    """dL/d(leaf), which a backward pass has left there."""
    assert leaf.grad is not None
    return leaf.grad.numpy()
