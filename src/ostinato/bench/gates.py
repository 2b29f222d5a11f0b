"""The rows of stacked gates, put into another ecosystem's order."""

from __future__ import annotations

from typing import Any

import numpy as np

PYTORCH = {"lstm": "ifgo", "gru": "rzn", "rnn": "h"}
"""Cell → the gates in the order of PyTorch's rows (and of the cell's text)."""


def reordered(rows: Any, given: str, wanted: str) -> Any:
    """Rows (G·H, ·) of the gates `given` in the order `wanted`.

    >>> reordered(np.array([1, 1, 2, 2, 3, 3]), "rzn", "zrn")
    array([2, 2, 1, 1, 3, 3])
    """
    parts = np.split(rows, len(given))
    return np.concatenate([parts[given.index(gate)] for gate in wanted])
