"""Keras' layout: that of the Keras level, and that of Keras' own layers.

The Keras level stacks the rows of PyTorch's layout, in the same order, as columns: `kernel`
(D, G·H) and `recurrent_kernel` (H, G·H), and a map of both has one bias. Keras' own layers have
these tensors too, with the update gate of a GRU first and its two biases in one tensor.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np

from ostinato import cells
from ostinato.equation.graph import Graph
from ostinato.equation.rewrite import without_bias
from ostinato.weights import torch
from ostinato.weights.stack import Array, Float, Stack, Tensors, parts, reordered, stacked, summed

GATES = torch.GATES | {"gru": "zrn", "cho_gru": "zrn"}
"""Cell → its gates in the order of their columns in Keras' own layer."""


@dataclass(frozen=True)
class KerasLayer:
    """A recurrent layer of Keras: its class, and the options that ask for a cell's equations."""

    name: str
    options: dict[str, str | bool] = field(default_factory=dict)


LAYERS = {
    "rnn": KerasLayer("SimpleRNN"),
    "relu_rnn": KerasLayer("SimpleRNN", {"activation": "relu"}),
    "lstm": KerasLayer("LSTM"),
    "gru": KerasLayer("GRU", {"reset_after": True}),
    "cho_gru": KerasLayer("GRU", {"reset_after": False}),
}
"""Cell → Keras' own layer that computes it."""


def keras_stacks(graph: Graph) -> list[Stack]:
    """The tensors of the Keras level: PyTorch's transposed, under Keras' names.

    A tensor has a bias only if a map has none yet: an LSTM has one, a GRU (r ⊙ (U h + b')) two.
    """
    stacks, given = [], set[str]()
    for stack in torch.torch_stacks(graph):
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


def spare_biases(graph: Graph) -> list[str]:
    """PyTorch's biases that Keras has not: of two that only count by their sum the second."""
    both = zip(torch.torch_stacks(graph), keras_stacks(graph), strict=True)
    return [ours.bias for ours, theirs in both if ours.bias and not theirs.bias]


def gradients_to_torch(graph: Graph, gradients: Mapping[str, Array[Float]]) -> Tensors[Float]:
    """Gradients of tensors of the Keras level as those of PyTorch's, without `spare_biases`."""
    found: Tensors[Float] = {}
    for ours, theirs in zip(torch.torch_stacks(graph), keras_stacks(graph), strict=True):
        found[ours.weight] = gradients[theirs.weight].T
        if ours.bias and theirs.bias:
            found[ours.bias] = gradients[theirs.bias]
    return found


def to_keras(graph: Graph, parameters: Mapping[str, Array[Float]]) -> Tensors[Float]:
    """A cell's own parameters as the tensors of the Keras level."""
    stacks = keras_stacks(graph)
    return _transposed(stacks, stacked(graph, stacks, parameters))


def from_keras(graph: Graph, tensors: Mapping[str, Array[Float]]) -> Tensors[Float]:
    """Tensors of the Keras level, taken apart into a cell's own parameters."""
    stacks = keras_stacks(graph)
    return summed(parts(graph, stacks, _transposed(stacks, tensors)))


def gradients_from_keras(graph: Graph, gradients: Mapping[str, Array[Float]]) -> Tensors[Float]:
    """Gradients of tensors of the Keras level, taken apart."""
    stacks = keras_stacks(graph)
    return dict(parts(graph, stacks, _transposed(stacks, gradients)))


@cache
def keras_layer(graph: Graph) -> str | None:
    """The cell, by its name here, whose equations these are and that Keras has a layer for."""
    known: dict[str, str] = {}
    for name in LAYERS:
        plain = cells.find(name).graph
        known |= {plain.fingerprint(): name, without_bias(plain).fingerprint(): name}
    return known.get(graph.fingerprint())


def to_keras_layer(graph: Graph, tensors: Mapping[str, Array[Float]]) -> list[Array[Float]]:
    """Tensors of the Keras level in the order and layout of Keras' own layer, for `set_weights`."""
    ours, theirs = _gates(graph)
    moved = {name: reordered(t.T, ours, theirs).T for name, t in tensors.items()}
    biases = [moved[name] for name in ("bias", "recurrent_bias") if name in moved]
    kernels = [moved["kernel"], moved["recurrent_kernel"]]
    return kernels + ([np.stack(biases)] if len(biases) > 1 else biases)


def from_keras_layer(graph: Graph, weights: Sequence[Array[Float]]) -> Tensors[Float]:
    """Weights (or gradients) of Keras' own layer as tensors of the Keras level."""
    ours, theirs = _gates(graph)
    kernel, recurrent, *bias = (reordered(w.T, theirs, ours).T for w in weights)
    tensors = {"kernel": kernel, "recurrent_kernel": recurrent}
    if bias and bias[0].ndim == 2:
        return tensors | dict(zip(("bias", "recurrent_bias"), bias[0], strict=True))
    return tensors | ({"bias": bias[0]} if bias else {})


def _gates(graph: Graph) -> tuple[str, str]:
    """The gates in the order of the text and in that of Keras' own layer."""
    name = str(keras_layer(graph))
    return torch.GATES[name], GATES[name]


def _transposed(stacks: list[Stack], tensors: Mapping[str, Array[Float]]) -> Tensors[Float]:
    matrices = {stack.weight for stack in stacks}
    return {name: t.T if name in matrices else t for name, t in tensors.items()}
