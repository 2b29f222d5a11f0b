"""Fourth stage: LLVM's intermediate representation of a cell, forward and backward.

Each unit of a phase becomes one function: for every row, for every vector of units, the pointwise
work between what it loads and what it stores. Around it stand the loops over panels, phases and
steps, and calls of the matrix products, which are compiled once for all cells (`product`).

Functions of a cell, all void and of one frame (`memory`):

| function | does |
|---|---|
| `pack_forward`, `pack_backward` | copy the weights into panels |
| `lift` | the pass `lift` for tokens `first` … `first + steps - 1` of the caller's rows |
| `forward` | the passes `lift` and `loop` for every n-th sequence |
| `backward` | the pass `back` for the same |
| `post`, `dx` | the pass of that name for tokens `first` … `first + steps - 1` |
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir

from ostinato.equation.graph import Node
from ostinato.levels.native import functions
from ostinato.levels.native.lower import NUMBER
from ostinato.levels.native.memory import INDEXED, Block, Memory, Place, phases, total
from ostinato.levels.native.phases import PASSES, Phase, Unit

_BYTE, _INT, _WORD, _POINTER = ir.IntType(8), ir.IntType(32), ir.IntType(64), ir.PointerType()
_VOID = ir.VoidType()
_PRODUCT = ir.FunctionType(
    _VOID, [_WORD, _WORD, _POINTER, _WORD, _WORD, _POINTER, _POINTER, _WORD, _WORD]
)
_PACK = ir.FunctionType(_VOID, [_POINTER, _WORD, _WORD, _WORD, _WORD, _WORD, _POINTER, _WORD])


def emit(memory: Memory, number: Any, lanes: int, backward: bool = True) -> str:
    """The module of a cell as LLVM's text.

    Args:
        memory: the cell's frame, rows and blocks.
        number: `ir.FloatType()` or `ir.DoubleType()`.
        lanes: numbers in a vector.
        backward: whether the functions that only training needs are there.
    """
    module = ir.Module(memory.program.graph.name)
    units = {}
    wanted = PASSES if backward else PASSES[:2]
    for name, k, phase in phases(memory.plan):
        if name not in wanted:
            continue
        for unit in [phase.numbers, *phase.vectors]:
            if unit.stores or unit.means or unit.sums:
                function = _UnitFunction if unit.size != NUMBER else _NumbersFunction
                units[name, k, unit.size] = function(
                    module, memory, number, lanes, name, k, unit
                ).function
    loops = _Loops(module, memory, number, lanes, units)
    for name in wanted:
        loops.one_pass(name, memory.plan.passes[name])
    loops.pack("pack_forward", PASSES[:2])
    loops.lift()
    loops.forward()
    if backward:
        loops.pack("pack_backward", PASSES[2:])
        loops.backward()
        loops.after("post")
        loops.after("dx")
    return str(module)


class _Function:
    """A function of a frame in the making."""

    def __init__(
        self, module: Any, memory: Memory, number: Any, lanes: int, name: str, *arguments: str
    ) -> None:
        self.module, self.memory, self.number, self.lanes = module, memory, number, lanes
        self.vector = ir.VectorType(number, lanes)
        kind = ir.FunctionType(_VOID, [_POINTER, *([_WORD] * len(arguments))])
        self.function = ir.Function(module, kind, name)
        self.function.attributes.add("nounwind")
        self.frame = self.function.args[0]
        self.argument = dict(zip(arguments, self.function.args[1:], strict=True))
        self.b = ir.IRBuilder(self.function.append_basic_block("entry"))
        self._known: dict[Any, Any] = {}

    # words of the frame

    def word(self, name: str) -> Any:
        """A word that does not change while the function runs."""
        if name not in self._known:
            with self.b.goto_entry_block():
                self._known[name] = self.read(name)
        return self._known[name]

    def read(self, name: str) -> Any:
        return self.b.load(self._address(name), typ=_WORD)

    def write(self, name: str, value: Any) -> None:
        self.b.store(value, self._address(name))

    def _address(self, name: str) -> Any:
        place = int_(self.memory.words[name])
        return self.b.gep(self.frame, [place], source_etype=_WORD)

    def size(self, letters: Any) -> Any:
        """The sum of some sizes."""
        counts = tuple(sorted(total(letters).items()))
        key = ("size", counts)
        if key not in self._known:
            with self.b.goto_entry_block():
                value: Any = int_(0)
                for letter, count in counts:
                    one = self.read(f"size_{letter}") if letter != NUMBER else int_(1)
                    value = self.b.add(value, self.b.mul(int_(count), one))
                self._known[key] = value
        return self._known[key]

    def offset(self, place: Place) -> Any:
        return self.size(place.before)

    # memory

    def pointer(self, word: Any) -> Any:
        return self.b.inttoptr(word, _POINTER)

    def numbers(self, pointer: Any, count: Any) -> Any:
        """The address that lies some numbers further."""
        return self.b.gep(pointer, [count], source_etype=self.number)

    def row(self, rows: str, j: Any) -> Any:
        """The address of a row of a kind."""
        at = self.pointer(self.word(f"at_{rows}"))
        if rows in INDEXED:
            index = self.pointer(self.word("index"))
            place = self.b.gep(index, [self.b.mul(j, self.word("every"))], source_etype=_INT)
            j = self.b.sext(self.b.load(place, typ=_INT), _WORD)
        return self.numbers(at, self.b.mul(j, self.word(f"row_{rows}")))

    # control

    def loop(self, start: Any, stop: Any, step: Any, body: Callable[[Any], None]) -> None:
        """For i = start; i < stop; i += step."""
        b = self.b
        before, head = b.block, b.append_basic_block("head")
        inside, after = b.append_basic_block("body"), b.append_basic_block("done")
        b.branch(head)
        b.position_at_end(head)
        i = b.phi(_WORD)
        i.add_incoming(start, before)
        b.cbranch(b.icmp_signed("<", i, stop), inside, after)
        b.position_at_end(inside)
        body(i)
        i.add_incoming(b.add(i, step), b.block)
        b.branch(head)
        b.position_at_end(after)

    def variable(self, kind: Any, value: Any = None) -> Any:
        """Memory on the stack, which becomes a register."""
        with self.b.goto_entry_block():
            place = self.b.alloca(kind)
        if value is not None:
            self.b.store(value, place)
        return place

    def smaller(self, x: Any, y: Any) -> Any:
        return self.b.select(self.b.icmp_signed("<", x, y), x, y)

    def copy(self, to: Any, source: Any, count: Any) -> None:
        """Copies some numbers that do not overlap."""
        copy = self.module.declare_intrinsic("llvm.memcpy", [_POINTER, _POINTER, _WORD])
        size = self.b.mul(count, int_(8 if isinstance(self.number, ir.DoubleType) else 4))
        self.b.call(copy, [to, source, size, ir.Constant(ir.IntType(1), 0)])

    def end(self) -> None:
        self.b.ret_void()


class _UnitFunction(_Function):
    """The pointwise work of one unit: rows 0 … rows - 1, units lo … hi - 1 of each."""

    def __init__(
        self, module: Any, memory: Memory, number: Any, lanes: int, name: str, k: int, unit: Unit
    ) -> None:
        super().__init__(
            module, memory, number, lanes, f"{name}_{k}_{unit.size}", "rows", "lo", "hi"
        )
        self.function.attributes.add("noinline")
        self.name, self.unit, self.nodes = name, unit, memory.nodes
        blocks = memory.blocks.get((name, k, unit.size), [])
        self.column = {
            i: (block.offset + g * block.units) * lanes
            for block in blocks
            for g, i in enumerate(block.products)
        }
        self.loop(int_(0), self.argument["rows"], int_(1), self._row)
        self.end()

    def _row(self, j: Any) -> None:
        b, lo, hi = self.b, self.argument["lo"], self.argument["hi"]
        self._row_block, self._j, self._rows = b.block, j, dict[Any, Any]()
        begin = b.append_basic_block("units")
        b.position_at_end(begin)
        gathered = {m: self.variable(self.vector) for m in self.unit.means}
        for mean, place in gathered.items():
            old = self._load_vector(self._means(mean))
            first = b.icmp_signed("==", lo, int_(0))
            b.store(b.select(first, ir.Constant(self.vector, [0.0] * self.lanes), old), place)
        whole = b.sub(hi, b.srem(b.sub(hi, lo), int_(self.lanes)))
        self.loop(lo, whole, int_(self.lanes), lambda u: self._body(u, None, gathered))
        with b.if_then(b.icmp_signed("<", whole, hi), likely=False):
            mask = self._mask(b.sub(hi, whole))
            self._body(whole, mask, gathered)
        for mean, place in gathered.items():
            b.store(b.load(place, typ=self.vector), self._means(mean), align=4)
        with b.goto_block(self._row_block):  # it is complete now
            b.branch(begin)

    def _mask(self, count: Any) -> Any:
        b = self.b
        kind = ir.VectorType(_INT, self.lanes)
        several = b.insert_element(
            ir.Constant(kind, ir.Undefined), b.trunc(count, _INT), ir.Constant(_INT, 0)
        )
        zeros = ir.Constant(kind, [0] * self.lanes)
        spread = b.shuffle_vector(several, ir.Constant(kind, ir.Undefined), zeros)
        return b.icmp_unsigned("<", ir.Constant(kind, list(range(self.lanes))), spread)

    def _means(self, mean: int) -> Any:
        slot = self.memory.means.index(mean)
        return self.numbers(self._row_pointer("means"), int_(slot * self.lanes))

    def _row_pointer(self, rows: str) -> Any:
        """The row's address, computed once before the units."""
        if rows not in self._rows:
            with self.b.goto_block(self._row_block):
                self._rows[rows] = self.row(rows, self._j)
        return self._rows[rows]

    def _slot(self, place: Place) -> Any:
        """A slot's address, computed once before the units."""
        pointer = self._row_pointer(place.rows)
        if place not in self._rows:
            offset = self.offset(place)
            with self.b.goto_block(self._row_block):
                self._rows[place] = self.numbers(pointer, offset)
        return self._rows[place]

    def _body(self, u: Any, mask: Any, gathered: dict[int, Any]) -> None:
        """One vector of units."""
        b, values = self.b, dict[int, Any]()

        def value(i: int) -> Any:
            if i not in values:
                values[i] = self._read(i, u, mask)
            return values[i]

        for i in self.unit.nodes:
            node = self.nodes[i]
            if node.op == "product":
                column = b.add(int_(self.column[i]), b.sub(u, self.argument["lo"]))
                values[i] = self._load_vector(self.numbers(self._row_pointer("panel"), column))
            elif node.op == "copy":
                values[i] = self._adjoint(node, u, mask)
            else:
                values[i] = functions.emit(b, node.op, *(value(a) for a in node.args))
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

    def _read(self, i: int, u: Any, mask: Any) -> Any:
        node = self.nodes[i]
        if node.op == "constant":
            return ir.Constant(self.vector, [node.value] * self.lanes)
        if node.op == "vector":
            return self._load(self.pointer(self.word(f"vector_{node.parameters[0]}")), u, mask)
        place = self.memory.place(self.name, i)
        if node.size == NUMBER:
            return self._number(place)
        return self._load(self._slot(place), u, mask)

    def _number(self, place: Place) -> Any:
        """A number of the row, in every lane."""
        slot = self._slot(place)
        if ("number", place) not in self._rows:
            with self.b.goto_block(self._row_block):
                number = self.b.load(slot, typ=self.number)
                undefined = ir.Constant(self.vector, ir.Undefined)
                one = self.b.insert_element(undefined, number, ir.Constant(_INT, 0))
                lanes = ir.Constant(ir.VectorType(_INT, self.lanes), [0] * self.lanes)
                self._rows["number", place] = self.b.shuffle_vector(one, undefined, lanes)
        return self._rows["number", place]

    def _adjoint(self, node: Node, u: Any, mask: Any) -> Any:
        """What the next step hands back; for the output also what the caller does."""
        k = self.memory.program.adjoints.index(node.args[0])
        place = Place("carry_in", tuple(self.memory.rows["carry"][:k]))
        value = self._load(self._slot(place), u, mask)
        if k == 0:
            value = self.b.fadd(value, self._load(self._slot(Place("dy")), u, mask))
        return value

    def _load(self, pointer: Any, u: Any, mask: Any) -> Any:
        pointer = self.numbers(pointer, u)
        if mask is None:
            return self._load_vector(pointer)
        zero = ir.Constant(self.vector, [0.0] * self.lanes)
        return self.b.call(self._masked("load"), [pointer, mask, zero])

    def _load_vector(self, pointer: Any) -> Any:
        return self.b.load(pointer, typ=self.vector, align=4)

    def _store(self, place: Place, value: Any, u: Any, mask: Any) -> None:
        pointer = self.numbers(self._slot(place), u)
        if mask is None:
            self.b.store(value, pointer, align=4)
        else:
            self.b.call(self._masked("store"), [value, pointer, mask])

    def _masked(self, kind: str) -> Any:
        bits = 64 if isinstance(self.number, ir.DoubleType) else 32
        name = f"llvm.masked.{kind}.v{self.lanes}f{bits}.p0"
        if name in self.module.globals:
            return self.module.globals[name]
        mask = ir.VectorType(ir.IntType(1), self.lanes)
        if kind == "load":
            signature = ir.FunctionType(self.vector, [_POINTER, mask, self.vector])
        else:
            signature = ir.FunctionType(_VOID, [self.vector, _POINTER, mask])
        return ir.Function(self.module, signature, name)


