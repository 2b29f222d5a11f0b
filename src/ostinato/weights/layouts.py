"""How ecosystems lay out a cell's weights, and the only place that knows.

A cell's own parameters are one matrix for each operand of each affine map (`W_xi`, `W_hi`, …) and
one bias (`b_i`). PyTorch stacks them: `weight_ih` holds the rows of every map of the input, in the
order of the cell's text, `weight_hh` those of every map of a state, and each has a bias of its
own, so that a map of both has two, of which only the sum counts. The gates of `lstm` (i f g o)
and `gru` (r z n) are written in PyTorch's order, so that its state dicts fit as they are.

The Keras level stacks the same rows, in the same order, as columns: `kernel` (D, G·H) and
`recurrent_kernel` (H, G·H), and a map of both has one bias. Keras' own layers have these tensors
too, with the update gate of a GRU first and its two biases in one tensor.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np

from ostinato import cells
from ostinato.equation.graph import Graph
from ostinato.equation.rewrite import without_bias

GATES = {
    "torch": {"rnn": "h", "relu_rnn": "h", "lstm": "ifgo", "gru": "rzn", "cho_gru": "rzn"},
    "keras": {"rnn": "h", "relu_rnn": "h", "lstm": "ifgo", "gru": "zrn", "cho_gru": "zrn"},
    "onnx": {"rnn": "h", "relu_rnn": "h", "lstm": "iofg", "gru": "zrn", "cho_gru": "zrn"},
}
"""Ecosystem → cell → its gates in the order of their rows; PyTorch's is that of our texts."""

KERAS_LAYERS: dict[str, tuple[str, dict[str, Any]]] = {
    "rnn": ("SimpleRNN", {}),
    "relu_rnn": ("SimpleRNN", {"activation": "relu"}),
    "lstm": ("LSTM", {}),
    "gru": ("GRU", {"reset_after": True}),
    "cho_gru": ("GRU", {"reset_after": False}),
}
"""Cell → Keras' own layer that computes it, and how that is asked for."""


@dataclass(frozen=True)
class Stack:
    """Matrices that are kept in one tensor, one below the other; in Keras side by side.

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


def torch_tensors(graph: Graph) -> dict[str, tuple[str, ...]]:
    """PyTorch's tensors, each with the cell's own parameters that it holds."""
    tensors: dict[str, tuple[str, ...]] = {}
    for stack in torch_stacks(graph):
        tensors[stack.weight] = stack.matrices
        if stack.bias:
            tensors[stack.bias] = stack.biases
    return tensors | {name: (name,) for name in torch_vectors(graph)}


def to_torch(graph: Graph, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """A cell's own parameters, stacked; a bias goes whole to the first tensor that has it."""
    return _stacked(graph, torch_stacks(graph), parameters)


def from_torch(graph: Graph, tensors: Mapping[str, Any]) -> dict[str, Any]:
    """Stacked tensors, taken apart into a cell's own parameters; two biases become their sum."""
    return _summed(_parts(graph, torch_stacks(graph), tensors))


def gradients_from_torch(graph: Graph, gradients: Mapping[str, Any]) -> dict[str, Any]:
    """Gradients of stacked tensors, taken apart; both tensors of a bias have its gradient.

    A tensor that has none is left out.
    """
    held = torch_tensors(graph)
    return {
        parameter: part
        for name, d in gradients.items()
        for parameter, part in zip(held[name], np.split(d, len(held[name])), strict=True)
    }


def keras_stacks(graph: Graph) -> list[Stack]:
    """The tensors of the Keras level: PyTorch's transposed, under Keras' names.

    A tensor has a bias only if a map has none yet: an LSTM has one, a GRU (r ⊙ (U h + b')) two.
    """
    stacks, given = [], set[str]()
    for stack in torch_stacks(graph):
        kind, *number = stack.weight.removeprefix("weight_").split("_")
        before = {"i": "", "h": "recurrent_"}[kind[0]]
        behind = "_".join(["", *([] if kind[1] == "h" else [kind[1]]), *number])
        new = not given.issuperset(stack.biases)
        given.update(stack.biases)
        stacks.append(
            replace(
                stack,
                weight=f"{before}kernel{behind}",
                bias=f"{before}bias{behind}" if new else None,
                biases=stack.biases if new else (),
            )
        )
    return stacks


