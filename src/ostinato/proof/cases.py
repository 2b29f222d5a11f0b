"""The cases that proofs are made on: random, ragged, nothing symmetric, no first state zero."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from ostinato.equation.graph import Graph
from ostinato.levels._case import Array, Case

SIZES = {"D": 3, "H": 7, "R": 2}
BATCHES = {"dense": (5, 5, 5), "ragged": (3, 1, 6), "one": (1,)}
"""The lengths of the sequences of each batch, in steps."""


def draw(graph: Graph, lengths: Iterable[int], sizes: Mapping[str, int], seed: int) -> Case:
    """A case of normal numbers.

    Args:
        graph: the cell; a state that it gives a range is drawn from it.
        lengths: of each sequence its steps.
        sizes: the number of units of each size letter.
        seed: of the random numbers.
    """
    random = np.random.default_rng(seed)

    def normal(*shape: int) -> Array:
        return random.standard_normal(shape)

    lengths = list(lengths)
    out = sizes[graph.nodes[graph.outputs[0]].size]
    states = [(len(lengths), sizes[size]) for size in graph.sizes.values()]

    def first(name: str, *shape: int) -> Array:
        range_ = graph.ranges.get(name)
        return random.uniform(*range_, shape) if range_ else normal(*shape)

    return Case(
        x=[normal(t, sizes["D"]) for t in lengths],
        states=tuple(first(n, *s) for n, s in zip(graph.sizes, states, strict=True)),
        parameters={
            name: normal(*(sizes[k] for k in p.shape)) / sizes["H"] ** 0.5
            for name, p in graph.parameters.items()
        },
        d_outputs=[normal(t, out) for t in lengths],
        d_states=tuple(normal(*s) for s in states),
    )
