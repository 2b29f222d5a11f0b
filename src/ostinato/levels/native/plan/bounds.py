"""Between planning and emitting: whether every load and store of a plan lies within its row.

The plan lays out rows of memory by the sizes of nodes, and the code walks along units. Here both
are held against each other, independently of who made them: a unit of size H may read and write
slots of size H alone, a product reads as many numbers as its matrix has columns, and a gradient
has the shape of its parameter. Sizes are letters, so what holds here holds for every size.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ostinato.errors import CellError
from ostinato.levels.native.plan.lower import NUMBER
from ostinato.levels.native.plan.memory import Block, MemoryPlan, Place, phases
from ostinato.levels.native.plan.parameters import ParameterLayout
from ostinato.levels.native.plan.phases import Unit


def check(memory: MemoryPlan) -> None:
    """Refuses a plan with an access that its memory has no room for.

    Raises:
        CellError: which access it is.
    """
    _compare(memory, _accesses(memory))


def check_layout(layout: ParameterLayout) -> None:
    """Refuses gradients that do not lie where the tensors of their parameters have room for them.

    Raises:
        CellError: which gradient it is.
    """
    _compare(layout.memory, _tasks(layout))


def _compare(memory: MemoryPlan, accesses: Iterator[tuple[str, object, object]]) -> None:
    for what, size, room in accesses:
        if size != room:
            cell = f"cell {memory.program.graph.name!r}"
            raise CellError(
                f"{cell}: native code does not support the size of {what}: {size}, not {room}"
            )


def _accesses(memory: MemoryPlan) -> Iterator[tuple[str, object, object]]:
    """What is read or written, how much of it, and how much there is."""
    yield from _shapes(memory)
    yield from _gradients(memory)
    for name, k, phase in phases(memory.plan):
        for unit in [phase.numbers, *phase.vectors]:
            yield from _unit(memory, name, unit)
        for unit in phase.vectors:
            for block in memory.blocks.get((name, k, unit.size), []):
                yield from _block(memory, unit.size, block)


def _shapes(memory: MemoryPlan) -> Iterator[tuple[str, object, object]]:
    """Operations on what they read, whatever memory it lies in."""
    p, nodes, shapes = memory.program, memory.nodes, _declared(memory)
    for node in nodes:
        operands = [nodes[a].size for a in node.args]
        if node.op == "product":
            yield "the matrices of a product", len(node.parameters), len(operands)
            for matrix, size in zip(node.parameters, operands, strict=True):
                shape = (size, node.size) if node.label == "transposed" else (node.size, size)
                yield matrix, shapes[matrix], shape
        elif node.op == "mean":
            yield "a mean", [node.label], operands
        elif node.op == "vector":
            yield node.parameters[0], shapes[node.parameters[0]], (node.size,)
        else:
            sizes = {*operands} - {NUMBER}
            yield f"the operands of {node.op}", sizes, sizes & {node.size}
    for name, new in (("states", p.outputs), ("gradients of states", p.d_states)):
        for old, i in zip(p.states, new, strict=True):
            if i is not None and nodes[i].size != NUMBER:
                yield f"new {name}", nodes[i].size, nodes[old].size


def _gradients(memory: MemoryPlan) -> Iterator[tuple[str, object, object]]:
    """A parameter belongs to one operation, and its gradient has its shape."""
    p, nodes, shapes = memory.program, memory.nodes, _declared(memory)
    used = sorted(name for node in p.graph.nodes for name in node.parameters)
    yield "the parameters", used, sorted(shapes)
    for name, share in p.shares.items():
        sides = [share.left] if share.right is None else [share.left, share.right]
        yield f"the gradient of {name}", tuple(nodes[i].size for i in sides), shapes[name]
        for i in sides[1:]:
            yield from _slot(memory, memory.place("gradient", i), nodes[i].size)


def _unit(memory: MemoryPlan, name: str, unit: Unit) -> Iterator[tuple[str, object, object]]:
    """The loads and stores of a unit, which walks along as many numbers as its size says."""
    p, nodes = memory.program, memory.nodes
    computed = {*unit.nodes} | ({*unit.means} if unit.size == NUMBER else set())
    read = {i for _, i in (*unit.stores, *unit.sums) if i >= 0}
    for i in unit.nodes:
        node = nodes[i]
        yield f"{node.op} in {name}", node.size, unit.size
        if node.op == "copy":
            k = p.adjoints.index(node.args[0])
            yield from _slot(memory, Place("carry", tuple(memory.rows["carry"][:k])), unit.size)
            if k == 0:
                yield "the gradient of the output", memory.rows["dy"], [unit.size]
        elif node.op != "product":
            read.update(node.args)
    for i in unit.means if unit.size != NUMBER else []:
        read.update(nodes[i].args)
        yield "a mean", nodes[i].label, unit.size
    for i in read - computed:
        if nodes[i].op == "vector":
            yield "a vector", nodes[i].size, unit.size
        elif nodes[i].op != "constant":
            size = NUMBER if nodes[i].size == NUMBER else unit.size
            yield from _slot(memory, memory.place(name, i), size)
    for place, i in unit.stores:
        yield from _slot(memory, memory.named(place, i), unit.size)
        if place == "new_0":
            yield "the output", memory.rows["y"], [unit.size]
    for _, i in unit.sums:
        yield "a sum over steps", nodes[i].size, unit.size


def _block(memory: MemoryPlan, letter: str, block: Block) -> Iterator[tuple[str, object, object]]:
    """The operands of a panel of products lie in memory as it reads them."""
    shapes, nodes = _declared(memory), memory.nodes
    for i in block.products:
        yield "a product", nodes[i].size, letter
    for term in block.terms:
        yield from _slots(memory, term.place, term.sizes)
        for size, matrices in zip(term.sizes, term.matrices, strict=True):
            for matrix in matrices:
                shape = (size, letter) if block.transposed else (letter, size)
                yield matrix, shapes[matrix], shape


def _tasks(layout: ParameterLayout) -> Iterator[tuple[str, object, object]]:
    """The rows of each tensor, letter by letter, and the rows that each task fills."""
    memory, declared = layout.memory, _declared(layout.memory)
    rows: dict[str, tuple[str, ...]] = {}
    columns = {stack.weight: stack.shape[1] for stack in layout.stacks}
    for stack in layout.stacks:
        rows[stack.weight] = (stack.shape[0],) * len(stack.matrices)
        rows[str(stack.bias)] = (stack.shape[0],) * len(stack.biases)
    for name in layout.names:
        if name not in rows:
            rows[name] = declared[name]
    yield "the tensors", len({*layout.names}), len(layout.names)
    for name, held in layout.holders.items():
        for tensor, first in held:
            to, shape = layout.names[tensor], declared[name]
            room = rows[to][: len(first) + 1]
            yield f"{name} in {to}", (*first, *shape), (*room, *columns.get(to, ""))
    for task in [*layout.products, *layout.sums]:
        to, first = layout.names[task.tensor], task.first + task.rows
        yield f"a gradient of {to}", first, rows[to][: len(first)]
        yield from _slots(memory, task.left, task.rows)
    for product in layout.products:
        to = layout.names[product.tensor]
        yield f"a gradient of {to}", product.columns, columns[to]
        yield from _slot(memory, product.right, product.columns)


def _slots(
    memory: MemoryPlan, place: Place, sizes: Sequence[str]
) -> Iterator[tuple[str, object, object]]:
    """Slots that follow each other."""
    before = place.before
    for size in sizes:
        yield from _slot(memory, Place(place.rows, before), size)
        before = (*before, size)


def _slot(memory: MemoryPlan, place: Place, size: str) -> Iterator[tuple[str, object, object]]:
    """Some numbers of a row: what stands before them stands there, and then they are one slot."""
    slots, at = memory.rows[place.rows], len(place.before)
    yield f"a slot of {place.rows}", (*place.before, size), tuple(slots[: at + 1])


def _declared(memory: MemoryPlan) -> dict[str, tuple[str, ...]]:
    return {name: p.shape for name, p in memory.program.graph.parameters.items()}
