"""Fused native code, made from a cell's equations through LLVM.

A compiler in four rooms: `plan` (operations, phases, memory), `emit` (the LLVM IR of one cell),
`kernels` (the LLVM IR that all cells share), `runtime` (machine code, memory, threads, layers).
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from ostinato.equation.trace import Cell
from ostinato.errors import CellError
from ostinato.levels._case import Case, Values
from ostinato.levels.native.runtime import target
from ostinato.levels.native.runtime.target import obstacle

__all__ = [
    "HEEDS", "obstacle", "run", "run_float32", "run_reversed", "scan", "source", "supports",
    "too_large", "usable",
]  # fmt: skip

HEEDS = ("x", "first", "frozen")
"""The fields of `Asked` that it heeds: it computes no other gradients than those asked for."""

LARGEST = 1000
"""The most operations of a step: LLVM takes up to two minutes for so many, more for each more."""


@functools.cache
def usable() -> bool:
    """Whether native code can be made here; if not, the reason is logged once."""
    reason = obstacle()
    if reason:
        logging.getLogger("ostinato").warning("no native code: %s; PyTorch is used instead", reason)
    return reason is None


def too_large(cell: Cell) -> str | None:
    """Why native code is not made for a cell: its step has more than `LARGEST` operations.

    Each matrix of an affine map is one.
    """
    count = sum(max(1, len(node.matrices)) for node in cell.graph.nodes)
    if count <= LARGEST:
        return None
    return (
        f"a step of cell {cell.name!r} has {count:,} operations, more than the limit of {LARGEST:,}"
    )


def supports(cell: Cell) -> bool:
    """Whether native code can be made here; it can be made for every cell that is not too large."""
    return target.available() and not too_large(cell)


def source(cell: Cell, backward: bool = False) -> str:
    """The cell in LLVM's intermediate representation for this machine, its phases above it.

    Raises:
        CellError: when the cell is too large.
    """
    if reason := too_large(cell):
        raise CellError(f"no native code: {reason}; use the level torch")
    from ostinato.levels.native.plan import memory_of
    from ostinato.levels.native.plan.show import phases
    from ostinato.levels.native.runtime.kernel import text

    above = "\n".join(f"; {line}" for line in phases(memory_of(cell.graph), backward).splitlines())
    return f"{above}\n\n{text(cell.graph, 32, target.host(), backward)}"


def scan(cell: Cell, reverse: bool = False) -> Callable[..., Any]:
    """`scan(x (N, D), batch_sizes, states (B, ·), p) -> outputs (N, ·), last states (B, ·)`.

    With the option `begun=False` the first states are zero, and not read. With `reverse` the rows
    of x and of the outputs are those of sequences written backwards, which are read from their
    ends.
    """
    import numpy as np

    from ostinato.levels.native.runtime import layer
    from ostinato.levels.native.runtime.rows import Order, refuse_many
    from ostinato.weights.torch import torch_stacks

    graph = cell.graph
    stacks = torch_stacks(graph)
    labels = [graph.nodes[i].label for i in graph.noise]

    def scan(
        x: Any, batch_sizes: Sequence[int], states: Sequence[Any], p: Any,
        begun: bool = True, **noise: Any,
    ) -> Any:  # fmt: skip
        refuse_many(len(x))
        if [*batch_sizes] != sorted(batch_sizes, reverse=True) or sum(batch_sizes) != len(x):
            raise ValueError(
                f"batch_sizes must be non-increasing, and sum to the {len(x)} rows of x"
            )
        weights = vars(p)
        sizes = {"D": x.shape[1]}
        for state, letter in zip(states, graph.sizes.values(), strict=True):
            sizes[letter] = state.shape[1]
        for stack in stacks:
            tensor = weights[stack.weight]
            sizes[stack.shape[0]] = tensor.shape[0] // len(stack.matrices)
            sizes[stack.shape[1]] = tensor.shape[1]
        token = None
        if reverse:
            starts = np.cumsum([0, *batch_sizes])
            length = [sum(n > b for n in batch_sizes) for b in range(batch_sizes[0])]
            token = np.array(
                [
                    starts[length[b] - 1 - t] + b
                    for t, n in enumerate(batch_sizes)
                    for b in range(n)
                ],
                np.int32,
            )
        given = [noise[label] for label in labels]
        first = list(states) if begun else []
        y, last = layer.run(
            graph, x, [Order.of(batch_sizes, token)], [first], [weights], [given], sizes
        )
        return y, tuple(last[0])

    return scan


def run(cell: Cell, case: Case) -> Values:
    """A ragged batch forward and backward, in float64."""
    return _run(cell, case)


def run_float32(cell: Cell, case: Case) -> Values:
    """The same in float32."""
    import torch

    return _run(cell, case, torch.float32)


def run_reversed(cell: Cell, case: Case) -> Values:
    """The same case written backwards and read from its end; results in the case's order."""

    def flipped(sequences: list[Any]) -> list[Any]:
        return [sequence[::-1] for sequence in sequences]

    backwards = replace(case, x=flipped(case.x), d_outputs=flipped(case.d_outputs))
    values = _run(cell, backwards, reverse=True)
    return replace(values, outputs=flipped(values.outputs), dx=flipped(values.dx))


def _run(cell: Cell, case: Case, dtype: Any = None, reverse: bool = False) -> Values:
    from ostinato.levels.torch import run_packed

    begun = case.asked.first != "none"
    steps = functools.partial(scan(cell, reverse), begun=begun)
    return run_packed(steps, cell.graph, case, dtype)
