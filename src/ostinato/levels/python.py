"""Plain Python: one sequence, lists and floats, nothing imported but `math`.

The level to read first: the step, the loop, the backward step and backpropagation through time,
written as one would write them from scratch.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from types import SimpleNamespace
from typing import Any, cast

import numpy as np

from ostinato.equation.derivative import Derivative, derive
from ostinato.equation.graph import Graph, Node
from ostinato.equation.trace import Cell
from ostinato.levels._case import Case, Values
from ostinato.levels._text import (
    ATOM,
    INFIX,
    WIDTH,
    Function,
    Names,
    Writer,
    heading,
    indent,
    listed,
    load,
    tuple_of,
    unpacked,
)


class _Python(Writer):
    """Vectors are lists: a matrix product is a call, pointwise work a list comprehension."""

    operators = INFIX | {
        "sigmoid": ("sigmoid({0})", ATOM),
        "tanh": ("tanh({0})", ATOM),
        "relu": ("max({0}, 0.0)", ATOM),
        "exp": ("exponential({0})", ATOM),
        "log": ("logarithm({0})", ATOM),
        "maximum": ("max({0}, {1})", ATOM),
        "positive": ("({0} > 0)", ATOM),
        "greater": ("greater({0}, {1})", ATOM),
        "normalize": ("normalize({0}, eps={eps})", ATOM),
        "normalize_backward": ("normalize_backward({0}, {1}, {2}, eps={eps})", ATOM),
    }
    own_line = ("affine", "normalize", "normalize_backward")

    def __init__(
        self, names: Names, given: Iterable[int], notes: Mapping[int, str] | None = None
    ) -> None:
        super().__init__(names, given, notes)
        self.calls = set[Node]()
        for node in self.nodes:
            terms = [self.nodes[a] for a in node.args if node.op == "add"]
            sums = any(t.op in ("transposed", "add") and t in self.calls for t in terms)
            if sums or node.op in (*self.own_line, "transposed"):
                self.calls.add(node)

    def wants_variable(self, node: Node, argument: int) -> bool:
        if self.is_call(node):
            return node.op != "add"
        return self.is_call(self.nodes[argument])

    def is_call(self, node: Node) -> bool:
        """Whether a node's text is a whole vector, not one of its units."""
        return node in self.calls

    def spell(self, index: int, node: Node) -> tuple[str, int]:
        if node.op == "affine":
            products = [
                f"matvec(p.{w}, {self.text[a][0]})"
                for a, w in zip(node.args, node.matrices, strict=True)
            ]
            terms = products + [f"p.{node.bias}"] * bool(node.bias)
            return (f"add({', '.join(terms)})" if len(terms) > 1 else terms[0]), ATOM
        if node.op == "transposed":
            return f"matvec_transposed(p.{node.parameters[0]}, {self.text[node.args[0]][0]})", ATOM
        if node.op == "add" and self.is_call(node):
            return f"add({', '.join(self.terms(node))})", ATOM
        return super().spell(index, node)

    def terms(self, node: Node) -> list[str]:
        """The summands of a sum of whole vectors, sums within it opened."""
        texts = []
        for a in node.args:
            text, _ = self.text[a]
            inner = self.nodes[a]
            if text.startswith("add("):
                texts += self.terms(inner)
            elif text.isidentifier() or self.is_call(inner):
                texts.append(text)
            else:
                texts.append(self.whole(inner, text))
        return texts

    def argument(self, node: Node, index: int, at_least: int) -> str:
        text, strength = self.text[index]
        variable = text.removeprefix("p.").isidentifier()
        if variable and not self.is_call(node):
            return f"{text}[k]"
        return text if strength >= at_least else f"({text})"

    def whole(self, node: Node, text: str) -> str:
        if node.op == "add" and self.is_call(node) and len(text) > WIDTH - 20:
            return "add(\n        " + ",\n        ".join(self.terms(node)) + ",\n    )"
        return text if self.is_call(node) else f"[{text} for k in range({node.size})]"


