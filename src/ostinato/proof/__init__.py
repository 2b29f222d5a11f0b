"""Proofs that a cell is the same at every level, and that its text is right.

Two levels that agree share one text, so their equality is *derived*. A proof is *independent*
when the other side was not made from the text: PyTorch's and Keras' own layers, a step worked by
hand, and for gradients the slope of the loss measured with small differences.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import combinations
from types import SimpleNamespace
from typing import Any, Literal, get_args

import numpy as np

from ostinato import levels
from ostinato.equation.graph import Graph
from ostinato.equation.trace import Cell
from ostinato.errors import CellError
from ostinato.levels import numpy as reference
from ostinato.levels._case import EVERYTHING, Asked, Case, First, Values
from ostinato.weights import layouts

SIZES = {"D": 3, "H": 7, "R": 2}
BATCHES = {"dense": (5, 5, 5), "ragged": (3, 1, 6), "one": (1,)}
EQUAL = 1e-12
"""Levels in float64: some thousand times the distance between neighbouring numbers near 1."""
EQUAL32 = 1e-5
"""Levels in float32: some hundred times the distance between neighbouring numbers near 1."""
RUNS = {
    "run": ("", EQUAL), "run_float32": (" float32", EQUAL32), "run_reversed": (" reversed", EQUAL),
}  # fmt: skip
"""What a level can do with a case, how its proofs are called, and their tolerance."""
SLOPE = 1e-6
"""Measured slopes in float64: central differences of width 1e-5 are good to about 1e-8."""


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
    kind: Literal["independent", "derived"]
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


def prove(cell: Cell) -> list[Proof]:
    """Every proof there is for a cell."""
    with np.errstate(all="ignore"):  # a number that is not finite fails its proof
        independent = [*_by_hand(cell), *_by_slope(cell), *_by_torch(cell), *_by_keras(cell)]
        return [*independent, *_by_levels(cell)]


def _by_levels(cell: Cell) -> list[Proof]:
    proofs = []
    for turn, (batch, lengths) in enumerate(BATCHES.items()):
        whole = Case.draw(cell.graph, lengths, SIZES, seed=len(lengths))
        right = {
            first: reference.run(cell, whole.asking(Asked(first=first)))
            for first in get_args(First)
        }
        for name in levels.names():
            level = levels.find(name)
            able = getattr(level, "supports", lambda _: True)(cell)
            if level is reference or not hasattr(level, "run") or not able:
                continue
            others = level.asks(cell.graph)[turn :: len(BATCHES)] if hasattr(level, "asks") else []
            for asked in dict.fromkeys([EVERYTHING, *others]):
                ours = right[asked.first].only(cell.graph, asked)
                proofs += _by_level(cell, name, batch, whole.asking(asked), ours)
    return proofs


def _by_level(cell: Cell, name: str, batch: str, case: Case, ours: Values) -> list[Proof]:
    """A level in all that it can do with a case."""
    proofs, level = [], levels.find(name)
    for run, (suffix, bound) in RUNS.items():
        if not hasattr(level, run):
            continue
        if getattr(level, "rounds_to_float32", lambda: False)():
            bound = EQUAL32
        against, asked = f"{name}{suffix}", case.asked
        try:
            values = getattr(level, run)(cell, case)
            proofs += _both(cell, "derived", against, batch, values, ours, bound, asked)
        except ArithmeticError:  # plain Python raises where NumPy gives inf or nan
            failed = Proof(cell.name, "derived", against, "values", batch, math.inf, bound, asked)
            proofs += [failed, replace(failed, what="gradients")]
    return proofs


def _by_torch(cell: Cell) -> list[Proof]:
    """Each sequence alone through torch.nn's own layer, where there is one for this cell."""
    aten = levels.find("aten")
    if not aten.supports(cell):
        return []
    proofs = []
    for batch, lengths in BATCHES.items():
        case = Case.draw(cell.graph, lengths, SIZES, seed=7)
        proofs += _both(
            cell, "independent", "torch.nn", batch, reference.run(cell, case), _torch_nn(cell, case)
        )
    return proofs


def _torch_nn(cell: Cell, case: Case) -> Values:
    import torch

    aten = levels.find("aten")
    layer: Any = aten.torch_layer(cell, SIZES).double()
    weights = layouts.to_torch(cell.graph, case.parameters)
    layer.load_state_dict({f"{k}_l0": torch.tensor(w) for k, w in weights.items()}, strict=True)
    several = len(case.states) > 1
    values = Values([], (), [], (), {})
    ends, starts = [], []
    for b, x in enumerate(case.x):
        leaf = torch.tensor(x, requires_grad=True)
        first = [torch.tensor(s[b : b + 1], requires_grad=True) for s in case.states]
        outputs, last = layer(leaf, tuple(first) if several else first[0])
        last = last if several else (last,)
        loss = (outputs * torch.tensor(case.d_outputs[b])).sum()
        for s, d in zip(last, case.d_states, strict=True):
            loss = loss + (s * torch.tensor(d[b])).sum()
        loss.backward()
        values.outputs.append(outputs.detach().numpy())
        values.dx.append(leaf.grad.numpy())  # type: ignore[union-attr]
        ends.append([s.detach().numpy()[0] for s in last])
        starts.append([s.grad.numpy()[0] for s in first])  # type: ignore[union-attr]
    gradients = {k.removesuffix("_l0"): w.grad.numpy() for k, w in layer.named_parameters()}
    return replace(
        values,
        states=tuple(np.array(s) for s in zip(*ends, strict=True)),
        d_states=tuple(np.array(s) for s in zip(*starts, strict=True)),
        gradients=layouts.gradients_from_torch(cell.graph, gradients),
    )


