"""PyTorch's own fused layers, for the cells that have one."""

from __future__ import annotations

from torch import Tensor

from ostinato.equation.trace import Cell
from ostinato.levels import aten
from ostinato.nn.engines._scan import ScanEngine


class AtenEngine(ScanEngine):
    """The level aten, on any device."""

    priority = 10

    def able(self, cell: Cell, weight: Tensor | None) -> str | None:
        """See `Engine`."""
        if aten.supports(cell):
            return None
        noise = " with noise on its states" if cell.graph.noise else ""
        return f"does not have cell {cell.name!r}{noise}"


ENGINE = AtenEngine()
