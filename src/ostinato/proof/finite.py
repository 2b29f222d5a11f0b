"""Why a cell gives numbers that are not finite."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import combinations

import numpy as np

from ostinato.equation.graph import Graph
from ostinato.equation.trace import Cell
from ostinato.levels import numpy as reference
from ostinato.proof.cases import BATCHES, SIZES, draw
from ostinato.proof.comparison import distance


def not_finite(cell: Cell) -> str:
    """What to do about a cell that gives numbers that are not finite; empty where all are.

    A cell that takes the root of a running mean of squares gives NaN for a state below 0, which
    it never has. Which states are to blame is found by drawing some of them between 1/2 and 3/2.
    """
    plain = cell.graph
    if _finite(cell, plain):
        return ""
    free = [name for name in plain.state_names if name not in plain.ranges]
    for count in range(1, len(free) + 1):
        for some in combinations(free, count):
            ranges = plain.ranges | dict.fromkeys(some, (0.5, 1.5))
            if _finite(cell, replace(plain, ranges=ranges)):
                example = ", ".join(f'"{name}": (low, high)' for name in some)
                return (
                    f"{cell.name}: not all numbers are finite, because "
                    f"{' and '.join(some)} cannot be any number: declare the "
                    f"range of the initial states, @cell(states={{{example}}})"
                )
    return f"{cell.name}: not all numbers are finite, for any initial states"


def _finite(cell: Cell, graph: Graph) -> bool:
    """Whether all results are, with first states as a graph draws them."""
    with np.errstate(all="ignore"):
        values = reference.run(cell, draw(graph, BATCHES["dense"], SIZES, seed=0))
    return math.isfinite(distance(values, values, False) + distance(values, values, True))
