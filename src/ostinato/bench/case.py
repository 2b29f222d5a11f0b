"""What is computed in a comparison: a cell, sizes, numbers drawn for it, and the right answer.

Every contestant gets the same weights, inputs and gradients of the loss, and what it computes is
held against the level torch in float64.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ostinato import cells
from ostinato.bench import training
from ostinato.bench.records import Arrays
from ostinato.bench.shape import Shape
from ostinato.equation.trace import Cell
from ostinato.errors import UnknownName
from ostinato.nn import Recurrent

LINES = {
    "dense": "forward + backward, all sequences T long",
    "ragged": "forward + backward, lengths from T down to T/8",
    "inference": "forward alone, all sequences T long",
    "short": "forward + backward of short calls",
    "step": "streaming: one step at a time, batch 1",
    "characters": "Training a character model on Shakespeare, 2 layers of 256, 64 steps, batch 64",
    "reviews": "Training a BiLSTM 64 on ragged film reviews, batch 32",
    "memory": "peak memory of forward + backward, all sequences T long",
}
TOLERANCE = 1e-4
"""float32 against float64, relative to the largest number of each tensor: a gradient of a weight
is a sum over thousands of tokens. A swapped gate or a lost bias is off by hundreds of times that.
"""


SIZES = tuple(map(Shape.parse, ("32x100x64x64", "32x100x128x128", "32x200x128x256")))
SIZES += (Shape(64, 100, 256, 512),)
SHORT = Shape(8, 10, 32, 32)
STEP_UNITS = (64, 256, 512)
STEPS = 50
"""Streaming steps in a run: enough that starting the run costs nothing beside them."""


@dataclass(frozen=True)
class BenchCase:
    """One comparison: what every contestant computes.

    Attributes:
        line: which of `LINES`.
        cell_name: the cell, as `cells.find` knows it.
        shape: the sizes.
    """

    line: str
    cell_name: str
    shape: Shape

    @property
    def title(self) -> str:
        """What it is in a few words."""
        if self.line in training.JOBS:
            return self.line
        return f"{self.line} {self.cell_name} {self.shape}"

    @property
    def backward(self) -> bool:
        """Whether gradients belong to it."""
        return self.line not in ("inference", "step")

    @cached_property
    def cell(self) -> Cell:
        """The cell."""
        return cells.find(self.cell_name)

    def recurrent(self, engine: str, dtype: torch.dtype = torch.float32) -> Recurrent:
        """A layer of this cell with the case's weights.

        Raises:
            ConfigError: when the engine does not have this cell.
        """
        layer = self._layer(engine, dtype)
        layer.load_state_dict({f"{name}_l0": w for name, w in self.weights.items()})
        return layer

    def _layer(self, engine: str, dtype: torch.dtype = torch.float32) -> Recurrent:
        projected = "R" in self.cell.graph.sizes.values()
        return Recurrent(
            self.cell,
            self.shape.D,
            self.shape.H,
            proj_size=self.shape.R if projected else 0,
            engine=engine,
            dtype=dtype,
        )

    @cached_property
    def weights(self) -> dict[str, Tensor]:
        """Weights by PyTorch's names; all are moved, so that no gain is 1 and no shift is 0."""
        with torch.random.fork_rng([]):
            torch.manual_seed(1)
            layer = self._layer("torch")
            return {
                name.removesuffix("_l0"): (
                    w.detach() + self.shape.H**-0.5 * (2 * torch.rand(w.shape) - 1)
                )
                for name, w in layer.named_parameters()
            }

    @cached_property
    def x(self) -> Tensor:
        """The inputs (T, B, D), zero behind each sequence's end."""
        return self._drawn(2, self.shape.D) * self.mask

    @cached_property
    def lengths(self) -> list[int]:
        """The sequences' lengths (B,), from the longest to the shortest."""
        if self.line != "ragged":
            return [self.shape.T] * self.shape.B
        first, last = self.shape.T, max(1, self.shape.T // 8)
        return [int(n) for n in np.linspace(first, last, self.shape.B)]

    @cached_property
    def mask(self) -> Tensor:
        """1 at the tokens (T, B, 1), 0 behind each sequence's end."""
        steps = torch.arange(self.shape.T)[:, None]
        return (steps < torch.tensor(self.lengths)).float()[:, :, None]

    @cached_property
    def d_outputs(self) -> Tensor:
        """The gradient of the loss by the outputs (T, B, ·), zero behind each sequence's end."""
        return self._drawn(3, self._layer("torch").output_size) * self.mask

    @cached_property
    def d_last(self) -> Tensor:
        """The gradient of the loss by the last output state (B, ·)."""
        return self._drawn(4, self._layer("torch").output_size)[0]

    def _drawn(self, seed: int, units: int) -> Tensor:
        generator = torch.Generator().manual_seed(seed)
        return torch.randn(self.shape.T, self.shape.B, units, generator=generator)

    @property
    def tokens(self) -> int:
        """How many tokens a run has, padding not counted."""
        if self.line in training.JOBS:
            return training.tokens(self.line)
        return sum(self.lengths)

    @property
    def flops(self) -> int | None:
        """Floating-point operations of its matrix products; the backward pass has two for one."""
        if self.line in (*training.JOBS, "memory"):
            return None
        sizes = {"D": self.shape.D, "H": self.shape.H, "R": self.shape.R}
        numbers = sum(
            sizes[p.shape[0]] * sizes[p.shape[1]]
            for p in self.cell.graph.parameters.values()
            if len(p.shape) == 2
        )
        return 2 * numbers * self.tokens * (3 if self.backward else 1)

    @cached_property
    def expected(self) -> dict[str, NDArray[np.floating]]:
        """The right answer, by the level torch; in float64 but for training."""
        if self.line in training.JOBS:
            return {"losses": np.array(training.job(self.line, "torch")())}
        layer = self.recurrent("torch", torch.float64)
        x = self.x.double().requires_grad_()
        lengths = self.lengths if self.line == "ragged" else None
        with torch.set_grad_enabled(self.backward):
            outputs, last = layer(x, lengths=lengths)
            last = last if isinstance(last, Tensor) else last[0]
        found = {"outputs": outputs, "last": last[0]}
        if self.backward:
            leaves = {"x": x} | {n.removesuffix("_l0"): p for n, p in layer.named_parameters()}
            gradients = torch.autograd.grad(
                (outputs, last), list(leaves.values()), (self.d_outputs.double(), self.d_last[None])
            )
            found |= {f"d_{name}": d for name, d in zip(leaves, gradients, strict=True)}
        return {name: value.detach().numpy() for name, value in found.items()}

    def error(self, values: Arrays, without: Collection[str] = ()) -> float:
        """How far a contestant's numbers are from the right ones; infinite where one is not finite.

        Relative to the largest number of each tensor. What a contestant leaves behind the end of
        a sequence is its own affair. A peer with one bias where PyTorch has two gives the
        gradient of one. What is `without` was not asked for.
        """
        worst = 0.0
        for name, right in self.expected.items():
            if name in without:
                continue
            if name == "d_bias_hh" and name not in values and "d_bias_ih" in values:
                continue
            if name not in values or np.shape(values[name]) != right.shape:
                return float("inf")
            value = np.asarray(values[name], dtype=np.float64)
            if name == "outputs":
                value = np.where(self.mask.numpy() > 0, value, 0.0)
            gap = np.abs(value - right).max() / max(float(np.abs(right).max()), 1e-30)
            worst = max(worst, gap if np.isfinite(gap) else float("inf"))
        return worst


def plan(
    cell_names: Iterable[str], lines: Iterable[str], sizes: Iterable[Shape], own_sizes: bool
) -> list[BenchCase]:
    """The cases of a comparison.

    Args:
        cell_names: the cells; for lines that train, only `lstm` counts.
        lines: which of `LINES`.
        sizes: of the lines that have no sizes of their own.
        own_sizes: whether short calls and steps keep theirs; else they take `sizes` too.

    Raises:
        UnknownName: for an unknown line or cell.
    """
    cell_names, sizes, cases = list(cell_names), list(sizes), []
    for line in lines:
        if line not in LINES:
            raise UnknownName("line", line, LINES)
        if line in training.JOBS:
            cases.append(BenchCase(line, "lstm", training.JOBS[line].shape))
            continue
        units = STEP_UNITS if own_sizes else tuple(dict.fromkeys(s.H for s in sizes))
        shapes = {
            "step": [Shape(1, STEPS, H, H) for H in units],
            "short": [SHORT] if own_sizes else sizes,
        }.get(line, sizes)
        cases += [BenchCase(line, name, shape) for name in cell_names for shape in shapes]
    for case in cases:
        _ = case.cell  # refuses an unknown one before anything is measured
    return cases
