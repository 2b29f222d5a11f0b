"""The text of a cell in `keras.ops`: what the level shows and runs."""

from __future__ import annotations

from functools import cache
from types import SimpleNamespace

from ostinato.equation.schedule import schedule
from ostinato.equation.trace import Cell
from ostinato.levels._stacked import StackedWriter, product
from ostinato.levels._text import (
    ATOM,
    INFIX,
    RESERVED,
    Function,
    Names,
    further_names,
    indent,
    load,
    tuple_of,
)
from ostinato.levels.keras.backend import require
from ostinato.weights.keras import keras_stacks
from ostinato.weights.stack import Stack


class _Keras(StackedWriter):
    operators = INFIX | {
        "sigmoid": ("ops.sigmoid({0})", ATOM),
        "tanh": ("ops.tanh({0})", ATOM),
        "relu": ("ops.relu({0})", ATOM),
        "exp": ("ops.exp({0})", ATOM),
        "log": ("ops.log({0})", ATOM),
        "maximum": ("maximum({0}, {1})", ATOM),
        "normalize": ("normalize({0}, eps={eps})", ATOM),
    }
    axis = 1
    split = "ops.split({0}, {1}, -1)"

    def product(self, operand: str, stack: Stack, part: str) -> str:
        columns = f"[:, {part}]" if part else ""
        text = f"ops.matmul({operand}, p.{stack.weight}{columns})"
        if not stack.bias:
            return text
        return f"{text} + p.{stack.bias}" + (f"[{part}]" if part else "")


_HELPERS = {
    "normalize(": '''

def normalize(a, eps):
    """(a - mean a) / sqrt(var a + eps), over the units."""
    centred = a - ops.mean(a, -1, keepdims=True)
    return centred / ops.sqrt(ops.mean(centred**2, -1, keepdims=True) + eps)
''',
    "maximum(": '''

def maximum(a, b):
    """The larger of two; where they are equal each gets half the gradient, on every backend."""
    return ops.where(a > b, a, ops.where(a < b, b, (a + b) / 2))
''',
}

_TEXT = '''"""{name}, in Keras; p holds the weights as Keras has them, matrices (inputs, units)."""

{further_names}from keras import ops
{helpers}

def lift({x}, p):
    """What depends on the input alone, for all tokens at once: {x} (B, T, D)."""
{lift}
    return {lifted}


def step({arguments}, p):
    """One step: the new states (B, ·)."""
{body}
    return {new}
'''


def source(cell: Cell, backward: bool = False) -> str:
    """The cell as a Keras module; its backward step is the backend's, so `backward` adds nothing.

    The loop between `lift` and `step` is that of `keras.layers.RNN`.
    """
    plan = schedule(cell.graph)
    graph, stacks = plan.graph, keras_stacks(cell.graph)
    own = {product(matrix) for stack in stacks for matrix in stack.matrices}
    names = Names(graph, reserved=RESERVED | own | {"ops", "maximum"})
    front = _Keras(graph, stacks, names, graph.inputs)
    lift = front.lines(plan.frontier, apart=plan.frontier)
    main = _Keras(graph, stacks, names, (*plan.frontier, *graph.states))
    body = main.lines(graph.outputs)

    lifted = [names[i] for i in plan.frontier]
    new = tuple_of(main.read(o) for o in graph.outputs)
    return _TEXT.format(
        name=cell.name,
        further_names=further_names(graph),
        helpers="".join(h for use, h in _HELPERS.items() if use in f"{lift}{body}{new}"),
        x=names[graph.inputs[0]],
        lift=indent(lift),
        lifted=tuple_of(lifted) if lifted else "()",
        arguments=", ".join([*lifted, *(names[s] for s in graph.states)]),
        body=indent(body),
        new=new,
    )


@cache
def module(cell: Cell) -> SimpleNamespace:
    """The functions of the text."""
    require()
    return load(source(cell), "keras level")


def step(cell: Cell) -> Function:
    """`step(*lifted (B, ·), *states (B, ·), p) -> new states`."""
    step: Function = module(cell).step
    return step
