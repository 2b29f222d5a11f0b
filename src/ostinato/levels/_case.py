"""A case that a level runs: a ragged batch and its gradients, as plain NumPy arrays."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
First = Literal["learned", "given", "none"]
"""First states that need a gradient, that need none, and none at all: they are zero then."""


@dataclass(frozen=True)
class Asked:
    """What a training run asks for.

    Attributes:
        x: whether the input needs a gradient, as it does between layers, and data do not.
        first: what the first states are.
        frozen: the weights that need no gradient, by PyTorch's names.
    """

    x: bool = True
    first: First = "learned"
    frozen: frozenset[str] = frozenset()

    def __str__(self) -> str:
        without = [*(["x"] if not self.x else []), *sorted(self.frozen)]
        begin = {"learned": "", "given": "initial states fixed", "none": "no initial states"}
        gradients = f"no gradient of {', '.join(without)}" if without else ""
        return ", ".join(filter(None, [gradients, begin[self.first]]))


EVERYTHING = Asked()


@dataclass(frozen=True)
class Case:
    """One ragged batch of B sequences, the gradients that come back to it, and what is asked.

    Attributes:
        x: for each sequence its input (T_b, D).
        states: the first states (B, ·).
        parameters: the cell's weights by name.
        d_outputs: for each sequence dL/d(outputs) (T_b, ·).
        d_states: dL/d(last states) (B, ·).
        asked: which gradients are wanted; levels that always compute all do not look at it.
    """

    x: list[Array]
    states: tuple[Array, ...]
    parameters: dict[str, Array]
    d_outputs: list[Array]
    d_states: tuple[Array, ...]
    asked: Asked = EVERYTHING

    def asking(self, asked: Asked) -> Case:
        """The same case, of which this is asked; without first states they are zero."""
        none = asked.first == "none"
        states = tuple(0 * s for s in self.states) if none else self.states
        return replace(self, states=states, asked=asked)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """The sequences' lengths (B,)."""
        return np.array([len(x) for x in self.x])


@dataclass(frozen=True)
class Values:
    """What a level makes of a case: outputs, last states and the gradients asked for."""

    outputs: list[Array]
    states: tuple[Array, ...]
    dx: list[Array]
    d_states: tuple[Array, ...]
    gradients: dict[str, Array]


def pad(sequences: list[Array], fill: float) -> Array:
    """Sequences (T_b, ·) side by side: (T, B, ·), `fill` behind their ends."""
    padded = np.full((max(map(len, sequences)), len(sequences), sequences[0].shape[1]), fill)
    for b, sequence in enumerate(sequences):
        padded[: len(sequence), b] = sequence
    return padded


def unpad(padded: Array, lengths: NDArray[np.int64]) -> list[Array]:
    """The sequences of a padded batch (T, B, ·), each at its length."""
    return [padded[:length, b] for b, length in enumerate(lengths)]
