"""What every stage of the compiler made of a cell, in words.

OSTINATO_SHOW=graph,phases,ir prints the stages named when a cell is compiled or loaded;
`ostinato show CELL --level native` shows the phases above the code.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from ostinato.equation.graph import Node
from ostinato.errors import UnknownName
from ostinato.levels.native.plan.memory import MemoryPlan
from ostinato.levels.native.plan.phases import PASSES, Unit
from ostinato.visible import visible

if TYPE_CHECKING:
    from collections.abc import Mapping

_WRITTEN = {
    "add": "{} + {}", "sub": "{} - {}", "mul": "{} · {}", "div": "{} / {}", "neg": "-{}",
    "copy": "{}",
}  # fmt: skip

_ROWS = {
    "lift": "for the tokens of some steps at a time, before these steps",
    "loop": "for every step, first to last",
    "back": "for every step, last to first",
    "post": "for all tokens, after the loop",
    "dx": "for all tokens, after the loop",
}

STAGES = ("graph", "phases", "ir")


def asked() -> set[str]:
    """The stages that OSTINATO_SHOW names.

    Raises:
        UnknownName: when it names another.
    """
    names = {n.strip() for n in os.environ.get("OSTINATO_SHOW", "").split(",")} - {""}
    for name in sorted(names - set(STAGES)):
        raise UnknownName("stage in OSTINATO_SHOW", name, STAGES)
    return names


def show(memory: MemoryPlan, ir: Callable[[], str]) -> None:
    """Prints on standard error the stages that OSTINATO_SHOW names."""
    stages = asked()
    texts = {"graph": lambda: graph(memory), "phases": lambda: phases(memory), "ir": ir}
    for name in STAGES:
        if name in stages:
            print(visible(texts[name](), "\n"), file=sys.stderr)


def graph(memory: MemoryPlan) -> str:
    """The first stage: every operation of the step and of its derivative, one a line."""
    program = memory.program
    moved = program.moved_by(program.adjoints)
    lines = [f"{program.graph.name}: the step and its derivative in plain operations"]
    for i, node in enumerate(program.nodes):
        side = "backward" if i in moved else "forward"
        lines.append(f"  {side:8}  {_name(memory, i):>8} = {_right(memory, node)}")
    return "\n".join(lines)


def phases(memory: MemoryPlan, backward: bool = True) -> str:
    """The second and third stage: what each phase computes, keeps and reads."""
    lines = [f"{memory.program.graph.name}: passes and phases"]
    for name in PASSES if backward else PASSES[:2]:
        for k, phase in enumerate(memory.plan.passes[name]):
            lines.append(f"{name} {k}: {_ROWS[name]}")
            for unit in [phase.numbers, *phase.vectors]:
                lines += _unit(memory, name, k, unit)
    rows = {"new": "the tape, one row per token", "grads": "gradients, one row per token"}
    for kind, what in list(rows.items())[: 1 + backward]:
        lines.append(f"{what}: {' + '.join(memory.rows[kind]) or 'nothing'} numbers")
    return "\n".join(lines)


def _unit(memory: MemoryPlan, name: str, k: int, unit: Unit) -> list[str]:
    lines = []
    for block in memory.blocks.get((name, k, unit.size), []):
        products = ", ".join(_name(memory, i) for i in block.products)
        depth = " + ".join(block.depth)
        lines.append(f"    product of depth {depth}, panels of {block.vectors} vectors: {products}")
    for mean in unit.means if unit.size == "1" else []:
        lines.append(f"    {_name(memory, mean)} = the mean computed by the previous phase")
    for i in unit.nodes:
        if memory.nodes[i].op != "product":
            right = _right(memory, memory.nodes[i])
            lines.append(f"    {_name(memory, i)} = {right}   ({unit.size})")
    for mean in unit.means if unit.size != "1" else []:
        of = _name(memory, memory.nodes[mean].args[0])
        lines.append(f"    compute the mean of {of}")
    kept: dict[str, list[str]] = {}
    for place, i in unit.stores:
        kept.setdefault(place, []).append(_name(memory, i) if i >= 0 else "0")
    lines += [f"    store in {place}: {', '.join(names)}" for place, names in kept.items()]
    lines += [f"    add to the gradient of {p}: {_name(memory, i)}" for p, i in unit.sums]
    return lines


def _name(memory: MemoryPlan, i: int) -> str:
    node = memory.nodes[i]
    match node.op:
        case "constant":
            return f"{node.value:g}"
        case "vector":
            return node.parameters[0]
        case "state":
            return f"{node.label}_prev"
        case "adjoint":
            return f"d{node.label}_next"
        case "input" | "still":
            return node.label
    return memory.program.names.get(i, f"v{i}")


def _right(memory: MemoryPlan, node: Node) -> str:
    args = [_name(memory, a) for a in node.args]
    if node.op == "product":
        mark = "ᵀ" if node.label == "transposed" else ""
        pairs: Mapping[str, str] = dict(zip(node.parameters, args, strict=True))
        return " + ".join(f"{m}{mark} {a}" for m, a in pairs.items())
    if node.op in _WRITTEN:
        return _WRITTEN[node.op].format(*args)
    return f"{node.op}({', '.join(args)})" if args else f"{node.op}, size {node.size}"