def to_keras(graph: Graph, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """A cell's own parameters as the tensors of the Keras level."""
    stacks = keras_stacks(graph)
    return _transposed(stacks, _stacked(graph, stacks, parameters))


def from_keras(graph: Graph, tensors: Mapping[str, Any]) -> dict[str, Any]:
    """Tensors of the Keras level, taken apart into a cell's own parameters."""
    stacks = keras_stacks(graph)
    return _summed(_parts(graph, stacks, _transposed(stacks, tensors)))


def gradients_from_keras(graph: Graph, gradients: Mapping[str, Any]) -> dict[str, Any]:
    """Gradients of tensors of the Keras level, taken apart."""
    stacks = keras_stacks(graph)
    return dict(_parts(graph, stacks, _transposed(stacks, gradients)))


@cache
def keras_layer(graph: Graph) -> str | None:
    """The cell, by its name here, whose equations these are and that Keras has a layer for."""
    known: dict[str, str] = {}
    for name in KERAS_LAYERS:
        plain = cells.find(name).graph
        known |= {plain.fingerprint(): name, without_bias(plain).fingerprint(): name}
    return known.get(graph.fingerprint())


def to_keras_layer(graph: Graph, tensors: Mapping[str, Any]) -> list[Any]:
    """Tensors of the Keras level in the order and layout of Keras' own layer, for `set_weights`."""
    ours, theirs = _keras_gates(graph)
    moved = {name: reordered(t.T, ours, theirs).T for name, t in tensors.items()}
    biases = [moved[name] for name in ("bias", "recurrent_bias") if name in moved]
    kernels = [moved["kernel"], moved["recurrent_kernel"]]
    return kernels + ([np.stack(biases)] if len(biases) > 1 else biases)


def from_keras_layer(graph: Graph, weights: list[Any]) -> dict[str, Any]:
    """Weights (or gradients) of Keras' own layer as tensors of the Keras level."""
    ours, theirs = _keras_gates(graph)
    kernel, recurrent, *bias = (reordered(w.T, theirs, ours).T for w in weights)
    tensors = {"kernel": kernel, "recurrent_kernel": recurrent}
    if bias and bias[0].ndim == 2:
        return tensors | dict(zip(("bias", "recurrent_bias"), bias[0], strict=True))
    return tensors | ({"bias": bias[0]} if bias else {})


def _keras_gates(graph: Graph) -> tuple[str, str]:
    """The gates in the order of the text and in that of Keras' own layer."""
    name = str(keras_layer(graph))
    return GATES["torch"][name], GATES["keras"][name]


def reordered(rows: Any, given: str, wanted: str) -> Any:
    """Rows (G·H, ·) of the gates `given` in the order `wanted`.

    >>> reordered(np.array([1, 1, 2, 2, 3, 3]), "rzn", "zrn")
    array([2, 2, 1, 1, 3, 3])
    """
    parts = np.split(rows, len(given))
    return np.concatenate([parts[given.index(gate)] for gate in wanted])


def _stacked(graph: Graph, stacks: list[Stack], parameters: Mapping[str, Any]) -> dict[str, Any]:
    tensors: dict[str, Any] = {}
    given: set[str] = set()
    for stack in stacks:
        tensors[stack.weight] = np.concatenate([parameters[m] for m in stack.matrices])
        if stack.bias:
            rows = [parameters[b] * (b not in given) for b in stack.biases]
            tensors[stack.bias] = np.concatenate(rows)
            given.update(stack.biases)
    return tensors | {name: parameters[name] for name in torch_vectors(graph)}


def _summed(parts: Iterator[tuple[str, Any]]) -> dict[str, Any]:
    parameters: dict[str, Any] = {}
    for name, part in parts:
        parameters[name] = parameters[name] + part if name in parameters else part
    return parameters


def _parts(
    graph: Graph, stacks: list[Stack], tensors: Mapping[str, Any]
) -> Iterator[tuple[str, Any]]:
    """A cell's own parameters and the rows that hold each; a bias comes once for each tensor."""
    for stack in stacks:
        for tensor, names in ((stack.weight, stack.matrices), (stack.bias, stack.biases)):
            for k, name in enumerate(names):
                rows = len(tensors[str(tensor)]) // len(names)
                yield name, tensors[str(tensor)][k * rows : (k + 1) * rows]
    for name in torch_vectors(graph):
        yield name, tensors[name]


def _transposed(stacks: list[Stack], tensors: Mapping[str, Any]) -> dict[str, Any]:
    matrices = {stack.weight for stack in stacks}
    return {name: t.T if name in matrices else t for name, t in tensors.items()}
