"""A case of a proof through a layer of Keras, forward and backward, on any backend."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import keras
import numpy as np

from ostinato.equation.trace import Cell
from ostinato.levels._case import Case, Values, pad, unpad
from ostinato.levels.keras.backend import Tensor
from ostinato.levels.keras.layer import Recurrent
from ostinato.weights.keras import (
    gradients_from_keras,
    to_keras,
)

OPTIONS: dict[str, Any] = {"return_sequences": True, "return_state": True, "dtype": "float64"}
"""What layers are made with that are proven."""


def run(cell: Cell, case: Case, backwards: bool = False) -> Values:
    """The case through our layer; what stands behind the ends of sequences is NaN."""
    graph, sizes = cell.graph, _sizes(cell, case)
    projection = sizes.get("R", 0)
    layer = Recurrent(cell, sizes["H"], projection, go_backwards=backwards, **OPTIONS)
    layer.build((None, None, sizes["D"]))
    tensors = to_keras(graph, case.parameters)
    names = [w.name for w in layer.cell.weights]
    values, d = through(layer, [tensors[n] for n in names], case, np.nan)
    gradients = gradients_from_keras(graph, dict(zip(names, d, strict=True)))
    return replace(values, gradients=gradients)


def _sizes(cell: Cell, case: Case) -> dict[str, int]:
    sizes = {"D": case.x[0].shape[1], "H": 1}  # H where no weight and no state has it
    for name, parameter in cell.graph.parameters.items():
        sizes |= zip(parameter.shape, case.parameters[name].shape, strict=True)
    letters = cell.graph.sizes.values()
    return sizes | {k: s.shape[1] for k, s in zip(letters, case.states, strict=True)}


def through(
    layer: Any, weights: Sequence[Tensor], case: Case, fill: float
) -> tuple[Values, list[Tensor]]:
    """Forward and backward; returns all but the weights' gradients, and these as a list.

    A layer that goes backwards is given each sequence backwards, so that it reads what any other
    layer reads, after the padding; its results are those of the case.
    """
    lengths, count = case.lengths, len(case.states)
    mask = np.arange(max(lengths)) < lengths[:, None]
    order = slice(None, None, -1 if layer.go_backwards else 1)

    def padded(sequences: list[Tensor], fill: float) -> Any:
        return pad([s[order] for s in sequences], fill).swapaxes(0, 1)

    def unpadded(batch: Tensor) -> list[Tensor]:
        return [s[order] for s in unpad(batch.swapaxes(0, 1), lengths)]

    def forward(x: Tensor, *rest: Tensor) -> list[Tensor]:
        pairs = zip(layer.trainable_variables, rest[count:], strict=True)
        with keras.StatelessScope(list(pairs)):
            return list(layer(x, mask=mask, initial_state=list(rest[:count])))

    x = padded(case.x, fill)
    data = [] if case.asked.x else [keras.ops.convert_to_tensor(x)]
    (y, *last), d = _pull_back(
        partial(forward, *data),
        [*([] if data else [x]), *case.states, *weights],
        [padded(case.d_outputs, 0.0)[:, order], *case.d_states],
    )
    y = y[:, order]  # a layer that goes backwards gives its outputs in the order of its reading
    dx = unpadded(d.pop(0)) if case.asked.x else []
    return Values(unpadded(y), tuple(last), dx, tuple(d[:count]), {}), d[count:]


def _pull_back(
    function: Callable[..., list[Tensor]], given: Sequence[Tensor], d_found: Sequence[Tensor]
) -> tuple[list[Tensor], list[Tensor]]:
    """What a function gives, and dL/d(given) from dL/d(found), by the backend's own means."""
    backend = keras.backend.backend()
    leaves = [keras.ops.convert_to_tensor(np.ascontiguousarray(a), "float64") for a in given]
    d = [keras.ops.convert_to_tensor(np.ascontiguousarray(a), "float64") for a in d_found]
    if backend == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape() as tape:
            tape.watch(leaves)
            found = function(*leaves)
        gradients = tape.gradient(
            found, leaves, output_gradients=d, unconnected_gradients=tf.UnconnectedGradients.ZERO
        )
    elif backend == "jax":
        import jax

        found, pull = jax.vjp(function, *leaves)
        gradients = pull(d)
    else:
        import torch

        for leaf in leaves:
            leaf.requires_grad_()
        found = function(*leaves)
        gradients = torch.autograd.grad(found, leaves, d, allow_unused=True, materialize_grads=True)
        found, gradients = ([a.detach().cpu() for a in part] for part in (found, gradients))
    return [np.asarray(a) for a in found], [np.asarray(a) for a in gradients]