def _by_keras(cell: Cell) -> list[Proof]:
    """Masked batches, both ways, through Keras' own layer, where there is one for this cell."""
    keras = levels.find("keras")
    if layouts.keras_layer(cell.graph) is None or not keras.supports(cell):
        return []
    proofs, bound = [], EQUAL32 if keras.rounds_to_float32() else EQUAL
    for batch, lengths in BATCHES.items():
        case = Case.draw(cell.graph, lengths, SIZES, seed=8)
        ours = reference.run(cell, case)
        for against, run in {
            "keras.layers": keras.run_layer,
            "keras.layers reversed": keras.run_layer_reversed,
        }.items():
            proofs += _both(cell, "independent", against, batch, ours, run(cell, case), bound)
    return proofs


def _by_hand(cell: Cell) -> list[Proof]:
    """The step that the cell's file works by hand, all sizes 1."""
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
                f"{cell.name}: `{said}` of the step worked by hand is of {', '.join(names)}"
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
    error = _worst(abs(float(n[0, 0]) - worked.gives[s]) for s, n in zip(names, new, strict=True))
    half_a_digit = 0.5 * 10.0**-worked.digits + EQUAL
    return [Proof(cell.name, "independent", "by hand", "values", "one", error, half_a_digit)]


def _by_slope(cell: Cell) -> list[Proof]:
    """Each gradient against the measured slope of the loss along one random direction of it."""
    case = Case.draw(cell.graph, BATCHES["ragged"], SIZES, seed=1)
    values = reference.run(cell, case)
    random = np.random.default_rng(2)

    def loss(moved: Case) -> float:
        result = reference.run(cell, moved)
        pairs = [*zip(result.outputs, case.d_outputs, strict=True)]
        pairs += [*zip(result.states, case.d_states, strict=True)]
        return float(sum((value * d).sum() for value, d in pairs))

    gradients: dict[str, Any] = {
        "x": values.dx,
        "states": values.d_states,
        "parameters": values.gradients,
    }

    def slope(field: str, k: Any, step: float = 1e-5) -> float:
        held = getattr(case, field)
        direction = random.standard_normal(held[k].shape)
        ends = []
        for sign in (1, -1):
            new: Any = dict(held) if isinstance(held, dict) else list(held)
            new[k] = held[k] + sign * step * direction
            changed: dict[str, Any] = {field: new}
            ends.append(loss(replace(case, **changed)))
        expected = float((gradients[field][k] * direction).sum())
        measured = (ends[0] - ends[1]) / (2 * step)
        return abs(measured - expected) / max(1.0, abs(measured))

    error = _worst(
        [slope("x", b) for b in range(len(case.x))]
        + [slope("states", k) for k in range(len(case.states))]
        + [slope("parameters", name) for name in case.parameters]
    )
    return [Proof(cell.name, "independent", "slope", "gradients", "ragged", error, SLOPE)]


def not_finite(cell: Cell) -> str:
    """What to do about a cell that gives numbers that are not finite; empty where all are.

    A cell that takes the root of a running mean of squares gives NaN for a state below 0, which
    it never has. Which states are to blame is found by drawing some of them between 1/2 and 3/2.
    """
    plain = cell.graph

    def finite(graph: Graph) -> bool:
        with np.errstate(all="ignore"):
            values = reference.run(cell, Case.draw(graph, BATCHES["dense"], SIZES, seed=0))
        return math.isfinite(values.distance(values, False) + values.distance(values, True))

    if finite(plain):
        return ""
    free = [name for name in plain.state_names if name not in plain.ranges]
    for count in range(1, len(free) + 1):
        for some in combinations(free, count):
            if finite(replace(plain, ranges=plain.ranges | dict.fromkeys(some, (0.5, 1.5)))):
                told = ", ".join(f'"{name}": (low, high)' for name in some)
                return (
                    f"{cell.name}: not all numbers are finite, because {' and '.join(some)} "
                    "cannot be any number: say in which range a proof may begin, "
                    f"@cell(states={{{told}}})"
                )
    return f"{cell.name}: not all numbers are finite, whatever the first states are"


def _worst(errors: Iterable[float]) -> float:
    """The largest error; infinite if one is not a number."""
    return max(math.inf if math.isnan(error) else error for error in errors)


def _both(
    cell: Cell,
    kind: Literal["independent", "derived"],
    against: str,
    batch: str,
    one: Values,
    other: Values,
    bound: float = EQUAL,
    asked: Asked = EVERYTHING,
) -> list[Proof]:
    values, gradients = one.distance(other, False), one.distance(other, True)
    return [
        Proof(cell.name, kind, against, "values", batch, values, bound, asked),
        Proof(cell.name, kind, against, "gradients", batch, gradients, bound, asked),
    ]
