"""Reads a cell: runs its function once on symbols and keeps what it wrote down.

Signals take the names of the function's local variables, parameters those of their signals: in
`i = sigmoid(affine(x, h))` the weights are `W_xi` (from x, into i), `W_hi` and `b_i`. No variable
that holds a part of a new state loses its name: `b = a` gives a signal a second one. Numbers are
Python's and no signals; a function that a cell calls keeps its variables to itself.
"""

from __future__ import annotations

import inspect
import io
import itertools
import linecache
import sys
import tokenize
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from types import CodeType, FrameType, FunctionType, MappingProxyType, TracebackType
from typing import Any, overload

from ostinato.equation.check import LETTERS, check
from ostinato.equation.graph import LEAVES, Alias, Graph, Node, reachable
from ostinato.equation.symbols import STATE_SIZES, Notebook, Symbol, number_range
from ostinato.errors import CellError


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
    function: Callable[..., Any] | None = field(default=None, compare=False, repr=False)

    def __hash__(self) -> int:
        return hash(self.graph)

    def __reduce__(self) -> tuple[Any, ...]:
        """A cell is pickled without its function, which its graph replaces."""
        return Cell, (self.name, self.graph, self.about, self.worked)

    def __call__(self, *symbols: Symbol) -> Any:
        """The cell's equations on symbols, so that a cell can be a part of another."""
        if self.function is None:
            raise CellError(f"cell {self.name!r} was loaded without its function")
        return self.function(*symbols)


@overload
def cell(function: Callable[..., Any], /) -> Cell: ...
@overload
def cell(
    *, sizes: Mapping[str, str] = ..., states: Mapping[str, tuple[float, float]] = ...
) -> Callable[[Callable[..., Any]], Cell]: ...
def cell(
    function: Callable[..., Any] | None = None,
    /,
    *,
    sizes: Mapping[str, str] | None = None,
    states: Mapping[str, tuple[float, float]] | None = None,
) -> Cell | Callable[[Callable[..., Any]], Cell]:
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
    function: Callable[..., Any],
    sizes: Mapping[str, str] = MappingProxyType({}),
    ranges: Mapping[str, tuple[float, float]] = MappingProxyType({}),
) -> Cell:
    """Runs a cell's function once on symbols; see `cell`."""
    if not isinstance(function, FunctionType):
        raise CellError(f"@cell stands before a function, not {function!r}")
    at_definition = _Place(function.__code__)
    x, *states = _arguments(function, at_definition)
    for said, given in {"sizes": sizes, "states": ranges}.items():
        if not isinstance(given, Mapping):
            raise at_definition.error(f"{said} is a dict by state, not {given!r}")
        for name in given:
            if name not in states:
                raise at_definition.error(f"{said} names {name!r}, which is no state of the cell")
    for size in sizes.values():
        if size not in STATE_SIZES:
            raise at_definition.error(
                f"{size!r} is no size letter for a state: H, hidden units, or R, their projection"
            )
    try:
        drawn = {name: number_range(f"states[{name!r}]", pair) for name, pair in ranges.items()}
    except CellError as error:
        raise at_definition.error(str(error)) from None

    book = Notebook()
    book.sizes = frozenset({"H", *sizes.values()})
    leaves = [Symbol(book, book.add(Node("input", size="D", label=x)))]
    for name in states:
        leaves.append(Symbol(book, book.add(Node("state", size=sizes.get(name, "H"), label=name))))

    watch = _Watch(function.__code__, book)
    try:
        with watch:
            returned = function(*leaves)
    except CellError as error:
        raise _Place.of(error, function.__code__).error(str(error)) from None
    except Exception as error:
        why = f"{type(error).__name__}: {error}"
        raise _Place.of(error, function.__code__).error(why) from error

    outputs = _outputs(returned, leaves[1:], _Place(function.__code__, watch.returned_at))
    names, aliases = _signal_names(book, watch, outputs, [x, *states])
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
    graph = _name_parameters(_prune(graph), book.roles)
    try:
        check(graph)
    except CellError as error:
        raise at_definition.error(str(error)) from None
    return Cell(function.__name__, graph, inspect.getdoc(function) or "", None, function)


