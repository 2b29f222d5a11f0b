"""When each part of a step can be computed.

What depends on the input alone needs no earlier step: it is lifted out of the loop over time and
computed for all tokens at once, in large matrix products. What is left falls into phases. A phase
opens with matrix products whose operands are complete, and continues with pointwise work on their
results; a product of something that the step itself computes must wait for the next phase,
because it needs all units of its operand.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ostinato.equation.derivative import Derivative
from ostinato.equation.graph import LEAVES, Builder, Graph, Node, reachable

OPENS_A_PHASE = frozenset({"affine", "transposed", "normalize", "normalize_backward"})
"""Operations that need every unit of their argument."""


@dataclass(frozen=True)
class Schedule:
    """A step in the order of its work.

    Attributes:
        graph: the step, its affine maps split into the part of the input and that of the states.
        lifted: nodes that depend on the input alone, computed for all tokens before the loop:
            matrix products, signals, and what these are made of.
        frontier: those of them that the loop reads, and those that are signals.
        phases: the nodes of the loop, phase by phase.
    """

    graph: Graph
    lifted: tuple[int, ...]
    frontier: tuple[int, ...]
    phases: tuple[tuple[int, ...], ...]


def schedule(graph: Graph) -> Schedule:
    """Splits, lifts and orders the work of a step."""
    graph = split_affines(graph)
    needed = graph.needed(graph.outputs)
    nodes = graph.nodes
    fixed = {i for i, n in enumerate(nodes) if n.op in ("constant", "vector")}
    moved = graph.moved_by((*graph.states, *graph.noise))
    worth = {i for i in needed if nodes[i].op in OPENS_A_PHASE or i in graph.names} - moved
    lifted = [i for i in graph.needed(tuple(worth)) if i not in fixed and nodes[i].op != "input"]
    loop = [i for i in needed if i not in lifted and nodes[i].op not in LEAVES]
    reads = {a for i in loop for a in nodes[i].args} | set(graph.outputs) | set(graph.names)
    return Schedule(
        graph=graph,
        lifted=tuple(lifted),
        frontier=tuple(i for i in lifted if i in reads),
        phases=_phases(nodes, loop),
    )


def backward_phases(derivative: Derivative) -> tuple[tuple[int, ...], ...]:
    """The backward step's nodes, phase by phase.

    Products whose results leave the step (the gradients of the old states and of the input) form
    the phase after the last: a loop that is rotated lets them open the next backward step.
    """
    end = len(derivative.forward.nodes)
    wanted = reachable(derivative.nodes, derivative.results, known=derivative.tape)
    own = [i for i in wanted if derivative.nodes[i].op not in LEAVES]
    leaving = _only_leaving(derivative, [i for i in own if i >= end])
    phases = _phases(derivative.nodes, [i for i in own if i not in leaving])
    return (*phases, tuple(i for i in own if i in leaving))


def split_affines(graph: Graph) -> Graph:
    """Writes each affine of input and states as a sum of two, the input's part first.

    The bias goes with the input's part; every parameter keeps its name, and a part
    with one matrix is called after it.
    """
    build = Builder()
    new: dict[int, int] = {}
    moved = graph.moved_by(graph.states)
    for index, node in enumerate(graph.nodes):
        pairs = list(zip(node.args, node.matrices, strict=False)) if node.op == "affine" else []
        still = [p for p in pairs if p[0] not in moved]
        moving = [p for p in pairs if p[0] in moved]
        if still and moving:
            bias = (node.bias,) if node.bias else ()
            parts = [
                build.add(
                    replace(
                        node,
                        args=tuple(new[a] for a, _ in part),
                        parameters=(*(w for _, w in part), *extra),
                        label=part[0][1].partition("_")[2] if len(part) == 1 else node.label,
                    )
                )
                for part, extra in ((still, bias), (moving, ()))
            ]
            new[index] = build.pointwise("add", *parts)
        else:
            new[index] = build.add(replace(node, args=tuple(new[a] for a in node.args)))
    return graph.renumbered(build.nodes, new)


def _phases(nodes: tuple[Node, ...], loop: list[int]) -> tuple[tuple[int, ...], ...]:
    """Groups nodes by the number of times that work had to wait for all units of an operand."""
    phase: dict[int, int] = {}
    for i in loop:
        before = [phase[a] for a in nodes[i].args if a in phase]
        waits = nodes[i].op in OPENS_A_PHASE and bool(before)
        phase[i] = max(before, default=0) + waits
    return tuple(
        tuple(i for i in loop if phase[i] == k) for k in range(max(phase.values(), default=-1) + 1)
    )


def _only_leaving(derivative: Derivative, own: list[int]) -> set[int]:
    """Transposed products, and sums of them, that nothing inside the step reads again."""
    leaving: set[int] = set()
    terms = {s.left for shares in derivative.shares.values() for s in shares}
    readers: dict[int, list[int]] = {i: [] for i in own}
    for i in own:
        for a in derivative.nodes[i].args:
            if a in readers:
                readers[a].append(i)
    for i in reversed(own):
        sums = derivative.nodes[i].op in ("transposed", "add")
        if sums and i not in terms and all(r in leaving for r in readers[i]):
            leaving.add(i)
    return leaving
