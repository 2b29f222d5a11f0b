"""PyTorch's layout, which is that of `ostinato.nn` too: `torch.nn`'s names, its state dicts fit.

`weight_ih` holds the rows of every map of the input, in the order of the cell's text, `weight_hh`
those of every map of a state, and each has a bias of its own, so that a map of both has two, of
which only the sum counts. The gates of `lstm` (i f g o) and `gru` (r z n) are written in PyTorch's
order.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ostinato.equation.graph import Graph
from ostinato.weights.stack import Array, Float, Stack, Tensors, parts, stacked, summed, vectors

GATES = {"rnn": "h", "relu_rnn": "h", "lstm": "ifgo", "gru": "rzn", "cho_gru": "rzn"}
"""Cell → its gates in the order of their rows, which is that of its text."""


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
    return vectors(graph, torch_stacks(graph))


def torch_tensors(graph: Graph) -> dict[str, tuple[str, ...]]:
    """PyTorch's tensors, each with the cell's own parameters that it holds."""
    tensors: dict[str, tuple[str, ...]] = {}
    for stack in torch_stacks(graph):
        tensors[stack.weight] = stack.matrices
        if stack.bias:
            tensors[stack.bias] = stack.biases
    return tensors | {name: (name,) for name in torch_vectors(graph)}


def to_torch(graph: Graph, parameters: Mapping[str, Array[Float]]) -> Tensors[Float]:
    """A cell's own parameters, stacked; a bias goes whole to the first tensor that has it."""
    return stacked(graph, torch_stacks(graph), parameters)


def from_torch(graph: Graph, tensors: Mapping[str, Array[Float]]) -> Tensors[Float]:
    """Stacked tensors, taken apart into a cell's own parameters; two biases become their sum."""
    return summed(parts(graph, torch_stacks(graph), tensors))


def gradients_from_torch(graph: Graph, gradients: Mapping[str, Array[Float]]) -> Tensors[Float]:
    """Gradients of stacked tensors, taken apart; both tensors of a bias have its gradient.

    A tensor that has none is left out.
    """
    held = torch_tensors(graph)
    return {
        parameter: part
        for name, d in gradients.items()
        for parameter, part in zip(held[name], np.split(d, len(held[name])), strict=True)
    }
