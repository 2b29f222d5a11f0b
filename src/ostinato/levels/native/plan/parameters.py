"""How a cell's parameters lie in PyTorch's tensors, and what that says of their gradients."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import cached_property
from typing import NamedTuple

from ostinato.equation.graph import Graph
from ostinato.levels.native.plan.gradients import products_and_sums
from ostinato.levels.native.plan.memory import MemoryPlan, phases
from ostinato.weights.torch import torch_stacks, torch_vectors


class Doubled(NamedTuple):
    """Neighbours in a bias that PyTorch keeps twice.

    Attributes:
        first: the numbers of the tensor before, as letters.
        other: the number of the other tensor.
        there: the numbers of the other tensor before.
        rows: the letters of the numbers.
    """

    first: tuple[str, ...]
    other: int
    there: tuple[str, ...]
    rows: tuple[str, ...]


class ParameterLayout:
    """The tensors of a cell, and the tasks that make their gradients.

    Args:
        graph: the cell's graph, with its affine maps as they are written.
        memory: of its plan.

    Attributes:
        names: PyTorch's tensors; their place here is their number.
        holders: for each parameter the tensors that hold it, and its rows before in each.
        products: the tasks of matrices.
        sums: the tasks of biases and vectors.
        late: the tensors with terms that the pass `post` computes.
        blank: the tensors with rows that no task fills, whose gradient is 0 there.
    """

    def __init__(self, graph: Graph, memory: MemoryPlan) -> None:
        self.memory = memory
        self.stacks = torch_stacks(graph)
        vectors = torch_vectors(graph)
        self.names = [name for s in self.stacks for name in (s.weight, s.bias) if name] + vectors
        number = {name: k for k, name in enumerate(self.names)}
        self.holders: dict[str, list[tuple[int, tuple[str, ...]]]] = {
            name: [(number[name], ())] for name in vectors
        }
        for stack in self.stacks:
            for tensor, names in ((stack.weight, stack.matrices), (stack.bias, stack.biases)):
                for k, name in enumerate(names):
                    place = (number[str(tensor)], (stack.shape[0],) * k)
                    self.holders.setdefault(name, []).append(place)
        self.products, self.sums = products_and_sums(memory, self.holders)
        covered = {
            (task.tensor, task.first + task.rows[:k])
            for task in [*self.products, *self.sums]
            for k in range(len(task.rows))
        }
        self.late = {n for name in memory.plan.late for n, _ in self.holders[name]}
        self.blank = {
            tensor for name in graph.parameters for tensor, first in self.holders[name]
            if (tensor, first) not in covered
        }  # fmt: skip

    def shapes(self, sizes: Mapping[str, int]) -> dict[str, tuple[int, ...]]:
        """The shapes of PyTorch's tensors, in the order of `names`."""
        found: dict[str, tuple[int, ...]] = {}
        for stack in self.stacks:
            rows, columns = (sizes[letter] for letter in stack.shape)
            found[stack.weight] = (len(stack.matrices) * rows, columns)
            if stack.bias:
                found[stack.bias] = (len(stack.biases) * rows,)
        parameters = self.memory.program.graph.parameters
        vectors = [name for name in self.names if name not in found]
        return found | {v: tuple(sizes[k] for k in parameters[v].shape) for v in vectors}

    @cached_property
    def doubled(self) -> dict[int, list[Doubled]]:
        """Biases that PyTorch keeps twice: for a tensor its runs of neighbours."""
        found: dict[int, list[Doubled]] = {}
        for name, parameter in self.memory.program.graph.parameters.items():
            (tensor, first), *more = self.holders[name]
            for other, there in more:
                runs = found.setdefault(tensor, [])
                if runs:
                    last = runs[-1]
                    after = (last.first + last.rows, last.other, last.there + last.rows)
                    if after == (first, other, there):
                        runs[-1] = last._replace(rows=last.rows + parameter.shape)
                        continue
                runs.append(Doubled(first, other, there, parameter.shape))
        return found

    @cached_property
    def of_rows(self) -> bool:
        """Whether the input is read by lifted products alone, so that equal rows count once."""
        memory, x = self.memory, self.memory.program.inputs[0]
        for name, _, phase in phases(memory.plan):
            for unit in [phase.numbers, *phase.vectors]:
                read = {a for i in unit.nodes for a in memory.nodes[i].args}
                read |= {i for _, i in unit.stores} | {i for _, i in unit.sums}
                if x in read and name != "lift":
                    return False
        # What is computed of a sum must be linear: of gradients alone, and no weight's terms.
        own = {i for p in memory.plan.passes["dx"] for unit in p.vectors for i in unit.nodes}
        reads = {a for i in own for a in memory.nodes[i].args} - own
        linear = all(memory.plan.places.get(("dx", a)) == "grads" for a in reads)
        return bool(memory.plan.passes["dx"]) and linear and not self.late

    def numbers(self, sizes: Mapping[str, int]) -> int:
        """The numbers in all matrices: the multiplications of a token."""
        return sum(sizes[a] * sizes[b] * times for (a, b), times in self._shapes)

    @cached_property
    def _shapes(self) -> list[tuple[tuple[str, ...], int]]:
        shapes = (p.shape for p in self.memory.program.graph.parameters.values())
        return list(Counter(s for s in shapes if len(s) == 2).items())
