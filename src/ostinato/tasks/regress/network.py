"""The network of a regressor: embedding → recurrent stack → pooling → one number."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ostinato.equation import Cell
from ostinato.tasks.base.pooled.network import PooledBatch, PooledNetwork
from ostinato.tasks.base.pooled.settings import PooledStackSettings


class RegressNetwork(PooledNetwork[PooledBatch]):
    """The standardised target (B, 1) of each sequence, see `PooledNetwork`."""

    gives = "standardised target"

    def __init__(
        self,
        cell: Cell,
        settings: PooledStackSettings,
        symbols: int,
        pairs: NDArray[np.int64] | None = None,
        features: int = 0,
    ) -> None:
        super().__init__(cell, settings, symbols, 1, pairs, features)
