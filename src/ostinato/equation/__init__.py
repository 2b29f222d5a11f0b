"""The language of cells: a recurrence is written once, as the equations of its paper."""

from ostinato.equation.graph import Graph, Node, Parameter
from ostinato.equation.symbols import (
    affine,
    exp,
    layer_norm,
    log,
    maximum,
    relu,
    scale,
    sigmoid,
    tanh,
)
from ostinato.equation.trace import Cell, Worked, cell

__all__ = [
    "Cell",
    "Graph",
    "Node",
    "Parameter",
    "Worked",
    "affine",
    "cell",
    "exp",
    "layer_norm",
    "log",
    "maximum",
    "relu",
    "scale",
    "sigmoid",
    "tanh",
]
