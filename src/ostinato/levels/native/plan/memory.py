"""Third stage: where everything lies, and how the weights are laid out for the products.

A call's memory is described by the words of a frame, which `frame` lists together with the kinds
of rows. Rows of one kind are alike and lie at equal distances, or are found through an index.
Within a row, slots follow each other without gaps; their sizes are letters, so that an offset is
a sum such as 2 H + R and the same code serves every size.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from ostinato.equation.graph import Node
from ostinato.levels.native.plan.frame import WIDEST, Word, expanded
from ostinato.levels.native.plan.lower import NUMBER
from ostinato.levels.native.plan.phases import PASSES, Phase, Plan, Unit

INDEXED = ("x", "y", "dx", "dy")
"""Rows that belong to the caller and are found through the index of tokens."""


@dataclass(frozen=True)
class Place:
    """A slot of a row: the kind of row, and the letters of the slots before it."""

    rows: str
    before: tuple[str, ...] = ()


@dataclass(frozen=True)
class Term:
    """Operands that follow each other in memory: Σ over them is one longer product.

    Attributes:
        place: where the first lies.
        sizes: the letters of the operands, in order.
        matrices: for each operand, the matrix of each product of the block.
    """

    place: Place
    sizes: tuple[str, ...]
    matrices: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Block:
    """Products of the same operands, whose columns stand side by side in a panel.

    Attributes:
        name: what its packed weights are called in the frame.
        products: the nodes.
        terms: what is summed.
        transposed: whether the matrices are read by columns.
        units: vectors of units in a panel, for each product.
        offset: the vectors of the panel before this block.
    """

    name: str
    products: tuple[int, ...]
    terms: tuple[Term, ...]
    transposed: bool
    units: int
    offset: int

    @property
    def vectors(self) -> int:
        """The width of the block, in vectors."""
        return len(self.products) * self.units

    @property
    def depth(self) -> list[str]:
        """The letters whose sum is the length of a product."""
        return [s for term in self.terms for s in term.sizes]


class MemoryPlan:
    """The frame, rows and blocks of a plan."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.program, self.nodes = plan, plan.program, plan.program.nodes
        p = self.program
        self.state_sizes = [self.nodes[s].size for s in p.states]
        self.rows: dict[str, list[str]] = {
            "x": [self.nodes[p.inputs[0]].size],
            "dx": [self.nodes[p.inputs[0]].size],
            "y": self.state_sizes[:1],
            "dy": self.state_sizes[:1],
            "gathered": [self.nodes[p.inputs[0]].size],
            "lifted": self._sizes(plan.slots["lifted"]),
            "new": self.state_sizes + self._sizes(plan.slots["tape"]),
            "grads": self._sizes(plan.slots["grads"]),
            "carry": self.state_sizes,
            "total": [self.nodes[i].size for _, i in self.summed],
        }
        self.rows["old"] = self.rows["new"]
        self.rows["carry_in"] = self.rows["carry_out"] = self.rows["carry"]
        for name in PASSES:
            self.rows[f"scratch_{name}"] = self._sizes(plan.slots[f"scratch_{name}"])
        for k, i in enumerate(p.inputs[1:]):
            self.rows[f"noise_{k}"] = [self.nodes[i].size]

    def _sizes(self, slots: list[int]) -> list[str]:
        return [self.nodes[i].size for i in slots]

    @cached_property
    def letters(self) -> list[str]:
        """The size letters in use."""
        return sorted({n.size for n in self.nodes} - {NUMBER})

    @cached_property
    def summed(self) -> list[tuple[str, int]]:
        """Vectors whose gradients are summed over the steps of each sequence: (name, node)."""
        units = [u for phase in self.plan.passes["back"] for u in phase.vectors]
        return [pair for u in units for pair in u.sums]

    @cached_property
    def means(self) -> list[int]:
        """The means that are gathered, in the order of their vectors of lanes."""
        phases = [phase for name in PASSES for phase in self.plan.passes[name]]
        return sorted({m for phase in phases for u in phase.vectors for m in u.means})

    @cached_property
    def vectors(self) -> list[str]:
        """The learned vectors and biases that the code reads."""
        return [n.parameters[0] for n in self.nodes if n.op == "vector"]

    @cached_property
    def blocks(self) -> dict[tuple[str, int, str], list[Block]]:
        """The blocks of each unit that has products."""
        return {
            (name, k, unit.size): self._blocks(name, k, unit)
            for name in PASSES
            for k, phase in enumerate(self.plan.passes[name])
            for unit in phase.vectors
            if unit.products(self.nodes)
        }

    @cached_property
    def by_units(self) -> bool:
        """Whether units of a step are computed one by one: none needs others of the same step.

        Then several threads can share a step, each with panels of its own.
        """
        passes = [self.plan.passes[name] for name in ("lift", "loop")]
        widths = {
            (letter, blocks[0].units)
            for (name, _, letter), blocks in self.blocks.items()
            if name in ("lift", "loop")
        }
        alone = all(
            unit.products(self.nodes) and not unit.means
            for phases in passes
            for phase in phases
            for unit in phase.vectors
        )
        numbers = any(p.numbers.nodes or p.numbers.means for phases in passes for p in phases)
        return alone and not numbers and len(widths) == 1 and max(map(len, passes)) == 1

    @cached_property
    def frame(self) -> dict[str, Word]:
        """The words of a frame, in their order."""
        blocks = [b for blocks in self.blocks.values() for b in blocks]
        read = {m for b in blocks for t in b.terms for ms in t.matrices for m in ms}
        return expanded(
            {
                "letter": self.letters,
                "width": range(1, WIDEST + 1),
                "vector": self.vectors,
                "matrix": [m for m in self.program.graph.parameters if m in read],
                "block": [b.name for b in blocks],
                "pass": PASSES,
                "noise": range(len(self.program.inputs) - 1),
                "state": range(len(self.state_sizes)),
            }
        )

    @cached_property
    def words(self) -> dict[str, int]:
        """The position of each word of a frame."""
        return {name: k for k, name in enumerate(self.frame)}

    def place(self, name: str, node: int) -> Place:
        """Where a pass reads a node, or a leaf, from memory."""
        p, op = self.program, self.nodes[node].op
        if op == "state":
            return self._slot("old", p.states.index(node))
        if node == p.inputs[0]:
            return Place("gathered" if name == "lift" else "x")
        if op in ("input", "still"):
            return Place(f"noise_{p.inputs.index(node) - 1}")
        return self.named(self.plan.places[name, node], node)

    def named(self, place: str, node: int) -> Place:
        """The slot of a node in a place of the plan."""
        kind, _, number = place.partition("_")
        if kind == "new":
            return self._slot("new", int(number))
        if kind == "carry":
            return self._slot("carry_out", int(number))
        if place == "dx":
            return Place("dx")
        slot = self.plan.slots[place].index(node)
        if place == "tape":
            return self._slot("new", len(self.state_sizes) + slot)
        return self._slot(place, slot)

    def _slot(self, rows: str, slot: int) -> Place:
        return Place(rows, tuple(self.rows[rows][:slot]))

    def _blocks(self, name: str, phase: int, unit: Unit) -> list[Block]:
        groups: dict[tuple[tuple[int, ...], str], list[int]] = {}
        for i in unit.products(self.nodes):
            groups.setdefault((self.nodes[i].args, self.nodes[i].label), []).append(i)
        units = max(1, WIDEST // max(len(g) for g in groups.values()))
        blocks: list[Block] = []
        for (_, label), group in groups.items():
            for at in range(0, len(group), WIDEST // units):
                products = tuple(group[at : at + WIDEST // units])
                blocks.append(
                    Block(
                        name=f"{name}_{phase}_{unit.size}_{len(blocks)}",
                        products=products,
                        terms=tuple(self._terms(name, [self.nodes[i] for i in products])),
                        transposed=label == "transposed",
                        units=units,
                        offset=sum(b.vectors for b in blocks),
                    )
                )
        return blocks

    def _terms(self, name: str, products: list[Node]) -> list[Term]:
        """The operands of a block in the order of memory; neighbours become one term."""
        operands = []
        for k, a in enumerate(products[0].args):
            matrices = tuple(n.parameters[k] for n in products)
            operands.append((self.place(name, a), self.nodes[a].size, matrices))
        operands.sort(key=lambda o: (o[0].rows, len(o[0].before)))
        terms: list[Term] = []
        for place, size, matrices in operands:
            if terms:
                last = terms[-1]
                if place == Place(last.place.rows, last.place.before + last.sizes):
                    together = Term(last.place, (*last.sizes, size), (*last.matrices, matrices))
                    terms[-1] = together
                    continue
            terms.append(Term(place, (size,), (matrices,)))
        return terms


def total(letters: Iterable[str]) -> dict[str, int]:
    """How often each letter is in a sum of sizes."""
    return dict(Counter(letters))


def count(letters: Iterable[str], sizes: Mapping[str, int]) -> int:
    """The sum of the sizes that letters stand for."""
    return sum(n * sizes.get(letter, 1) for letter, n in total(letters).items())


def phases(plan: Plan) -> list[tuple[str, int, Phase]]:
    """All phases with the pass and the number of each."""
    return [(name, k, phase) for name in PASSES for k, phase in enumerate(plan.passes[name])]