_HELPERS = {
    "exponential(": '''
def exponential(a):
    """e^a; where that is too large for a float, inf."""
    return exp(a) if not a > 709.78 else float("inf")
''',
    "logarithm(": '''
def logarithm(a):
    """The natural logarithm; of 0 it is -inf, of less nan."""
    return log(a) if a > 0 else float("-inf") if a == 0 else float("nan")
''',
    "matvec(": '''
def matvec(W, a):
    """W a: each row of W times a."""
    return [sum(w * v for w, v in zip(row, a)) for row in W]
''',
    "matvec_transposed(": '''
def matvec_transposed(W, d):
    """Wᵀ d: each column of W times d."""
    return [sum(w * v for w, v in zip(column, d)) for column in zip(*W)]
''',
    "add(": '''
def add(*vectors):
    """The sum of vectors, unit by unit."""
    return [sum(values) for values in zip(*vectors)]
''',
    "sigmoid(": '''
def sigmoid(a):
    """1 / (1 + e^-a), written so that e^… never overflows."""
    return 1 / (1 + exp(-a)) if a >= 0 else exp(a) / (1 + exp(a))
''',
    "greater(": '''
def greater(a, b):
    """1 if a > b, one half if they are equal, 0 otherwise."""
    return (a > b) + 0.5 * (a == b)
''',
    "normalize(": '''
def normalize(a, eps):
    """(a - mean a) / sqrt(var a + eps)."""
    mean = sum(a) / len(a)
    spread = sqrt(sum((v - mean) ** 2 for v in a) / len(a) + eps)
    return [(v - mean) / spread for v in a]
''',
    "normalize_backward(": '''
def normalize_backward(a, y, dy, eps):
    """dL/da for y = normalize(a): dy without its mean and its part along y, over the spread."""
    mean = sum(a) / len(a)
    spread = sqrt(sum((v - mean) ** 2 for v in a) / len(a) + eps)
    flat = sum(dy) / len(a)
    along = sum(d * v for d, v in zip(dy, y)) / len(a)
    return [(d - flat - v * along) / spread for d, v in zip(dy, y)]
''',
    "add_outer(": '''
def add_outer(total, d, a):
    """Adds d aᵀ to a matrix."""
    for row, d_k in zip(total, d):
        for j, v in enumerate(a):
            row[j] += d_k * v
''',
    "add_to(": '''
def add_to(total, d):
    """Adds d to a vector."""
    for k, v in enumerate(d):
        total[k] += v
''',
}

_FORWARD = '''
def step({x}, {states}, p):
    """One step: the new states, and what the backward step needs to remember."""
{sizes}{body}
    return {new}, {tape}


def forward(xs, states, p):
    """All steps: inputs x_1 … x_T and the first states → outputs, last states, tape."""
    outputs, tapes = [], []
    for x in xs:
        states, tape = step(x, *states, p)
        outputs.append(states[0])
        tapes.append(tape)
    return outputs, states, tapes
'''

_BACKWARD = '''

def step_backward(tape, {adjoints}, p, grads):
    """One step back: from dL/d(new states) to dL/dx and dL/d(old states).

    Adds this step's share to the gradient of every weight.
    """
    {tape}
{sizes}{body}
    # the share of this step in every weight's gradient
{shares}
    return {dx}, {old}


def backward(tapes, d_outputs, d_states, p, grads):
    """Backpropagation through time: from the last step to the first.

    d_outputs are dL/d(outputs), d_states dL/d(last states). Returns dL/dx for every step and
    dL/d(first states); a weight's gradient in grads, zero at first, becomes the sum of its
    gradients at all steps.
    """
    dxs = []
    for tape, d_output in zip(reversed(tapes), reversed(d_outputs)):
        d_states = (add(d_states[0], d_output), *d_states[1:])
        dx, d_states = step_backward(tape, *d_states, p, grads)
        dxs.insert(0, dx)
    return dxs, d_states
'''


