"""Fused native code, made from the cell's equations, on the CPU."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

import torch
from torch import Tensor

from ostinato.equation.trace import Cell
from ostinato.levels import native
from ostinato.nn.embedding import lookup_of
from ostinato.nn.engine import Call, Layer, Stream, StreamingEngine
from ostinato.torch_internals import addressed, transformed

_NOT_DERIVED = "does not support forward-mode, functional or traced derivatives"


@cache
def _obstacle(cell: Cell) -> str | None:
    """Why there is no native code for a cell on this machine."""
    reason = None if native.usable() else native.obstacle()
    return reason or native.too_large(cell)


class NativeEngine(StreamingEngine):
    """The level native: all directions of a layer at once, equal tokens of an embedding once."""

    priority = 20
    direct = True

    def able(self, cell: Cell, weight: Tensor | None) -> str | None:
        """See `Engine`; without weights nothing says what numbers to compute with."""
        if torch.compiler.is_compiling():
            return None  # was asked when the layer was made; here `run` runs outside the graph
        if reason := _obstacle(cell):
            return f"cannot run here: {reason}"
        fits = weight is not None and weight.dtype in (torch.float32, torch.float64)
        if weight is None or not fits or not weight.is_cpu:
            return "cannot run here: it requires float32 or float64 weights on the CPU"
        return None

    def refuses(self, x: Tensor) -> str | None:
        """See `Engine`: PyTorch's transformations cannot look into native code."""
        if torch.compiler.is_compiling():
            return None
        if not addressed(x):
            return "requires plain CPU tensors"
        if transformed():
            return _NOT_DERIVED
        from ostinato.levels.native.runtime.rows import refuse_many

        refuse_many(x.shape[:-1].numel())
        return None

    def run(self, x: Tensor, call: Call) -> tuple[Tensor, list[Sequence[Tensor]]]:
        """See `Engine`.

        Raises:
            ValueError: when a weight was replaced by a tensor that does not fit.
        """
        if torch.compiler.is_compiling():  # as a decorator, `disable` would import the compiler
            return torch.compiler.disable(_run)(x, call)  # type: ignore[no-untyped-call, no-any-return]
        return _run(x, call)

    def stream(
        self,
        cell: Cell,
        layers: Sequence[Layer],
        weights: Sequence[Mapping[str, Tensor]],
        noise: Sequence[Sequence[Tensor]],
        kind: str,
    ) -> Stream:
        """See `StreamingEngine`."""
        from ostinato.levels.native.runtime import stream

        first = next(iter(weights[0].values()))
        for layer, tensors in zip(layers, weights, strict=True):
            _check(layer, layer.directions[0], tensors, first.dtype)
        return stream.NativeStream(
            cell.graph, weights, noise, [layer.sizes for layer in layers], kind
        )


def _run(x: Tensor, call: Call) -> tuple[Tensor, list[Sequence[Tensor]]]:
    """Outputs and last states of a layer, see `Engine`; no compiler can look into it."""
    from ostinato.levels.native.runtime import layer

    distinct = table = None
    graph, directions = call.cell.graph, call.directions
    for ending, direction in zip(call.layer.directions, directions, strict=True):
        _check(call.layer, ending, direction.weights, x.dtype)
    lookup = lookup_of(call.source)
    if lookup and lookup.table.dtype == x.dtype and layer.takes_rows(graph):
        distinct, x = lookup.distinct(), x.flatten(0, -2)
        table = lookup.table if distinct else None
    return layer.run(
        graph,
        x,
        [call.layout.order(reverse=k > 0) for k in range(len(directions))],
        [d.states for d in directions],
        [d.weights for d in directions],
        [list(d.noise.values()) for d in directions],
        call.layer.sizes,
        distinct,
        table,
    )


def _check(layer: Layer, ending: str, weights: Mapping[str, Tensor], kind: torch.dtype) -> None:
    """Refuses weights that native code, which would follow any address, cannot read.

    Raises:
        ValueError: for one that does not fit; it says which, and what is needed.
    """
    from ostinato.levels.native.runtime.layer import readable

    for name, shape in layer.shapes.items():
        w = weights[name]
        if w.shape != shape or w.dtype != kind or not readable(w):
            raise ValueError(
                f"{name}{ending} is {w.dtype} {tuple(w.shape)} on {w.device}; native code "
                f"needs {kind} {shape} in the CPU's memory"
            )


ENGINE = NativeEngine()
