"""Names: of signals after the variables that hold them, of parameters after what they join."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import replace

from ostinato.equation.graph import LEAVES, Alias, Graph, reachable
from ostinato.equation.symbols import Notebook
from ostinato.equation.watch import Watch


def signal_names(
    book: Notebook, watch: Watch, outputs: tuple[int, ...], arguments: list[str]
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


def name_parameters(graph: Graph, roles: Mapping[str, str]) -> Graph:
    """Gives parameters and affine maps the names of what they join: role, operand, signal.

    A second bias or sum in one signal is distinguished by its operands: GRU's `b_xn` and `b_hn`.
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
