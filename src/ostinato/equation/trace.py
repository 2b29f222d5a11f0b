"""Reads a cell: runs its function once on symbols and keeps what it wrote down.

Signals take the names of the function's local variables, parameters those of their signals: in
`i = sigmoid(affine(x, h))` the weights are `W_xi` (from x, into i), `W_hi` and `b_i`. No variable
that holds a part of a new state loses its name: `b = a` gives a signal a second one. Numbers are
Python's and no signals; a function that a cell calls keeps its variables to itself.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import FunctionType, MappingProxyType
from typing import Any, TypeAlias, overload

from ostinato.equation.check import check
from ostinato.equation.graph import Graph, Node
from ostinato.equation.naming import name_parameters, signal_names
from ostinato.equation.symbols import STATE_SIZES, Notebook, Symbol, number_range
from ostinato.equation.watch import SourceLine, Watch
from ostinato.errors import CellError, quoted

Equations: TypeAlias = Callable[..., Any]
"""A function from symbols to the symbols of the new states."""


@dataclass(frozen=True)
class Worked:
    """One step of a cell with all sizes 1, worked by hand: an independent proof of its text.

    Attributes:
        x: the input.
        states: the states before the step, by name.
        parameters: every parameter's single number, by name.
        gives: the states after the step, by name.
        digits: how many digits after the point `gives` was worked to.
    """

    x: float
    states: Mapping[str, float]
    parameters: Mapping[str, float]
    gives: Mapping[str, float]
    digits: int = 4


@dataclass(frozen=True)
class Cell:
    """A recurrence: its equations as a graph.

    Attributes:
        name: what it is called.
        graph: its step.
        about: its docstring: paper and variant.
        worked: a step worked by hand, where its file has one.
    """

    name: str
    graph: Graph
    about: str = ""
    worked: Worked | None = None
    function: Equations | None = field(default=None, compare=False, repr=False)

    def __hash__(self) -> int:
        return hash(self.graph)

    def __reduce__(self) -> tuple[object, ...]:
        """A cell is pickled without its function, which its graph replaces."""
        return Cell, (self.name, self.graph, self.about, self.worked)

    def __call__(self, *symbols: Symbol) -> Any:
        """The cell's equations on symbols, so that a cell can be a part of another."""
        if self.function is None:
            raise CellError(f"cell {self.name!r} was loaded without its function")
        return self.function(*symbols)


@overload
def cell(function: Equations, /) -> Cell: ...
@overload
def cell(
    *, sizes: Mapping[str, str] = ..., states: Mapping[str, tuple[float, float]] = ...
) -> Callable[[Equations], Cell]: ...
def cell(
    function: Equations | None = None,
    /,
    *,
    sizes: Mapping[str, str] | None = None,
    states: Mapping[str, tuple[float, float]] | None = None,
) -> Cell | Callable[[Equations], Cell]:
    """Makes a cell of a function `(x, states…) -> new states`.

    The first argument is the input, the others are the states; what is returned are the new
    states in the same order, and the first of them is the cell's output.

    Args:
        function: the cell's equations, in the language of `ostinato.equation.symbols`.
        sizes: the size letter of each state: H, which need not be said, or R for the units of a
            recurrent projection, e.g. `{"h": "R"}`.
        states: what a state looks like that cannot be any number, as the range (low, high) from
            which proofs draw it, e.g. `{"v": (0.1, 2.0)}` for a running mean of squares; other
            states are normal numbers there. What the cell computes is the same.

    Raises:
        CellError: for a cell that cannot be read, with the line of its source.
    """
    if function is None:
        return lambda f: trace(f, sizes or {}, states or {})
    return trace(function)


