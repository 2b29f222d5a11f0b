"""The input batch of a recurrent stack, and results in the same form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from ostinato.nn.packing import Layout, Packing
from ostinato.torch_internals import with_data

Lengths = Tensor | Sequence[int]
"""The lengths (B,) of sequences, whole numbers in any order."""


@dataclass(slots=True)
class LayerBatch:
    """The sequences of a call.

    Attributes:
        x: their numbers, (T, B, D), packed (N, D).
        packing: where each token stands.
        batch_first: whether the caller's memory holds one sequence after the other.
        single: whether it is one sequence, given without a dimension for the batch.
        ragged: whether lengths were given.
        sequence: the packed sequence that was given, if it was one.
    """

    x: Tensor
    packing: Packing
    batch_first: bool
    single: bool = False
    ragged: bool = False
    sequence: PackedSequence | None = None

    @property
    def dense(self) -> bool:
        """Whether all sequences have all steps, as far as the form says it."""
        return self.sequence is None and not self.ragged

    def rows(self, direct: bool) -> tuple[Tensor, Layout]:
        """The rows of x, where they lie or else packed, and how they lie."""
        x = self.x
        if self.sequence is not None:
            return x, Layout(self.packing, packed=True)
        if direct:
            layout = Layout(self.packing, x.shape[0], self.batch_first)
            return x.transpose(0, 1) if self.batch_first else x, layout
        tokens = self.packing.pack(x) if self.ragged else x.flatten(0, 1)
        return tokens, Layout(self.packing, packed=True)

    def outputs(self, y: Tensor, layout: Layout) -> Tensor | PackedSequence:
        """Outputs (…, K), whose rows lie so, in the form of the input."""
        if self.sequence is not None:
            return with_data(self.sequence, y)
        steps, batch = self.x.shape[:2]
        width, first = y.shape[-1], self.batch_first
        if not layout.packed:  # the rows lie as the caller's do
            if y.dim() == 2:
                y = y.view(batch, steps, width) if first else y.view(steps, batch, width)
            return y.squeeze(0 if first else 1) if self.single else y
        y = self.packing.unpack(y, steps) if self.ragged else y.view(steps, batch, width)
        if self.single:
            return y.squeeze(1)
        return y.transpose(0, 1) if first else y

    def states(self, last: list[list[Tensor]]) -> tuple[Tensor, ...]:
        """For each state its last values (B, ·) of all layers, in the caller's order, as one."""
        states = tuple(_stacked([self.packing.unsort(s) for s in state]) for state in last)
        return tuple(s.squeeze(1) for s in states) if self.single else states


def _stacked(states: list[Tensor]) -> Tensor:
    return torch.stack(states) if len(states) > 1 else states[0].unsqueeze(0)


def batch_of(
    input: Tensor | PackedSequence, lengths: Lengths | None, batch_first: bool
) -> LayerBatch:
    """The batch that was given.

    Args:
        input: (T, B, D), with `batch_first` (B, T, D); (T, D) for one sequence; or packed.
        lengths: the sequences' lengths; None where all have T steps.
        batch_first: whether batches are (B, T, ·) instead of (T, B, ·).

    Raises:
        ValueError: for inconsistent shapes and lengths, and batches without steps.
    """
    if isinstance(input, PackedSequence):
        if lengths is not None:
            raise ValueError("a PackedSequence has its own lengths")
        return LayerBatch(input.data, _packing(input), batch_first, sequence=input)
    return _padded(input, lengths, batch_first)


def _packing(sequence: PackedSequence) -> Packing:
    order, rows = sequence.sorted_indices, len(sequence.data)
    sizes = sequence.batch_sizes.tolist()
    if not sizes:
        raise ValueError("the PackedSequence has no steps; there is nothing to read")
    if sizes != sorted(sizes, reverse=True) or sizes[-1] < 0 or sum(sizes) != rows:
        raise ValueError(
            f"batch_sizes of a PackedSequence must be non-increasing, and sum to its {rows} rows"
        )
    sizes = [n for n in sizes if n] or sizes[:1]
    return Packing(sizes, None if order is None else order.cpu(), sequence.data.device)


def _padded(x: Tensor, lengths: Lengths | None, batch_first: bool) -> LayerBatch:
    if x.dim() not in (2, 3):
        raise ValueError(f"the input must have 2 or 3 dimensions, not {x.dim()}")
    single = x.dim() == 2
    if single:
        x = x.unsqueeze(1)
    elif batch_first:
        x = x.transpose(0, 1)
    steps, batch = x.shape[:2]
    if not steps:
        raise ValueError(f"the input has {batch} sequences of 0 steps; there is nothing to read")
    if lengths is None:
        return LayerBatch(x, Packing([batch] * steps, None, x.device), batch_first, single)
    lengths = torch.as_tensor(lengths).cpu()
    whole = not lengths.is_floating_point() and lengths.dtype != torch.bool
    if lengths.shape != (batch,) or not (whole or not batch):
        raise ValueError(f"lengths must be {batch} integers, one for each sequence")
    if not batch:
        return LayerBatch(x, Packing([0] * steps, None, x.device), batch_first, single, ragged=True)
    if lengths.min() < 1 or lengths.max() > steps:
        raise ValueError(f"lengths must be between 1 and {steps}, the number of steps")
    return LayerBatch(x, Packing.of_lengths(lengths, x.device), batch_first, single, ragged=True)
