"""The work that makes the gradients of the weights: which sums over tokens are whose gradient."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from ostinato.levels.native.plan.memory import MemoryPlan, Place

Holders = Mapping[str, Sequence[tuple[int, tuple[str, ...]]]]
"""For each parameter the tensors that hold it: (number of the tensor, its rows before)."""


@dataclass(frozen=True)
class GradientSum:
    """A task Σ d: some numbers of the gradient of a bias or a vector.

    Attributes:
        tensor: whose gradient it is, by its number.
        first: the rows of the tensor before, as letters.
        left: where d lies, in rows that are all read.
        rows: the letters of the numbers.
    """

    tensor: int
    first: tuple[str, ...]
    left: Place
    rows: tuple[str, ...]

    def follows(self, other: GradientSum) -> bool:
        """Whether it stands behind another in the gradient and in memory, and all else is alike."""
        left = Place(other.left.rows, other.left.before + other.rows)
        return self == replace(other, first=other.first + other.rows, left=left, rows=self.rows)


@dataclass(frozen=True)
class GradientProduct(GradientSum):
    """A task Σ dz aᵀ over tokens: some rows of the gradient of a weight tensor.

    Attributes:
        right: where the operand a lies.
        columns: the letter of the columns.
    """

    right: Place
    columns: str


def products_and_sums(
    memory: MemoryPlan, holders: Holders
) -> tuple[list[GradientProduct], list[GradientSum]]:
    """The tasks whose results are the gradients of all parameters, neighbours as one."""
    products: list[GradientProduct] = []
    sums: list[GradientSum] = []
    shares = memory.program.shares
    for name in (name for name in memory.program.graph.parameters if name in shares):
        share = shares[name]
        rows = (memory.nodes[share.left].size,)
        if share.right is not None:
            ((tensor, first),) = holders[name]
            left, right = memory.named("grads", share.left), memory.place("gradient", share.right)
            columns = memory.nodes[share.right].size
            products.append(GradientProduct(tensor, first, left, rows, right, columns))
            continue
        if memory.plan.left[name] == "grads":
            left = memory.named("grads", share.left)
        else:
            slot = memory.summed.index((name, share.left))
            left = Place("total", tuple(memory.rows["total"][:slot]))
        sums += [GradientSum(tensor, first, left, rows) for tensor, first in holders[name]]
    return _joined(products), _joined(sums)


_Task = TypeVar("_Task", bound=GradientSum)


def _joined(tasks: Iterable[_Task]) -> list[_Task]:
    joined: list[_Task] = []
    for one in sorted(tasks, key=lambda task: (task.tensor, len(task.first))):
        if joined and one.follows(joined[-1]):
            joined[-1] = replace(joined[-1], rows=joined[-1].rows + one.rows)
        else:
            joined.append(one)
    return joined
