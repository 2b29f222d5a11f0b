"""The loop over the steps, which is that of `keras.layers.RNN`."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any, TypeAlias

import keras
from keras import ops

from ostinato.equation.trace import Cell
from ostinato.levels.keras.backend import Tensor
from ostinato.levels.keras.text import module

Scan: TypeAlias = Callable[..., tuple[Tensor, Tensor]]
"""From sequences, a mask, first states and weights to outputs and last states."""


class _Steps:
    """A cell as Keras' loop wants one, for inputs that are all that `lift` gives, side by side."""

    def __init__(self, step: Any, widths: Sequence[int], p: SimpleNamespace) -> None:
        self.step, self.p, self.lifted = step, p, bool(widths)
        self.cuts = list(itertools.accumulate(widths))[:-1]
        self.state_size: list[int] = []  # Keras asks for it where it makes first states

    def call(self, inputs: Tensor, states: Tensor) -> tuple[Tensor, list[Tensor]]:
        """One step: inputs (B, ·), states (B, ·) → output, new states."""
        parts = ops.split(inputs, self.cuts, -1) if self.cuts else [inputs] * self.lifted
        new = self.step(*parts, *states, self.p)
        return new[0], list(new)

    __call__ = call


def walk(
    text: SimpleNamespace,
    x: Tensor,
    mask: Tensor,
    states: Tensor,
    p: SimpleNamespace,
    **options: Any,
) -> Any:
    """All steps, by Keras' own loop.

    Args:
        text: the functions `lift` and `step` of a cell.
        x: sequences (B, T, D).
        mask: which steps are real (B, T), or None.
        states: those before the first step (B, ·).
        p: the weights.
        options: those of `keras.layers.RNN`.

    Returns:
        The last output (B, ·), all outputs (B, T, ·) if `return_sequences`, the last states.
    """
    if mask is not None:
        # Gradients would be no numbers where the step cannot be computed on padding: let it
        # read the sequence's first real token there instead.
        first = ops.argmax(ops.cast(mask, "int32"), axis=1)
        x = ops.where(mask[:, :, None], x, ops.take_along_axis(x, first[:, None, None], axis=1))
    lifted = text.lift(x, p)
    steps = _Steps(text.step, [z.shape[-1] for z in lifted], p)
    loop = keras.layers.RNN(steps, name="steps", **options)
    return loop.inner_loop(ops.concatenate(lifted, -1) if lifted else x, states, mask)


def scan(cell: Cell) -> Scan:
    """`scan(x (B, T, D), mask (B, T) or None, states (B, ·), p) -> outputs (B, T, ·), states`."""
    text = module(cell)

    def scan(
        x: Tensor, mask: Tensor, states: Tensor, p: SimpleNamespace, **options: Any
    ) -> tuple[Tensor, Tensor]:
        _, outputs, last = walk(text, x, mask, states, p, return_sequences=True, **options)
        return outputs, last

    return scan
