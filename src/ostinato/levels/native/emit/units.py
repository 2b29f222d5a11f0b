"""The pointwise work of a phase: for every row, for every vector of units, one function.

A unit loads what it reads, computes its nodes, and stores what others read.
"""

from __future__ import annotations

from llvmlite import ir

from ostinato.equation.graph import Node
from ostinato.levels.native.emit.function import VOID, CellModule, FrameFunction
from ostinato.levels.native.kernels import special
from ostinato.levels.native.kernels.vectors import I32, POINTER, i64
from ostinato.levels.native.plan.lower import NUMBER
from ostinato.levels.native.plan.memory import Place
from ostinato.levels.native.plan.phases import Unit


class UnitFunction(FrameFunction):
    """The pointwise work of one unit: rows 0 … rows - 1, units lo … hi - 1 of each."""

    def __init__(self, cell: CellModule, name: str, k: int, unit: Unit) -> None:
        super().__init__(cell, f"{name}_{k}_{unit.size}", "rows", "lo", "hi")
        self.function.attributes.add("noinline")
        self.name, self.unit, self.nodes = name, unit, self.memory.nodes
        blocks = self.memory.blocks.get((name, k, unit.size), [])
        self.column = {
            i: (block.offset + g * block.units) * self.lanes
            for block in blocks
            for g, i in enumerate(block.products)
        }
        self.loop(i64(0), self.argument["rows"], i64(1), self._row)
        self.end()

    def _row(self, j: ir.Value) -> None:
        b, lo, hi = self.b, self.argument["lo"], self.argument["hi"]
        self._row_block, self._j, self._rows = b.block, j, dict[object, ir.Value]()
        begin = b.append_basic_block("units")
        b.position_at_end(begin)
        gathered = {m: self.variable(self.vector) for m in self.unit.means}
        for mean, place in gathered.items():
            old = self._load_vector(self._means(mean))
            first = b.icmp_signed("==", lo, i64(0))
            b.store(b.select(first, ir.Constant(self.vector, [0.0] * self.lanes), old), place)
        whole = b.sub(hi, b.srem(b.sub(hi, lo), i64(self.lanes)))
        self.loop(lo, whole, i64(self.lanes), lambda u: self._body(u, None, gathered))
        with b.if_then(b.icmp_signed("<", whole, hi), likely=False):
            mask = self._mask(b.sub(hi, whole))
            self._body(whole, mask, gathered)
        for mean, place in gathered.items():
            b.store(b.load(place, typ=self.vector), self._means(mean), align=4)
        with b.goto_block(self._row_block):  # it is complete now
            b.branch(begin)

    def _mask(self, count: ir.Value) -> ir.Value:
        b = self.b
        kind = ir.VectorType(I32, self.lanes)
        vector = b.insert_element(
            ir.Constant(kind, ir.Undefined), b.trunc(count, I32), ir.Constant(I32, 0)
        )
        zeros = ir.Constant(kind, [0] * self.lanes)
        spread = b.shuffle_vector(vector, ir.Constant(kind, ir.Undefined), zeros)
        return b.icmp_unsigned("<", ir.Constant(kind, list(range(self.lanes))), spread)

    def _means(self, mean: int) -> ir.Value:
        slot = self.memory.means.index(mean)
        return self.numbers(self._row_pointer("means"), i64(slot * self.lanes))

    def _row_pointer(self, rows: str) -> ir.Value:
        """The row's address, computed once before the units."""
        if rows not in self._rows:
            with self.b.goto_block(self._row_block):
                self._rows[rows] = self.row(rows, self._j)
        return self._rows[rows]

    def _slot(self, place: Place) -> ir.Value:
        """A slot's address, computed once before the units."""
        pointer = self._row_pointer(place.rows)
        if place not in self._rows:
            offset = self.offset(place)
            with self.b.goto_block(self._row_block):
                self._rows[place] = self.numbers(pointer, offset)
        return self._rows[place]

    def _body(self, u: ir.Value, mask: ir.Value | None, gathered: dict[int, ir.Value]) -> None:
        """One vector of units."""
        b, values = self.b, dict[int, ir.Value]()

        def value(i: int) -> ir.Value:
            if i not in values:
                values[i] = self._read(i, u, mask)
            return values[i]

        for i in self.unit.nodes:
            node = self.nodes[i]
            if node.op == "product":
                column = b.add(i64(self.column[i]), b.sub(u, self.argument["lo"]))
                values[i] = self._load_vector(self.numbers(self._row_pointer("panel"), column))
            elif node.op == "copy":
                values[i] = self._adjoint(node, u, mask)
            else:
                values[i] = special.emit(b, node.op, *(value(a) for a in node.args))
        for mean, place in gathered.items():
            term = value(self.nodes[mean].args[0])
            if mask is not None:
                term = b.select(mask, term, ir.Constant(self.vector, [0.0] * self.lanes))
            b.store(b.fadd(b.load(place, typ=self.vector), term), place)
        for name, i in self.unit.stores:
            result = ir.Constant(self.vector, [0.0] * self.lanes) if i < 0 else value(i)
            self._store(self.memory.named(name, i), result, u, mask)
            if name == "new_0":
                self._store(Place("y"), result, u, mask)
        for name, i in self.unit.sums:
            slot = self.memory.summed.index((name, i))
            place = Place("total", tuple(self.memory.rows["total"][:slot]))
            so_far = self._load(self._slot(place), u, mask)
            self._store(place, b.fadd(so_far, value(i)), u, mask)

    def _read(self, i: int, u: ir.Value, mask: ir.Value | None) -> ir.Value:
        node = self.nodes[i]
        if node.op == "constant":
            return ir.Constant(self.vector, [node.value] * self.lanes)
        if node.op == "vector":
            return self._load(self.pointer(self.word(f"vector_{node.parameters[0]}")), u, mask)
        place = self.memory.place(self.name, i)
        if node.size == NUMBER:
            return self._number(place)
        return self._load(self._slot(place), u, mask)

    def _number(self, place: Place) -> ir.Value:
        """A number of the row, in every lane."""
        slot = self._slot(place)
        if ("number", place) not in self._rows:
            with self.b.goto_block(self._row_block):
                number = self.b.load(slot, typ=self.number)
                undefined = ir.Constant(self.vector, ir.Undefined)
                one = self.b.insert_element(undefined, number, ir.Constant(I32, 0))
                lanes = ir.Constant(ir.VectorType(I32, self.lanes), [0] * self.lanes)
                self._rows["number", place] = self.b.shuffle_vector(one, undefined, lanes)
        return self._rows["number", place]

    def _adjoint(self, node: Node, u: ir.Value, mask: ir.Value | None) -> ir.Value:
        """The gradient from the next step; for the output also the caller's."""
        k = self.memory.program.adjoints.index(node.args[0])
        place = Place("carry_in", tuple(self.memory.rows["carry"][:k]))
        value = self._load(self._slot(place), u, mask)
        if k == 0:
            value = self.b.fadd(value, self._load(self._slot(Place("dy")), u, mask))
        return value

    def _load(self, pointer: ir.Value, u: ir.Value, mask: ir.Value | None) -> ir.Value:
        pointer = self.numbers(pointer, u)
        if mask is None:
            return self._load_vector(pointer)
        zero = ir.Constant(self.vector, [0.0] * self.lanes)
        return self.b.call(self._masked("load"), [pointer, mask, zero])

    def _load_vector(self, pointer: ir.Value) -> ir.Value:
        return self.b.load(pointer, typ=self.vector, align=4)

    def _store(self, place: Place, value: ir.Value, u: ir.Value, mask: ir.Value | None) -> None:
        pointer = self.numbers(self._slot(place), u)
        if mask is None:
            self.b.store(value, pointer, align=4)
        else:
            self.b.call(self._masked("store"), [value, pointer, mask])

    def _masked(self, kind: str) -> ir.Value:
        bits = 8 * self.cell.bytes
        name = f"llvm.masked.{kind}.v{self.lanes}f{bits}.p0"
        if name in self.cell.module.globals:
            return self.cell.module.globals[name]
        mask = ir.VectorType(ir.IntType(1), self.lanes)
        if kind == "load":
            signature = ir.FunctionType(self.vector, [POINTER, mask, self.vector])
        else:
            signature = ir.FunctionType(VOID, [self.vector, POINTER, mask])
        return ir.Function(self.cell.module, signature, name)


