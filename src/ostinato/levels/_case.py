"""What levels are compared on: a ragged batch and its gradients, as plain NumPy arrays."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ostinato.equation.graph import Graph
from ostinato.weights import layouts

Array = NDArray[np.float64]
First = Literal["learned", "given", "none"]
"""First states that need a gradient, that need none, and none at all: they are zero then."""

SUBSETS = 16
"""The most subsets of weights that are frozen in turn; a cell with more has them drawn."""


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
        begin = {"learned": "", "given": "first states fixed", "none": "no first states"}
        gradients = f"no gradient of {', '.join(without)}" if without else ""
        return ", ".join(filter(None, [gradients, begin[self.first]]))


EVERYTHING = Asked()


def asks(graph: Graph) -> list[Asked]:
    """What a run may be asked for: every subset of weights frozen, with dL/dx and without.

    Of a cell with many weights `SUBSETS` subsets are drawn, among them none and all. The kinds of
    first states take turns; a cell with a state whose range has no 0 always begins with some. Left
    out is what asks for nothing.
    """
    firsts = get_args(First)
    if any(not low <= 0 <= high for low, high in graph.ranges.values()):
        firsts = tuple(first for first in firsts if first != "none")
    names = list(layouts.torch_tensors(graph))
    every = (1 << len(names)) - 1
    subsets = list(range(every + 1))
    if len(subsets) > SUBSETS:
        drawn = np.random.default_rng(0).integers(every, size=SUBSETS - 2)
        subsets = [0, every, *drawn.tolist()]
    subsets = (subsets * SUBSETS)[:SUBSETS]  # of a few weights again, with other first states
    found = []
    for turn, (subset, x) in enumerate(itertools.product(subsets, (True, False))):
        first = firsts[turn // 3 % len(firsts)]
        frozen = frozenset(name for k, name in enumerate(names) if subset >> k & 1)
        if x or first == "learned" or subset != every:
            found.append(Asked(x, first, frozen))
    return list(dict.fromkeys(found))


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
    """What a level makes of a case: outputs, last states and the gradients asked for."""

    outputs: list[Array]
    states: tuple[Array, ...]
    dx: list[Array]
    d_states: tuple[Array, ...]
    gradients: dict[str, Array]

    def only(self, graph: Graph, asked: Asked) -> Values:
        """Without the gradients that nobody asks for."""
        tensors = layouts.torch_tensors(graph).items()
        kept = {p for name, held in tensors if name not in asked.frozen for p in held}
        return replace(
            self,
            dx=self.dx if asked.x else [],
            d_states=self.d_states if asked.first == "learned" else (),
            gradients={name: d for name, d in self.gradients.items() if name in kept},
        )

    def distance(self, other: Values, backward: bool) -> float:
        """The largest difference between two results, relative to numbers larger than 1.

        Infinite where shapes differ, one side has a gradient that the other has not, or a number
        on either side is not finite.
        """
        if backward and self.gradients.keys() != other.gradients.keys():
            return float("inf")
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
