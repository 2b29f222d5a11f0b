"""How the tokens of a ragged batch stand in memory: step by step, the longest sequence first.

This is the layout of `torch.nn.utils.rnn.PackedSequence`. No token of padding is in it, so that
nothing is computed on padding and nothing can leak from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor


@dataclass(frozen=True)
class Packing:
    """Where each token of a batch of B sequences stands among the N real ones.

    Attributes:
        batch_sizes: how many sequences have a step t, for each t; they sum to N.
        order: the sequences (B,) from the longest to the shortest; None if they stand so.
    """

    batch_sizes: list[int]
    order: Tensor | None = None

    @classmethod
    def of_lengths(cls, lengths: Tensor) -> Packing:
        """The packing of sequences of these lengths (B,), in any order, each at least 1."""
        ordered, order = torch.sort(lengths.cpu(), descending=True, stable=True)
        steps = torch.arange(int(ordered[0]))
        batch_sizes = (ordered[None, :] > steps[:, None]).sum(1).tolist()
        in_order = torch.equal(order, torch.arange(len(order)))
        return cls(batch_sizes, None if in_order else order)

    @cached_property
    def step(self) -> Tensor:
        """The step t of each token (N,)."""
        return torch.repeat_interleave(torch.tensor(self.batch_sizes))

    @cached_property
    def row(self) -> Tensor:
        """The sequence of each token (N,), as a place in `order`."""
        return torch.arange(len(self.step)) - self._start[self.step]

    @cached_property
    def reverse(self) -> Tensor:
        """For each token (N,) the one that stands as far from the end as it from the start."""
        length = torch.bincount(self.row)
        return self._start[length[self.row] - 1 - self.step] + self.row

    @cached_property
    def _start(self) -> Tensor:
        """Where the tokens of each step begin (T,)."""
        sizes = torch.tensor(self.batch_sizes)
        return sizes.cumsum(0) - sizes

    def pack(self, padded: Tensor) -> Tensor:
        """(T, B, ·) → (N, ·)."""
        return padded[self.step, self._column()]

    def unpack(self, packed: Tensor, steps: int) -> Tensor:
        """(N, ·) → (T, B, ·) with T = `steps`, zeros behind each sequence's end."""
        padded = packed.new_zeros(steps, self.batch_sizes[0], *packed.shape[1:])
        return padded.index_put((self.step, self._column()), packed)

    def sort(self, states: Tensor) -> Tensor:
        """(B, ·) in the caller's order → the longest sequence first."""
        return (
            states if self.order is None else states.index_select(0, self.order.to(states.device))
        )

    def unsort(self, states: Tensor) -> Tensor:
        """(B, ·), the longest sequence first → the caller's order."""
        return (
            states
            if self.order is None
            else states.index_select(0, self.order.argsort().to(states.device))
        )

    def _column(self) -> Tensor:
        return self.row if self.order is None else self.order[self.row]
