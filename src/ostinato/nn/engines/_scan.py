"""Engines of PyTorch's operations: a level's loop over packed tokens, one direction at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from types import SimpleNamespace

import torch
from torch import Tensor

from ostinato import levels
from ostinato.nn.engine import Call, Engine


class ScanEngine(Engine):
    """Runs `scan` of the level that has the engine's name."""

    def run(self, x: Tensor, call: Call) -> tuple[Tensor, list[Sequence[Tensor]]]:
        """See `Engine`."""
        scan = levels.find(self.name).scan(call.cell)
        packing = call.layout.packing
        outputs, ends = [], []
        for k, direction in enumerate(call.directions):
            options: dict[str, Tensor | Callable[..., None]] = {**direction.noise}
            if call.hook:
                options["watch"] = partial(call.hook, call.layer.directions[k])
            y, last = scan(
                x[packing.reverse] if k else x,
                packing.batch_sizes,
                tuple(direction.states),
                SimpleNamespace(**direction.weights),
                **options,
            )
            outputs.append(y[packing.reverse] if k else y)
            ends.append(last)
        return torch.cat(outputs, -1) if len(outputs) > 1 else outputs[0], ends
