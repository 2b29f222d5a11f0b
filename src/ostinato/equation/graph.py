"""One step of a cell as a graph: nodes in the order of computation, each naming its arguments.

A node's arguments always stand before it, so a walk along `nodes` is a forward pass and a walk
back is a backward pass. Equal nodes are one node (hash-consing): an expression that is written
twice is computed once.

| op | computes | arguments |
|---|---|---|
| `input` | the step's input x (size D), or noise drawn anew for every step | – |
| `still` | noise drawn once for each sequence and the same at every step | – |
| `state` | a state as the step before left it | – |
| `constant` | a number | – |
| `vector` | a learned vector | – |
| `affine` | Σ W_k a_k + b, with weights of its own | a_1 … a_n |
| `normalize` | (a - mean a) / √(var a + ε) over the units | a |
| pointwise | see `POINTWISE` | a or a, b |

The derivative adds four more, which no cell can write: `adjoint` (dL/d of a new state),
`transposed` (Wᵀ d), `normalize_backward`, and the two pointwise steps `positive` and `greater`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any

POINTWISE = {
    "add": 2, "sub": 2, "mul": 2, "div": 2, "neg": 1,
    "sigmoid": 1, "tanh": 1, "relu": 1, "exp": 1, "log": 1, "maximum": 2,
    "positive": 1, "greater": 2,
}  # fmt: skip
"""Operations on each unit by itself, with the number of their arguments."""

LEAVES = frozenset({"input", "still", "state", "constant", "vector", "adjoint"})
"""Operations without arguments: what a step is given."""


@dataclass(frozen=True)
class Node:
    """One operation.

    Attributes:
        op: what is computed, a name of the table above.
        args: the arguments, as indices of earlier nodes.
        size: how many units the result has, as a letter: D input features, H hidden units, R
            units of a recurrent projection, 1 a number that all units share.
        value: the number of a `constant`; ε of `normalize`.
        parameters: the learned parameters it reads; for `affine` one matrix an argument, then
            the bias, if it has one.
        label: the name of a leaf; for `affine` and `normalize` the signal that they are a part of.
    """

    op: str
    args: tuple[int, ...] = ()
    size: str = "H"
    value: float = 0.0
    parameters: tuple[str, ...] = ()
    label: str = ""

    @property
    def matrices(self) -> tuple[str, ...]:
        """The weight matrices of an `affine`, one for each argument."""
        return self.parameters[: len(self.args)]

    @property
    def bias(self) -> str | None:
        """The bias of an `affine`, if it has one."""
        return self.parameters[-1] if len(self.parameters) > len(self.args) else None


@dataclass(frozen=True)
class Parameter:
    """A learned array: its shape in size letters, and the range its first values are drawn from.

    `init` is the pair (low, high) of a uniform distribution; None stands for PyTorch's rule for
    recurrent layers, low = -1/√H and high = 1/√H.
    """

    shape: tuple[str, ...]
    init: tuple[float, float] | None = None


@dataclass(frozen=True)
class Alias:
    """A further name of a signal, or a name for x or a state: `b = a` names no new node."""

    name: str
    node: int
    note: str = ""


@dataclass(frozen=True)
class Graph:
    """One step of a cell.

    Attributes:
        name: the cell's name.
        nodes: the operations in the order of computation.
        inputs: the leaf x, then leaves of noise.
        states: the leaves that hold the states of the step before.
        outputs: the nodes that are the new states, in the order of `states`; the first of them
            is the cell's output.
        parameters: the learned parameters by name, in the order in which the text names them.
        names: the signals: nodes that the cell's author gave a name.
        notes: the author's comment on a signal.
        aliases: further names of nodes, in the order of the text.
        ranges: what states look like where not any number may be one, as (low, high) by name:
            the mean of squares is not negative. Proofs draw first states from there.
    """

    name: str
    nodes: tuple[Node, ...]
    inputs: tuple[int, ...]
    states: tuple[int, ...]
    outputs: tuple[int, ...]
    parameters: dict[str, Parameter]
    names: dict[int, str] = field(default_factory=dict)
    notes: dict[int, str] = field(default_factory=dict)
    aliases: tuple[Alias, ...] = ()
    ranges: dict[str, tuple[float, float]] = field(default_factory=dict)

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        return hash((self.name, self.nodes, self.outputs))

    @property
    def state_names(self) -> tuple[str, ...]:
        """The states' names, the output first."""
        return tuple(self.nodes[s].label for s in self.states)

    @property
    def sizes(self) -> dict[str, str]:
        """The size letter of every state."""
        return {self.nodes[s].label: self.nodes[s].size for s in self.states}

    @property
    def noise(self) -> tuple[int, ...]:
        """The leaves that are noise: all inputs but x."""
        return self.inputs[1:]

    def own_name(self, name: str) -> str:
        """The name in `names` of a signal that also goes by this one; a name there is its own."""
        nodes = {alias.name: alias.node for alias in self.aliases}
        return name if name in self.names.values() else self.names.get(nodes.get(name, -1), name)

    def affines(self) -> Iterator[tuple[int, Node]]:
        """The affine maps, in the order of the text."""
        return ((i, n) for i, n in enumerate(self.nodes) if n.op == "affine")

    def needed(self, wanted: tuple[int, ...]) -> list[int]:
        """The nodes that some result needs, itself included, in the order of computation."""
        return reachable(self.nodes, wanted)

    def renumbered(self, nodes: Sequence[Node], new: Mapping[int, int]) -> Graph:
        """The same step over other nodes: what was node i is now node `new[i]`."""
        return replace(
            self,
            nodes=tuple(nodes),
            inputs=tuple(new[i] for i in self.inputs),
            states=tuple(new[i] for i in self.states),
            outputs=tuple(new[i] for i in self.outputs),
            names={new[i]: name for i, name in self.names.items() if i in new},
            notes={new[i]: note for i, note in self.notes.items() if i in new},
            aliases=tuple(replace(a, node=new[a.node]) for a in self.aliases if a.node in new),
        )

    def moved_by(self, leaves: tuple[int, ...]) -> frozenset[int]:
        """The nodes that depend on one of these leaves."""
        moved = set(leaves)
        for i, node in enumerate(self.nodes):
            if moved.intersection(node.args):
                moved.add(i)
        return frozenset(moved)

    def fingerprint(self) -> str:
        """A hash of what is computed: alike for two cells that differ in names only."""
        order = {name: str(k) for k, name in enumerate(self.parameters)}
        nodes = [
            (n.op, n.args, n.size, n.value, [order[p] for p in n.parameters]) for n in self.nodes
        ]
        text = json.dumps([nodes, self.inputs, self.states, self.outputs])
        return hashlib.sha256(text.encode()).hexdigest()

    def to_json(self) -> dict[str, Any]:
        """The graph as plain data, to be stored with a trained model."""
        return asdict(self)


