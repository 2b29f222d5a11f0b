"""One comparison of two sides: what was compared, how far apart they are, what passes."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ostinato.equation.trace import Cell
from ostinato.levels._case import EVERYTHING, Array, Asked, Values
from ostinato.proof.tolerances import EQUAL

Kind = Literal["independent", "derived"]


@dataclass(frozen=True)
class Proof:
    """One comparison and how it went.

    Attributes:
        cell: the cell's name.
        kind: independent or derived.
        against: what it was compared with.
        what: values, or gradients.
        batch: dense, ragged or one.
        error: the largest difference, relative to numbers larger than 1.
        tolerance: the largest difference that passes.
        asked: which gradients the run asked for.
    """

    cell: str
    kind: Kind
    against: str
    what: Literal["values", "gradients"]
    batch: str
    error: float
    tolerance: float
    asked: Asked = EVERYTHING

    @property
    def holds(self) -> bool:
        """Whether the two sides agree."""
        return self.error <= self.tolerance


def compare(
    cell: Cell,
    kind: Kind,
    against: str,
    batch: str,
    one: Values,
    other: Values,
    tolerance: float = EQUAL,
    asked: Asked = EVERYTHING,
) -> list[Proof]:
    """The proofs that two results of a case are equal: their values, and their gradients."""
    values, gradients = distance(one, other, False), distance(one, other, True)
    return [
        Proof(cell.name, kind, against, "values", batch, values, tolerance, asked),
        Proof(cell.name, kind, against, "gradients", batch, gradients, tolerance, asked),
    ]


def distance(one: Values, other: Values, backward: bool) -> float:
    """The largest difference between two results, relative to numbers larger than 1.

    Infinite where shapes differ, one side has a gradient that the other has not, or a number on
    either side is not finite.

    Args:
        one: a result.
        other: the one that numbers are relative to.
        backward: whether gradients are compared, or outputs and states.
    """
    if backward and one.gradients.keys() != other.gradients.keys():
        return math.inf
    errors = [0.0]
    for a, b in zip(_arrays(one, backward), _arrays(other, backward), strict=True):
        if a.shape != b.shape or not (np.isfinite(a).all() and np.isfinite(b).all()):
            return math.inf
        errors.append(float(np.max(abs(a - b) / np.maximum(1, abs(b)), initial=0)))
    return max(errors)


def _arrays(values: Values, backward: bool) -> list[Array]:
    if not backward:
        arrays = [*values.outputs, *values.states]
    else:
        weights = [values.gradients[name] for name in sorted(values.gradients)]
        arrays = [*values.dx, *values.d_states, *weights]
    return [np.asarray(a, float) for a in arrays]


def worst(errors: Iterable[float]) -> float:
    """The largest error; infinite if one is not a number."""
    return max(math.inf if math.isnan(error) else error for error in errors)
