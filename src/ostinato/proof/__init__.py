"""Proofs that a cell is the same at every level, and that its text is right.

Two levels that agree share one text, so their equality is *derived*. A proof is *independent*
when the other side was not made from the text: a file of `witnesses` is such a side.
"""

from __future__ import annotations

import numpy as np

from ostinato.equation.trace import Cell
from ostinato.proof import derived, witnesses
from ostinato.proof.comparison import Proof
from ostinato.proof.finite import not_finite

__all__ = ["Proof", "not_finite", "prove"]


def prove(cell: Cell) -> list[Proof]:
    """Every proof there is for a cell, the independent ones first."""
    with np.errstate(all="ignore"):  # a number that is not finite fails its proof
        independent = [p for name in witnesses.names() for p in witnesses.find(name).prove(cell)]
        return [*independent, *derived.prove(cell)]
