"""Which gradients runs ask for: levels that leave out what nobody asks for are asked in turn."""

from __future__ import annotations

import itertools
from collections.abc import Collection
from dataclasses import replace
from typing import get_args

import numpy as np

from ostinato.equation.graph import Graph
from ostinato.levels._case import EVERYTHING, Asked, First, Values
from ostinato.weights.torch import torch_tensors

SUBSETS = 16
"""The most subsets of weights that are frozen in turn; a cell with more has them drawn."""


def asks(graph: Graph, heeds: Collection[str] = ("x", "first", "frozen")) -> list[Asked]:
    """What a run may be asked for: every subset of weights frozen, with dL/dx and without.

    Of a cell with many weights `SUBSETS` subsets are drawn, among them none and all. The kinds of
    first states take turns; a cell with a state whose range has no 0 always begins with some. Left
    out is what asks for nothing.

    Args:
        graph: the cell.
        heeds: the fields of `Asked` that differ; a level names them in its `HEEDS`.
    """
    firsts = get_args(First)
    if any(not low <= 0 <= high for low, high in graph.ranges.values()):
        firsts = tuple(first for first in firsts if first != "none")
    names = list(torch_tensors(graph))
    every = (1 << len(names)) - 1
    subsets = list(range(every + 1))
    if len(subsets) > SUBSETS:
        drawn = np.random.default_rng(0).integers(every, size=SUBSETS - 2)
        subsets = [0, every, *drawn.tolist()]
    subsets = (subsets * SUBSETS)[:SUBSETS]  # of a few weights again, with other first states
    found = []
    for turn, (subset, x) in enumerate(itertools.product(subsets, (True, False))):
        first = firsts[turn // 3 % len(firsts)]
        frozen = frozenset(name for k, name in enumerate(names) if subset >> k & 1)
        if x or first == "learned" or subset != every:
            found.append(_heeded(Asked(x, first, frozen), heeds))
    return list(dict.fromkeys(found))


def _heeded(asked: Asked, heeds: Collection[str]) -> Asked:
    """What is left of a request where only these fields are heeded."""
    others = {name: value for name, value in vars(EVERYTHING).items() if name not in heeds}
    return replace(asked, **others)


def only(values: Values, graph: Graph, asked: Asked) -> Values:
    """The results without the gradients that nobody asks for."""
    tensors = torch_tensors(graph).items()
    kept = {p for name, held in tensors if name not in asked.frozen for p in held}
    return replace(
        values,
        dx=values.dx if asked.x else [],
        d_states=values.d_states if asked.first == "learned" else (),
        gradients={name: d for name, d in values.gradients.items() if name in kept},
    )
