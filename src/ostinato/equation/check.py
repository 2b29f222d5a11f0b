"""Whether a graph is one step of a cell: everything that the levels rely on.

The levels write a graph as code and lay out memory by its sizes, and a stored graph may come from
anywhere. So a graph that is read passes the same test as one that was traced: it holds what the
language of cells can say, and nothing else.

| op | arguments | size | parameters |
|---|---|---|---|
| `input` | – | D | – |
| `state` | – | that of the state | – |
| `constant` | – | 1 | – |
| `vector` | – | any but 1 | w of this size |
| `affine` | values | H or that of a state | W_k of this size × that of a_k; b of this size |
| `normalize` | a value | that of a | – |
| `mul`, `add` | a value, and a value, constant or vector | that of the value | – |
| other pointwise | values, one of two may be a constant | that of the values | – |

A *value* is computed from the input or a state. Every node but the input and the states is needed
by a new state, and every parameter belongs to one node.
"""

from __future__ import annotations

import keyword
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from ostinato.equation.graph import POINTWISE, Alias, Graph, Node, Parameter
from ostinato.equation.symbols import STATE_SIZES
from ostinato.errors import CellError

NODES = 16384
"""The most operations of a step."""
OPERANDS = 256
"""The most arguments of an operation."""
LETTERS = 1000
"""The most letters of a name or a note."""
LARGEST = 3.4028234663852886e38
"""The largest number of float32, which is also the widest range of first values."""

BEGINNINGS = {
    ("affine", 2): ("W_",), ("affine", 1): ("b_",), ("vector", 1): ("w_", "gain_", "shift_"),
}  # fmt: skip
"""How the parameters of an operation are called, by their dimensions: no two kinds are confused."""

_ARITY = {op: n for op, n in POINTWISE.items() if op not in ("positive", "greater")}
_ARITY |= {"normalize": 1, "input": 0, "still": 0, "state": 0, "constant": 0, "vector": 0}
_OPERATIONS = frozenset({*_ARITY, "affine"})


def check(graph: Graph, noise: bool = False) -> None:
    """Refuses a graph that is not one step of a cell.

    Args:
        graph: any graph, whatever its fields hold.
        noise: whether it may have leaves of noise, as `rewrite` adds them.

    Raises:
        CellError: which part of the graph is wrong, and why.
    """
    for where, why in _faults(graph, noise):
        raise CellError(f"{_cut(where, 80)}: {_cut(why, 200)}")


def is_name(word: str) -> bool:
    """Whether a word can be a variable of Python, spelled as Python itself spells it."""
    plain = word.isidentifier() and unicodedata.normalize("NFKC", word) == word
    return plain and not keyword.iskeyword(word) and word != "__debug__"


def _faults(graph: Graph, noise: bool) -> Iterator[tuple[str, str]]:
    """Where something is wrong, and what; later tests rely on the earlier ones."""
    yield from _words(graph)
    yield from _leaves(graph, noise)
    sizes = {"H", *graph.sizes.values()}
    for index, node in enumerate(graph.nodes):
        if why := _of_node(graph, index, node, sizes):
            yield f"node {index} ({node.op})", why
    yield from _new_states(graph)
    yield from _parameters(graph)
    yield from _signals(graph)


# ------------------------------------------------------------- types, numbers, words and counts


def _words(graph: Graph) -> Iterator[tuple[str, str]]:
    """Everything has its type; words are names, numbers finite, and there are not too many."""
    yield from _named("the cell's name", graph.name, allowed=("<lambda>",))
    yield from _sequence("nodes", graph.nodes, Node, NODES)
    yield from _mapping("parameters", graph.parameters, str, Parameter)
    yield from _mapping("names", graph.names, int, str)
    yield from _mapping("notes", graph.notes, int, str)
    for index, name in graph.names.items():
        yield from _named(f"the name of node {index}", name)
    for index, note in graph.notes.items():
        if len(note) > LETTERS or not note.isprintable():
            yield f"the note on node {index}", _no_name(note, "printable line")
    yield from _sequence("aliases", graph.aliases, Alias, NODES)
    for alias in graph.aliases:
        yield from _named("an alias", alias.name)
        if type(alias.node) is not int or not 0 <= alias.node < len(graph.nodes):
            yield f"the alias {alias.name}", f"there is no node {_short(alias.node)}"
        note = alias.note
        if type(note) is not str or len(note) > LETTERS or not note.isprintable():
            yield f"the note on the alias {alias.name}", _no_name(note, "printable line")
    yield from _mapping("ranges", graph.ranges, str, tuple)
    for state, pair in graph.ranges.items():
        yield from _range(f"state {state}", pair)
    for name, parameter in graph.parameters.items():
        yield from _named("a parameter", name)
        yield from _sequence(f"the shape of {name}", parameter.shape, str, 2)
        yield from _range(f"the first values of {name}", parameter.init)
    for index, node in enumerate(graph.nodes):
        where = f"node {index}"
        if type(node.op) is not str or node.op not in _OPERATIONS:
            yield where, f"unknown operation {_short(node.op)}"
        yield from _sequence(f"{where}: arguments", node.args, int, OPERANDS)
        yield from _sequence(f"{where}: parameters", node.parameters, str, OPERANDS + 1)
        yield from _named(f"{where}: its label", node.label, before="z_")
        if type(node.size) is not str or node.size not in ("1", "D", *STATE_SIZES):
            yield where, f"{_short(node.size)} is not a size letter"
        if not _is_number(node.value):
            yield where, f"{_short(node.value)} is not a finite float32 number"
    for what in ("inputs", "states", "outputs"):
        yield from _sequence(what, getattr(graph, what), int, NODES)
        for index in getattr(graph, what):
            if not 0 <= index < len(graph.nodes):
                yield what, f"there is no node {index}"


