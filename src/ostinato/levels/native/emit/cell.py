"""A cell in LLVM's intermediate representation, forward and backward.

Each unit of a phase becomes one function (`units`). Around it stand the loops over panels and
phases (`panels`) and over steps (`loops`), and calls of the matrix products, which are compiled
once for all cells (`kernels`). Functions of a cell, all void and of one frame:

| function | does |
|---|---|
| `pack_forward`, `pack_backward` | copy the weights into panels |
| `lift` | the pass `lift` for tokens `first` … `first + steps - 1` of the caller's rows |
| `forward` | the passes `lift` and `loop` for every n-th sequence |
| `backward` | the pass `back` for the same |
| `post`, `dx` | the pass of that name for tokens `first` … `first + steps - 1` |
"""

from __future__ import annotations

from llvmlite import ir

from ostinato.levels.native.emit import loops, panels
from ostinato.levels.native.emit.function import CellModule
from ostinato.levels.native.emit.units import NumbersFunction, UnitFunction
from ostinato.levels.native.plan.lower import NUMBER
from ostinato.levels.native.plan.memory import MemoryPlan, phases
from ostinato.levels.native.plan.phases import PASSES


def emit(memory: MemoryPlan, number: ir.Type, lanes: int, backward: bool = True) -> str:
    """The module of a cell as LLVM's text.

    Args:
        memory: the cell's frame, rows and blocks.
        number: `ir.FloatType()` or `ir.DoubleType()`.
        lanes: numbers in a vector.
        backward: whether the functions that only training needs are there.
    """
    cell = CellModule(ir.Module(memory.program.graph.name), memory, number, lanes)
    units: dict[tuple[str, int, str], ir.Function] = {}
    wanted = PASSES if backward else PASSES[:2]
    for name, k, phase in phases(memory.plan):
        for unit in [phase.numbers, *phase.vectors] if name in wanted else []:
            if unit.stores or unit.means or unit.sums:
                kind = UnitFunction if unit.size != NUMBER else NumbersFunction
                units[name, k, unit.size] = kind(cell, name, k, unit).function
    passes = {name: panels.one_pass(cell, name, memory.plan.passes[name], units) for name in wanted}
    panels.pack(cell, "pack_forward", PASSES[:2])
    loops.lift(cell, passes)
    loops.forward(cell, passes)
    if backward:
        panels.pack(cell, "pack_backward", PASSES[2:])
        loops.backward(cell, passes)
        loops.after(cell, "post", passes)
        loops.after(cell, "dx", passes)
    return str(cell.module)
