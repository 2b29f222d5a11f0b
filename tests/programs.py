"""Random cells: their text, drawn from all that the language can say.

What could leave the numbers is kept near them, as a published cell would: quotients and logarithms
of positive numbers, exponentials of bounded ones, products with a bounded factor.
"""

import linecache
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

import oracles
from ostinato import equation
from ostinato.equation import Cell

POINTWISE = """
{a} + {b} | {a} - {b} | -{a} | -({a} - {b}) | sigmoid({a}) * {b} | tanh({a}) * tanh({a})
{a} / (2 + tanh({b})) | 0.3 / (2 + sigmoid({a})) | ({a} - {b}) / 3 | 1 - {a} | {a} + 0.123456789
sigmoid({a}) | tanh({a}) | relu({a}) | exp(tanh({a})) | log(2 + tanh({a})) | maximum({a}, {b})
maximum({a}, 0.1) | maximum(-0.5, {a}) | scale({a}) | scale({a}, init=(0, 1))
layer_norm({a}, eps=0.1)
"""
TEMPLATES = [t.strip() for line in POINTWISE.strip().split("\n") for t in line.split("|")]
STATES = [{"h": "H"}, {"h": "H", "c": "H"}, {"h": "R", "c": "H"}, {"h": "H", "c": "R", "m": "H"}]
SIGNALS = ["i", "k", "p", "d", "t", "H", "z_xh", "dh", "h_prev", "np", "states", "add"]
"""Among them what levels call something themselves: a signal may have any name."""


LINKS = ["{}", "tanh({})", "sigmoid({})", "scale({})", "layer_norm({}, eps=0.1)"]
"""What stands between two maps of a chain."""


@st.composite
def programs(draw, signals: int = 4, idle: bool = False) -> str:
    """The text of a cell, an equation a line; nothing in it is without effect.

    With `idle` much may be: inputs and states that nothing reads, states that are handed on as
    they are or change places, and several that are one and the same.
    """
    states = draw(st.sampled_from(STATES))
    known = {"x": "D", **states}
    lines, last = [], "x"
    names = draw(st.permutations(SIGNALS))
    chain = draw(st.integers(0, 2))  # x on its way through so many maps, one after the other
    for name in names[:chain]:
        size = draw(st.sampled_from(sorted({*states.values()})))
        link = draw(st.sampled_from(LINKS)).format(f"affine({last}, size={size!r})")
        lines.append(f"{name} = {link}")
        known[name], last = size, name
    for name in names[chain : chain + draw(st.integers(1, signals))]:
        size = draw(st.sampled_from(sorted({*known.values()})))
        lines.append(f"{name} = {draw(expression(known, size))}")
        known[name] = size
    new = []
    for name, size in states.items():
        some = st.lists(st.sampled_from([*known]), min_size=1, unique=True)
        read = draw(some) if idle else known
        whole = f"tanh(affine({', '.join(read)}, size={size!r}))"
        fresh = f"tanh({draw(expression(known, size))}) - 0.5 * {name}"
        others = [other for other, s in known.items() if s == size]
        choice = [whole, whole, whole, fresh, draw(st.sampled_from(others))]
        if not idle:
            choice = [fresh, fresh, *others] if new else [whole]
        new.append(draw(st.sampled_from(choice)))
    head = f"@cell(sizes={states})\ndef drawn(x, {', '.join(states)}):"
    return "\n    ".join([head, *lines, f"return {', '.join(new)}"]) + "\n"


@st.composite
def expression(draw, known: dict[str, str], size: str, depth: int = 2) -> str:
    """A vector of a size, as text: a name, or an operation on smaller expressions."""
    names = [name for name, s in known.items() if s == size]
    if depth == 0 or draw(st.booleans()):
        return draw(st.sampled_from(names))
    if size != "D" and draw(st.integers(0, 3)) == 0:
        sizes = draw(st.lists(st.sampled_from(sorted({*known.values()})), min_size=1, max_size=2))
        operands = ", ".join(draw(expression(known, s, depth - 1)) for s in sizes)
        bias = draw(st.sampled_from(["", ", bias=False"]))
        return f"affine({operands}, size={size!r}{bias})"
    a, b = (draw(expression(known, size, depth - 1)) for _ in "ab")
    return f"({draw(st.sampled_from(TEMPLATES)).format(a=a, b=b)})"


def run_text(text: str, space: dict) -> Any:
    """What a program's text defines, its lines known to tracebacks."""
    file = "<drawn>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    exec(compile(text, file, "exec"), space)
    return space["drawn"]


def as_cell(text: str) -> Cell:
    """The program, traced."""
    return run_text(text, {name: getattr(equation, name) for name in equation.__all__})


def as_step(text: str) -> Callable[..., tuple]:
    """The program, run as it stands, on tensors; its weights are taken in the order of the text."""

    def step(x, *states_and_p):
        *states, p = states_and_p
        words = oracles.language(iter(vars(p).values()))
        new = run_text(text, words | {"cell": lambda sizes: lambda function: function})(x, *states)
        return new if isinstance(new, tuple) else (new,)

    return step
