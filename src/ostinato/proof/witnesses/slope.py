"""The slope of the loss, measured with small differences."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ostinato.equation.trace import Cell
from ostinato.levels import numpy as reference
from ostinato.levels._case import Array, Case
from ostinato.proof.cases import BATCHES, SIZES, draw
from ostinato.proof.comparison import Proof, worst
from ostinato.proof.tolerances import SLOPE

WIDTH = 1e-5
"""How far a number is moved to either side."""


def prove(cell: Cell) -> list[Proof]:
    """Each gradient against the measured slope along one random direction of it."""
    case = draw(cell.graph, BATCHES["ragged"], SIZES, seed=1)
    values = reference.run(cell, case)
    random = np.random.default_rng(2)

    def loss(moved: Case) -> float:
        result = reference.run(cell, moved)
        pairs = [*zip(result.outputs, case.d_outputs, strict=True)]
        pairs += [*zip(result.states, case.d_states, strict=True)]
        return float(sum((value * d).sum() for value, d in pairs))

    def error(given: Array, gradient: Array, place: _Place) -> float:
        direction = random.standard_normal(given.shape)
        above, below = (
            loss(_moved(case, place, given + sign * WIDTH * direction)) for sign in (1, -1)
        )
        expected = float((gradient * direction).sum())
        measured = (above - below) / (2 * WIDTH)
        return abs(measured - expected) / max(1.0, abs(measured))

    errors = [error(x, values.dx[b], ("x", b)) for b, x in enumerate(case.x)]
    errors += [error(s, values.d_states[k], ("states", k)) for k, s in enumerate(case.states)]
    errors += [
        error(w, values.gradients[name], ("parameters", name))
        for name, w in case.parameters.items()
    ]
    return [Proof(cell.name, "independent", "slope", "gradients", "ragged", worst(errors), SLOPE)]


_Place = tuple[str, int | str]
"""A field of a case, and which of its arrays."""


def _moved(case: Case, place: _Place, new: Array) -> Case:
    """The case with another array at a place."""
    match place:
        case "x", int(b):
            return replace(case, x=[*case.x[:b], new, *case.x[b + 1 :]])
        case "states", int(k):
            return replace(case, states=(*case.states[:k], new, *case.states[k + 1 :]))
        case _, name:
            return replace(case, parameters=case.parameters | {str(name): new})
