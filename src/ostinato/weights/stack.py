"""Several parameters in one tensor, whatever the ecosystem."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from ostinato.equation.graph import Graph

Float = TypeVar("Float", bound=np.floating)
Array: TypeAlias = NDArray[Float]
Tensors: TypeAlias = dict[str, NDArray[Float]]
"""Parameters or tensors by name."""


@dataclass(frozen=True)
class Stack:
    """Matrices that are kept in one tensor, one below the other; in Keras side by side.

    Attributes:
        weight: the tensor's name, `weight_ih`; i, h and r are the sizes D, H and R.
        bias: the name of its bias, `bias_ih`; None where the maps have none.
        matrices: the cell's parameters, from the first rows to the last.
        biases: the cell's biases that belong to these rows.
        shape: the size letters of one matrix.
    """

    weight: str
    bias: str | None
    matrices: tuple[str, ...]
    biases: tuple[str, ...]
    shape: tuple[str, str]


def vectors(graph: Graph, stacks: Iterable[Stack]) -> list[str]:
    """The parameters that are in no stack: learned vectors, which keep their own names."""
    stacked = {p for s in stacks for p in (*s.matrices, *s.biases)}
    return [name for name in graph.parameters if name not in stacked]


def stacked(
    graph: Graph, stacks: list[Stack], parameters: Mapping[str, Array[Float]]
) -> Tensors[Float]:
    """A cell's own parameters in stacks; a bias goes whole to the first tensor that has it."""
    tensors: Tensors[Float] = {}
    given: set[str] = set()
    for stack in stacks:
        tensors[stack.weight] = np.concatenate([parameters[m] for m in stack.matrices])
        if stack.bias:
            rows = [parameters[b] * (b not in given) for b in stack.biases]
            tensors[stack.bias] = np.concatenate(rows)
            given.update(stack.biases)
    return tensors | {name: parameters[name] for name in vectors(graph, stacks)}


def parts(
    graph: Graph, stacks: list[Stack], tensors: Mapping[str, Array[Float]]
) -> Iterator[tuple[str, Array[Float]]]:
    """A cell's own parameters and the rows that hold each; a bias comes once for each tensor."""
    for stack in stacks:
        for tensor, names in ((stack.weight, stack.matrices), (stack.bias, stack.biases)):
            for k, name in enumerate(names):
                rows = len(tensors[str(tensor)]) // len(names)
                yield name, tensors[str(tensor)][k * rows : (k + 1) * rows]
    for name in vectors(graph, stacks):
        yield name, tensors[name]


def summed(parts: Iterable[tuple[str, Array[Float]]]) -> Tensors[Float]:
    """Parameters by name; of one that comes twice the sum, as the two halves of a bias."""
    parameters: Tensors[Float] = {}
    for name, part in parts:
        parameters[name] = parameters[name] + part if name in parameters else part
    return parameters


def reordered(rows: Array[Float], given: str, wanted: str) -> Array[Float]:
    """Rows (G·H, ·) of the gates `given` in the order `wanted`.

    >>> reordered(np.array([1, 1, 2, 2, 3, 3]), "rzn", "zrn")
    array([2, 2, 1, 1, 3, 3])
    """
    blocks = np.split(rows, len(given))
    return np.concatenate([blocks[given.index(gate)] for gate in wanted])
