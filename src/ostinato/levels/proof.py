"""What levels are compared on: a ragged batch with every gradient, as plain NumPy arrays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from ostinato.equation.graph import Graph

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Case:
    """One ragged batch of B sequences, and the gradients that come back to it.

    Attributes:
        x: for each sequence its input (T_b, D).
        states: the first states (B, ·).
        parameters: the cell's weights by name.
        d_outputs: for each sequence dL/d(outputs) (T_b, ·).
        d_states: dL/d(last states) (B, ·).
    """

    x: list[Array]
    states: tuple[Array, ...]
    parameters: dict[str, Array]
    d_outputs: list[Array]
    d_states: tuple[Array, ...]

    @property
    def lengths(self) -> NDArray[np.int64]:
        """The sequences' lengths (B,)."""
        return np.array([len(x) for x in self.x])

    @classmethod
    def draw(
        cls, graph: Graph, lengths: Iterable[int], sizes: Mapping[str, int], seed: int
    ) -> Case:
        """A case of normal numbers: nothing symmetric, no first state zero.

        A state that the cell gives a range is drawn from it.
        """
        random = np.random.default_rng(seed)

        def normal(*shape: int) -> Array:
            return random.standard_normal(shape)

        lengths = list(lengths)
        out = sizes[graph.nodes[graph.outputs[0]].size]
        states = [(len(lengths), sizes[size]) for size in graph.sizes.values()]

        def first(name: str, *shape: int) -> Array:
            range_ = graph.ranges.get(name)
            return random.uniform(*range_, shape) if range_ else normal(*shape)

        return cls(
            x=[normal(t, sizes["D"]) for t in lengths],
            states=tuple(first(n, *s) for n, s in zip(graph.sizes, states, strict=True)),
            parameters={
                name: normal(*(sizes[k] for k in p.shape)) / sizes["H"] ** 0.5
                for name, p in graph.parameters.items()
            },
            d_outputs=[normal(t, out) for t in lengths],
            d_states=tuple(normal(*s) for s in states),
        )


@dataclass(frozen=True)
class Values:
    """What a level makes of a case: outputs, last states and all gradients."""

    outputs: list[Array]
    states: tuple[Array, ...]
    dx: list[Array]
    d_states: tuple[Array, ...]
    gradients: dict[str, Array]

    def distance(self, other: Values, backward: bool) -> float:
        """The largest difference between two results, relative to numbers larger than 1.

        Infinite where shapes differ, or a number on either side is not finite.
        """
        mine, theirs = self._arrays(backward), other._arrays(backward)
        worst = 0.0
        for a, b in zip(mine, theirs, strict=True):
            if a.shape != b.shape or not (np.isfinite(a).all() and np.isfinite(b).all()):
                return float("inf")
            worst = max(worst, float(np.max(abs(a - b) / np.maximum(1, abs(b)), initial=0)))
        return worst

    def _arrays(self, backward: bool) -> list[Array]:
        parts = [f.name for f in fields(self)][2 * backward : 2 + 3 * backward]
        arrays: list[Array] = []
        for part in (getattr(self, name) for name in parts):
            arrays.extend(part[k] for k in sorted(part)) if isinstance(part, dict) else (
                arrays.extend(part)
            )
        return [np.asarray(a, float) for a in arrays]


def pad(sequences: list[Array], fill: float) -> Array:
    """Sequences (T_b, ·) side by side: (T, B, ·), `fill` behind their ends."""
    padded = np.full((max(map(len, sequences)), len(sequences), sequences[0].shape[1]), fill)
    for b, sequence in enumerate(sequences):
        padded[: len(sequence), b] = sequence
    return padded


def unpad(padded: Array, lengths: NDArray[np.int64]) -> list[Array]:
    """The sequences of a padded batch (T, B, ·), each at its length."""
    return [padded[:length, b] for b, length in enumerate(lengths)]
