"""Keras 3: the step in `keras.ops`, for TensorFlow, PyTorch or JAX, walked by Keras' own loop.

The weights are laid out as Keras lays out its own (`ostinato.weights`). `Recurrent` is the layer
to build models with; Keras is imported when something here is first run, not when it is shown.
Where TensorFlow is not installed, `import keras` alone fails unless KERAS_BACKEND is set: import
`Recurrent` before it, which takes PyTorch then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ostinato.equation.trace import Cell
from ostinato.levels.keras.backend import absence, missing, obstacle, require, rounds_to_float32
from ostinato.levels.keras.text import source, step

if TYPE_CHECKING:
    from ostinato.levels._case import Case, Values
    from ostinato.levels.keras.layer import Recurrent, RecurrentCell
    from ostinato.levels.keras.walk import Scan

__all__ = [
    "HEEDS", "Recurrent", "RecurrentCell", "absence", "missing", "obstacle", "rounds_to_float32",
    "run", "run_reversed", "scan", "source", "step", "supports",
]  # fmt: skip

HEEDS = ("x",)
"""The fields of `Asked` that it heeds: the backend always computes all other gradients."""


def __getattr__(name: str) -> type:
    if name in ("Recurrent", "RecurrentCell"):
        require()
        from ostinato.levels.keras import layer

        found: type = getattr(layer, name)
        return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def supports(cell: Cell) -> bool:
    """Whether Keras is here with a backend that differentiates; it can run every cell."""
    return obstacle() is None


def scan(cell: Cell) -> Scan:
    """`scan(x (B, T, D), mask (B, T) or None, states (B, ·), p) -> outputs (B, T, ·), states`."""
    require()
    from ostinato.levels.keras import walk

    return walk.scan(cell)


def run(cell: Cell, case: Case) -> Values:
    """A ragged batch forward and backward through the layer, padded with NaN, in float64."""
    from ostinato.levels.keras import trial

    return trial.run(cell, case)


def run_reversed(cell: Cell, case: Case) -> Values:
    """The same case written backwards and read with `go_backwards`; results in its own order."""
    from ostinato.levels.keras import trial

    return trial.run(cell, case, backwards=True)
