"""Products with stacked matrices: one for all the maps that read the same operand."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from ostinato.equation.graph import Graph, Node
from ostinato.levels._text import ATOM, SUM, Line, Names, Writer
from ostinato.weights.stack import Stack


class StackedWriter(Writer):
    """Writes steps whose weights are stacked; a level is a subclass.

    Attributes:
        axis: along which axis of a tensor its matrices stand side by side.
        split: how a product is taken apart: the product {0} into {1} equal parts.
    """

    axis: int
    split: str

    def __init__(
        self, graph: Graph, stacks: list[Stack], names: Names, given: Sequence[int]
    ) -> None:
        super().__init__(names, given, graph.notes)
        self.runs = _runs(graph, stacks)
        self.products: set[str] = set()

    def product(self, operand: str, stack: Stack, part: str) -> str:
        """The product of an operand with a part `first:last` of a stack, plus its biases."""
        raise NotImplementedError

    def spell(self, index: int, node: Node) -> tuple[str, int]:
        """A node's expression; the products that it needs are written first."""
        if node.op != "affine":
            return super().spell(index, node)
        for matrix, operand in zip(node.matrices, node.args, strict=True):
            if matrix not in self.products:
                self._multiply(matrix, operand)
        terms = [product(m) for m in node.matrices]
        return " + ".join(terms), SUM if len(terms) > 1 else ATOM

    def _multiply(self, matrix: str, operand: int) -> None:
        """Writes one product for all the maps that stand together and read the same operand."""
        stack, first, last = self.runs[matrix]
        together = stack.matrices[first:last]
        part = ""
        if len(together) < len(stack.matrices):
            size = stack.shape[0]
            part = f"{_times(first, size)}:{_times(last, size)}".removeprefix("0")
            if not any(line.target == size for line in self.written):
                total = f"p.{stack.weight}.shape[{self.axis}] // {len(stack.matrices)}"
                self.written.append(Line(size, total))
        text = self.product(self.text[operand][0], stack, part)
        if len(together) > 1:
            text = self.split.format(text, len(together))
        self.written.append(Line(", ".join(map(product, together)), text))
        self.products.update(together)


def product(matrix: str) -> str:
    """What a matrix's product is called: `z_xi` for `W_xi`."""
    return f"z_{matrix.partition('_')[2]}"


def _times(count: int, size: str) -> str:
    return f"{count} * {size}" if count > 1 else size if count else "0"


def _runs(graph: Graph, stacks: list[Stack]) -> dict[str, tuple[Stack, int, int]]:
    """For each matrix its stack, and the rows around it that are multiplied with one operand."""
    operand = {
        matrix: a
        for _, node in graph.affines()
        for a, matrix in zip(node.args, node.matrices, strict=True)
    }
    runs = {}
    for stack in stacks:
        first = 0
        for _, group in itertools.groupby(stack.matrices, key=operand.__getitem__):
            together = list(group)
            last = first + len(together)
            runs.update(dict.fromkeys(together, (stack, first, last)))
            first = last
    return runs
