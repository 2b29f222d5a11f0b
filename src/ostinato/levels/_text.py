"""How a step becomes lines of code: what every level that writes text shares.

A node gets a line of its own when it has a name, when it is read more than once, or when its
level says so (a matrix product in plain Python is a call, not an operator); every other node is
folded into the expression that reads it. A level brings its own spelling of each operation.
"""

from __future__ import annotations

import linecache
import textwrap
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, TypeAlias

from ostinato.equation.derivative import Derivative
from ostinato.equation.graph import LEAVES, Graph, Node, reachable

Function: TypeAlias = Callable[..., Any]
"""A function of a text; the level that wrote it says what it takes and gives."""

SUM, PRODUCT, SIGN, POWER, ATOM = 1, 2, 3, 4, 9
"""How tightly an expression holds together; a looser one is put in parentheses."""

WIDTH = 99
"""The length of a line of text that a level writes."""

FOLDED = 64
"""The most operations of one expression: parsers nest only so deep."""

WHOLE_WORDS: Any = {"break_long_words": False, "break_on_hyphens": False}

INFIX = {
    "add": ("{0} + {1}", SUM),
    "sub": ("{0} - {1}", SUM),
    "mul": ("{0} * {1}", PRODUCT),
    "div": ("{0} / {1}", PRODUCT),
    "neg": ("-{0}", SIGN),
}
"""The arithmetic of Python, alike in every level that is Python."""

RESERVED = frozenset(
    "p k d t B D H R np torch tape grads states outputs ended signals watch batch_sizes by_step "
    "lift step scan last enumerate tuple "
    "dict len max range sum zip exp log sqrt tanh sigmoid greater normalize normalize_backward "
    "matvec matvec_transposed add add_outer add_to over_tokens over_batch linear "
    "layer_norm exponential logarithm".split()
)
"""What the text of a level calls something itself: no variable may take such a name."""


@dataclass(frozen=True)
class Line:
    """One assignment: `target = text  # note`."""

    target: str
    text: str
    note: str = ""

    def __str__(self) -> str:
        note = f"  # {self.note}" if self.note else ""
        return f"{self.target} = {self.text}{note}"


class Names(dict[int, str]):
    """Node → variable: signals as their author calls them, gradients after them, the rest made up.

    The state h is `h_prev` before the step and `h` after it; the sum in an affine map is `z_i`;
    dL/dv is `dv`, and `dv_next` for what arrives from the next step where more is added to it.
    A signal with a reserved name gets a number: `k_2`.
    """

    def __init__(
        self,
        graph: Graph,
        derivative: Derivative | None = None,
        reserved: Collection[str] = RESERVED,
    ) -> None:
        super().__init__()
        self.nodes = derivative.nodes if derivative else graph.nodes
        self.own_line: set[int] = set(graph.names)
        self._taken: set[str] = set()
        self._numbers: dict[str, int] = {}
        self._reserved = frozenset(reserved)
        for i in graph.noise:  # which is handed over by its name
            self._give(i, graph.nodes[i].label)
        for i, name in graph.names.items():
            self._give(i, name)
        for i, node in enumerate(graph.nodes):
            self._name(i, node)
        if derivative:
            self._name_gradients(graph, derivative)

    def _name(self, i: int, node: Node) -> None:
        match node.op:
            case "input" | "still":
                self._give(i, node.label)
            case "state":
                self._give(i, f"{node.label}_prev")
            case "vector":
                self._give(i, node.parameters[0])
            case "affine":
                wish = f"z_{node.label}"
                own = wish == f"z_{node.parameters[0].partition('_')[2]}"  # its one product
                self._give(i, wish, reserved=() if own and len(node.args) == 1 else None)
            case "normalize":
                self._give(i, f"normal_{node.label}")
            case "constant":
                pass
            case _:
                parts = [self.nodes[a].label if a not in self else self[a] for a in node.args]
                parts = [p.removesuffix("_prev") for p in parts]
                short = all(parts) and sum(map(len, parts)) < 6
                parts = parts if node.op == "mul" else [node.op, *parts]
                self._give(i, "_".join(parts) if short else f"{node.op}_1")

    def _name_gradients(self, graph: Graph, d: Derivative) -> None:
        of = {gradient: v for v, gradient in reversed(d.gradient.items())}
        expensive = {v for v, n in enumerate(graph.nodes) if n.op in ("affine", *LEAVES)}
        for v, gradient in d.gradient.items():
            if v in expensive | set(graph.names) and of[gradient] not in expensive:
                of[gradient] = v
        for i, v in of.items():
            self._give(i, f"d{self[v]}")
            if v in expensive or v in graph.names:
                self.own_line.add(i)
        for i in range(len(graph.nodes), len(self.nodes)):
            node = self.nodes[i]
            if node.op == "adjoint":
                self._give(i, f"d{node.label}_next")
            elif node.op != "constant":
                self._name(i, node)

    def _give(self, i: int, wish: str, reserved: Collection[str] | None = None) -> None:
        if i not in self:
            stem, number = wish.removesuffix("_1"), self._numbers.get(wish, 1)
            name = wish if number == 1 else f"{stem}_{number}"
            while name in self._taken or name in (self._reserved if reserved is None else reserved):
                number += 1
                name = f"{stem}_{number}"
            self[i], self._numbers[wish] = name, number
            self._taken.add(name)


