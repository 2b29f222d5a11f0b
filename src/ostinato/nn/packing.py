"""How the tokens of a ragged batch stand in memory: step by step, the longest sequence first.

This is the layout of `torch.nn.utils.rnn.PackedSequence`. No token of padding is in it, so that
nothing is computed on padding and nothing can leak from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from ostinato.levels.native.runtime.rows import Order


CPU = torch.device("cpu")

KEPT = 1 << 16
"""The most tokens of a batch without padding whose order is kept: 16 MiB for 64 of them."""


@dataclass(frozen=True)
class Packing:
    """Where each token of a batch of B sequences stands among the N real ones.

    Attributes:
        batch_sizes: how many sequences have a step t, for each t; they sum to N.
        order: the sequences (B,) from the longest to the shortest; None if they stand so.
        device: where the tables lie, for tensors of the batch to be indexed with.
    """

    batch_sizes: list[int]
    order: Tensor | None = None
    device: torch.device = CPU

    @classmethod
    def of_lengths(cls, lengths: Tensor, device: torch.device | None = None) -> Packing:
        """The packing of sequences of these lengths (B,), in any order, each at least 1."""
        ordered, order = torch.sort(lengths.cpu(), descending=True, stable=True)
        steps = torch.arange(int(ordered[0]))
        batch_sizes = (ordered[None, :] > steps[:, None]).sum(1).tolist()
        in_order = torch.equal(order, torch.arange(len(order)))
        return cls(batch_sizes, None if in_order else order, device or CPU)

    @cached_property
    def tokens(self) -> int:
        """N."""
        return sum(self.batch_sizes)

    @cached_property
    def step(self) -> Tensor:
        """The step t of each token (N,)."""
        return self._step.to(self.device)

    @cached_property
    def row(self) -> Tensor:
        """The sequence of each token (N,), as a place in `order`."""
        return self._row.to(self.device)

    @cached_property
    def reverse(self) -> Tensor:
        """For each token (N,) the one that stands as far from the end as it from the start."""
        length = torch.bincount(self._row)
        reverse = self._start[length[self._row] - 1 - self._step] + self._row
        return reverse.to(self.device)

    # Tables are worked out on the CPU and then moved: their sizes depend on numbers, for which
    # one would have to wait on another device.

    @cached_property
    def _step(self) -> Tensor:
        return torch.repeat_interleave(torch.tensor(self.batch_sizes))

    @cached_property
    def _row(self) -> Tensor:
        return torch.arange(len(self._step)) - self._start[self._step]

    @cached_property
    def _column(self) -> Tensor:
        return self.row if self.order is None else self.order[self._row].to(self.device)

    @cached_property
    def _start(self) -> Tensor:
        """Where the tokens of each step begin (T,)."""
        sizes = torch.tensor(self.batch_sizes)
        return sizes.cumsum(0) - sizes

    @cached_property
    def _sorting(self) -> tuple[Tensor, Tensor] | None:
        """The order of sequences, and the way back; None where they stand in order."""
        if self.order is None:
            return None
        return self.order.to(self.device), self.order.argsort().to(self.device)

    def column(self) -> Tensor:
        """The sequence of each token (N,), as the caller numbers them."""
        return self._column

    def pack(self, padded: Tensor) -> Tensor:
        """(T, B, ·) → (N, ·)."""
        return padded[self.step, self._column]

    def unpack(self, packed: Tensor, steps: int) -> Tensor:
        """(N, ·) → (T, B, ·) with T = `steps`, zeros behind each sequence's end."""
        padded = packed.new_zeros(steps, self.batch_sizes[0], *packed.shape[1:])
        return padded.index_put((self.step, self._column), packed)

    def sort(self, states: Tensor) -> Tensor:
        """(B, ·) in the caller's order → the longest sequence first."""
        if self._sorting is None:
            return states
        return states.index_select(0, self._sorting[0].to(states.device))

    def unsort(self, states: Tensor) -> Tensor:
        """(B, ·), the longest sequence first → the caller's order."""
        if self._sorting is None:
            return states
        return states.index_select(0, self._sorting[1].to(states.device))


@dataclass(frozen=True)
class Layout:
    """How rows of tokens lie in the caller's memory, for native code that reads them there.

    Attributes:
        packing: the batch.
        steps: T of a padded batch, the steps behind a sequence's end counted.
        batch_first: whether memory holds one sequence after the other instead of step after step.
        packed: whether the rows are packed already.
    """

    packing: Packing
    steps: int = 0
    batch_first: bool = False
    packed: bool = False

    @cached_property
    def row(self) -> Tensor:
        """The sequence of each row of memory (R,)."""
        if self.packed:
            return self.packing.row
        batch = self.packing.batch_sizes[0]
        rows = torch.arange(self.steps * batch, device=self.packing.device)
        return rows // self.steps if self.batch_first else rows % batch

    def order(self, reverse: bool) -> Order:
        """Which row is read at which step; reversed, each sequence from its own last step."""
        sizes = self.packing.batch_sizes
        if sizes[-1] == sizes[0] and len(sizes) == (self.steps or len(sizes)):
            make = _dense if sizes[0] * len(sizes) <= KEPT else _dense.__wrapped__
            return make(sizes[0], len(sizes), self.batch_first, reverse)
        return self._order(reverse)

    def _order(self, reverse: bool) -> Order:
        from ostinato.levels.native.runtime.rows import Order

        packing, batch = self.packing, self.packing.batch_sizes[0]
        if self.packed:
            token = torch.arange(packing.tokens)
        elif self.batch_first:
            token = packing.column() * self.steps + packing.step
        else:
            token = packing.step * batch + packing.column()
        token = token[packing.reverse] if reverse else token
        return Order.of(packing.batch_sizes, token.int().numpy())


@lru_cache(64)
def _dense(batch: int, steps: int, batch_first: bool, reverse: bool) -> Order:
    """The order of a batch without padding, made once for a shape."""
    return Layout(Packing([batch] * steps), steps, batch_first)._order(reverse)
