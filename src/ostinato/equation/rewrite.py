"""New cells from old: the same recurrence without biases, or with noise on its states."""

from __future__ import annotations

from dataclasses import replace

from ostinato.equation.graph import Builder, Graph, Node


def without_bias(graph: Graph) -> Graph:
    """The same step, its affine maps without their biases."""
    biases = {n.bias for _, n in graph.affines()}
    return replace(
        graph,
        nodes=tuple(
            replace(n, parameters=n.matrices) if n.op == "affine" else n for n in graph.nodes
        ),
        parameters={name: p for name, p in graph.parameters.items() if name not in biases},
    )


def recurrent_dropout(graph: Graph) -> Graph:
    """The same step, with the states multiplied by a mask where they enter a matrix product.

    For each state s read by an affine: W s becomes W (m_s ⊙ s). The mask is a `still` input, one
    for each sequence and the same at every step (Gal & Ghahramani 2016); paths that carry a state
    pointwise, such as f ⊙ c of the LSTM, are untouched.
    """
    read = {a for _, n in graph.affines() for a in n.args if a in graph.states}
    nodes, new, masks = list(graph.nodes), {}, []
    for s in sorted(read):
        leaf = graph.nodes[s]
        nodes.append(Node("still", size=leaf.size, label=f"m_{leaf.label}"))
        masks.append(len(nodes) - 1)
        nodes.append(Node("mul", (masks[-1], s), leaf.size))
        new[s] = len(nodes) - 1
    swapped = [
        replace(n, args=tuple(new.get(a, a) for a in n.args)) if n.op == "affine" else n
        for n in nodes
    ]
    return _sorted(replace(graph, nodes=tuple(swapped), inputs=(*graph.inputs, *masks)))


def zoneout(graph: Graph) -> Graph:
    """The same step, with units that keep their old value (Krueger et al. 2017).

    For each state s: s_t becomes k ⊙ s_{t-1} + (1 - k) ⊙ s_t. The input k is drawn anew at each
    step, 1 where a unit keeps its value; given the probability itself, it is the expectation.
    """
    build, keeps, outputs = Builder(graph.nodes), [], []
    names = dict(graph.names)
    for s, output in zip(graph.states, graph.outputs, strict=True):
        leaf = graph.nodes[s]
        keep = build.add(Node("input", size=leaf.size, label=f"k_{leaf.label}"))
        keeps.append(keep)
        change = build.pointwise("sub", build.constant(1), keep)
        old, new = build.pointwise("mul", keep, s), build.pointwise("mul", change, output)
        outputs.append(build.pointwise("add", old, new))
        if names.get(output) == leaf.label:
            plain = f"{leaf.label}_new"
            while plain in names.values():
                plain += "_new"
            names[output] = plain
            names[outputs[-1]] = leaf.label
    return replace(
        graph,
        nodes=tuple(build.nodes),
        inputs=(*graph.inputs, *keeps),
        outputs=tuple(outputs),
        names=names,
    )


def _sorted(graph: Graph) -> Graph:
    """The same graph with every argument before the nodes that read it."""
    order: dict[int, int] = {}
    for index in range(len(graph.nodes)):
        waiting = [index]
        while waiting:
            missing = [a for a in graph.nodes[waiting[-1]].args if a not in order]
            if missing:
                waiting.append(missing[0])
            else:
                order.setdefault(waiting.pop(), len(order))
    old = sorted(order, key=order.__getitem__)
    nodes = [
        replace(graph.nodes[i], args=tuple(order[a] for a in graph.nodes[i].args)) for i in old
    ]
    return graph.renumbered(nodes, order)
