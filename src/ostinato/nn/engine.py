"""What an engine is: something that runs a layer of any cell over a batch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from ostinato.equation.trace import Cell
from ostinato.nn.hooks import StepHook
from ostinato.nn.packing import Layout


@dataclass(frozen=True)
class Layer:
    """One layer of a stack.

    Attributes:
        directions: the endings of its weights' names: `_l0`, and `_l0_reverse` if it is
            bidirectional.
        sizes: what the size letters stand for.
        shapes: the shape of each weight of a direction, by PyTorch's name without the ending.
    """

    directions: tuple[str, ...]
    sizes: dict[str, int]
    shapes: dict[str, tuple[int, ...]]


@dataclass(slots=True)
class Direction:
    """What one direction of a layer works with in a call.

    Attributes:
        weights: by PyTorch's name without the ending.
        states: the first states (B, ·), the longest sequence first; none where all are zero.
        noise: by name: the keeps of each step (N, ·), the masks of each sequence (B, ·).
    """

    weights: dict[str, Tensor]
    states: Sequence[Tensor]
    noise: dict[str, Tensor]


@dataclass(slots=True)
class Call:
    """A call of one layer.

    Attributes:
        cell: its equations, with noise if there is any.
        layer: the layer.
        layout: how the rows of its input lie in memory.
        directions: one for each of the layer's.
        source: what the caller gave the stack, where the layer reads that as it is.
        hook: is called at every step.
    """

    cell: Cell
    layer: Layer
    layout: Layout
    directions: list[Direction]
    source: object = None
    hook: StepHook | None = None


class Stream(Protocol):
    """A stack that reads one input after the other and keeps its states."""

    states: list[list[NDArray[np.floating]]]

    def step(self, x: ArrayLike) -> NDArray[np.floating]:
        """The output (H,) of the last layer after one more input (D,)."""

    def reset(self) -> None:
        """Begins anew, with states of zero."""


class Engine(ABC):
    """Runs the layers of a stack; a file in `ostinato.nn.engines` has one, called `ENGINE`.

    Attributes:
        name: the file's stem.
        priority: `auto` asks the engines of higher priority first. The lowest, 0, is that of
            the engine that runs every cell and every call, and shows every step.
        direct: whether it reads a batch in the caller's memory: padded or packed as it lies, in
            the number type of the weights, and first states only where there are some. Otherwise
            it gets packed tokens and all first states, and its operations are PyTorch's, on which
            autocast acts.
    """

    name: ClassVar[str]
    priority: ClassVar[int]
    direct: ClassVar[bool] = False

    def __init_subclass__(cls) -> None:
        cls.name = cls.__module__.rpartition(".")[2]

    @abstractmethod
    def able(self, cell: Cell, weight: Tensor | None) -> str | None:
        """Why it cannot run a cell with weights like this one; None when it can.

        The answer ends a sentence that begins with the engine's name: "does not have cell 'gru'".

        Args:
            cell: the cell, with noise if there is any.
            weight: one of the weights, which are all of one type and on one device; None where
                the cell has none.
        """

    def refuses(self, x: Tensor) -> str | None:
        """Why an engine that is able cannot take this input (…, D) now; None when it can.

        It ends a sentence as that of `able` does.

        Raises:
            ValueError: for an input that is too large for it.
        """
        return None

    @abstractmethod
    def run(self, x: Tensor, call: Call) -> tuple[Tensor, list[Sequence[Tensor]]]:
        """One layer, in all its directions.

        Args:
            x: the rows of the input (…, D), which lie as `call.layout` says.
            call: everything else.

        Returns:
            The outputs (…, directions · H), which lie as the input does, and for each direction
            the states (B, ·) after each sequence's last step.
        """


class StreamingEngine(Engine):
    """An engine that can also take one step at a time."""

    @abstractmethod
    def stream(
        self,
        cell: Cell,
        layers: Sequence[Layer],
        weights: Sequence[Mapping[str, Tensor]],
        noise: Sequence[Sequence[Tensor]],
        kind: str,
    ) -> Stream:
        """A stream through a stack with one direction, its weights as they are now.

        Args:
            cell: the cell, with noise if there is any.
            layers: the layers.
            weights: of each layer.
            noise: of each layer, (1, ·).
            kind: `same`, or narrower numbers to keep the weights as.

        Raises:
            UnknownName: for another kind of weights.
            ConfigError: for weights that cannot be narrowed.
        """
