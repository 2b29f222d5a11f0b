"""First stage: a step and its derivative, written in operations that a loop over units can do.

The operations of a cell's graph are on whole vectors. Here each becomes one of three kinds:

| kind | ops | what it needs |
|---|---|---|
| product | `product`: Σ_k W_k a_k, or Σ_k W_kᵀ a_k if its label is `transposed` | all of a_k |
| reduction | `mean` over the units: one number for a row | all of its argument |
| pointwise | all others; `rsqrt` is 1/√a, `masked` is d s but 0 where s is 0 | the same unit |

A normalisation is written out with its mean, its variance and their derivatives; a bias is a
vector that is added; products that are only summed become one product with more terms.
"""

from __future__ import annotations

import math
import operator
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from ostinato.equation.derivative import Derivative, Share, derive
from ostinato.equation.graph import Builder, Graph, Node, TidyBuilder, reachable
from ostinato.equation.schedule import split_affines

NUMBER = "1"
"""The size of a constant, and of a node that is one number for each row."""

_FOLD: dict[str, Callable[..., float]] = {
    "add": operator.add, "sub": operator.sub, "mul": operator.mul, "neg": operator.neg,
}  # fmt: skip


@dataclass(frozen=True)
class Program:
    """A step and its derivative in plain operations.

    Attributes:
        graph: the cell's graph, its affine maps split into the input's part and the states'.
        nodes: the operations, each after its arguments.
        inputs: the leaf x, then leaves of noise.
        states: the leaves that hold the old states.
        outputs: the new states.
        adjoints: the leaves dL/d(new state), each read through a `copy`.
        d_states: dL/d(old state); None for a state that the step does not read.
        dx: dL/dx; None where the step does not read its input.
        shares: for each parameter its share of one step; a parameter without one gets zeros.
        names: what the cell's author calls a node; gradients are called after it.
    """

    graph: Graph
    nodes: tuple[Node, ...]
    inputs: tuple[int, ...]
    states: tuple[int, ...]
    outputs: tuple[int, ...]
    adjoints: tuple[int, ...]
    d_states: tuple[int | None, ...]
    dx: int | None
    shares: dict[str, Share]
    names: dict[int, str]

    def moved_by(self, leaves: Iterable[int]) -> frozenset[int]:
        """The nodes that depend on one of these leaves, themselves included."""
        return _moved(self.nodes, leaves)


def lower(graph: Graph) -> Program:
    """A step and its backward step in plain operations."""
    d = derive(split_affines(graph))
    split = d.forward
    plain = TidyBuilder()
    first: list[int] = []
    for node in d.nodes:
        first.append(_plain(plain, node, tuple(first[a] for a in node.args)))
    roots = [first[i] for i in (*split.outputs, *d.results)]
    still = frozenset(range(len(plain.nodes))) - _moved(
        plain.nodes, [first[i] for i in (*split.states, *split.noise, *d.adjoints)]
    )
    nodes, second = _merged(plain.nodes, roots, still)
    leaves = TidyBuilder(nodes)  # a leaf that nothing reads has a number all the same

    def at(index: int) -> int:
        old = first[index]
        return second[old] if old in second else leaves.add(plain.nodes[old])

    return Program(
        graph=split,
        inputs=tuple(at(i) for i in split.inputs),
        states=tuple(at(s) for s in split.states),
        outputs=tuple(at(o) for o in split.outputs),
        adjoints=tuple(leaves.add(d.nodes[a]) for a in d.adjoints),
        d_states=tuple(None if s is None else at(s) for s in d.states),
        dx=None if d.x is None else at(d.x),
        shares={
            name: Share(at(s.left), None if s.right is None else at(s.right))
            for name, shares in d.shares.items()
            for s in shares
        },
        names=_names(d, lambda i: second.get(first[i])),
        nodes=tuple(leaves.nodes),
    )


def _names(d: Derivative, at: Callable[[int], int | None]) -> dict[int, str]:
    """Signals by name, and the gradients of signals and of sums that stand alone in one."""
    names = {at(i): name for i, name in d.forward.names.items()}
    for i, gradient in d.gradient.items():
        if i in d.forward.names:
            names.setdefault(at(gradient), f"d{d.forward.names[i]}")
    return {i: name for i, name in names.items() if i is not None}


