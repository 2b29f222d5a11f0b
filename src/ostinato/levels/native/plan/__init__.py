"""What native code is to do, before any is written: operations, phases, memory, gradients.

A graph becomes plain operations (`lower`), which fall into passes and phases (`phases`) and find
their places in memory (`memory`, `frame`); `parameters` and `gradients` say how its weights lie in
PyTorch's tensors and which sums are their gradients. `bounds` checks all of it, `show` prints it.
"""

from functools import cache

from ostinato.equation.check import check
from ostinato.equation.graph import Graph
from ostinato.levels.native.plan import bounds, lower, phases
from ostinato.levels.native.plan.memory import MemoryPlan
from ostinato.levels.native.plan.parameters import ParameterLayout


@cache
def memory_of(graph: Graph) -> MemoryPlan:
    """The memory of a cell's plan.

    Raises:
        CellError: where the graph is not one step of a cell, or the plan does not fit its memory.
    """
    check(graph, noise=True)
    memory = MemoryPlan(phases.plan(lower.lower(graph)))
    bounds.check(memory)
    return memory


@cache
def layout_of(graph: Graph) -> ParameterLayout:
    """The layout of a cell's parameters.

    Raises:
        CellError: as `memory_of`, and where a gradient has no room in its tensor.
    """
    layout = ParameterLayout(graph, memory_of(graph))
    bounds.check_layout(layout)
    return layout