@dataclass(frozen=True)
class _Place:
    """A line of a cell's source."""

    code: CodeType
    line: int = 0

    @classmethod
    def of(cls, error: Exception, code: CodeType) -> _Place:
        """The line of the cell in which an error arose."""
        line, walk = 0, error.__traceback__
        while isinstance(walk, TracebackType):
            if walk.tb_frame.f_code is code:
                line = walk.tb_lineno
            walk = walk.tb_next
        return cls(code, line)

    def error(self, why: str) -> CellError:
        line = self.line or self.code.co_firstlineno
        text = linecache.getline(self.code.co_filename, line).strip()
        where = f"{self.code.co_filename}:{line}: cell {self.code.co_name!r}: {why}"
        return CellError(f"{where}\n    {text}" if text else where)


class _Watch:
    """Watches a cell's function run: what its variables hold in turn, and the line of every node.

    Attributes:
        bound: by variable the symbols that it held, each with its line, in the order of the text.
        returned_at: the line that returned.
        lines: the line that made each node.
    """

    def __init__(self, code: CodeType, book: Notebook) -> None:
        self.code, self.book = code, book
        self.bound: dict[str, list[tuple[int, int]]] = {}
        self.returned_at = 0
        self.lines: dict[int, int] = {}
        self._held: dict[str, int] = {}
        self._line = 0

    def __enter__(self) -> None:
        self.before: Any = sys.gettrace()
        add = self.book.add

        def add_and_note(node: Node) -> int:
            index = add(node)
            frame: FrameType | None = sys._getframe(1)
            while frame is not None and frame.f_code is not self.code:
                frame = frame.f_back
            if frame is not None:
                self.lines.setdefault(index, frame.f_lineno)
            return index

        self.book.add = add_and_note  # type: ignore[method-assign]
        sys.settrace(self._called)

    def _called(self, frame: FrameType, event: str, argument: object) -> Any:
        if frame.f_code is not self.code:
            return None
        frame.f_trace_opcodes = True  # a line may bind a variable more than once
        return self._event

    def _event(self, frame: FrameType, event: str, argument: object) -> Any:
        held = {
            name: value.index
            for name, value in frame.f_locals.items()
            if isinstance(value, Symbol) and value.notebook is self.book
        }
        for name, index in held.items():
            if self._held.get(name) != index:
                self.bound.setdefault(name, []).append((index, self._line))
        self._held, self._line = held, frame.f_lineno
        if event == "return":
            self.returned_at = frame.f_lineno
        return self._event

    def __exit__(self, *error: object) -> None:
        sys.settrace(self.before)
        del self.book.add

    def notes(self, names: Mapping[int, str]) -> dict[int, str]:
        """Of each signal the comment where it was made, or else where it was bound to its name."""
        bound = {(name, index): line for name, all_ in self.bound.items() for index, line in all_}
        notes = {
            index: self.note(self.lines.get(index, 0)) or self.note(bound.get((name, index), 0))
            for index, name in names.items()
        }
        return {index: note for index, note in notes.items() if note}

    def note(self, line: int) -> str:
        """The comment at the end of a line."""
        return _comment(linecache.getline(self.code.co_filename, line))


def _comment(line: str) -> str:
    """The comment at the end of a line of source; a # inside a string is none."""
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(line.strip()).readline))
    except (tokenize.TokenError, SyntaxError):  # the line is a part of a longer statement
        return _printable(line.partition("#")[2].strip())
    comments = [t.string for t in tokens if t.type == tokenize.COMMENT]
    return _printable(comments[0].strip("# ")) if comments else ""


def _printable(note: str) -> str:
    """A note as levels can write it into a line: what cannot be printed is a space."""
    return "".join(c if c.isprintable() else " " for c in note[:LETTERS])


def _arguments(function: Callable[..., Any], place: _Place) -> list[str]:
    arguments = inspect.signature(function).parameters.values()
    plain = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    if any(a.kind not in plain or a.default is not a.empty for a in arguments):
        raise place.error("a cell takes plain arguments: the input, then the states")
    if len(arguments) < 2:
        raise place.error("a cell takes its input and at least one state")
    return [a.name for a in arguments]


def _outputs(returned: Any, states: list[Symbol], place: _Place) -> tuple[int, ...]:
    results = returned if isinstance(returned, tuple) else (returned,)
    names = ", ".join(s.node.label for s in states)
    for result in results:
        if not isinstance(result, Symbol):
            raise place.error(f"it must return its new states ({names}), not {result!r}")
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