def _plain(build: Builder, node: Node, args: tuple[int, ...]) -> int:
    """A node of the graph in plain operations."""
    point = build.pointwise

    def mean(a: int) -> int:
        return build.add(Node("mean", (a,), NUMBER, label=build.nodes[a].size))

    match node.op:
        case "constant":
            return build.constant(node.value)
        case "adjoint":  # a copy, because a product reads its operand from one place in memory
            leaf = build.add(node)
            return build.add(Node("copy", (leaf,), node.size))
        case "affine":
            z = build.add(Node("product", args, node.size, parameters=node.matrices))
            if not node.bias:
                return z
            return point(
                "add", z, build.add(Node("vector", (), node.size, parameters=(node.bias,)))
            )
        case "transposed":
            return build.add(
                Node("product", args, node.size, parameters=node.parameters, label="transposed")
            )
        case "normalize":
            centred = point("sub", args[0], mean(args[0]))
            return point("mul", centred, _inverse_deviation(build, centred, node.value, mean))
        case "normalize_backward":
            # y = (a - mean a) r  gives  da = r (d - mean d - y mean(d y))
            a, y, d = args
            r = _inverse_deviation(build, point("sub", a, mean(a)), node.value, mean)
            along = point("mul", y, mean(point("mul", d, y)))
            return point("mul", r, point("sub", point("sub", d, mean(d)), along))
    slopes = [a for a in args if build.nodes[a].op in ("positive", "greater")]
    if node.op == "mul" and slopes:  # where the slope is 0 nothing comes through, infinity neither
        return point("masked", next((a for a in args if a not in slopes), slopes[0]), slopes[-1])
    numbers = [build.nodes[a] for a in args]
    if node.op in _FOLD and all(n.op == "constant" for n in numbers):
        value = _FOLD[node.op](*(n.value for n in numbers))
        if math.isfinite(value):
            return build.constant(value)
    return build.add(replace(node, args=args))


def _inverse_deviation(build: Builder, centred: int, eps: float, mean: Callable[[int], int]) -> int:
    """1/√(var + ε) of something whose mean has been taken away; NaN where the squares overflow."""
    variance = mean(build.pointwise("mul", centred, centred))
    nothing = build.pointwise("sub", variance, variance)  # or ∞ - ∞, which no one takes for 0
    root = build.pointwise("rsqrt", build.pointwise("add", variance, build.constant(eps)))
    return build.pointwise("add", root, nothing)


def _merged(
    nodes: list[Node], roots: list[int], still: frozenset[int]
) -> tuple[tuple[Node, ...], dict[int, int]]:
    """The nodes that some root needs; products that are only added become one.

    Products of the input are kept apart from the others, which the loop over time computes.
    """
    order = reachable(nodes, roots)
    readers = Counter(a for i in order for a in nodes[i].args) + Counter(roots)
    into_a_sum = {a for i in order if nodes[i].op == "add" for a in nodes[i].args}
    inner = {
        i for i in into_a_sum if nodes[i].op in ("add", "product") and readers[i] == 1
    }  # read by one sum, and by nothing else
    build, new = TidyBuilder(), dict[int, int]()

    def terms(top: int) -> list[int]:
        found, waiting = list[int](), [top]
        while waiting:
            i = waiting.pop()
            if nodes[i].op == "add" and (i in inner or i == top):
                waiting += reversed(nodes[i].args)
            else:
                found.append(i)
        return found

    for top in order:
        node = nodes[top]
        if top in inner:
            continue
        if node.op != "add":
            new[top] = build.add(replace(node, args=tuple(new[a] for a in node.args)))
            continue
        products: dict[tuple[str, str, bool], list[int]] = {}
        summands: list[int] = []
        for term in terms(top):
            if term in inner:
                kind = (nodes[term].label, nodes[term].size, term in still)
                products.setdefault(kind, []).append(term)
            else:
                summands.append(new[term])
        for (label, size, _), together in products.items():
            args = tuple(new[a] for t in together for a in nodes[t].args)
            matrices = tuple(m for t in together for m in nodes[t].parameters)
            summands.append(
                build.add(Node("product", args, size, parameters=matrices, label=label))
            )
        total = summands[0]
        for term in summands[1:]:
            total = build.pointwise("add", total, term)
        new[top] = total
    return tuple(build.nodes), new


def _moved(nodes: Iterable[Node], leaves: Iterable[int]) -> frozenset[int]:
    moved = set(leaves)
    for i, node in enumerate(nodes):
        if moved.intersection(node.args):
            moved.add(i)
    return frozenset(moved)
