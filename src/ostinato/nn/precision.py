"""Types of numbers: which a layer takes, and which it gives under autocast, as torch.nn's do."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import NamedTuple

import torch
from torch import Tensor

from ostinato import levels
from ostinato.equation.trace import Cell


class Types(NamedTuple):
    """The number types of a call.

    Attributes:
        weights: that of the weights; None for a layer without any.
        narrow: that which autocast computes products in; None where it is off for such weights.
    """

    weights: torch.dtype | None
    narrow: torch.dtype | None

    @classmethod
    def of(cls, weight: Tensor | None, x: Tensor) -> Types:
        """The types for one of the weights, and an input."""
        kind, device = None if weight is None else weight.dtype, x.device.type
        if kind in (None, torch.float64) or not torch.amp.is_autocast_available(device):
            return cls(kind, None)
        on = torch.is_autocast_enabled(device)
        return cls(kind, torch.get_autocast_dtype(device) if on else None)

    def refuse(self, what: str, t: Tensor) -> None:
        """Refuses numbers of another type than the weights', as torch.nn does.

        Under autocast, which casts them, float32 and what is narrower are alike.

        Raises:
            ValueError: when the type does not fit; the message says how to convert it.
        """
        kind = self.weights or t.dtype
        wrong = t.dtype == torch.float64 if self.narrow else t.dtype != kind
        if wrong or not t.is_floating_point():
            kind = kind if kind.is_floating_point else torch.get_default_dtype()
            layer = f", or the layer with .to({t.dtype})" if t.is_floating_point() else ""
            raise ValueError(
                f"the {what} is {t.dtype}, the weights are {kind}: "
                f"convert it with .to({kind}){layer}"
            )


def types_of_results(
    cell: Cell, types: Types, x: torch.dtype, hx: Tensor | Sequence[Tensor] | None, dense: bool
) -> list[torch.dtype | None]:
    """The types of the states under autocast, that of the outputs first, as in torch.nn.

    A product is narrow; what it meets makes it wide again, if that is so. Of an LSTM without
    padding PyTorch's library for it gives all of them narrow.

    Args:
        cell: the cell, without noise.
        types: of the call, which is under autocast.
        x: that of the input.
        hx: the first states, if any are given.
        dense: whether the input has neither padding nor lengths.
    """
    graph, (weights, narrow) = cell.graph, types
    if dense and x != torch.float16 and levels.find("aten").is_lstm(cell):
        return [narrow] * len(graph.states)
    given = [hx] if isinstance(hx, Tensor) else hx
    old = [s.dtype for s in given] if given is not None else [x] * len(graph.states)
    kinds: list[torch.dtype | None] = []  # None is a number of any type
    for i, node in enumerate(graph.nodes):
        if i in graph.states:
            kinds.append(old[graph.states.index(i)])
        elif node.op in ("affine", "constant"):
            kinds.append(narrow if node.op == "affine" else None)
        elif node.op in ("vector", "normalize"):  # autocast computes a normalisation wide
            kinds.append(weights)
        elif i in graph.inputs:
            kinds.append(x)
        else:
            read = [k for k in (kinds[a] for a in node.args) if k]
            kinds.append(reduce(torch.promote_types, read) if read else None)
    return [kinds[o] or weights for o in graph.outputs]