class Writer:
    """Writes nodes as lines; a level is a subclass that spells its operations.

    Args:
        names: the names of a step's nodes, or of a step's and its derivative's.
        given: nodes that the lines may read without computing them, besides constants and
            learned vectors.
        notes: comments on nodes.
    """

    operators: Mapping[str, tuple[str, int]] = INFIX
    own_line: Collection[str] = ()

    def __init__(
        self, names: Names, given: Iterable[int], notes: Mapping[int, str] | None = None
    ) -> None:
        self.nodes, self.names, self.notes = names.nodes, names, notes or {}
        self.written: list[Line] = []
        self.text: dict[int, tuple[str, int]] = {i: (self.variable(i), ATOM) for i in given}
        self.folded: Counter[int] = Counter()  # the operations in a node's text

    def lines(self, wanted: Iterable[int], apart: Collection[int] = ()) -> list[Line]:
        """The lines that compute `wanted`; a node in `apart` is not folded into another."""
        wanted = list(wanted)
        order = reachable(self.nodes, wanted, known=self.text)
        uses = Counter(a for i in order for a in self.nodes[i].args) + Counter(wanted)
        variables = {
            a for i in order for a in self.nodes[i].args if self.wants_variable(self.nodes[i], a)
        }
        self.written = []
        for i in order:
            node = self.nodes[i]
            if node.op in LEAVES:
                self.text[i] = self.leaf(node), ATOM
                continue
            text, strength = self.spell(i, node)
            folded = 1 + sum(self.folded[a] for a in node.args)
            named = i in self.names.own_line or i in apart or i in variables
            again = uses[i] > 1 and not self.cheap(node)
            if named or again or node.op in self.own_line or folded > FOLDED:
                whole = self.whole(node, text)
                text, strength, folded = self.variable(i), ATOM, 0
                if whole != text:
                    self.written.append(Line(text, whole, self.notes.get(i, "")))
            self.text[i], self.folded[i] = (text, strength), folded
        return self.written

    def read(self, index: int) -> str:
        """The text of a node that has been written or given."""
        if index not in self.text:
            self.text[index] = self.leaf(self.nodes[index]), ATOM
        return self.text[index][0]

    def spell(self, index: int, node: Node) -> tuple[str, int]:
        """A node's expression and how tightly it holds together."""
        if node.op == "mul" and node.args[0] == node.args[1]:
            return f"{self.argument(node, node.args[0], ATOM)}**2", POWER
        template, strength = self.operators[node.op]
        args = [
            self.argument(node, a, 0 if strength == ATOM else strength + (k > 0))
            for k, a in enumerate(node.args)
        ]
        return template.format(*args, eps=number(node.value)), strength

    def argument(self, node: Node, index: int, at_least: int) -> str:
        """An argument within a node's expression, in parentheses if it is looser than wanted."""
        text, strength = self.text[index]
        return text if strength >= at_least else f"({text})"

    def variable(self, index: int) -> str:
        """What a node that has a line is called."""
        return self.names[index]

    def wants_variable(self, node: Node, argument: int) -> bool:
        """Whether a node can read this argument only from a variable."""
        return False

    def whole(self, node: Node, text: str) -> str:
        """The right side of a node's line."""
        return text

    def leaf(self, node: Node) -> str:
        """The text of a constant or a learned vector."""
        return number(node.value) if node.op == "constant" else f"p.{node.parameters[0]}"

    def cheap(self, node: Node) -> bool:
        """Arithmetic on two variables, such as 1 - z: as short as a name for it."""
        return node.op in INFIX and all(self.text[a][1] == ATOM for a in node.args)


