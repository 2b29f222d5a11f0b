"""The step that the cell's file works by hand, all sizes 1."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from ostinato.equation.trace import Cell
from ostinato.errors import CellError
from ostinato.levels import numpy as reference
from ostinato.proof.comparison import Proof, worst
from ostinato.proof.tolerances import EQUAL


def prove(cell: Cell) -> list[Proof]:
    """The new states against those of the worked step, to half of its last digit.

    Raises:
        CellError: when the worked step names other states or parameters than the cell.
    """
    if cell.worked is None:
        return []
    worked = cell.worked
    for said, own, names in (
        ("states", worked.states, cell.graph.state_names),
        ("gives", worked.gives, cell.graph.state_names),
        ("parameters", worked.parameters, tuple(cell.graph.parameters)),
    ):
        if set(own) != set(names):
            raise CellError(
                f"{cell.name}: `{said}` of the step computed by hand must "
                f"have the names {', '.join(names)}"
            )
    p = SimpleNamespace(
        **{
            name: np.full((1,) * len(parameter.shape), worked.parameters[name])
            for name, parameter in cell.graph.parameters.items()
        }
    )
    names = cell.graph.state_names
    states = [np.array([[worked.states[s]]]) for s in names]
    new, _ = reference.step(cell)(np.array([[worked.x]]), *states, p)
    error = worst(abs(float(n[0, 0]) - worked.gives[s]) for s, n in zip(names, new, strict=True))
    half_a_digit = 0.5 * 10.0**-worked.digits + EQUAL
    return [Proof(cell.name, "independent", "by hand", "values", "one", error, half_a_digit)]
