"""The states of a recurrent stack before the first step, and after none."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from ostinato.nn.batch import LayerBatch
from ostinato.nn.precision import Types

States = tuple[tuple[Tensor, ...], ...]
"""For each state its values (B, ·) for every layer and direction, the longest sequence first."""


def zeros(units: Sequence[int], count: int, batch: LayerBatch) -> States:
    """States that are zero, as types and devices of the batch's numbers are.

    Args:
        units: for each state its size.
        count: how many there are of each: layers · directions.
        batch: the batch.
    """
    rows = batch.packing.batch_sizes[0]
    return tuple(batch.x.new_zeros(count, rows, n).unbind(0) for n in units)


def given(
    hx: Tensor | Sequence[Tensor],
    units: dict[str, int],
    count: int,
    batch: LayerBatch,
    types: Types,
) -> States:
    """States that the caller gives.

    Args:
        hx: each (count, B, ·); for one sequence alone (count, ·).
        units: for each state by name its size.
        count: how many there are of each: layers · directions.
        batch: the batch.
        types: the number types of the call.

    Raises:
        ValueError: for states of another number, shape or type.
    """
    states = [hx] if isinstance(hx, Tensor) else list(hx)
    if len(states) != len(units):
        raise ValueError(f"hx must contain {len(units)} states ({', '.join(units)})")
    rows = () if batch.single else (batch.packing.batch_sizes[0],)
    for (name, n), state in zip(units.items(), states, strict=True):
        wanted = (count, *rows, n)
        if tuple(state.shape) != wanted:
            raise ValueError(f"hx: state {name} is {tuple(state.shape)}, not {wanted}")
        types.refuse(f"first state {name}", state)
    states = [s.unsqueeze(1) if batch.single else s for s in states]
    return tuple(tuple(batch.packing.sort(s) for s in state) for state in states)


def of_nothing(
    x: Tensor,
    first: States,
    weights: Iterable[Tensor],
    width: int,
    units: Sequence[int],
    count: int,
) -> tuple[Tensor, list[list[Tensor]]]:
    """What comes of no sequences: results without numbers, and gradients of 0.

    Args:
        x: the input (…, D), without numbers.
        first: the first states.
        weights: all weights.
        width: the features of an output.
        units: for each state its size.
        count: how many there are of each: layers · directions.
    """
    sums = [t.sum() for t in (x, *(s for state in first for s in state))]
    sums += [w.sum() * 0 for w in weights]
    zero = torch.stack([s.to(x.dtype) for s in sums]).sum()
    return zero.expand(*x.shape[:-1], width), [[zero.expand(0, n)] * count for n in units]
