"""Architectures and cells → drawings (SVG), worked out from the model itself.

Colours of text and lines come from the page's style sheet, by class.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from textwrap import wrap

from markupsafe import Markup

from ostinato.equation.graph import Graph, reachable
from ostinato.equation.stored import graph_from_json
from ostinato.report.records import Record

LETTER = 6.4
"""The width of a letter of a formula, about."""
ROW, HEIGHT, GAP = 96, 46, 18
"""From row to row of a cell, the height of a box, and the least space between two."""
WIDTH, BLOCK = 270, 50
"""A network's width, and the height of one of its parts."""
LINE, LEADING = 40, 16
"""The letters of a line in such a part, and the height of each further line."""
OPEN = {"add": 1, "sub": 1, "mul": 2, "div": 2, "neg": 3}
"""How loosely an operation holds its arguments together; other operations have brackets."""
LONGEST = 400
"""The most letters of a formula."""
SIGNS = {"add": " + ", "sub": " − ", "mul": " ⊙ ", "div": " / "}


# ------------------------------------------------------------------------------ the network


def network_diagram(parts: Sequence[Record], color: str) -> str:
    """A network from the symbols it reads down to its output.

    Args:
        parts: see `ostinato.observe.architecture`.
        color: of the recurrent layers.
    """
    drawn, y = [_shape_arrow(0, _read_by(parts))], 34.0
    for part in parts:
        lanes = part.get("directions", 0)
        inside = wrap(part["inside"], LINE)
        below = y + BLOCK + LEADING * (len(inside[1:]))
        height = below - y + 20 * lanes
        style = Markup(' style="--color:{}"').format(color) if lanes else ""
        kind = "gate" if lanes else "leaf"
        drawn.append(
            Markup(
                '<g class="{}"{}><rect x="1" y="{}" width="{}" '
                'height="{}" rx="6"/></g>'
                '<text x="14" y="{}" class="name">{}</text>'
                '<text x="{}" y="{}" text-anchor="end">{:,}</text>'
                "{}"
            ).format(
                kind,
                style,
                y,
                WIDTH - 2,
                height,
                y + 20,
                part["name"],
                WIDTH - 14,
                y + 20,
                part["parameters"],
                Markup().join(
                    Markup('<text x="14" y="{}" class="formula">{}</text>').format(
                        y + 38 + LEADING * k, line
                    )
                    for k, line in enumerate(inside)
                ),
            )
        )
        for lane in range(lanes):
            drawn.append(_steps(below + 2 + 20 * lane, lane > 0, color))
        drawn.append(_shape_arrow(y + height, part["gives"]))
        y += height + 34
    total = sum(part["parameters"] for part in parts)
    said = Markup(", ").join(f"{part['name']} ({part['gives']})" for part in parts)
    y += 8
    drawn.append(
        Markup('<text x="{}" y="{}" text-anchor="end" class="name">{:,} parameters</text>').format(
            WIDTH - 14, y + 8, total
        )
    )
    return _svg(WIDTH, y + 14, "network", f"Network of {total:,} parameters: {said}", drawn)


def _read_by(parts: Sequence[Record]) -> str:
    """What the first part reads."""
    return "numbers, B × T × D" if reads_numbers(parts) else "tokens, B × T"


def reads_numbers(parts: Sequence[Record]) -> bool:
    """Whether a network reads series of numbers, and no symbols."""
    first = parts[0] if parts else {}
    return first.get("kind") == "segments" or first.get("name", "").endswith("numbers")


def _shape_arrow(y: float, shape: str) -> str:
    """An arrow down to the next part, and what it hands over."""
    x = 30
    return Markup(
        '<path class="edge" d="M{} {}V{}m-4 -6l4 6l4 -6"/>'
        '<text x="{}" y="{}" class="formula">{}</text>'
    ).format(x, y + 3, y + 29, x + 14, y + 21, shape)