class NumbersFunction(FrameFunction):
    """The numbers of each row: means, and what is computed from them."""

    def __init__(self, cell: CellModule, name: str, k: int, unit: Unit) -> None:
        super().__init__(cell, f"{name}_{k}_numbers", "rows", "lo", "hi")
        self.function.attributes.add("noinline")
        self.name, self.unit, self.nodes = name, unit, self.memory.nodes
        self.loop(i64(0), self.argument["rows"], i64(1), self._row)
        self.end()

    def _row(self, j: ir.Value) -> None:
        b, values = self.b, dict[int, ir.Value]()

        def slot(place: Place) -> ir.Value:
            return self.numbers(self.row(place.rows, j), self.offset(place))

        def value(i: int) -> ir.Value:
            if i not in values:
                if self.nodes[i].op == "constant":
                    return ir.Constant(self.number, self.nodes[i].value)
                values[i] = b.load(slot(self.memory.place(self.name, i)), typ=self.number)
            return values[i]

        for mean in self.unit.means:
            place = i64(self.memory.means.index(mean) * self.lanes)
            lanes = b.load(self.numbers(self.row("means", j), place), typ=self.vector, align=4)
            count = b.sitofp(self.size([self.nodes[mean].label]), self.number)
            values[mean] = b.fdiv(self._sum(lanes), count)
        for i in self.unit.nodes:
            values[i] = special.emit(b, self.nodes[i].op, *(value(a) for a in self.nodes[i].args))
        for name, i in self.unit.stores:
            b.store(value(i), slot(self.memory.named(name, i)))

    def _sum(self, vector: ir.Value) -> ir.Value:
        """The sum of all lanes, halves first."""
        width = self.lanes
        while width > 1:
            width //= 2
            kind = ir.VectorType(I32, width)
            undefined = ir.Constant(vector.type, ir.Undefined)
            low = self.b.shuffle_vector(vector, undefined, ir.Constant(kind, list(range(width))))
            high = ir.Constant(kind, list(range(width, 2 * width)))
            vector = self.b.fadd(low, self.b.shuffle_vector(vector, undefined, high))
        return self.b.extract_element(vector, ir.Constant(I32, 0))