class _NumbersFunction(_Function):
    """The numbers of each row: means, and what is computed from them."""

    def __init__(
        self, module: Any, memory: Memory, number: Any, lanes: int, name: str, k: int, unit: Unit
    ) -> None:
        super().__init__(module, memory, number, lanes, f"{name}_{k}_numbers", "rows", "lo", "hi")
        self.function.attributes.add("noinline")
        self.name, self.unit, self.nodes = name, unit, memory.nodes
        self.loop(int_(0), self.argument["rows"], int_(1), self._row)
        self.end()

    def _row(self, j: Any) -> None:
        b, values = self.b, dict[int, Any]()

        def slot(place: Place) -> Any:
            return self.numbers(self.row(place.rows, j), self.offset(place))

        def value(i: int) -> Any:
            if i not in values:
                if self.nodes[i].op == "constant":
                    return ir.Constant(self.number, self.nodes[i].value)
                values[i] = b.load(slot(self.memory.place(self.name, i)), typ=self.number)
            return values[i]

        for mean in self.unit.means:
            place = int_(self.memory.means.index(mean) * self.lanes)
            lanes = b.load(self.numbers(self.row("means", j), place), typ=self.vector, align=4)
            count = b.sitofp(self.size([self.nodes[mean].label]), self.number)
            values[mean] = b.fdiv(self._sum(lanes), count)
        for i in self.unit.nodes:
            values[i] = functions.emit(b, self.nodes[i].op, *(value(a) for a in self.nodes[i].args))
        for name, i in self.unit.stores:
            b.store(value(i), slot(self.memory.named(name, i)))

    def _sum(self, vector: Any) -> Any:
        """The sum of all lanes, halves first."""
        width = self.lanes
        while width > 1:
            width //= 2
            kind = ir.VectorType(_INT, width)
            undefined = ir.Constant(vector.type, ir.Undefined)
            low = self.b.shuffle_vector(vector, undefined, ir.Constant(kind, list(range(width))))
            high = ir.Constant(kind, list(range(width, 2 * width)))
            vector = self.b.fadd(low, self.b.shuffle_vector(vector, undefined, high))
        return self.b.extract_element(vector, ir.Constant(_INT, 0))


