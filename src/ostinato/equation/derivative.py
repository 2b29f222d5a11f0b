"""The backward step of a cell: reverse-mode differentiation, from graph to graph.

Let L be the loss. Backpropagation through time walks the steps from the last to the first; at
each it knows dL/d(new state) and computes dL/d(old state), dL/dx and, for every parameter, this
step's share of its gradient:

    matrix W of an affine z = … + W a + …    dL/dW = Σ_t dz_t a_tᵀ
    bias b of it                             dL/db = Σ_t dz_t
    vector w                                 dL/dw = Σ_t dw_t

The step leaves these sums over time to its caller and hands out their terms, so that they can be
taken as one matrix product over all tokens after the loop.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ostinato.equation.graph import LEAVES, Builder, Graph, Node, TidyBuilder, reachable


@dataclass(frozen=True)
class Share:
    """One step's share of a parameter's gradient.

    `left` is a node: dz for a matrix or a bias, dw for a vector. For a matrix `right` is the
    operand a of dz aᵀ; otherwise it is None.
    """

    left: int
    right: int | None = None


@dataclass(frozen=True)
class Derivative:
    """The backward step of a cell.

    Attributes:
        forward: the step it belongs to.
        nodes: the forward step's nodes under their own indices, then the backward step's.
        adjoints: the leaves dL/d(new state), in the order of the states.
        states: the nodes dL/d(old state); None for a state that the step does not read.
        x: the node dL/dx; None if the step does not read its input.
        shares: what the step adds to the gradient of each parameter.
        tape: the forward nodes that the backward step reads, leaves and parameters included.
        gradient: forward node v → the node dL/dv.
    """

    forward: Graph
    nodes: tuple[Node, ...]
    adjoints: tuple[int, ...]
    states: tuple[int | None, ...]
    x: int | None
    shares: dict[str, tuple[Share, ...]]
    tape: tuple[int, ...]
    gradient: dict[int, int]

    @property
    def results(self) -> tuple[int, ...]:
        """Every node that the backward step hands out."""
        shares = [s.left for terms in self.shares.values() for s in terms]
        return tuple(dict.fromkeys([i for i in (self.x, *self.states) if i is not None] + shares))

    @property
    def remembered(self) -> tuple[int, ...]:
        """What a forward step hands to its backward step: the tape without constants and weights.

        A leaf without a gradient is remembered too, so that its zero has a shape.
        """
        leaves = zip(
            (self.forward.inputs[0], *self.forward.states), (self.x, *self.states), strict=True
        )
        blind = {leaf for leaf, gradient in leaves if gradient is None}
        fixed = ("constant", "vector")
        return tuple(sorted(blind | {i for i in self.tape if self.nodes[i].op not in fixed}))


def derive(graph: Graph) -> Derivative:
    """The backward step of a step.

    At a point where a function has a corner (relu at 0, maximum of equals) the derivative is
    PyTorch's: 0 and one half.
    """
    build = TidyBuilder(graph.nodes)
    gradient: dict[int, int] = {}
    shares: dict[str, list[Share]] = {p: [] for p in graph.parameters}

    def send(target: int, amount: int) -> None:
        if graph.nodes[target].op != "constant" and target not in graph.noise:
            known = gradient.get(target)
            gradient[target] = amount if known is None else build.pointwise("add", known, amount)

    adjoints = []
    for output, state in zip(graph.outputs, graph.states, strict=True):
        leaf = graph.nodes[state]
        adjoints.append(build.add(Node("adjoint", size=leaf.size, label=leaf.label)))
        send(output, adjoints[-1])

    for index in range(len(graph.nodes) - 1, -1, -1):
        node = graph.nodes[index]
        if index not in gradient or node.op in LEAVES - {"vector"}:
            continue
        d = gradient[index]
        if node.op == "vector":
            shares[node.parameters[0]].append(Share(d))
        elif node.op == "affine":
            for matrix, operand in zip(node.matrices, node.args, strict=True):
                shares[matrix].append(Share(d, operand))
                size = graph.nodes[operand].size
                send(operand, build.add(Node("transposed", (d,), size, parameters=(matrix,))))
            if node.bias:
                shares[node.bias].append(Share(d))
        elif node.op == "normalize":
            args = (node.args[0], index, d)
            send(
                node.args[0],
                build.add(Node("normalize_backward", args, node.size, value=node.value)),
            )
        else:
            for argument, factor in _local(build, index, node, d):
                send(argument, factor)

    derivative = Derivative(
        forward=graph,
        nodes=tuple(build.nodes),
        adjoints=tuple(adjoints),
        states=tuple(gradient.get(s) for s in graph.states),
        x=gradient.get(graph.inputs[0]),
        shares={p: tuple(terms) for p, terms in shares.items()},
        tape=(),
        gradient=gradient,
    )
    return _with_tape(derivative)


def _local(build: Builder, y: int, node: Node, d: int) -> list[tuple[int, int]]:
    """For a pointwise y = op(a, b): what flows to each argument when d = dL/dy arrives."""
    point = build.pointwise
    a, b = (*node.args, node.args[-1])[:2]
    match node.op:
        case "add":
            return [(a, d), (b, d)]
        case "sub":
            return [(a, d), (b, point("neg", d))]
        case "mul":
            return [(a, point("mul", d, b)), (b, point("mul", d, a))]
        case "div":
            return [
                (a, point("div", d, b)),
                (b, point("neg", point("div", point("mul", d, y), b))),
            ]
        case "neg":
            return [(a, point("neg", d))]
        case "sigmoid":
            rest = point("sub", build.constant(1), y)
            return [(a, point("mul", point("mul", d, y), rest))]
        case "tanh":
            rest = point("sub", build.constant(1), point("mul", y, y))
            return [(a, point("mul", d, rest))]
        case "relu":
            return [(a, point("mul", d, point("positive", y)))]
        case "exp":
            return [(a, point("mul", d, y))]
        case "log":
            return [(a, point("div", d, a))]
        case "maximum":
            first = point("mul", d, point("greater", a, b))
            return [(a, first), (b, point("mul", d, point("greater", b, a)))]
    raise NotImplementedError(f"no derivative of {node.op}")


def _with_tape(d: Derivative) -> Derivative:
    """Finds what the backward step reads of the forward one.

    Kept are leaves, signals, and what is expensive to compute again (affine maps, normalisations);
    a nameless pointwise result is computed again from these.
    """
    forward = enumerate(d.forward.nodes)
    expensive = {"affine", "normalize", *LEAVES}
    kept = {i for i, node in forward if node.op in expensive or i in d.forward.names}
    operands = [s.right for terms in d.shares.values() for s in terms if s.right is not None]
    wanted = (*d.results, *operands)
    again = reachable(d.nodes, wanted, known=kept)
    read = kept.intersection(wanted) | {a for i in again for a in d.nodes[i].args if a in kept}
    return replace(d, tape=tuple(sorted(read)))