def _signal_names(
    book: Notebook, watch: _Watch, outputs: tuple[int, ...], arguments: list[str]
) -> tuple[dict[int, str], tuple[Alias, ...]]:
    """The names of signals, and further names of what has one.

    Each new state is called as the state, every other node as the variable that holds it. A
    variable that holds several in turn names the last that a new state needs. A second name of
    one node, and a name for x or a state, is an alias.
    """
    leaves = range(len(arguments))
    needed = set(reachable(book.nodes, (*leaves, *outputs)))
    names: dict[int, str] = {}
    for index, state in zip(outputs, arguments[1:], strict=True):
        if index not in leaves:
            names.setdefault(index, state)
    aliases: list[Alias] = []
    for name, bound in watch.bound.items():
        held = [(index, line) for index, line in bound if index in needed]
        index, line = held[-1] if held else (0, 0)
        is_itself = name in arguments if index in leaves else names.get(index) == name
        if not held or is_itself:
            continue
        wish, _ = _free(name, {*names.values(), *arguments, *(a.name for a in aliases)})
        if index in names or index in leaves:
            aliases.append(Alias(wish, index, watch.note(line)))
        else:
            names[index] = wish
    return names, tuple(aliases)


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


def _name_parameters(graph: Graph, roles: Mapping[str, str]) -> Graph:
    """Gives parameters and affine maps the names of what they join: role, operand, signal.

    A second bias or sum in one signal is told apart by its operands: GRU's `b_xn` and `b_hn`.
    """
    owners = _owners(graph)
    shared = Counter((n.op, owners.get(i)) for i, n in enumerate(graph.nodes))
    shared.update(("bias", owners.get(i)) for i, n in graph.affines() if n.bias)
    final: dict[str, str] = {}
    numbers: dict[str, int] = {}
    spelled = _spell(graph)
    taken = set[str]()
    nodes = []
    for index, node in enumerate(graph.nodes):
        owner = owners.get(index, "")
        named = [_partner(graph, index)] if node.op == "vector" else node.args
        operands = [spelled[a] for a in named]
        whole = _join("".join(operands), owner)
        for k, parameter in enumerate(node.parameters):
            role = roles[parameter]
            if role == "W":
                wish = _join(operands[k], owner)
            elif role == "b":
                wish = owner if shared["bias", owner] == 1 else whole
            else:
                wish = whole if role == "w" else owner
            wish = f"{role}_{wish}"
            final[parameter], numbers[wish] = _free(wish, taken, numbers.get(wish, 1))
            taken.add(final[parameter])
        label = node.label or (owner if shared[node.op, owner] == 1 else whole)
        has_label = node.op in LEAVES - {"vector"} or node.op in ("affine", "normalize")
        parameters = tuple(final[p] for p in node.parameters)
        nodes.append(replace(node, parameters=parameters, label=label if has_label else ""))
    return replace(
        graph,
        nodes=tuple(nodes),
        parameters={final[name]: p for name, p in graph.parameters.items()},
    )


def _free(wish: str, taken: Collection[str], first: int = 1) -> tuple[str, int]:
    """The name wished for, or with the first number that makes it new; and that number."""
    return next(
        (name, k)
        for k in itertools.count(first)
        if (name := wish if k == 1 else f"{wish}_{k}") not in taken
    )


def _owners(graph: Graph) -> dict[int, str]:
    """For each node the signal that it is a part of: itself or its nearest named consumer."""
    owners = dict(graph.names)
    for index in range(len(graph.nodes) - 1, -1, -1):
        for argument in graph.nodes[index].args:
            if index in owners and argument not in graph.names:
                owners[argument] = owners[index]
    return owners


def _partner(graph: Graph, vector: int) -> int:
    """What a learned vector is multiplied with."""
    for node in graph.nodes:
        if node.op == "mul" and node.args[0] == vector:
            return node.args[1]
    return vector


_LONGEST = 32  # letters of a name; what is put together from more parts has none


def _spell(graph: Graph) -> list[str]:
    """What operands are called in a parameter's name: their own names, or their parts' names."""
    spelled: list[str] = []
    for index, node in enumerate(graph.nodes):
        parts = "".join(spelled[a] for a in node.args)
        parts = parts if len(parts) <= _LONGEST else ""
        spelled.append(node.label or graph.names.get(index) or parts)
    return spelled


def _join(operand: str, owner: str) -> str:
    plain = len(owner) == 1 and len(operand) <= 2
    return f"{operand}{owner}" if plain else f"{operand}_{owner}".strip("_")
