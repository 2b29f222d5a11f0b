r"""LaTeX: a cell's equations as a paper would print them, and with `backward` their gradients.

The text is an `align*` environment of amsmath. ⊙ multiplies unit by unit, σ is the logistic
function, N(a) = (a - mean a) / √(var a + ε), and δv stands for ∂L/∂v.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ostinato.equation.derivative import Derivative, derive
from ostinato.equation.graph import Graph, Node
from ostinato.equation.trace import Cell
from ostinato.levels._text import ATOM, POWER, PRODUCT, SIGN, SUM, Line, Names, Writer, number

_LETTERS = {"gain": r"\gamma", "shift": r"\beta"} | {
    name: f"\\{name}" for name in ("alpha", "beta", "gamma", "delta", "lambda", "mu", "rho", "tau")
}


class _LaTeX(Writer):
    operators = {  # noqa: RUF012
        "add": ("{0} + {1}", SUM),
        "sub": ("{0} - {1}", SUM),
        "mul": (r"{0} \odot {1}", PRODUCT),
        "div": (r"\frac{{{0}}}{{{1}}}", ATOM),
        "neg": ("-{0}", SIGN),
        "sigmoid": (r"\sigma\left({0}\right)", ATOM),
        "tanh": (r"\tanh\left({0}\right)", ATOM),
        "relu": (r"\max\left({0}, 0\right)", ATOM),
        "exp": (r"\exp\left({0}\right)", ATOM),
        "log": (r"\log\left({0}\right)", ATOM),
        "maximum": (r"\max\left({0}, {1}\right)", ATOM),
        "positive": (r"\left[{0} > 0\right]", ATOM),
        "greater": (r"\left[{0} > {1}\right]", ATOM),
        "normalize": (r"N\left({0}\right)", ATOM),
        "normalize_backward": (r"N'\left({0}\right)^\top {2}", PRODUCT),
    }

    def __init__(
        self,
        names: Names,
        given: Iterable[int],
        notes: Mapping[int, str],
        derivative: Derivative | None = None,
    ) -> None:
        d = derivative
        self.gradients = frozenset((*d.gradient.values(), *d.adjoints) if d else ())
        self.of_states = frozenset(d.states if d else ())
        super().__init__(names, given, notes)

    def variable(self, index: int) -> str:
        node, name, delta, time = self.nodes[index], self.names[index], "", "t"
        if index in self.gradients:
            name, delta = name.removeprefix("d"), r"\delta "
        if node.op in ("state", "input", "still"):
            name, time = node.label, "t-1" if node.op == "state" else "t"
        elif delta and index in self.of_states:
            name, time = name.removesuffix("_prev"), "t-1"
        elif node.op == "adjoint" and name.endswith("_next"):
            name, time = name.removesuffix("_next"), r"t \leftarrow t+1"
        return f"{delta}{_at_time(name, time)}"

    def cheap(self, node: Node) -> bool:
        return True  # an equation shows its parts

    def spell(self, index: int, node: Node) -> tuple[str, int]:
        if node.op == "affine":
            terms = [
                f"{_parameter(w)} {self.argument(node, a, SIGN)}"
                for a, w in zip(node.args, node.matrices, strict=True)
            ]
            return " + ".join(terms + [_parameter(b) for b in (node.bias,) if b]), SUM
        if node.op == "transposed":
            matrix = _parameter(node.parameters[0])
            return rf"{matrix}^\top {self.argument(node, node.args[0], SIGN)}", PRODUCT
        if node.op == "mul" and node.args[0] == node.args[1]:
            return rf"\left({self.text[node.args[0]][0]}\right)^2", POWER
        return super().spell(index, node)

    def argument(self, node: Node, index: int, at_least: int) -> str:
        text, strength = self.text[index]
        return text if strength >= at_least else rf"\left({text}\right)"

    def leaf(self, node: Node) -> str:
        return _number(node.value) if node.op == "constant" else _parameter(node.parameters[0])


def source(cell: Cell, backward: bool = False) -> str:
    """The cell's equations, a row for each signal; with `backward` those of the gradients too."""
    graph, d = cell.graph, derive(cell.graph)
    names = Names(graph, d, reserved=())
    write = _LaTeX(names, (*graph.inputs, *graph.states), graph.notes)
    rows = [_row(line) for line in write.lines(graph.outputs)]
    for alias in graph.aliases:
        rows.append(_row(Line(_at_time(alias.name, "t"), write.variable(alias.node), alias.note)))
    if backward:
        rows += _backward(graph, d, names)
    return "\\begin{align*}\n" + " \\\\\n".join(rows) + "\n\\end{align*}\n"


def _backward(graph: Graph, d: Derivative, names: Names) -> list[str]:
    given = (*graph.inputs, *graph.states, *graph.names, *d.adjoints)
    write = _LaTeX(names, given, {}, d)
    shares = [s for terms in d.shares.values() for s in terms]
    rows = [_row(line) for line in write.lines(d.results, apart={s.left for s in shares})]
    write.lines(s.right for s in shares if s.right is not None)
    for parameter, terms in d.shares.items():
        sums = " + ".join(
            write.read(s.left)
            if s.right is None
            else rf"{write.read(s.left)}\, {_transposed(*write.text[s.right])}"
            for s in terms
        )
        rows.append(rf"\frac{{\partial L}}{{\partial {_parameter(parameter)}}} &= \sum_t {sums}")
    return rows


def _transposed(text: str, strength: int) -> str:
    return rf"{text}^\top" if strength == ATOM else rf"\left({text}\right)^\top"


def _row(line: Line) -> str:
    note = rf" && \text{{{_escaped(line.note)}}}" if line.note else ""
    return f"{line.target} &= {line.text}{note}"


def _escaped(text: str) -> str:
    special = {c: f"\\{c}" for c in "%&#_{}$"} | {
        "\\": r"\textbackslash{}",
        "^": r"\textasciicircum{}",
        "~": r"\textasciitilde{}",
    }
    return "".join(special.get(c, c) for c in text)


def _number(value: float) -> str:
    digits, e, exponent = number(value).partition("e")
    return rf"{digits} \cdot 10^{{{int(exponent)}}}" if e else digits


def _parameter(name: str) -> str:
    role, _, of = name.partition("_")
    return f"{_letter(role)}_{{{_word(of)}}}"


def _at_time(name: str, time: str) -> str:
    head, _, of = name.partition("_")
    head = head or r"\_"
    return f"{_letter(head)}_{{{f'{_word(of)},' * bool(of)}{time}}}"


def _letter(name: str) -> str:
    return name if len(name) == 1 else _LETTERS.get(name, rf"\mathrm{{{_word(name)}}}")


def _word(text: str) -> str:
    return text.replace("_", r"\_")
