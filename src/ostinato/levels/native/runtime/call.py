"""What a call of a layer is, besides its tensors, and among how many threads it is shared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch

from ostinato.equation.graph import Graph
from ostinato.levels.native.plan.parameters import ParameterLayout
from ostinato.levels.native.runtime.rows import Distinct, Order

ROWS = 8
"""The fewest sequences that are worth a thread of their own."""

WORK = 4_000_000
"""The fewest multiplications that are worth waking another thread: about 50 µs."""

_One = TypeVar("_One")


@dataclass
class LayerCall:
    """What a call needs besides tensors.

    Attributes:
        graph: the cell, with noise if there is any.
        sizes: what the size letters stand for.
        orders: for each direction which rows are read when.
        training: whether there will be gradients.
        bits: of a number.
        layout: of the cell's parameters.
        distinct: which rows are equal, where that is known.
        begun: whether first states are given; else they are zero.
    """

    graph: Graph
    sizes: dict[str, int]
    orders: list[Order]
    training: bool
    bits: int
    layout: ParameterLayout
    distinct: Distinct | None
    begun: bool

    def slices(self) -> tuple[int, int]:
        """How many threads work, and into how many slices each direction's sequences are cut."""
        order, threads = self.orders[0], torch.get_num_threads()
        work = self.layout.numbers(self.sizes) * order.tokens * len(self.orders)
        if threads == 1 or work < WORK:
            return 1, 1
        return threads, max(1, min(-(-threads // len(self.orders)), order.sequences // ROWS))

    @property
    def given(self) -> int:
        """How many first states each direction has."""
        return len(self.graph.states) if self.begun else 0

    def split(
        self, flat: Sequence[_One]
    ) -> Iterator[tuple[Sequence[_One], Sequence[_One], Sequence[_One]]]:
        """States, weights and noise of each direction."""
        states, weights = self.given, len(self.layout.names)
        each = len(flat) // len(self.orders)
        for at in (k * each for k in range(len(self.orders))):
            middle = at + states + weights
            yield flat[at : at + states], flat[at + states : middle], flat[middle : at + each]
