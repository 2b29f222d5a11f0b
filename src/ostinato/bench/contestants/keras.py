"""Keras on TensorFlow: its own layers in a `tf.function`, gradients by `GradientTape`."""

from __future__ import annotations

from typing import Any

import numpy as np

from ostinato.bench import training
from ostinato.bench.case import Case
from ostinato.bench.contestants import Contestant, Ready
from ostinato.weights.layouts import GATES, KERAS_LAYERS, reordered


def layer(case: Case) -> Ready | None:
    """A layer that returns outputs and states; ragged batches are masked."""
    if case.line in ("step", "memory", *training.JOBS) or case.cell_name not in KERAS_LAYERS:
        return None
    import keras
    import tensorflow as tf

    name, options = KERAS_LAYERS[case.cell_name]
    module: Any = getattr(keras.layers, name)(
        case.shape.H, return_sequences=True, return_state=True, **options
    )
    x = tf.constant(case.x.numpy().swapaxes(0, 1).copy())
    mask = tf.constant(case.mask.numpy()[:, :, 0].T > 0) if case.line == "ragged" else None
    module.build(x.shape)
    module.set_weights(_weights(case))
    d = [tf.constant(case.d_outputs.numpy().swapaxes(0, 1).copy()), tf.constant(case.d_last)]

    def forward() -> Any:
        return module(x, mask=mask)[:2]

    def both() -> Any:
        trained = [x, *(w.value for w in module.trainable_weights)]
        with tf.GradientTape() as tape:
            tape.watch(x)
            found = module(x, mask=mask)[:2]
        return found, tape.gradient(found, trained, output_gradients=d)

    def values(found: Any) -> dict[str, Any]:
        (outputs, last), gradients = found if case.backward else (found, None)
        result = {"outputs": outputs.numpy().swapaxes(0, 1), "last": last.numpy()}
        if gradients is not None:
            d_x, *rest = (g.numpy() for g in gradients)
            result |= {"d_x": d_x.swapaxes(0, 1)} | _gradients(case, *rest)
        return result

    return Ready(tf.function(both if case.backward else forward), values)


def _weights(case: Case) -> list[Any]:
    """Kernels (D, G·H) and (H, G·H); two biases for a GRU, else one, the sum of PyTorch's."""
    ours, theirs = (GATES[side][case.cell_name] for side in ("torch", "keras"))
    w = {name: reordered(value.numpy(), ours, theirs) for name, value in case.weights.items()}
    biases = np.stack([w["bias_ih"], w["bias_hh"]])
    bias = biases if case.cell_name == "gru" else biases.sum(0)
    return [w["weight_ih"].T, w["weight_hh"].T, bias]


def _gradients(case: Case, d_x: Any, d_h: Any, d_bias: Any) -> dict[str, Any]:
    found = {"d_weight_ih": d_x.T, "d_weight_hh": d_h.T}
    if case.cell_name == "gru":
        found |= {"d_bias_ih": d_bias[0], "d_bias_hh": d_bias[1]}
    else:
        found["d_bias_ih"] = d_bias
    ours, theirs = (GATES[side][case.cell_name] for side in ("torch", "keras"))
    return {name: reordered(d, theirs, ours) for name, d in found.items()}


CONTESTANTS = [Contestant("Keras/TF", layer, needs=("keras", "tensorflow"))]
