"""A cell as functions in memory, and the frames that they are called with."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, cached_property

import numpy as np
from numpy.typing import NDArray

from ostinato.equation.graph import Graph
from ostinato.levels.native.plan import memory_of
from ostinato.levels.native.plan.frame import CALLS, LINE, WIDEST
from ostinato.levels.native.plan.memory import Block, count
from ostinato.levels.native.plan.phases import PASSES
from ostinato.levels.native.plan.show import show
from ostinato.levels.native.runtime import code
from ostinato.levels.native.runtime.target import Target, host

TILE = 96
"""Tokens whose input is projected at a time: enough rows for full speed, few enough for a cache."""


@cache
def kernel(graph: Graph, bits: int) -> Kernel:
    """A cell compiled for numbers of 32 or 64 bits."""
    return Kernel(graph, bits, host())


@cache
def shared(bits: int, target: Target) -> code.Code:
    """The functions that all cells share: products, gradients, tasks."""
    return code.load(
        f"shared {bits}", lambda: shared_text(bits, target), target, f"products float{bits}"
    )


class Kernel:
    """The compiled functions of a cell.

    Attributes:
        graph: the cell's graph.
        memory: the frame's words and the rows' slots.
        lanes: numbers in a vector.
        size: bytes of a number.
    """

    def __init__(self, graph: Graph, bits: int, target: Target) -> None:
        self.graph, self.memory = graph, memory_of(graph)
        self.lanes, self.size = target.lanes(bits), bits // 8
        self.code = code.load(
            f"{graph.fingerprint()} {bits}",
            lambda: text(graph, bits, target),
            target,
            f"{graph.name} float{bits}",
        )
        self.shared = shared(bits, target)
        show(self.memory, lambda: text(graph, bits, target))
        self.words = self.memory.words

    @cached_property
    def addresses(self) -> dict[str, int]:
        """Functions of the cell by name."""
        names = ("pack_forward", "pack_backward", "lift", "forward", "backward", "post", "dx")
        return {name: self.code.address(name) for name in names}

    @cached_property
    def shared_addresses(self) -> dict[str, int]:
        """Functions of all cells by name."""
        names = [f"product_{v}" for v in range(1, WIDEST + 1)]
        names += ["pack", *CALLS, "work", "chain", "alone", "team"]
        return {name: self.shared.address(name) for name in names}

    def frame(self, sizes: Mapping[str, int]) -> NDArray[np.int64]:
        """A frame's words with all that depends on sizes alone."""
        words, memory = self.words, self.memory
        frame = np.zeros(len(words), np.int64)
        for name, address in self.shared_addresses.items():
            if name in words:
                frame[words[name]] = address
        for letter in memory.letters:
            frame[words[f"size_{letter}"]] = sizes[letter]
        for rows in memory.rows:
            frame[words[f"row_{rows}"]] = self.width(rows, sizes)
        frame[words["row_means"]] = self.lanes * len(memory.means)
        frame[words["row_panel"]] = self.lanes * self.panel_vectors
        frame[words["base_row_new"]] = frame[words["row_new"]]
        frame[words["base_row_grads"]] = frame[words["row_grads"]]
        frame[words["tile"]], frame[words["parts"]] = TILE, 1
        return frame

    @cached_property
    def panel_vectors(self) -> int:
        """The widest panel, in vectors."""
        return max((sum(b.vectors for b in bs) for bs in self.memory.blocks.values()), default=0)

    def width(self, rows: str, sizes: Mapping[str, int]) -> int:
        """Numbers from one row of a kind to the next.

        Rows of native code's own begin on a cache line, and never a multiple of 2 KiB apart: many
        of them would then map to the same few sets of the cache.
        """
        numbers = count(self.memory.rows[rows], sizes)
        if rows not in ("new", "old", "grads", "lifted") and not rows.startswith("scratch"):
            return numbers
        line = LINE // self.size
        numbers = -(-numbers // line) * line
        return numbers + line * (numbers > 0 and numbers * self.size % 2048 == 0)

    def packed(self, sizes: Mapping[str, int], backward: bool) -> dict[str, int]:
        """For each block of the weights the numbers that its panels take."""
        names = PASSES[2:] if backward else PASSES[:2]
        return {
            block.name: self._panels(block, sizes[letter], sizes)
            for (name, _, letter), blocks in self.memory.blocks.items()
            for block in blocks
            if name in names
        }

    def _panels(self, block: Block, units: int, sizes: Mapping[str, int]) -> int:
        panels = -(-units // (block.units * self.lanes))
        return panels * count(block.depth, sizes) * block.vectors * self.lanes


def text(graph: Graph, bits: int, target: Target, backward: bool = True) -> str:
    """A cell's module as LLVM's text; without `backward` only what an inference needs."""
    from llvmlite import ir

    from ostinato.levels.native.emit.cell import emit

    number = ir.FloatType() if bits == 32 else ir.DoubleType()
    return emit(memory_of(graph), number, target.lanes(bits), backward)


def shared_text(bits: int, target: Target) -> str:
    """The module of what all cells share as LLVM's text."""
    from llvmlite import ir

    from ostinato.levels.native.kernels import gradients, products, sums, tasks

    module = ir.Module("shared")
    number = ir.FloatType() if bits == 32 else ir.DoubleType()
    shape = number, target.lanes(bits), target.registers
    gradients.define(module, *shape, products.define(module, *shape))
    sums.define(module, *shape)
    tasks.define(module)
    return str(module)