class Builder:
    """Grows a list of nodes; a node that is there already is not added again."""

    def __init__(self, nodes: tuple[Node, ...] = ()) -> None:
        self.nodes: list[Node] = list(nodes)
        self._index = {node: i for i, node in enumerate(nodes)}

    def add(self, node: Node) -> int:
        """The index of a node, which is appended if it is new."""
        if node not in self._index:
            self._index[node] = len(self.nodes)
            self.nodes.append(node)
        return self._index[node]

    def constant(self, value: float) -> int:
        """A number that all units share."""
        return self.add(Node("constant", size="1", value=float(value)))

    def pointwise(self, op: str, *args: int) -> int:
        """An operation on each unit; its size is that of its arguments."""
        sizes = {self.nodes[a].size for a in args} - {"1"}
        return self.add(Node(op, args, sizes.pop() if sizes else "1"))


class TidyBuilder(Builder):
    """Writes a + (-b) as a - b: for what nobody has written, the derivative and native code.

    What a cell's author writes is kept as it stands: the -b may be a signal with a name.
    """

    def add(self, node: Node) -> int:
        """The index of a node, which is appended if it is new."""
        if node.op == "add":
            for a, b in (node.args, node.args[::-1]):
                if self.nodes[b].op == "neg":
                    return self.pointwise("sub", a, *self.nodes[b].args)
        return super().add(node)


def reachable(
    nodes: Sequence[Node], wanted: Iterable[int], known: Collection[int] = ()
) -> list[int]:
    """The nodes that `wanted` are computed from, themselves included, in order.

    Nodes that are known already are left out, and so is what only they need.
    """
    found: set[int] = set()
    waiting = list(wanted)
    while waiting:
        index = waiting.pop()
        if index not in found and index not in known:
            found.add(index)
            waiting.extend(nodes[index].args)
    return sorted(found)
