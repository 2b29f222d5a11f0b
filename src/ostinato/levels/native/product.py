"""Matrix products as LLVM IR: packed panels, register tiles, weight gradients, column sums.

A panel holds v vectors of columns of a weight matrix side by side, depth after depth, so that a
kernel walks it in one straight line:

    panel[k * v * lanes + j] = W[j, k]        j < v * lanes, k < depth

Every element of every product is one chain of multiply-adds in order of k, begun at 0. How many
rows are computed together, by which tile, on which thread, never changes a bit of the result.

Sizes and strides are i64 and count numbers, not bytes. Within a kernel, addresses of numbers need
no alignment beyond a number's own; panels that begin on a cache line are faster.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from llvmlite import ir

WIDEST = 4
"""Vectors in the widest panel."""

CHAINS = 8
"""Multiply-adds that do not wait for each other: two are begun a cycle, each takes four."""

TOKENS = 256
"""Tokens a gradient sums in registers before it adds them to memory."""

AHEAD = 12
"""Tokens between the row that is packed and the one that is fetched from memory meanwhile."""

CHUNK_ROWS = 192
CHUNK_VECTORS = 32
"""Rows and columns (in vectors) of the gradient whose operands are packed at a time."""

LINE = 64
"""Bytes of a cache line."""

_BYTE, _I32, _I64, _POINTER = ir.IntType(8), ir.IntType(32), ir.IntType(64), ir.PointerType()


def define(module: Any, number: Any, lanes: int, registers: int) -> None:
    """Adds the kernels to a module; the method of `_Kernels` that writes one says what it does.

    `product_1` … `product_4`, `pack`, `gradient`, `column_sums` and `segment_sums`, all void.

    Args:
        module: an `llvmlite.ir.Module`.
        number: `ir.FloatType()` or `ir.DoubleType()`.
        lanes: numbers in a vector of the target.
        registers: vector registers of the target.
    """
    kernels = _Kernels(module, number, lanes, registers)
    products = [kernels.product(v) for v in range(1, WIDEST + 1)]
    kernels.pack()
    kernels.gradient(products)
    kernels.column_sums()
    kernels.segment_sums()


def gradient_work(m: int, n: int, lanes: int) -> int:
    """Numbers of scratch memory `gradient` needs for C of m by n, whatever the tokens."""
    line = 16  # of float32, enough for float64 too
    columns = min(-(-n // lanes), CHUNK_VECTORS) * lanes
    rows = min(m, CHUNK_ROWS)
    return TOKENS * (columns + rows + 2 * line) + rows * WIDEST * lanes + 4 * line


def tallest(v: int, lanes: int, registers: int, size: int) -> int:
    """Rows of the tallest tile of v vectors that leaves no accumulator without a register.

    Beside its rows * v accumulators a tile keeps the smaller side of its operands, and one
    register through which the other side streams. Without fused multiply-add (16-byte vectors on
    x86) a product passes through one more; where registers abound, LLVM loads ahead with a few.
    """
    spare = registers - (3 if registers > 16 else 1 + (lanes * size == 16))
    rows = max(r for r in range(1, registers) if v * r + min(v, r) <= spare or r == 1)
    return min(rows, 12)  # more gains nothing and is more code


def _i64(value: int) -> Any:
    return ir.Constant(_I64, value)


def _loop(
    b: Any, count: Any, carried: Sequence[Any], body: Callable[..., Sequence[Any]]
) -> list[Any]:
    """Emits `carried = body(i, *carried)` for i = 0 … count - 1; gives the last `carried`.

    The condition stands at the end, the form in which code generation leaves it alone.
    """
    before = b.block
    inside = b.append_basic_block("loop")
    b.position_at_end(inside)
    i = b.phi(_I64)
    i.add_incoming(_i64(0), before)
    state = [b.phi(c.type) for c in carried]
    for phi, c in zip(state, carried, strict=True):
        phi.add_incoming(c, before)
    new = list(body(i, *state))
    latch = b.block
    after = b.append_basic_block("after")
    following = b.add(i, _i64(1))
    b.cbranch(b.icmp_signed("<", following, count), inside, after)
    i.add_incoming(following, latch)
    for phi, n in zip(state, new, strict=True):
        phi.add_incoming(n, latch)

    b.position_at_end(before)
    b.cbranch(b.icmp_signed(">", count, _i64(0)), inside, after)
    b.position_at_end(after)
    last = []
    for c, n in zip(carried, new, strict=True):
        phi = b.phi(c.type)
        phi.add_incoming(c, before)
        phi.add_incoming(n, latch)
        last.append(phi)
    return last


def _opaque(b: Any, value: Any) -> Any:
    """The same value, of which LLVM knows nothing.

    It would see that the rows of a tile lie at equal distances, and walk from one to the next by
    additions that wait for each other: a tile of 12 rows by one vector ran at 55 % of its speed.
    """
    return b.asm(ir.FunctionType(value.type, [value.type]), "", "=r,0", [value], False)


def _minimum(b: Any, x: Any, y: Any) -> Any:
    return b.select(b.icmp_signed("<", x, y), x, y)


def _ceil(b: Any, x: Any, y: Any) -> Any:
    """⌈x / y⌉ for positive y."""
    return b.sdiv(b.add(x, b.sub(y, _i64(1))), y)


@dataclass(frozen=True)
class _Kernels:
    module: Any
    number: Any
    lanes: int
    registers: int

    @property
    def size(self) -> int:
        """Bytes of a number."""
        return 8 if isinstance(self.number, ir.DoubleType) else 4

    @property
    def vector(self) -> Any:
        return ir.VectorType(self.number, self.lanes)

    def function(self, name: str, parameters: str, internal: bool = False) -> tuple[Any, ...]:
        """Begins a function: itself, a builder at its entry, and its arguments.

        A parameter is an i64, or with a star before its name a pointer.
        """
        names = parameters.split()
        types = [_POINTER if p.startswith("*") else _I64 for p in names]
        function = ir.Function(self.module, ir.FunctionType(ir.VoidType(), types), name)
        if internal:
            function.linkage = "internal"
        # Inlined, kernels would share their registers with the caller's constants, and spill.
        function.attributes.add("noinline")
        function.attributes.add("nounwind")
        for argument, parameter in zip(function.args, names, strict=True):
            argument.name = parameter.removeprefix("*")
        return function, ir.IRBuilder(function.append_basic_block("entry")), *function.args

    def at(self, b: Any, pointer: Any, index: Any) -> Any:
        """Address of number `index` behind a pointer."""
        return b.gep(pointer, [index], source_etype=self.number)

    def load(self, b: Any, pointer: Any, lanes: int) -> Any:
        kind = ir.VectorType(self.number, lanes) if lanes > 1 else self.number
        return b.load(pointer, align=self.size, typ=kind)

    def store(self, b: Any, value: Any, pointer: Any) -> None:
        b.store(value, pointer, align=self.size)

    def splat(self, b: Any, pointer: Any) -> Any:
        scalar = self.load(b, pointer, 1)
        undefined = ir.Constant(self.vector, ir.Undefined)
        first = b.insert_element(undefined, scalar, ir.Constant(_I32, 0))
        zeros = ir.Constant(ir.VectorType(_I32, self.lanes), [0] * self.lanes)
        return b.shuffle_vector(first, undefined, zeros)

    def zero(self, lanes: int) -> Any:
        kind = ir.VectorType(self.number, lanes) if lanes > 1 else self.number
        return ir.Constant(kind, [0.0] * lanes if lanes > 1 else 0.0)

    def fma(self, b: Any, x: Any, y: Any, z: Any) -> Any:
        """x * y + z, fused where the target can."""
        name = f"llvm.fmuladd.v{self.lanes}f{8 * self.size}"
        intrinsic = self.module.globals.get(name) or ir.Function(
            self.module, ir.FunctionType(self.vector, [self.vector] * 3), name
        )
        return b.call(intrinsic, [x, y, z])

    def fetch(self, b: Any, pointer: Any) -> None:
        """Asks for the cache line of an address, which need not be a valid one."""
        name = "llvm.prefetch.p0"
        intrinsic = self.module.globals.get(name) or ir.Function(
            self.module, ir.FunctionType(ir.VoidType(), [_POINTER, _I32, _I32, _I32]), name
        )
        b.call(intrinsic, [pointer, *(ir.Constant(_I32, x) for x in (0, 3, 1))])  # to read, in data

    def branch(self, b: Any, count: Any, targets: Sequence[Any], arguments: Sequence[Any]) -> None:
        """Calls `targets[count - 1]`, counts being 1 … len(targets)."""
        after = b.append_basic_block("called")
        switch = b.switch(count, after)
        for k, target in enumerate(targets, 1):
            block = b.append_basic_block(f"case_{k}")
            switch.add_case(_i64(k), block)
            with b.goto_block(block):
                b.call(target, arguments)
                b.branch(after)
        b.position_at_end(after)

    def evenly(self, b: Any, total: Any, most: int, body: Callable[[Any, Any], None]) -> None:
        """Calls `body(first, count)` for parts of 0 … total - 1, of equal size or one more."""
        parts = _ceil(b, total, _i64(most))
        least = b.sdiv(total, b.select(b.icmp_signed(">", parts, _i64(0)), parts, _i64(1)))
        extra = b.sub(total, b.mul(least, parts))

        def part(i: Any, first: Any) -> list[Any]:
            count = b.add(least, b.zext(b.icmp_signed("<", i, extra), _I64))
            body(first, count)
            return [b.add(first, count)]

        _loop(b, parts, [_i64(0)], part)

    def product(self, v: int) -> Any:
        """C = A W for one panel: `(rows, depth, a, a_row, a_depth, w, c, c_row, add)`.

            C[r, j] = (add ? C[r, j] : 0) + Σₖ A[r * a_row + k * a_depth] · W[k * v * lanes + j]

        The sum is complete before it is added to C.
        """
        most = tallest(v, self.lanes, self.registers, self.size)
        tiles = [self.tile(v, r) for r in range(1, most + 1)]
        function, b, rows, depth, a, a_row, a_depth, w, c, c_row, add = self.function(
            f"product_{v}", "rows depth *a a_row a_depth *w *c c_row add"
        )

        def part(first: Any, count: Any) -> None:
            here = self.at(b, a, b.mul(first, a_row))
            there = self.at(b, c, b.mul(first, c_row))
            self.branch(b, count, tiles, [depth, here, a_row, a_depth, w, there, c_row, add])

        self.evenly(b, rows, most, part)
        b.ret_void()
        return function

    def tile(self, v: int, rows: int) -> Any:
        """`product` for a fixed number of rows, whose accumulators all stay in registers."""
        function, b, depth, a, a_row, a_depth, w, c, c_row, add = self.function(
            f"tile_{v}_{rows}", "depth *a a_row a_depth *w *c c_row add", internal=True
        )
        # A pointer for three rows, as x86 adds one or two strides to it at no cost.
        row = _opaque(b, b.mul(a_row, _i64(self.size)))
        step = b.mul(a_depth, _i64(self.size))
        bases = [_opaque(b, self.at(b, a, b.mul(a_row, _i64(r)))) for r in range(0, rows, 3)]
        offsets = [None, row, _opaque(b, b.add(row, row))]

        def body(k: Any, w: Any, *state: Any) -> list[Any]:
            pointers, sums = state[: len(bases)], list(state[len(bases) :])

            def left(r: int) -> Any:
                base, offset = pointers[r // 3], offsets[r % 3]
                return self.splat(
                    b, b.gep(base, [offset], source_etype=_BYTE) if offset is not None else base
                )

            def right(j: int) -> Any:
                return self.load(b, self.at(b, w, _i64(j * self.lanes)), self.lanes)

            # The smaller side is loaded whole and the other streamed; the other way, it spills.
            if v <= rows:
                kept = [right(j) for j in range(v)]
                for r in range(rows):
                    x = left(r)
                    for j in range(v):
                        sums[r * v + j] = self.fma(b, x, kept[j], sums[r * v + j])
            else:
                kept = [left(r) for r in range(rows)]
                for j in range(v):
                    y = right(j)
                    for r in range(rows):
                        sums[r * v + j] = self.fma(b, kept[r], y, sums[r * v + j])
            moved = [b.gep(p, [step], source_etype=_BYTE) for p in pointers]
            return [self.at(b, w, _i64(v * self.lanes)), *moved, *sums]

        zeros = [self.zero(self.lanes)] * (rows * v)
        sums = _loop(b, depth, [w, *bases, *zeros], body)[1 + len(bases) :]
        places = []
        for r in range(rows):
            place = self.at(b, c, b.mul(c_row, _i64(r)))
            places += [self.at(b, place, _i64(j * self.lanes)) for j in range(v)]
        with b.if_else(b.icmp_signed("!=", add, _i64(0))) as (adding, overwriting):
            with adding:
                for value, place in zip(sums, places, strict=True):
                    self.store(b, b.fadd(self.load(b, place, self.lanes), value), place)
            with overwriting:
                for value, place in zip(sums, places, strict=True):
                    self.store(b, value, place)
        b.ret_void()
        return function

    def pack(self) -> None:
        """Columns of a panel: `(w, w_unit, w_depth, units, width, depth, out, out_stride)`.

            out[k * out_stride + j] = j < units ? w[j * w_unit + k * w_depth] : 0    j < width

        A gate of a panel is one call with `out` moved to the gate's columns; units ≤ width.
        """
        n = self.lanes
        _, b, w, w_unit, w_depth, units, width, depth, out, out_stride = self.function(
            "pack", "*w w_unit w_depth units width depth *out out_stride"
        )
        one, zero = _i64(1), _i64(0)
        along_units = b.icmp_signed("==", w_unit, one)
        along_depth = b.icmp_signed("==", w_depth, one)

        # Vectors along the units are copied: all columns below `copied` of every depth.
        copied = b.select(along_units, b.mul(b.sdiv(units, _i64(n)), _i64(n)), zero)

        def copy(k: Any) -> list[Any]:
            source = self.at(b, w, b.mul(k, w_depth))
            target = self.at(b, out, b.mul(k, out_stride))

            def vector(i: Any) -> list[Any]:
                j = b.mul(i, _i64(n))
                self.store(b, self.load(b, self.at(b, source, j), n), self.at(b, target, j))
                return []

            _loop(b, b.sdiv(copied, _i64(n)), [], vector)
            return []

        _loop(b, b.select(along_units, depth, zero), [], copy)

        # Vectors along the depth are transposed in squares: all depths below `turned`, columns
        # below `squared`. Rows beyond the last unit are read from it and replaced by zeros.
        transposes = b.and_(along_depth, b.not_(along_units))
        blocks = b.select(b.icmp_signed(">", units, zero), b.sdiv(width, _i64(n)), zero)
        squared = b.select(transposes, b.mul(blocks, _i64(n)), copied)
        turned = b.mul(b.sdiv(depth, _i64(n)), _i64(n))
        low = [x for i in range(n // 2) for x in (i, n + i)]
        masks = [
            ir.Constant(ir.VectorType(_I32, n), [x + shift for x in low]) for shift in (0, n // 2)
        ]

        def square(block: Any, i: Any) -> list[Any]:
            first, k = b.mul(block, _i64(n)), b.mul(i, _i64(n))
            rows = []
            for r in range(n):
                j = b.add(first, _i64(r))
                real = b.icmp_signed("<", j, units)
                source = b.mul(b.select(real, j, b.sub(units, one)), w_unit)
                row = self.load(b, self.at(b, w, b.add(source, k)), n)
                rows.append(b.select(real, row, self.zero(n)))
            # log₂ n perfect shuffles of the n rows are a transposition.
            for _ in range(n.bit_length() - 1):
                pairs = zip(rows[: n // 2], rows[n // 2 :], strict=True)
                rows = [b.shuffle_vector(x, y, m) for x, y in pairs for m in masks]
            for r, row in enumerate(rows):
                target = b.add(b.mul(b.add(k, _i64(r)), out_stride), first)
                self.store(b, row, self.at(b, out, target))
            return []

        def strip(block: Any) -> list[Any]:
            _loop(b, b.sdiv(depth, _i64(n)), [], lambda i: square(block, i))
            return []

        _loop(b, b.select(transposes, blocks, zero), [], strip)

        # What is left, number by number.
        def rest(k: Any) -> list[Any]:
            done = b.and_(transposes, b.icmp_signed("<", k, turned))
            begin = b.select(b.or_(done, along_units), squared, zero)
            source = self.at(b, w, b.mul(k, w_depth))
            target = self.at(b, out, b.mul(k, out_stride))

            def move(i: Any) -> list[Any]:
                j = b.add(begin, i)
                value = self.load(b, self.at(b, source, b.mul(j, w_unit)), 1)
                self.store(b, value, self.at(b, target, j))
                return []

            _loop(b, b.sub(units, begin), [], move)
            pad = b.select(b.icmp_signed(">", begin, units), begin, units)

            def clear(i: Any) -> list[Any]:
                self.store(b, self.zero(1), self.at(b, target, b.add(pad, i)))
                return []

            _loop(b, b.sub(width, pad), [], clear)
            return []

        _loop(b, depth, [], rest)
        b.ret_void()

    def gather(self) -> Any:
        """Rows of tokens into panels, zeros for the tokens that either index leaves out.

        `(first, count, src, row, index, other, panels, columns, stride, panel_stride, out)`:
        each of the panels takes `columns` numbers of a row and pads them to `stride`.
        """
        n, line = self.lanes, LINE // self.size
        function, b, first, count, source, row, index, other, *rest = self.function(
            "gather",
            "first count *source row *index *other panels columns stride panel_stride *out",
            internal=True,
        )
        panels, columns, stride, panel_stride, out = rest
        null = ir.Constant(_POINTER, None)
        last = b.sub(b.add(first, count), _i64(1))
        lines = _ceil(b, b.mul(panels, columns), _i64(line))

        def looked_up(pointer: Any, p: Any) -> Any:
            plain = b.block
            with b.if_then(b.icmp_unsigned("!=", pointer, null)):
                place = b.gep(pointer, [p], source_etype=_I32)
                token = b.sext(b.load(place, align=4, typ=_I32), _I64)
                indexed = b.block
            result = b.phi(_I64)
            result.add_incoming(p, plain)
            result.add_incoming(token, indexed)
            return result

        def token(t: Any) -> list[Any]:
            p = b.add(first, t)
            mine, theirs = looked_up(index, p), looked_up(other, p)
            absent = b.icmp_signed("<", b.or_(mine, theirs), _i64(0))
            here = self.at(b, source, b.mul(b.select(absent, _i64(0), mine), row))
            there = self.at(b, out, b.mul(t, stride))
            real = b.select(absent, _i64(0), columns)

            later = looked_up(index, _minimum(b, b.add(p, _i64(AHEAD)), last))
            coming = self.at(b, source, b.mul(later, row))

            def fetch(i: Any) -> list[Any]:
                self.fetch(b, self.at(b, coming, b.mul(i, _i64(line))))
                return []

            _loop(b, lines, [], fetch)
            vectors = b.sdiv(real, _i64(n))
            whole = b.mul(vectors, _i64(n))

            def panel(q: Any) -> list[Any]:
                origin = self.at(b, here, b.mul(q, columns))
                target = self.at(b, there, b.mul(q, panel_stride))

                def vector(i: Any) -> list[Any]:
                    j = b.mul(i, _i64(n))
                    self.store(b, self.load(b, self.at(b, origin, j), n), self.at(b, target, j))
                    return []

                def scalar(i: Any) -> list[Any]:
                    j = b.add(whole, i)
                    self.store(b, self.load(b, self.at(b, origin, j), 1), self.at(b, target, j))
                    return []

                def clear(i: Any) -> list[Any]:
                    self.store(b, self.zero(1), self.at(b, target, b.add(real, i)))
                    return []

                _loop(b, vectors, [], vector)
                _loop(b, b.sub(real, whole), [], scalar)
                _loop(b, b.sub(stride, real), [], clear)
                return []

            _loop(b, panels, [], panel)
            return []

        _loop(b, count, [], token)
        b.ret_void()
        return function

    def gradient(self, products: Sequence[Any]) -> None:
        """C = DᵀA, the sum of outer products over tokens p.

        `(tokens, d, d_row, d_index, m, a, a_row, a_index, n, c, c_row, work)`:

            C[i, j] = Σₚ D[d_index[p] * d_row + i] · A[a_index[p] * a_row + j]    i < m, j < n

        An index may be null (row p is token p); a token of which either index is negative adds
        nothing. Sums of `TOKENS` tokens are added up in order: neither m nor n changes a bit.
        `work` holds `gradient_work(m, n, lanes)` numbers.
        """
        gather = self.gather()
        wide = WIDEST * self.lanes
        line = LINE // self.size
        _, b, tokens, d, d_row, d_index, m, a, a_row, a_index, n, c, c_row, work = self.function(
            "gradient", "tokens *d d_row *d_index m *a a_row *a_index n *c c_row *work"
        )
        unaligned = b.and_(b.sub(_i64(0), b.ptrtoint(work, _I64)), _i64(LINE - 1))
        left = b.gep(work, [unaligned], source_etype=_BYTE)
        # An odd number of cache lines a token: a power of two would crowd a few sets.
        chunks = _ceil(b, m, _i64(CHUNK_ROWS))
        chunk_rows = _ceil(b, m, b.select(b.icmp_signed(">", chunks, _i64(0)), chunks, _i64(1)))
        left_stride = b.mul(b.or_(_ceil(b, chunk_rows, _i64(line)), _i64(1)), _i64(line))
        right = self.at(b, left, b.mul(left_stride, _i64(TOKENS)))
        chunk_columns = _minimum(
            b,
            b.mul(_ceil(b, n, _i64(self.lanes)), _i64(self.lanes)),
            _i64(CHUNK_VECTORS * self.lanes),
        )
        scratch = self.at(b, right, b.mul(chunk_columns, _i64(TOKENS)))
        blocks = _ceil(b, tokens, _i64(TOKENS))
        blocks = b.select(
            b.icmp_signed(">", blocks, _i64(0)), blocks, _i64(1)
        )  # C of no tokens is 0

        def columns_chunk(chunk: Any) -> list[Any]:
            column = b.mul(chunk, _i64(CHUNK_VECTORS * self.lanes))
            columns = _minimum(b, b.sub(n, column), _i64(CHUNK_VECTORS * self.lanes))
            panels = b.sdiv(columns, _i64(wide))
            whole = b.mul(panels, _i64(wide))
            ragged = b.sub(columns, whole)
            vectors = _ceil(b, ragged, _i64(self.lanes))
            tail_stride = b.mul(vectors, _i64(self.lanes))
            tail = self.at(b, right, b.mul(whole, _i64(TOKENS)))
            has_tail = b.icmp_signed(">", ragged, _i64(0))

            def block(t: Any) -> list[Any]:
                first = b.mul(t, _i64(TOKENS))
                count = _minimum(b, b.sub(tokens, first), _i64(TOKENS))
                add = b.zext(b.icmp_signed(">", t, _i64(0)), _I64)
                here = self.at(b, a, column)
                common = [first, count, here, a_row, a_index, d_index]
                size = [_i64(wide), _i64(wide), _i64(wide * TOKENS), right]
                b.call(gather, [*common, panels, *size])
                with b.if_then(has_tail):
                    common[2] = self.at(b, here, whole)
                    b.call(gather, [*common, _i64(1), ragged, tail_stride, _i64(0), tail])

                def rows_chunk(part: Any) -> list[Any]:
                    row = b.mul(part, chunk_rows)
                    rows = _minimum(b, b.sub(m, row), chunk_rows)
                    source = [first, count, self.at(b, d, row), d_row, d_index, a_index]
                    b.call(gather, [*source, _i64(1), rows, left_stride, _i64(0), left])
                    corner = self.at(b, c, b.add(b.mul(row, c_row), column))
                    operands = [rows, count, left, _i64(1), left_stride]

                    def panel(q: Any) -> list[Any]:
                        w = self.at(b, right, b.mul(q, _i64(wide * TOKENS)))
                        target = self.at(b, corner, b.mul(q, _i64(wide)))
                        b.call(products[-1], [*operands, w, target, c_row, add])
                        return []

                    _loop(b, panels, [], panel)
                    with b.if_then(has_tail):
                        # A tile would write past the last column: it goes by way of `scratch`.
                        apart = [*operands, tail, scratch, tail_stride, _i64(0)]
                        self.branch(b, vectors, products, apart)
                        target = self.at(b, corner, whole)
                        self.deposit(b, rows, ragged, scratch, tail_stride, target, c_row, add)
                    return []

                _loop(b, _ceil(b, m, chunk_rows), [], rows_chunk)
                return []

            _loop(b, blocks, [], block)
            return []

        with b.if_then(b.icmp_signed(">", m, _i64(0))):
            _loop(b, _ceil(b, n, _i64(CHUNK_VECTORS * self.lanes)), [], columns_chunk)
        b.ret_void()

    def deposit(
        self, b: Any, rows: Any, columns: Any, s: Any, s_row: Any, c: Any, c_row: Any, add: Any
    ) -> None:
        """Emits C = (add ? C : 0) + S, for columns that are no whole number of vectors."""
        adding = b.icmp_signed("!=", add, _i64(0))

        def row(r: Any) -> list[Any]:
            source, target = self.at(b, s, b.mul(r, s_row)), self.at(b, c, b.mul(r, c_row))

            def column(width: int, first: Any, i: Any) -> list[Any]:
                j = b.add(first, b.mul(i, _i64(width)))
                value, place = self.load(b, self.at(b, source, j), width), self.at(b, target, j)
                total = b.fadd(self.load(b, place, width), value)
                self.store(b, b.select(adding, total, value), place)
                return []

            vectors = b.sdiv(columns, _i64(self.lanes))
            whole = b.mul(vectors, _i64(self.lanes))
            _loop(b, vectors, [], lambda i: column(self.lanes, _i64(0), i))
            _loop(b, b.sub(columns, whole), [], lambda i: column(1, whole, i))
            return []

        _loop(b, rows, [], row)

    def column_sums(self) -> None:
        """c[i] = Σₚ D[p * d_row + i], i < m, in order of p: `(tokens, d, d_row, m, c)`."""
        _, b, tokens, d, d_row, m, c = self.function("column_sums", "tokens *d d_row m *c")
        block = 64  # rows whose pages stay known while every column of them is read

        def clear(i: Any) -> list[Any]:
            self.store(b, self.zero(1), self.at(b, c, i))
            return []

        _loop(b, m, [], clear)

        def tokens_block(t: Any) -> list[Any]:
            first = b.mul(t, _i64(block))
            count = _minimum(b, b.sub(tokens, first), _i64(block))
            rows = self.at(b, d, b.mul(first, d_row))
            begin = _i64(0)
            lanes = self.lanes
            # Sums continue from memory, so that they are one chain whatever the blocks.
            for vectors in (8, 1, 0):
                width = lanes if vectors else 1
                step = width * max(vectors, 1)

                def columns(i: Any, at: Any, width: int = width, step: int = step) -> list[Any]:
                    places = [
                        self.at(b, c, b.add(at, _i64(j * width))) for j in range(step // width)
                    ]
                    sums = [self.load(b, place, width) for place in places]

                    def token(p: Any, d: Any, *sums: Any) -> list[Any]:
                        new = [
                            b.fadd(x, self.load(b, self.at(b, d, _i64(j * width)), width))
                            for j, x in enumerate(sums)
                        ]
                        return [self.at(b, d, d_row), *new]

                    sums = _loop(b, count, [self.at(b, rows, at), *sums], token)[1:]
                    for place, value in zip(places, sums, strict=True):
                        self.store(b, value, place)
                    return [b.add(at, _i64(step))]

                (begin,) = _loop(b, b.sdiv(b.sub(m, begin), _i64(step)), [begin], columns)
            return []

        _loop(b, _ceil(b, tokens, _i64(block)), [], tokens_block)
        b.ret_void()

    def segment_sums(self) -> None:
        """Sums of rows that belong together: `(first, last, starts, member, d, d_row, c)`.

            C[u * d_row + i] = Σ D[member[q] * d_row + i],  starts[u] <= q < starts[u + 1],

        for first <= u < last and i < d_row, which is a multiple of the lanes; in order of q.
        `starts` and `member` are int32.
        """
        _, b, first, last, starts, member, d, d_row, c = self.function(
            "segment_sums", "first last *starts *member *d d_row *c"
        )

        def index(pointer: Any, at: Any) -> Any:
            place = b.gep(pointer, [at], source_etype=_I32)
            return b.sext(b.load(place, typ=_I32, align=4), _I64)

        def segment(i: Any) -> list[Any]:
            u = b.add(first, i)
            begin = index(starts, u)
            count = b.sub(index(starts, b.add(u, _i64(1))), begin)
            target = self.at(b, c, b.mul(u, d_row))
            at = _i64(0)
            for vectors in (4, 1):
                step = _i64(vectors * self.lanes)

                def columns(k: Any, at: Any, vectors: int = vectors, step: Any = step) -> list[Any]:
                    def row(q: Any, *sums: Any) -> list[Any]:
                        place = b.mul(index(member, b.add(begin, q)), d_row)
                        source = self.at(b, d, b.add(place, at))
                        return [
                            b.fadd(
                                x,
                                self.load(b, self.at(b, source, _i64(j * self.lanes)), self.lanes),
                            )
                            for j, x in enumerate(sums)
                        ]

                    sums = _loop(b, count, [self.zero(self.lanes)] * vectors, row)
                    for j, x in enumerate(sums):
                        self.store(b, x, self.at(b, target, b.add(at, _i64(j * self.lanes))))
                    return [b.add(at, step)]

                (at,) = _loop(b, b.sdiv(b.sub(d_row, at), step), [at], columns)
            return []

        _loop(b, b.sub(last, first), [], segment)
        b.ret_void()