def _sequence(where: str, found: Any, kind: type, most: int) -> Iterator[tuple[str, str]]:
    if type(found) is not tuple:
        yield where, f"{_short(found)} is not a list"
    if len(found) > most:
        yield where, f"{len(found):,} entries, more than the limit of {most:,}"
    for one in found:
        if type(one) is not kind:
            yield where, f"{_short(one)} is not a {_KINDS[kind]}"


def _mapping(where: str, found: Any, key: type, value: type) -> Iterator[tuple[str, str]]:
    if type(found) is not dict:
        yield where, f"{_short(found)} is not an object"
    yield from _sequence(where, tuple(found), key, NODES)
    yield from _sequence(where, tuple(found.values()), value, NODES)


def _named(
    where: str, word: object, before: str = "", allowed: Iterable[str] = ()
) -> Iterator[tuple[str, str]]:
    short = isinstance(word, str) and type(word) is str and len(word) <= LETTERS
    if not short or not (is_name(f"{before}{word}") or word in [*allowed]):
        yield where, _no_name(word, "name")


def _range(where: str, init: Any) -> Iterator[tuple[str, str]]:
    if init is None:
        return
    whole = type(init) is tuple and len(init) == 2 and all(map(_is_number, init))
    if not whole or not init[0] <= init[1] <= init[0] + LARGEST:
        yield where, f"{_short(init)} is not a range (low, high)"


def _is_number(value: object) -> bool:
    """Whether it is a number that float32 has; a NaN is not smaller than anything."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) <= LARGEST


def _no_name(word: object, wanted: str) -> str:
    return f"a stored cell must not contain {_short(word)}, which is not a {wanted}"


def _short(value: object) -> str:
    """What was found, in a message: not more of it than a line has room for."""
    if isinstance(value, str):
        return repr(_cut(value, 60))
    if value is None or isinstance(value, float) or (isinstance(value, int) and abs(value) < 1e18):
        return repr(value)
    return f"a value of type {type(value).__name__}"


def _cut(text: str, most: int) -> str:
    """A text, or as much of it as a line has room for."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


_KINDS = {
    int: "whole number",
    str: "text",
    Node: "operation",
    Parameter: "parameter",
    Alias: "alias",
    tuple: "range",
}


# ------------------------------------------------------------------------------------ structure


def _leaves(graph: Graph, noise: bool) -> Iterator[tuple[str, str]]:
    """The input stands first, then the states; noise is where a layer added it."""
    count = len(graph.states)
    if graph.inputs[:1] != (0,) or graph.nodes[0].op != "input":
        yield "inputs", "the first node must be the cell's input"
    if not count or graph.states != tuple(range(1, count + 1)):
        yield "states", "they must be the nodes after the input"
    if graph.noise and not noise:
        yield "inputs", "a cell has one input"
    leaves = {0: "input"} | dict.fromkeys(graph.states, "state")
    leaves |= {i: graph.nodes[i].op for i in graph.noise if graph.nodes[i].op != "state"}
    found = {i: n.op for i, n in enumerate(graph.nodes) if n.op in ("input", "still", "state")}
    if leaves != found or len(leaves) != len(graph.inputs) + count:
        yield "inputs and states", "they are not the nodes of this kind"
    labels = [graph.nodes[i].label for i in (0, *graph.states)]
    for label, times in Counter(labels).items():
        if times > 1 or not is_name(label):
            yield "inputs and states", f"{times} of them have the name {_short(label)}"
    for i in graph.states:
        if graph.nodes[i].size not in STATE_SIZES:
            yield f"node {i} (state)", f"a state has no size {graph.nodes[i].size}"
    if graph.nodes[0].size != "D":
        yield "node 0 (input)", f"its size is D, not {graph.nodes[0].size}"


