"""NumPy: a batch of sequences, step by step, with backpropagation through time written out.

Arrays are (T, B, ·): T steps, B sequences. A sequence shorter than T is padded; what stands
there is never read, its outputs are 0, and its final states are those of its last real step.
"""

from __future__ import annotations

from functools import cache
from types import SimpleNamespace
from typing import cast

import numpy as np

from ostinato.equation.derivative import Derivative, derive
from ostinato.equation.graph import Graph, Node
from ostinato.equation.trace import Cell
from ostinato.levels._case import Case, Values, pad, unpad
from ostinato.levels._text import (
    ATOM,
    INFIX,
    PRODUCT,
    SIGN,
    SUM,
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


class _NumPy(Writer):
    operators = INFIX | {
        "sigmoid": ("sigmoid({0})", ATOM),
        "tanh": ("np.tanh({0})", ATOM),
        "relu": ("np.maximum({0}, 0)", ATOM),
        "exp": ("np.exp({0})", ATOM),
        "log": ("np.log({0})", ATOM),
        "maximum": ("np.maximum({0}, {1})", ATOM),
        "positive": ("({0} > 0)", ATOM),
        "normalize": ("normalize({0}, eps={eps})", ATOM),
        "normalize_backward": ("normalize_backward({0}, {1}, {2}, eps={eps})", ATOM),
    }
    own_line = ("normalize", "normalize_backward")

    def spell(self, index: int, node: Node) -> tuple[str, int]:
        if node.op == "affine":
            terms = [
                f"{self.argument(node, a, SIGN)} @ p.{w}.T"
                for a, w in zip(node.args, node.matrices, strict=True)
            ]
            return " + ".join(terms + [f"p.{node.bias}"] * bool(node.bias)), SUM
        if node.op == "transposed":
            return f"{self.argument(node, node.args[0], SIGN)} @ p.{node.parameters[0]}", PRODUCT
        if node.op == "greater":
            a, b = (self.argument(node, v, SUM + k) for k, v in enumerate(node.args))
            return f"np.heaviside({a} - {b}, 0.5)", ATOM
        return super().spell(index, node)


_HELPERS = {
    "sigmoid(": """
def sigmoid(a):
    e = np.exp(-np.abs(a))  # never overflows
    return np.where(a >= 0, 1, e) / (1 + e)
""",
    "normalize(": '''
def normalize(a, eps):
    """(a - mean a) / sqrt(var a + eps), over the units."""
    centred = a - a.mean(-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(-1, keepdims=True) + eps)
''',
    "normalize_backward(": '''
def normalize_backward(a, y, dy, eps):
    """dL/da for y = normalize(a): dy without its mean and its part along y, over the spread."""
    spread = np.sqrt(a.var(-1, keepdims=True) + eps)
    return (dy - dy.mean(-1, keepdims=True) - y * (dy * y).mean(-1, keepdims=True)) / spread
''',
}

_FORWARD = '''
def step({x}, {states}, p):
    """One step of a batch: the new states, and what the backward step needs to remember."""
{body}
    return {new}, {tape}


def forward(x, states, p, lengths):
    """All steps: x (T, B, D), first states (B, ·) → outputs (T, B, ·), last states, tape."""
    x = np.where(real(x, lengths), x, x[0])  # what stands behind a sequence's end is not read
    outputs, tapes = [], []
    for t in range(len(x)):
        new, tape = step(x[t], *states, p)
        alive = (t < lengths)[:, None]
        states = tuple(np.where(alive, n, s) for n, s in zip(new, states))
        outputs.append(np.where(alive, new[0], 0))
        tapes.append(tape)
    return np.stack(outputs), states, tapes


def real(x, lengths):
    """Which steps of a padded batch are real: (T, B, 1)."""
    return (np.arange(len(x))[:, None] < lengths)[:, :, None]
'''

_BACKWARD = '''

def step_backward(tape, {adjoints}, p):
    """One step back: from dL/d(new states) to dL/dx, dL/d(old states) and every affine's dz."""
{body}
    return {dx}, {old}, {terms}


def backward(tapes, d_outputs, d_states, p, lengths):
    """Backpropagation through time: from the last step to the first.

    d_outputs (T, B, ·) is dL/d(outputs), d_states dL/d(last states). Returns dL/dx (T, B, D),
    dL/d(first states) and the gradient of every parameter: the sum of its gradients at all
    steps, taken as one product over all tokens.
    """
    dx, terms = [], []
    for t in reversed(range(len(tapes))):
        alive = (t < lengths)[:, None]
        new = (d_states[0] + d_outputs[t], *d_states[1:])
        new = tuple(np.where(alive, d, 0) for d in new)
        dx_t, old, terms_t = step_backward(tapes[t], *new, p)
        d_states = tuple(np.where(alive, o, d) for o, d in zip(old, d_states))
        dx.append(np.where(alive, dx_t, 0))
        terms.append(terms_t)
    over_time = {{name: np.stack([s[name] for s in reversed(terms)]) for name in terms[0]}}
    tape = {{name: np.stack([s[name] for s in tapes]) for name in tapes[0]}}
    return np.stack(dx[::-1]), d_states, gradients(tape, over_time, p)


def gradients(tape, d, p):
    """Each parameter's gradient: dz (T, B, ·) with what its weight was multiplied by."""
{operands}
    return dict(
{gradients}
    )


def over_tokens(dz, a):
    """The sum over all steps and sequences of dz aᵀ."""
    return np.einsum("tbi,tbj->ij", dz, a)


def over_batch(dz):
    """The sum over all steps and sequences of dz."""
    return dz.sum((0, 1))
'''


def source(cell: Cell, backward: bool = False) -> str:
    """The cell as a NumPy module; with `backward`, its backward step and the loop over it too."""
    graph, d = cell.graph, derive(cell.graph)
    names, kept = Names(graph, d), d.remembered
    write = _NumPy(names, (*graph.inputs, *graph.states), graph.notes)
    body = write.lines(graph.outputs, apart=d.tape)
    text = _FORWARD.format(
        x=names[graph.inputs[0]],
        states=", ".join(names[s] for s in graph.states),
        body=indent(body),
        new=tuple_of(write.read(o) for o in graph.outputs),
        tape=listed("dict(", (f"{names[i]}={write.read(i)}" for i in kept), ")"),
    )
    if backward:
        text += _backward(graph, d, names, kept)
    helpers = "\n".join(h for use, h in _HELPERS.items() if use in text)
    about = heading(graph, "in NumPy") + "import numpy as np\n\n"
    return about + helpers + "\n" * bool(helpers) + text


def _backward(graph: Graph, d: Derivative, names: Names, kept: tuple[int, ...]) -> str:
    shares = [s for terms in d.shares.values() for s in terms]
    lefts = dict.fromkeys(s.left for s in shares)
    write = _NumPy(names, (*kept, *d.adjoints))
    body = write.lines(d.results, apart=lefts)
    over_time = _NumPy(names, (*kept, *lefts))
    operands = over_time.lines(s.right for s in shares if s.right is not None)
    rows = []
    for parameter, terms in d.shares.items():
        sums = [
            f"over_batch({names[s.left]})"
            if s.right is None
            else f"over_tokens({names[s.left]}, {over_time.read(s.right)})"
            for s in terms
        ]
        rows.append(f"{parameter}={' + '.join(sums)},")
    remember = unpacked((names[i] for i in kept), "tape.values()")
    old = [
        f"np.zeros_like({names[s]})" if i is None else write.read(i)
        for i, s in zip(d.states, graph.states, strict=True)
    ]
    return _BACKWARD.format(
        adjoints=", ".join(names[a] for a in d.adjoints),
        body=indent([remember, *body]),
        dx=write.read(d.x) if d.x is not None else f"np.zeros_like({names[graph.inputs[0]]})",
        old=tuple_of(old),
        terms=listed("dict(", (f"{names[i]}={write.read(i)}" for i in lefts), ")"),
        operands=indent([remember, unpacked((names[i] for i in lefts), "d.values()"), *operands]),
        gradients=indent(rows, 8),
    )


@cache
def _module(cell: Cell, backward: bool = False) -> SimpleNamespace:
    return load(source(cell, backward), "numpy level")


def step(cell: Cell) -> Function:
    """`step(x (B, D), *states (B, ·), p) -> new states, tape`."""
    return cast("Function", _module(cell).step)


def scan(cell: Cell) -> Function:
    """`forward(x (T, B, D), states, p, lengths (B,)) -> outputs (T, B, ·), states, tapes`."""
    return cast("Function", _module(cell).forward)


def run(cell: Cell, case: Case) -> Values:
    """A ragged batch forward and backward, padded with NaN."""
    module, p = _module(cell, backward=True), SimpleNamespace(**case.parameters)
    lengths = case.lengths
    outputs, states, tapes = module.forward(pad(case.x, np.nan), case.states, p, lengths)
    d_outputs = pad(case.d_outputs, np.nan)
    dx, d_states, gradients = module.backward(tapes, d_outputs, case.d_states, p, lengths)
    return Values(unpad(outputs, lengths), states, unpad(dx, lengths), d_states, gradients)