def source(cell: Cell, backward: bool = False) -> str:
    """The cell as a module of plain Python; with `backward`, its backward step and loop too."""
    graph, d = cell.graph, derive(cell.graph)
    names, kept = Names(graph, d), d.remembered
    write = _Python(names, (*graph.inputs, *graph.states), graph.notes)
    body = indent(write.lines(graph.outputs, apart=d.tape))
    text = _FORWARD.format(
        x=names[graph.inputs[0]],
        states=", ".join(names[s] for s in graph.states),
        sizes=_sizes(body, graph, names, (*graph.inputs, *graph.states)),
        body=body,
        new=tuple_of(write.read(o) for o in graph.outputs),
        tape=listed("dict(", (f"{names[i]}={write.read(i)}" for i in kept), ")"),
    )
    if backward:
        text += _backward(graph, d, names, kept)
    helpers = "\n".join(h for use, h in _HELPERS.items() if re.search(rf"\b{re.escape(use)}", text))
    maths = sorted(set(re.findall(r"\b(exp|log|sqrt|tanh)\(", helpers + text)))
    imports = f"from math import {', '.join(maths)}\n" if maths else ""
    about = heading(graph, "in plain Python: lists and floats")
    return about + imports + "\n" * bool(imports) + helpers + "\n" * bool(helpers) + text


def _backward(graph: Graph, d: Derivative, names: Names, kept: tuple[int, ...]) -> str:
    shares = [s for terms in d.shares.values() for s in terms]
    write = _Python(names, (*kept, *d.adjoints))
    operands = {s.right for s in shares if s.right is not None}
    wanted = (*d.results, *sorted(operands))
    lines = write.lines(wanted, apart={*(s.left for s in shares), *operands})
    rows = [
        f"add_to(grads.{parameter}, {write.read(s.left)})"
        if s.right is None
        else f"add_outer(grads.{parameter}, {write.read(s.left)}, {write.read(s.right)})"
        for parameter, terms in d.shares.items()
        for s in terms
    ]
    body = indent(lines)

    def gradient(of: int, node: int | None) -> str:
        return f"[0.0 for _ in {names[of]}]" if node is None else write.read(node)

    return _BACKWARD.format(
        adjoints=", ".join(names[a] for a in d.adjoints),
        tape=unpacked((names[i] for i in kept), "tape.values()"),
        sizes=_sizes(body, graph, names, (*d.adjoints, *kept)),
        body=body,
        shares=indent(rows),
        dx=gradient(graph.inputs[0], d.x),
        old=tuple_of(gradient(s, g) for s, g in zip(graph.states, d.states, strict=True)),
    )


def _sizes(body: str, graph: Graph, names: Names, known: tuple[int, ...]) -> str:
    """The lines that say how many units the loops of a step go over."""
    lines = []
    for letter in sorted({n.size for n in graph.nodes} - {"1"}):
        if f"range({letter})" not in body:
            continue
        of = [names[i] for i in known if names.nodes[i].size == letter]
        of += [f"p.{name}" for name, p in graph.parameters.items() if p.shape[0] == letter]
        lines.append(f"{letter} = len({of[0]})")
    return indent(lines) + "\n" * bool(lines)


@cache
def _module(cell: Cell, backward: bool = False) -> SimpleNamespace:
    return load(source(cell, backward), "python level")


def step(cell: Cell) -> Function:
    """`step(x, *states, p) -> new states, tape`, all vectors lists of floats."""
    return cast("Function", _module(cell).step)


def scan(cell: Cell) -> Function:
    """`forward(xs, states, p) -> outputs, states, tapes`, for one sequence."""
    return cast("Function", _module(cell).forward)


def run(cell: Cell, case: Case) -> Values:
    """A ragged batch forward and backward, one sequence after the other."""
    module = _module(cell, backward=True)
    p = SimpleNamespace(**{name: w.tolist() for name, w in case.parameters.items()})
    grads = SimpleNamespace(
        **{name: np.zeros_like(w).tolist() for name, w in case.parameters.items()}
    )
    values = Values([], case.states, [], case.d_states, {})
    last: list[Any] = []
    first: list[Any] = []
    for b, x in enumerate(case.x):
        states = tuple(s[b].tolist() for s in case.states)
        outputs, states, tapes = module.forward(x.tolist(), states, p)
        d_states = tuple(d[b].tolist() for d in case.d_states)
        d_outputs = case.d_outputs[b].tolist()
        dx, d_states = module.backward(tapes, d_outputs, d_states, p, grads)
        values.outputs.append(np.array(outputs))
        values.dx.append(np.array(dx))
        last.append(states)
        first.append(d_states)
    return Values(
        values.outputs,
        tuple(np.array(s) for s in zip(*last, strict=True)),
        values.dx,
        tuple(np.array(s) for s in zip(*first, strict=True)),
        {name: np.array(g) for name, g in vars(grads).items()},
    )