def _steps(y: float, back: bool, color: str) -> str:
    """Steps of a layer, in the direction in which it reads."""
    count, space = 8, (WIDTH - 52) / 7
    places = [26 + k * space for k in range(count)]
    circles = Markup().join(
        Markup('<circle cx="{:.1f}" cy="{}" r="4.5"/>').format(x, y) for x in places
    )
    long = space - 14
    arrows = (
        Markup().join(f"M{x - 7:.1f} {y}h{-long:.1f}m4 -3l-4 3l4 3" for x in places[1:])
        if back
        else Markup().join(f"M{x + 7:.1f} {y}h{long:.1f}m-4 -3l4 3l-4 3" for x in places[:-1])
    )
    return Markup('<g class="steps" style="--color:{}">{}<path d="{}"/></g>').format(
        color, circles, arrows
    )


# --------------------------------------------------------------------------------- the cell


@dataclass
class _Box:
    """A signal, or with an empty name a place where an edge passes a row."""

    name: str
    formula: str = ""
    kind: str = "leaf"
    above: list[int] = field(default_factory=list)
    row: int = 0
    x: float = 0.0

    @property
    def width(self) -> float:
        return max(LETTER * len(self.formula) + 22, 64) if self.name else 10


def cell_diagram(graph: Record, color: str) -> str:
    """One step of a cell: its signals in rows, each below all that it is computed from.

    Args:
        graph: what `Graph.to_json` gives.
        color: of gates (what a logistic function gives) and new states.
    """
    read = graph_from_json(dict(graph))
    boxes = _with_passes(_boxes(read))
    rows = _ordered(boxes)
    width = _placed(boxes, rows)
    edges, drawn = [], []
    for k, box in enumerate(boxes):
        below = [b for b in boxes if k in b.above]
        if not box.name:
            edges.append(f"M{box.x:.1f} {_top(box)}v{HEIGHT}")
        sources = sorted(box.above, key=lambda a: boxes[a].x)
        for port, a in enumerate(sources):
            start, end = boxes[a].x, box.x + _port(port, len(sources), box)
            y, stop = _top(boxes[a]) + HEIGHT, _top(box)
            bend = (stop - y) * 0.55
            curve = f"C{start:.1f} {y + bend:.1f} {end:.1f} {stop - bend:.1f} {end:.1f} {stop}"
            tip = "m-3.5 -5.5l3.5 5.5l3.5 -5.5" if box.name else ""
            edges.append(f"M{start:.1f} {y}{curve}{tip}")
        if box.name:
            drawn.append(_drawn(box, color))
        if box.kind == "state" and not below:
            y = _top(box) + HEIGHT
            edges.append(f"M{box.x:.1f} {y}v20m-3.5 -5.5l3.5 5.5l3.5 -5.5")
    height = ROW * len(rows) - ROW + HEIGHT + 30
    said = Markup("; ").join(
        f"{b.name} = {b.formula}" for b in boxes if b.name and b.kind != "leaf"
    )
    lines = Markup('<path class="edge" d="{}"/>').format(Markup().join(edges))
    title = f"One step of {read.name}: {said}"
    return _svg(width, height, "cell", title, [lines, *drawn])