class _Loops:
    """The functions around the units: panels, phases, steps."""

    def __init__(
        self, module: Any, memory: Memory, number: Any, lanes: int, units: dict[Any, Any]
    ) -> None:
        self.module, self.memory, self.number, self.lanes = module, memory, number, lanes
        self.units = units
        self.passes: dict[str, Any] = {}

    def _begin(self, name: str, *arguments: str) -> _Function:
        return _Function(self.module, self.memory, self.number, self.lanes, name, *arguments)

    # a pass

    def one_pass(self, name: str, pass_: list[Phase]) -> None:
        """All phases of a pass over some rows."""
        f = self._begin(f"pass_{name}", "rows")
        rows = f.argument["rows"]
        for k, phase in enumerate(pass_):
            if (name, k, NUMBER) in self.units:
                f.b.call(self.units[name, k, NUMBER], [f.frame, rows, int_(0), int_(1)])
            for unit in phase.vectors:
                if (name, k, unit.size) not in self.units:
                    continue
                function, size = self.units[name, k, unit.size], f.size([unit.size])
                blocks = self.memory.blocks.get((name, k, unit.size), [])
                if not blocks:
                    f.b.call(function, [f.frame, rows, int_(0), size])
                    continue
                width = int_(blocks[0].units * self.lanes)

                def panel(
                    lo: Any,
                    blocks: Any = blocks,
                    function: Any = function,
                    size: Any = size,
                    width: Any = width,
                ) -> None:
                    for block in blocks:
                        self._products(f, block, lo, width, rows)
                    hi = f.smaller(f.b.add(lo, width), size)
                    f.b.call(function, [f.frame, rows, lo, hi])

                first, end = self._share(f, size, width)
                f.loop(first, end, width, panel)
        f.end()
        self.passes[name] = f.function

    def _share(self, f: _Function, size: Any, width: Any) -> tuple[Any, Any]:
        """The units of this frame's part of the panels; all of them unless threads share a step."""
        b = f.b
        panels = b.sdiv(b.add(size, b.sub(width, int_(1))), width)
        more = b.sub(f.word("parts"), int_(1))
        share = b.mul(b.sdiv(b.add(panels, more), f.word("parts")), width)
        first = b.mul(f.word("part"), share)
        return first, f.smaller(b.add(first, share), size)

    def _products(self, f: _Function, block: Block, lo: Any, width: Any, rows: Any) -> None:
        """The products of one panel of a block."""
        columns = int_(block.vectors * self.lanes)
        product = f.b.inttoptr(f.word(f"product_{block.vectors}"), _PRODUCT.as_pointer())
        stride = f.b.mul(f.size(block.depth), columns)
        packed = f.pointer(f.word(f"packed_{block.name}"))
        packed = f.numbers(packed, f.b.mul(f.b.sdiv(lo, width), stride))
        panel = f.numbers(f.pointer(f.word("at_panel")), int_(block.offset * self.lanes))
        for n, term in enumerate(block.terms):
            at = f.pointer(f.word(f"at_{term.place.rows}"))
            a = f.numbers(at, f.offset(term.place))
            depth = f.size(term.sizes)
            f.b.call(
                product,
                [rows, depth, a, f.word(f"row_{term.place.rows}"), int_(1), packed, panel,
                 f.word("row_panel"), int_(int(n > 0))],
            )  # fmt: skip
            packed = f.numbers(packed, f.b.mul(depth, columns))

    # weights

    def pack(self, name: str, passes: tuple[str, ...]) -> None:
        """Copies the weights of some passes into their panels."""
        f = self._begin(name)
        pack = f.b.inttoptr(f.word("pack"), _PACK.as_pointer())
        for (of, _, letter), blocks in self.memory.blocks.items():
            for block in blocks:
                if of in passes:
                    self._pack(f, block, f.size([letter]), pack)
        f.end()

    def _pack(self, f: _Function, block: Block, size: Any, pack: Any) -> None:
        b = f.b
        width, columns = int_(block.units * self.lanes), int_(block.vectors * self.lanes)
        stride = b.mul(f.size(block.depth), columns)

        def panel(lo: Any) -> None:
            out = f.numbers(
                f.pointer(f.word(f"packed_{block.name}")), b.mul(b.sdiv(lo, width), stride)
            )
            units = f.smaller(b.sub(size, lo), width)
            for term in block.terms:
                for letter, matrices in zip(term.sizes, term.matrices, strict=True):
                    depth = f.size([letter])
                    for g, matrix in enumerate(matrices):
                        weight = f.pointer(f.word(f"matrix_{matrix}"))
                        by_unit, by_depth = (
                            (int_(1), size) if block.transposed else (depth, int_(1))
                        )
                        weight = f.numbers(weight, b.mul(lo, by_unit))
                        place = f.numbers(out, int_(g * block.units * self.lanes))
                        b.call(
                            pack, [weight, by_unit, by_depth, units, width, depth, place, columns]
                        )
                    out = f.numbers(out, b.mul(depth, columns))

        f.loop(int_(0), size, width, panel)

    # loops over time

    def forward(self) -> None:
        """Steps 0 … steps - 1; the input's part is computed for some steps at a time."""
        f = self._begin("forward")
        b = f.b
        start, step = f.variable(_WORD, int_(0)), f.variable(_WORD, int_(0))
        before = f.variable(_WORD, int_(0))  # where the tape's rows of the step before begin
        self._still_noise(f)
        self._rows_of_ours(f)

        def some_steps(_: Any) -> None:
            first, tokens = b.load(step, typ=_WORD), f.variable(_WORD, int_(0))
            end = f.variable(_WORD, first)
            if self.memory.rows["lifted"]:
                self._gather(f, first, b.load(start, typ=_WORD), tokens, end)
                with b.if_then(b.icmp_signed("==", f.word("lookup"), int_(0))):
                    f.write("at_lifted", f.word("base_lifted"))
                    b.call(self.passes["lift"], [f.frame, b.load(tokens, typ=_WORD)])
            else:
                b.store(f.word("steps"), end)
            row = f.variable(_WORD, int_(0))
            f.loop(first, b.load(end, typ=_WORD), int_(1), lambda s: one_step(s, row))
            b.store(b.load(end, typ=_WORD), step)

        def one_step(s: Any, row: Any) -> None:
            here, rows = b.load(start, typ=_WORD), self._count(f, s)
            self._at(f, "lifted", b.load(row, typ=_WORD), f.word("row_lifted"))
            b.store(b.add(b.load(row, typ=_WORD), rows), row)
            self._at_step(f, here)
            self._at_tape(f, s, here, b.load(before, typ=_WORD))
            b.call(self.passes["loop"], [f.frame, rows])
            self._ended(f, s, rows)
            b.store(b.add(here, f.word("sequences")), before)
            b.store(b.add(here, self._batch(f, s)), start)

        self._while(
            f, lambda: b.icmp_signed("<", b.load(step, typ=_WORD), f.word("steps")), some_steps
        )
        f.end()

    def backward(self) -> None:
        """Steps steps - 1 … 0."""
        f = self._begin("backward")
        b = f.b
        start = f.variable(_WORD, f.word("tokens"))
        self._still_noise(f)
        self._rows_of_ours(f)

        def one_step(back: Any) -> None:
            s = b.sub(b.sub(f.word("steps"), int_(1)), back)
            here = b.sub(b.load(start, typ=_WORD), self._batch(f, s))
            b.store(here, start)
            zero = b.icmp_signed("==", s, int_(0))
            earlier = b.select(zero, int_(0), b.sub(s, int_(1)))
            before = b.add(b.sub(here, self._batch(f, earlier)), f.word("sequences"))
            self._at_step(f, here)
            self._at_tape(f, s, here, b.select(zero, int_(0), before))
            self._at(f, "grads", b.add(here, f.word("first")), f.word("base_row_grads"))
            odd = b.icmp_signed("==", b.and_(s, int_(1)), int_(1))
            one, two = f.word("base_carry"), f.word("other_carry")
            f.write("at_carry_in", b.select(odd, one, two))
            f.write("at_carry_out", b.select(odd, two, one))
            b.call(self.passes["back"], [f.frame, self._count(f, s)])

        f.loop(int_(0), f.word("steps"), int_(1), one_step)
        f.end()

    def after(self, name: str) -> None:
        """A pass after the loop: tokens first … first + steps - 1, `tile` of them at a time."""
        f = self._begin(name)
        b = f.b
        f.write("every", int_(1))
        f.write("row_new", f.word("base_row_new"))
        f.write("row_grads", f.word("base_row_grads"))

        def some(at: Any) -> None:
            token = b.add(at, f.word("first"))
            f.write("index", self._index(f, token))
            self._at(f, "new", b.add(token, f.word("sequences")), f.word("base_row_new"))
            self._at(f, "grads", token, f.word("base_row_grads"))
            count = f.smaller(f.word("tile"), b.sub(f.word("steps"), at))
            b.call(self.passes[name], [f.frame, count])

        f.loop(int_(0), f.word("steps"), f.word("tile"), some)
        f.end()

    def lift(self) -> None:
        """Rows first … first + steps - 1 of x, `tile` of them at a time."""
        f = self._begin("lift")
        b = f.b

        def some(at: Any) -> None:
            row = b.add(at, f.word("first"))
            f.write("at_gathered", self._further(f, f.word("base_x"), row, f.word("row_x")))
            f.write("row_gathered", f.word("row_x"))
            self._at(f, "lifted", row, f.word("row_lifted"))
            count = f.smaller(f.word("tile"), b.sub(f.word("steps"), at))
            b.call(self.passes["lift"], [f.frame, count])

        f.loop(int_(0), f.word("steps"), f.word("tile"), some)
        f.end()

    # parts of them

    def _while(
        self, f: _Function, condition: Callable[[], Any], body: Callable[[Any], None]
    ) -> None:
        b = f.b
        head, inside, after = (b.append_basic_block(n) for n in ("while", "do", "done"))
        b.branch(head)
        b.position_at_end(head)
        b.cbranch(condition(), inside, after)
        b.position_at_end(inside)
        body(None)
        b.branch(head)
        b.position_at_end(after)

    def _batch(self, f: _Function, s: Any) -> Any:
        """How many sequences have step s; 0 behind the last step."""
        sizes = f.pointer(f.word("batch_sizes"))
        return f.b.sext(f.b.load(f.b.gep(sizes, [s], source_etype=_INT), typ=_INT), _WORD)

    def _count(self, f: _Function, s: Any) -> Any:
        """How many of them are ours: first, first + every, …"""
        b = f.b
        more = b.sub(b.add(self._batch(f, s), b.sub(f.word("every"), int_(1))), f.word("first"))
        return b.select(b.icmp_signed("<", more, int_(0)), int_(0), b.sdiv(more, f.word("every")))

    def _further(self, f: _Function, base: Any, rows: Any, row: Any) -> Any:
        """The address (a word) that lies some rows further."""
        size = 8 if isinstance(self.number, ir.DoubleType) else 4
        return f.b.add(base, f.b.mul(f.b.mul(rows, row), int_(size)))

    def _at(self, f: _Function, rows: str, number: Any, row: Any) -> None:
        f.write(f"at_{rows}", self._further(f, f.word(f"base_{rows}"), number, row))

    def _index(self, f: _Function, token: Any) -> Any:
        return f.b.add(f.word("token"), f.b.mul(token, int_(4)))

    def _rows_of_ours(self, f: _Function) -> None:
        """From one of our sequences to the next."""
        for rows, whole in {"new": "new", "old": "new", "grads": "grads"}.items():
            f.write(f"row_{rows}", f.b.mul(f.word("every"), f.word(f"base_row_{whole}")))

    def _at_tape(self, f: _Function, s: Any, here: Any, before: Any) -> None:
        """The rows of this step and of the step before: on the tape, or two that take turns."""
        b, row = f.b, f.word("base_row_new")
        base, first = f.word("base_new"), f.word("first")
        new = self._further(f, base, b.add(b.add(here, f.word("sequences")), first), row)
        old = self._further(f, base, b.add(before, first), row)
        odd = b.icmp_signed("==", b.and_(s, int_(1)), int_(1))
        ours = [self._further(f, w, first, row) for w in (base, f.word("other_new"))]
        training = b.icmp_signed("!=", f.word("training"), int_(0))
        f.write("at_new", b.select(training, new, b.select(odd, *ours)))
        f.write("at_old", b.select(training, old, b.select(odd, *ours[::-1])))

    def _at_step(self, f: _Function, here: Any) -> None:
        """The rows of the caller, and noise that is drawn for every token."""
        token = f.b.add(here, f.word("first"))
        f.write("index", self._index(f, token))
        for k, i in enumerate(self.memory.program.inputs[1:]):
            if self.memory.nodes[i].op == "input":
                size = f.size([self.memory.nodes[i].size])
                self._at(f, f"noise_{k}", token, size)

    def _still_noise(self, f: _Function) -> None:
        for k, i in enumerate(self.memory.program.inputs[1:]):
            size = f.size([self.memory.nodes[i].size])
            f.write(f"row_noise_{k}", f.b.mul(size, f.word("every")))
            if self.memory.nodes[i].op == "still":
                self._at(f, f"noise_{k}", f.word("first"), size)

    def _gather(self, f: _Function, first: Any, start: Any, tokens: Any, end: Any) -> None:
        """Brings the input of as many steps as fit into a tile together, one at least."""
        b = f.b
        token = f.variable(_WORD, start)

        def more() -> Any:
            s, held = b.load(end, typ=_WORD), b.load(tokens, typ=_WORD)
            left = b.icmp_signed("<", s, f.word("steps"))
            fits = b.icmp_signed("<=", b.add(held, self._count(f, s)), f.word("tile"))
            return b.and_(left, b.or_(fits, b.icmp_signed("==", s, first)))

        def one_step(_: Any) -> None:
            s, here = b.load(end, typ=_WORD), b.load(token, typ=_WORD)
            rows, held = self._count(f, s), b.load(tokens, typ=_WORD)
            index = f.pointer(self._index(f, b.add(here, f.word("first"))))

            def one_row(j: Any) -> None:
                place = b.gep(index, [b.mul(j, f.word("every"))], source_etype=_INT)
                number = b.sext(b.load(place, typ=_INT), _WORD)
                to = b.add(held, j)
                with b.if_else(b.icmp_signed("==", f.word("lookup"), int_(0))) as (plain, known):
                    with plain:
                        self._copy_row(f, "gathered", to, "x", number)
                    with known:
                        table = f.pointer(f.word("lookup"))
                        row = b.load(b.gep(table, [number], source_etype=_INT), typ=_INT)
                        self._copy_row(f, "lifted", to, "known", b.sext(row, _WORD))

            f.loop(int_(0), rows, int_(1), one_row)
            b.store(b.add(held, rows), tokens)
            b.store(b.add(here, self._batch(f, s)), token)
            b.store(b.add(s, int_(1)), end)

        self._while(f, more, one_step)

    def _copy_row(self, f: _Function, to: str, j: Any, source: str, i: Any) -> None:
        row = f.word(f"row_{to}")
        from_row = row if source == "known" else f.word(f"row_{source}")
        target = f.pointer(self._further(f, f.word(f"base_{to}"), j, row))
        origin = f.pointer(self._further(f, f.word(f"base_{source}"), i, from_row))
        f.copy(target, origin, f.size(self.memory.rows[to]))

    def _ended(self, f: _Function, s: Any, rows: Any) -> None:
        """Sequences whose last step this was leave their states behind."""
        b = f.b
        going_on = self._count(f, b.add(s, int_(1)))

        def one(j: Any) -> None:
            row = f.numbers(f.pointer(f.read("at_new")), b.mul(j, f.read("row_new")))
            sequence = b.add(f.word("first"), b.mul(j, f.word("every")))
            for k, letter in enumerate(self.memory.state_sizes):
                source = f.numbers(row, f.size(self.memory.state_sizes[:k]))
                size = f.size([letter])
                last = f.pointer(f.word(f"last_{k}"))
                f.copy(f.numbers(last, b.mul(sequence, size)), source, size)

        f.loop(going_on, rows, int_(1), one)


def int_(value: int) -> Any:
    """A constant word."""
    return ir.Constant(_WORD, value)