def number(value: float) -> str:
    """The shortest text that is exactly this number."""
    short = f"{value:g}"
    return short if float(short) == value else repr(float(value))


def listed(before: str, items: Iterable[str], after: str, margin: int = 4, one: str = "") -> str:
    """`before a, b, c after`, broken over lines where it is too long for one.

    `one` follows a single item: a comma, where the list is a tuple.
    """
    items = list(items)
    flat = f"{before}{', '.join(items)}{one * (len(items) == 1)}{after}"
    if len(flat) <= WIDTH - margin:
        return flat
    pad = " " * (margin + 4)
    body = textwrap.fill(
        f"{', '.join(items)},", WIDTH, initial_indent=pad, subsequent_indent=pad, **WHOLE_WORDS
    )
    return f"{before}\n{body}\n{' ' * margin}{after}"


def tuple_of(texts: Iterable[str]) -> str:
    """`(a, b)`, and `(a,)` for one."""
    return listed("(", texts, ")", one=",")


def unpacked(names: Iterable[str], value: str) -> str:
    """`a, b = value`: a line of a function's body."""
    names = list(names)
    flat = f"{', '.join(names)} = {value}"
    fits = len(names) > 1 and len(flat) <= WIDTH - 4
    return flat if fits else listed("(", names, f") = {value}", one=",")


def heading(graph: Graph, how: str) -> str:
    """The docstring of a level's text: what it is, and the shapes of the weights p."""
    shapes: dict[str, list[str]] = {}
    for name, parameter in graph.parameters.items():
        shapes.setdefault(", ".join(parameter.shape), []).append(f"p.{name}")
    rows = [f"{', '.join(names)}: ({shape})" for shape, names in shapes.items()]
    sizes = "D input features, H hidden units" + ", R outputs" * ("R" in graph.sizes.values())
    rows = [
        textwrap.fill(
            row, WIDTH, initial_indent="    ", subsequent_indent="        ", **WHOLE_WORDS
        )
        for row in rows
    ]
    weights = "\n".join(["The weights, with " + sizes + ":", *rows])
    return f'"""{graph.name}, {how}.\n\n{weights}\n"""\n\n{further_names(graph)}'


def further_names(graph: Graph) -> str:
    """A comment for every alias: what else its author calls a node, and what he notes there."""
    rows = []
    for alias in graph.aliases:
        node, note = graph.nodes[alias.node], f": {alias.note}" * bool(alias.note)
        first = f"{node.label}_prev" if node.op == "state" else node.label
        rows.append(f"# {alias.name} is {graph.names.get(alias.node, first)}{note}\n")
    return "".join(rows) + "\n" * bool(rows)


def indent(lines: Iterable[Line | str], by: int = 4) -> str:
    """Lines of a body, indented; a note that does not fit beside its line stands above it."""
    rows: list[str] = []
    for line in lines:
        if isinstance(line, Line) and line.note and len(str(line)) > WIDTH - by:
            rows += [f"# {line.note}", f"{line.target} = {line.text}"]
        else:
            rows.append(str(line))
    return "\n".join(" " * by + row for row in rows)


def load(source: str, title: str) -> SimpleNamespace:
    """Runs the very text that a level shows; errors in it show its lines."""
    file = f"<{title}>"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    space: dict[str, object] = {"__name__": title}
    exec(compile(source, file, "exec"), space)
    return SimpleNamespace(**space)