def trace(
    function: Equations,
    sizes: Mapping[str, str] = MappingProxyType({}),
    ranges: Mapping[str, tuple[float, float]] = MappingProxyType({}),
) -> Cell:
    """Runs a cell's function once on symbols; see `cell`."""
    if not isinstance(function, FunctionType):
        raise CellError(f"@cell decorates a function, not {function!r}")
    at_definition = SourceLine(function.__code__)
    x, *states = _arguments(function, at_definition)
    drawn = _declared(states, sizes, ranges, at_definition)
    book = Notebook()
    book.sizes = frozenset({"H", *sizes.values()})
    leaves = [Symbol(book, book.add(Node("input", size="D", label=x)))]
    for name in states:
        leaves.append(Symbol(book, book.add(Node("state", size=sizes.get(name, "H"), label=name))))

    watch = Watch(function.__code__, book)
    try:
        with watch:
            returned = function(*leaves)
    except CellError as error:
        raise SourceLine.of(error, function.__code__).error(str(error)) from None
    except Exception as error:
        why = f"{type(error).__name__}: {error}"
        raise SourceLine.of(error, function.__code__).error(why) from error

    outputs = _outputs(returned, leaves[1:], SourceLine(function.__code__, watch.returned_at))
    names, aliases = signal_names(book, watch, outputs, [x, *states])
    graph = Graph(
        name=function.__name__,
        nodes=tuple(book.nodes),
        inputs=(0,),
        states=tuple(s.index for s in leaves[1:]),
        outputs=outputs,
        parameters=book.parameters,
        names=names,
        notes=watch.notes(names),
        aliases=aliases,
        ranges=drawn,
    )
    graph = name_parameters(_prune(graph), book.roles)
    try:
        check(graph)
    except CellError as error:
        raise at_definition.error(str(error)) from None
    return Cell(function.__name__, graph, inspect.getdoc(function) or "", None, function)


def _arguments(function: Equations, place: SourceLine) -> list[str]:
    arguments = inspect.signature(function).parameters.values()
    plain = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    if any(a.kind not in plain or a.default is not a.empty for a in arguments):
        raise place.error("a cell takes plain arguments: the input, then the states")
    if len(arguments) < 2:
        raise place.error("a cell takes its input and at least one state")
    return [a.name for a in arguments]


def _declared(
    states: list[str], sizes: Mapping[str, str], ranges: Mapping[str, object], place: SourceLine
) -> dict[str, tuple[float, float]]:
    """The ranges of states, after what is declared of states has been checked."""
    for said, given in {"sizes": sizes, "states": ranges}.items():
        if not isinstance(given, Mapping):
            raise place.error(f"{said} must be a dict by state, not {quoted(given)}")
        for name in given:
            if name not in states:
                raise place.error(
                    f"{said} has the key {quoted(name)}, which is not a state of the cell"
                )
    for size in sizes.values():
        if size not in STATE_SIZES:
            raise place.error(
                f"{quoted(size)} is not a size letter of a state: "
                "H, hidden units, or R, their projection"
            )
    try:
        return {name: number_range(f"states[{name!r}]", pair) for name, pair in ranges.items()}
    except CellError as error:
        raise place.error(str(error)) from None


def _outputs(returned: object, states: list[Symbol], place: SourceLine) -> tuple[int, ...]:
    results = returned if isinstance(returned, tuple) else (returned,)
    names = ", ".join(s.node.label for s in states)
    for result in results:
        if not isinstance(result, Symbol):
            raise place.error(f"it must return its new states ({names}), not {quoted(result)}")
    if len(results) != len(states):
        raise place.error(
            f"it takes {len(states)} state{'s' * (len(states) > 1)} ({names}) "
            f"and returns {len(results)}: return the new value of each"
        )
    for result, state in zip(results, states, strict=True):
        if result.node.size != state.node.size:
            raise place.error(
                f"the new {state.node.label} has size {result.node.size}, "
                f"the state {state.node.label} has size {state.node.size}"
            )
    return tuple(r.index for r in results)


def _prune(graph: Graph) -> Graph:
    """The graph without what no new state needs; leaves stay."""
    leaves = (*graph.inputs, *graph.states)
    kept = graph.needed((*leaves, *graph.outputs))
    new = {old: k for k, old in enumerate(kept)}
    nodes = tuple(
        replace(graph.nodes[i], args=tuple(new[a] for a in graph.nodes[i].args)) for i in kept
    )
    used = {p for n in nodes for p in n.parameters}
    parameters = {name: p for name, p in graph.parameters.items() if name in used}
    return replace(graph.renumbered(nodes, new), parameters=parameters)