def _boxes(graph: Graph) -> list[_Box]:
    """What is shown: what goes in, what the author named, and the new states."""
    before = {s: f"{graph.nodes[s].label}ₜ₋₁" for s in graph.states}
    names = {graph.inputs[0]: f"{graph.nodes[graph.inputs[0]].label or 'x'}ₜ", **before}
    new: dict[int, str] = {}
    for output, state in zip(graph.outputs, graph.state_names, strict=True):
        new[output] = f"{new[output]}, {state}ₜ" if output in new else f"{state}ₜ"
    needed = graph.needed(graph.outputs)
    named = {i: name for i, name in graph.names.items() if graph.nodes[i].args and i in needed}
    leaves = [i for i in names if i in needed]
    shown = {i: names[i] for i in leaves}
    inner = sorted({*named, *(i for i in new if i not in names)})
    shown |= {i: new.get(i, named.get(i, "")) for i in inner}
    place = {i: k for k, i in enumerate(shown)}
    boxes = [_Box(shown[i], kind="leaf") for i in leaves]
    for i in inner:
        sigmoid = graph.nodes[i].op == "sigmoid"
        boxes.append(
            _Box(
                shown[i],
                _formula(graph, i, {k: n for k, n in shown.items() if k != i}),
                "state" if i in new else "gate" if sigmoid else "signal",
                [place[a] for a in dict.fromkeys(_reads(graph, i, shown))],
            )
        )
    for alias in graph.aliases:
        if alias.node in place:
            boxes[place[alias.node]].name += f", {alias.name}"
    for i in new:
        if i in names:  # a state that is handed on as it is
            boxes.append(_Box(new[i], names[i], "state", [place[i]]))
    for box in boxes:
        box.row = 1 + max((boxes[a].row for a in box.above), default=-1)
    return boxes


def _reads(graph: Graph, i: int, shown: Mapping[int, str]) -> Iterator[int]:
    """The shown nodes that a node is computed from."""
    seen, waiting = set[int](), [*reversed(graph.nodes[i].args)]
    while waiting:
        a = waiting.pop()
        if a in seen:
            continue
        seen.add(a)
        if a in shown:
            yield a
        else:
            waiting += reversed(graph.nodes[a].args)


def _formula(graph: Graph, i: int, names: Mapping[int, str]) -> str:
    """A node as people write it; nodes that have a name by their name.

    What is longer than anyone reads has "…" for its inner parts.
    """
    texts = dict(names)
    for node in reachable(graph.nodes, [i], known=names):
        text = _written(graph, node, texts, names)
        texts[node] = text if len(text) <= LONGEST else "…"
    return texts[i]


def _written(graph: Graph, i: int, texts: Mapping[int, str], names: Mapping[int, str]) -> str:
    node = graph.nodes[i]
    args = [texts[a] for a in node.args]

    def inner(k: int, tight: int) -> str:
        a = node.args[k]
        loose = OPEN.get(graph.nodes[a].op, 4)
        if graph.nodes[a].op == "affine" and graph.nodes[a].bias:
            loose = 1
        return f"({args[k]})" if loose < tight and a not in names else args[k]

    match node.op:
        case "affine":
            product = f"W[{', '.join(args)}]" if len(args) > 1 else f"W {inner(0, 4)}"
            return f"{product} + b" if node.bias else product
        case "add" | "sub" | "mul" | "div":
            bound = OPEN[node.op]
            right = bound + (node.op in ("sub", "div"))
            return f"{inner(0, bound)}{SIGNS[node.op]}{inner(1, right)}"
        case "neg":
            return f"−{inner(0, 3)}"
        case "constant":
            return f"{node.value:g}"
        case "vector":
            return node.parameters[0] if node.parameters else node.label
        case "sigmoid":
            return f"σ({args[0]})"
        case "normalize":
            return f"norm({args[0]})"
        case "maximum":
            return f"max({', '.join(args)})"
        case _ if args:
            return f"{node.op}({args[0]})"
        case _:
            return node.label


def _with_passes(boxes: list[_Box]) -> list[_Box]:
    """Boxes, and for every row that an edge passes a place to pass it at."""
    whole = list(boxes)
    for box in boxes:
        passed = []
        for a in box.above:
            for row in range(boxes[a].row + 1, box.row):
                same = [k for k, b in enumerate(whole) if not b.name and b.row == row]
                known = next((k for k in same if whole[k].above == [a]), None)
                if known is None:
                    whole.append(_Box("", above=[a], row=row))
                    known = len(whole) - 1
                a = known
            passed.append(a)
        box.above = passed
    return whole


