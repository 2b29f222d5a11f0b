"""The step in PyTorch's operations under autograd: every cell, on every device."""

from __future__ import annotations

from torch import Tensor

from ostinato.equation.trace import Cell
from ostinato.nn.engines._scan import ScanEngine


class TorchEngine(ScanEngine):
    """The level torch, which runs whatever no other engine can."""

    priority = 0

    def able(self, cell: Cell, weight: Tensor | None) -> str | None:
        """See `Engine`."""
        return None


ENGINE = TorchEngine()
