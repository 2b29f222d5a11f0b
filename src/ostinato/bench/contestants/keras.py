"""Keras on TensorFlow: its own layers in a `tf.function`, gradients by `GradientTape`."""

from __future__ import annotations

from typing import Any

from ostinato.bench import training
from ostinato.bench.case import BenchCase
from ostinato.bench.contestants import Contestant, Ready
from ostinato.bench.records import Arrays
from ostinato.weights.keras import (
    LAYERS,
    from_keras_layer,
    gradients_to_torch,
    to_keras,
    to_keras_layer,
)
from ostinato.weights.torch import from_torch


def layer(case: BenchCase) -> Ready | None:
    """A layer that returns outputs and states; ragged batches are masked."""
    if case.line in ("step", "memory", *training.JOBS) or case.cell_name not in LAYERS:
        return None
    import keras
    import tensorflow as tf

    own, graph = LAYERS[case.cell_name], case.cell.graph
    module: Any = getattr(keras.layers, own.name)(
        case.shape.H, return_sequences=True, return_state=True, **own.options
    )
    x = tf.constant(case.x.numpy().swapaxes(0, 1).copy())
    mask = tf.constant(case.mask.numpy()[:, :, 0].T > 0) if case.line == "ragged" else None
    module.build(x.shape)
    weights = from_torch(graph, {name: w.numpy() for name, w in case.weights.items()})
    module.set_weights(to_keras_layer(graph, to_keras(graph, weights)))
    d = [tf.constant(case.d_outputs.numpy().swapaxes(0, 1).copy()), tf.constant(case.d_last)]

    def forward() -> Any:
        return module(x, mask=mask)[:2]

    def both() -> Any:
        trained = [x, *(w.value for w in module.trainable_weights)]
        with tf.GradientTape() as tape:
            tape.watch(x)
            found = module(x, mask=mask)[:2]
        return found, tape.gradient(found, trained, output_gradients=d)

    def values(found: Any) -> Arrays:
        (outputs, last), gradients = found if case.backward else (found, None)
        result = {"outputs": outputs.numpy().swapaxes(0, 1), "last": last.numpy()}
        if gradients is not None:
            d_x, *rest = (g.numpy() for g in gradients)
            d = gradients_to_torch(graph, from_keras_layer(graph, rest))
            result |= {"d_x": d_x.swapaxes(0, 1)} | {f"d_{name}": w for name, w in d.items()}
        return result

    return Ready(tf.function(both if case.backward else forward), values)


CONTESTANTS = [Contestant("Keras/TF", layer, needs=("keras", "tensorflow"))]