def _ordered(boxes: Sequence[_Box]) -> list[list[int]]:
    """The boxes of each row from left to right, so that few edges cross.

    Each stands where its neighbours are on average (Sugiyama et al. 1981).
    """
    rows = [[k for k, b in enumerate(boxes) if b.row == r] for r in range(_depth(boxes))]
    below = _below(boxes)
    for turn in range(12):
        for row in rows if turn % 2 == 0 else rows[::-1]:
            at = {k: place / len(r) for r in rows for place, k in enumerate(r)}
            near = {k: (boxes[k].above if turn % 2 == 0 else below[k]) for k in row}
            row.sort(key=lambda k: _mean([at[n] for n in near[k]], at[k]))
    return rows


def _placed(boxes: Sequence[_Box], rows: Sequence[Sequence[int]]) -> float:
    """Gives every box its middle, near those of its neighbours; the width of it all."""
    below = _below(boxes)
    for row in rows:
        _spread(boxes, row, [0.0] * len(row))
    for turn in range(16):
        for row in rows if turn % 2 == 0 else rows[::-1]:
            near = [(boxes[k].above if turn % 2 == 0 else below[k]) for k in row]
            wanted = [
                _mean([boxes[n].x for n in some], boxes[k].x)
                for k, some in zip(row, near, strict=True)
            ]
            _spread(boxes, row, wanted)
    left = min(b.x - b.width / 2 for b in boxes)
    right = max(b.x + b.width / 2 for b in boxes)
    for box in boxes:
        box.x -= left - 2
    return right - left + 4


def _spread(boxes: Sequence[_Box], row: Sequence[int], wanted: Sequence[float]) -> None:
    """Places a row in order, no two boxes nearer than `GAP`, as near to where they belong."""
    offset, offsets = 0.0, []
    for j, k in enumerate(row):
        if j:
            offset += (boxes[row[j - 1]].width + boxes[k].width) / 2 + GAP
        offsets.append(offset)
    # With the spaces taken out, the nearest order-keeping places are a monotone regression.
    runs: list[list[float]] = []
    for target, away in zip(wanted, offsets, strict=True):
        runs.append([target - away, 1])
        while len(runs) > 1 and runs[-2][0] >= runs[-1][0]:
            (a, n), (b, m) = runs.pop(-2), runs.pop()
            runs.append([(a * n + b * m) / (n + m), n + m])
    flat = [mean for mean, n in runs for _ in range(int(n))]
    for k, place, away in zip(row, flat, offsets, strict=True):
        boxes[k].x = place + away


def _drawn(box: _Box, color: str) -> str:
    y, left = _top(box), box.x - box.width / 2
    rect = Markup('<rect x="{:.1f}" y="{}" width="{:.1f}" height="{}" rx="6"/>').format(
        left, y, box.width, HEIGHT
    )
    low = y + (19 if box.formula else 28)
    text = Markup('<text x="{:.1f}" y="{}" text-anchor="middle" class="name">{}</text>').format(
        box.x, low, box.name
    )
    if box.formula:
        text += Markup(
            '<text x="{:.1f}" y="{}" text-anchor="middle" class="formula">{}</text>'
        ).format(box.x, y + 36, box.formula)
    return Markup('<g class="{}" style="--color:{}">{}{}</g>').format(box.kind, color, rect, text)


def _port(port: int, count: int, box: _Box) -> float:
    """How far from a box's middle an edge comes in."""
    return (port - (count - 1) / 2) * min(16.0, box.width / (count + 1))


def _top(box: _Box) -> int:
    return 2 + ROW * box.row


def _depth(boxes: Iterable[_Box]) -> int:
    return 1 + max(box.row for box in boxes)


def _below(boxes: Sequence[_Box]) -> list[list[int]]:
    return [[j for j, b in enumerate(boxes) if k in b.above] for k in range(len(boxes))]


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


def _svg(width: float, height: float, kind: str, title: str, parts: Iterable[str]) -> str:
    return Markup(
        '<svg class="diagram {}" viewBox="0 0 {:.0f} {:.0f}" '
        'style="--width:{:.0f}px" role="img" aria-label="{}">'
        "{}</svg>"
    ).format(kind, width, height, width, title, Markup().join(parts))