def _of_node(graph: Graph, index: int, node: Node, sizes: set[str]) -> str | None:
    """What is wrong with a node; None if nothing is."""
    if not all(0 <= a < index for a in node.args):
        return f"its arguments {list(node.args)} must be earlier nodes"
    if node.op == "affine":
        if not node.args:
            return "it has no operand"
        if len(node.parameters) - len(node.args) not in (0, 1):
            return "it needs a matrix for each operand, and at most one bias"
    else:
        if len(node.args) != _ARITY[node.op]:
            return f"it takes {_ARITY[node.op]} arguments, not {len(node.args)}"
        if len(node.parameters) != (node.op == "vector"):
            return f"it has {len(node.parameters)} parameters"
    if node.value and node.op not in ("constant", "normalize"):
        return f"it takes no number, but has {node.value:g}"
    if node.op == "normalize" and node.value < 0:
        return f"ε must not be negative, but it is {node.value:g}"
    if node.size not in {"constant": {"1"}, "affine": sizes}.get(node.op, sizes | {"D"}):
        return f"it cannot have the size {node.size}"
    return _of_operands(node, [graph.nodes[a] for a in node.args])


def _of_operands(node: Node, operands: list[Node]) -> str | None:
    """Whether a node can read what it reads; only an `affine` changes sizes."""
    values = [a for a in operands if a.op not in ("constant", "vector")]
    if operands and not values:
        return "it does not depend on the input or a state"
    if any(a.op == "vector" for a in operands) and node.op not in ("mul", "add"):
        return "it reads a learned vector, which only mul and add do"
    if node.op in ("affine", "normalize") and len(values) < len(operands):
        return "it reads a constant"
    if node.op == "affine":
        return None
    for a in operands:
        if a.op != "constant" and a.size != node.size:
            return f"its size is {node.size}, but it reads one of size {a.size}"
    return None


def _new_states(graph: Graph) -> Iterator[tuple[str, str]]:
    if len(graph.outputs) != len(graph.states):
        yield "outputs", f"{len(graph.outputs)} outputs for {len(graph.states)} states"
    for output, state in zip(graph.outputs, graph.states, strict=True):
        new, old = graph.nodes[output], graph.nodes[state]
        if new.size != old.size or new.op in ("vector", "constant", "still", "input"):
            why = f"node {output} ({new.op}, size {new.size}) is not a new value of it"
            yield f"state {old.label} (size {old.size})", why
    needed = {*graph.inputs, *graph.states, *graph.needed(graph.outputs)}
    for index, node in enumerate(graph.nodes):
        if index not in needed:
            yield f"node {index} ({node.op})", "no new state needs it"


def _parameters(graph: Graph) -> Iterator[tuple[str, str]]:
    """Each belongs to one node, and its shape and its name are those of its role."""
    used: set[str] = set()
    for index, node in enumerate(graph.nodes):
        where = f"node {index} ({node.op})"
        shapes = [*((node.size, graph.nodes[a].size) for a in node.args), (node.size,)]
        for name, shape in zip(node.parameters, shapes, strict=False):
            parameter, begins = graph.parameters.get(name), BEGINNINGS[node.op, len(shape)]
            if parameter is None or name in used:
                yield where, f"parameter {_short(name)} is not declared, or is used twice"
            elif parameter.shape != shape:
                yield where, f"{name} has the shape {parameter.shape}, not {shape}"
            elif not name.startswith(begins):
                yield where, f"the name of {name} must begin with {' or '.join(begins)}"
            used.add(name)
    for name in graph.parameters.keys() - used:
        yield f"parameter {name}", "nothing reads it"


def _signals(graph: Graph) -> Iterator[tuple[str, str]]:
    """A name belongs to one computed node; a state's name to its new value alone."""
    new = dict(zip(graph.state_names, graph.outputs, strict=True))
    new[graph.nodes[0].label] = 0
    twice = Counter(graph.names.values())
    for index, name in graph.names.items():
        if not 0 <= index < len(graph.nodes) or not graph.nodes[index].args:
            yield f"the name {name}", f"node {index} is not a result of the cell"
        if twice[name] > 1 or new.get(name, index) != index:
            yield f"the name {name}", "it is used by something else"
    for index in graph.notes:
        if index not in graph.names:
            yield f"the note on node {index}", "the node has no name"
    others = Counter([*graph.names.values(), *new, *(a.name for a in graph.aliases)])
    for alias in graph.aliases:
        if others[alias.name] > 1 or graph.nodes[alias.node].op in ("constant", "vector"):
            yield f"the alias {alias.name}", "it is used by something else, or names a number"
    for state in graph.ranges:
        if state not in graph.state_names:
            yield f"the range of {_short(state)}", "it is not a state"
