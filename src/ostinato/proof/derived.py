"""Levels against the level numpy: all are made from one text."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import get_args

from ostinato import levels
from ostinato.equation.trace import Cell
from ostinato.levels import numpy as reference
from ostinato.levels._case import EVERYTHING, Asked, Case, First, Values
from ostinato.proof.asked import asks, only
from ostinato.proof.cases import BATCHES, SIZES, draw
from ostinato.proof.comparison import Proof, compare
from ostinato.proof.tolerances import EQUAL, EQUAL32

RUNS = {
    "run": ("", EQUAL), "run_float32": (" float32", EQUAL32), "run_reversed": (" reversed", EQUAL),
}  # fmt: skip
"""What a level can do with a case, how its proofs are called, and their tolerance."""


def prove(cell: Cell) -> list[Proof]:
    """Every level that can run the cell, on every batch, in all that it can do."""
    proofs = []
    for turn, (batch, lengths) in enumerate(BATCHES.items()):
        whole = draw(cell.graph, lengths, SIZES, seed=len(lengths))
        right = {
            first: reference.run(cell, whole.asking(Asked(first=first)))
            for first in get_args(First)
        }
        for name in levels.names():
            level = levels.find(name)
            able = getattr(level, "supports", lambda _: True)(cell)
            if level is reference or not hasattr(level, "run") or not able:
                continue
            others = asks(cell.graph, getattr(level, "HEEDS", ()))[turn :: len(BATCHES)]
            for asked in dict.fromkeys([EVERYTHING, *others]):
                ours = only(right[asked.first], cell.graph, asked)
                proofs += _level(cell, name, batch, whole.asking(asked), ours)
    return proofs


def _level(cell: Cell, name: str, batch: str, case: Case, ours: Values) -> list[Proof]:
    """A level in all that it can do with a case."""
    proofs, level = [], levels.find(name)
    for run, (suffix, tolerance) in RUNS.items():
        if not hasattr(level, run):
            continue
        if getattr(level, "rounds_to_float32", lambda: False)():
            tolerance = EQUAL32
        against, asked = f"{name}{suffix}", case.asked
        try:
            values = getattr(level, run)(cell, case)
            proofs += compare(cell, "derived", against, batch, values, ours, tolerance, asked)
        except ArithmeticError:  # plain Python raises where NumPy gives inf or nan
            failed = Proof(
                cell.name, "derived", against, "values", batch, math.inf, tolerance, asked
            )
            proofs += [failed, replace(failed, what="gradients")]
    return proofs
