"""Keras' own layer, where it has one for the cell's equations."""

from __future__ import annotations

from dataclasses import replace

from ostinato.equation.trace import Cell
from ostinato.levels import keras as level
from ostinato.levels import numpy as reference
from ostinato.levels._case import Case, Values
from ostinato.proof.cases import BATCHES, SIZES, draw
from ostinato.proof.comparison import Proof, compare
from ostinato.proof.tolerances import EQUAL, EQUAL32
from ostinato.weights.keras import (
    LAYERS,
    from_keras_layer,
    gradients_from_keras,
    keras_layer,
    to_keras,
    to_keras_layer,
)


def prove(cell: Cell) -> list[Proof]:
    """Masked batches through the layer, in both directions: values and gradients."""
    if keras_layer(cell.graph) is None or not level.supports(cell):
        return []
    proofs, tolerance = [], EQUAL32 if level.rounds_to_float32() else EQUAL
    for batch, lengths in BATCHES.items():
        case = draw(cell.graph, lengths, SIZES, seed=8)
        ours = reference.run(cell, case)
        for against, backwards in {"keras.layers": False, "keras.layers reversed": True}.items():
            theirs = _layer(cell, case, backwards)
            proofs += compare(cell, "independent", against, batch, ours, theirs, tolerance)
    return proofs


def _layer(cell: Cell, case: Case, backwards: bool) -> Values:
    import keras.layers

    from ostinato.levels.keras import trial

    graph, units = cell.graph, case.states[0].shape[1]
    own = LAYERS[str(keras_layer(graph))]
    biased = any(node.bias for _, node in graph.affines())
    options = own.options | trial.OPTIONS
    make = getattr(keras.layers, own.name)
    layer = make(units, use_bias=biased, go_backwards=backwards, **options)
    layer.build((None, None, case.x[0].shape[1]))
    weights = to_keras_layer(graph, to_keras(graph, case.parameters))
    values, d = trial.through(layer, weights, case, 0.0)
    return replace(values, gradients=gradients_from_keras(graph, from_keras_layer(graph, d)))
