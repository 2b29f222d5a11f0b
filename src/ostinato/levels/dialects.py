"""How ecosystems lay out a cell's weights, and the only place that knows.

A cell's own parameters are one matrix for each operand of each affine map (`W_xi`, `W_hi`, …) and
one bias (`b_i`). PyTorch stacks them: `weight_ih` holds the rows of every map of the input, in the
order of the cell's text, `weight_hh` those of every map of a state, and each has a bias of its
own, so that a map of both has two, of which only the sum counts. The gates of `lstm` (i f g o)
and `gru` (r z n) are written in PyTorch's order, so that its state dicts fit as they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ostinato.equation.graph import Graph


@dataclass(frozen=True)
class Stack:
    """Matrices that PyTorch keeps in one tensor, one below the other.

    Attributes:
        weight: the tensor's name, `weight_ih`; i, h and r are the sizes D, H and R.
        bias: the name of its bias, `bias_ih`; None where the maps have none.
        matrices: the cell's parameters, from the first rows to the last.
        biases: the cell's biases that belong to these rows.
        shape: the size letters of one matrix.
    """

    weight: str
    bias: str | None
    matrices: tuple[str, ...]
    biases: tuple[str, ...]
    shape: tuple[str, str]


def torch_stacks(graph: Graph) -> list[Stack]:
    """The tensors that hold a cell's matrices and biases in PyTorch's layout.

    Maps of operands of different sizes, maps with and without a bias, and a second state in the
    same map need tensors of their own: `weight_hh_2`, ….
    """
    moved = graph.moved_by(graph.states)
    groups: dict[tuple[str, str, str, bool, int], list[tuple[str, str | None]]] = {}
    for _, node in graph.affines():
        seen: dict[str, int] = {}
        for operand, matrix in zip(node.args, node.matrices, strict=True):
            into = node.size.lower()
            side = "h" if operand in moved else "i"
            place = seen[side] = seen.get(side, 0) + 1
            bias = node.bias if place == 1 else None
            key = (side + into, graph.nodes[operand].size, node.size, bias is not None, place)
            groups.setdefault(key, []).append((matrix, bias))
    stacks: list[Stack] = []
    for (kind, size, into, _, _), rows in groups.items():
        number = 1 + sum(s.weight.split("_")[1] == kind for s in stacks)
        name = kind if number == 1 else f"{kind}_{number}"
        biases = tuple(b for _, b in rows if b is not None)
        stacks.append(
            Stack(
                f"weight_{name}",
                f"bias_{name}" if biases else None,
                tuple(m for m, _ in rows),
                biases,
                (into, size),
            )
        )
    return stacks


def torch_vectors(graph: Graph) -> list[str]:
    """The parameters that keep their own names: learned vectors that belong to no affine."""
    stacked = {p for s in torch_stacks(graph) for p in (*s.matrices, *s.biases)}
    return [name for name in graph.parameters if name not in stacked]


def to_torch(graph: Graph, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """A cell's own parameters, stacked; a bias goes whole to the first tensor that has it."""
    tensors: dict[str, Any] = {}
    given: set[str] = set()
    for stack in torch_stacks(graph):
        tensors[stack.weight] = np.concatenate([parameters[m] for m in stack.matrices])
        if stack.bias:
            rows = [parameters[b] * (b not in given) for b in stack.biases]
            tensors[stack.bias] = np.concatenate(rows)
            given.update(stack.biases)
    return tensors | {name: parameters[name] for name in torch_vectors(graph)}


def from_torch(graph: Graph, tensors: Mapping[str, Any]) -> dict[str, Any]:
    """Stacked tensors, taken apart into a cell's own parameters; two biases become their sum."""
    parameters: dict[str, Any] = {}
    for name, part in _parts(graph, tensors):
        parameters[name] = parameters[name] + part if name in parameters else part
    return parameters


def gradients_from_torch(graph: Graph, gradients: Mapping[str, Any]) -> dict[str, Any]:
    """Gradients of stacked tensors, taken apart; both tensors of a bias have its gradient."""
    return dict(_parts(graph, gradients))


def _parts(graph: Graph, tensors: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """A cell's own parameters and the rows that hold each; a bias comes once for each tensor."""
    for stack in torch_stacks(graph):
        for tensor, names in ((stack.weight, stack.matrices), (stack.bias, stack.biases)):
            for k, name in enumerate(names):
                rows = len(tensors[str(tensor)]) // len(names)
                yield name, tensors[str(tensor)][k * rows : (k + 1) * rows]
    for name in torch_vectors(graph):
        yield name, tensors[name]
