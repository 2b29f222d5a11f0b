"""Gradients of weight matrices as LLVM IR: sums of outer products over tokens.

Σ_tokens dz aᵀ is one product whose depth is the tokens: some of them are packed at a time into
panels, as `products` wants them. Conventions are those of `products`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from llvmlite import ir

from ostinato.levels.native.kernels.vectors import (
    BYTE,
    I32,
    I64,
    POINTER,
    Kernels,
    ceil,
    i64,
    loop,
    minimum,
)
from ostinato.levels.native.plan.frame import LINE, WIDEST, arguments

TOKENS = 256
"""Tokens a gradient sums in registers before it adds them to memory."""

AHEAD = 12
"""Tokens between the row that is packed and the one that is fetched from memory meanwhile."""

CHUNK_ROWS = 192
CHUNK_VECTORS = 32
"""Rows and columns (in vectors) of the gradient whose operands are packed at a time."""


def define(
    module: ir.Module, number: ir.Type, lanes: int, registers: int, products: Sequence[ir.Function]
) -> None:
    """Adds `gradient` to a module, as `_Gradients.gradient` says; takes `products.define`'s."""
    _Gradients(module, number, lanes, registers).gradient(products)


def gradient_work(m: int, n: int, lanes: int) -> int:
    """Numbers of scratch memory `gradient` needs for C of m by n, whatever the tokens."""
    line = 16  # of float32, enough for float64 too
    columns = min(-(-n // lanes), CHUNK_VECTORS) * lanes
    rows = min(m, CHUNK_ROWS)
    return TOKENS * (columns + rows + 2 * line) + rows * WIDEST * lanes + 4 * line


class _Room(NamedTuple):
    """The packed operands of a gradient in its scratch memory.

    Attributes:
        rows: of the gradient in a chunk.
        left: dz, token by token.
        left_stride: numbers from one token to the next.
        right: a, in panels.
        scratch: the products of a chunk with the last columns.
    """

    rows: ir.Value
    left: ir.Value
    left_stride: ir.Value
    right: ir.Value
    scratch: ir.Value


class _Columns(NamedTuple):
    """The columns of a chunk: the widest panels, then a tail of what is left.

    Attributes:
        panels: how many are of the widest.
        whole: the columns of these.
        ragged: the columns of the tail.
        vectors: the vectors of the tail.
        stride: the numbers of the tail's panel for a token.
        tail: the tail's panel.
        has_tail: whether there is one.
    """

    panels: ir.Value
    whole: ir.Value
    ragged: ir.Value
    vectors: ir.Value
    stride: ir.Value
    tail: ir.Value
    has_tail: ir.Value


def _looked_up(b: ir.IRBuilder, index: ir.Value, p: ir.Value) -> ir.Value:
    """Emits `index ? index[p] : p`."""
    plain = b.block
    with b.if_then(b.icmp_unsigned("!=", index, ir.Constant(POINTER, None))):
        place = b.gep(index, [p], source_etype=I32)
        token = b.sext(b.load(place, align=4, typ=I32), I64)
        indexed = b.block
    result = b.phi(I64)
    result.add_incoming(p, plain)
    result.add_incoming(token, indexed)
    return result


class _Gradients(Kernels):
    def gather(self) -> ir.Function:
        """Rows of tokens into panels, zeros for the tokens that either index leaves out.

        `(first, count, src, row, index, other, panels, columns, stride, panel_stride, out)`:
        each of the panels takes `columns` numbers of a row and pads them to `stride`.
        """
        function, b, first, count, source, row, index, other, *rest = self.function(
            "gather",
            "first count *source row *index *other panels columns stride panel_stride *out",
            internal=True,
        )
        panels, columns, stride, panel_stride, out = rest
        last = b.sub(b.add(first, count), i64(1))
        lines = ceil(b, b.mul(panels, columns), i64(LINE // self.size))

        def token(t: ir.Value) -> list[ir.Value]:
            p = b.add(first, t)
            mine, theirs = _looked_up(b, index, p), _looked_up(b, other, p)
            absent = b.icmp_signed("<", b.or_(mine, theirs), i64(0))
            here = self.at(b, source, b.mul(b.select(absent, i64(0), mine), row))
            there = self.at(b, out, b.mul(t, stride))
            real = b.select(absent, i64(0), columns)

            later = _looked_up(b, index, minimum(b, b.add(p, i64(AHEAD)), last))
            coming = self.at(b, source, b.mul(later, row))

            def fetch(i: ir.Value) -> list[ir.Value]:
                self.fetch(b, self.at(b, coming, b.mul(i, i64(LINE // self.size))))
                return []

            loop(b, lines, [], fetch)
            self.copy_padded(b, here, there, (panels, columns, panel_stride), real, stride)
            return []

        loop(b, count, [], token)
        b.ret_void()
        return function

    def copy_padded(
        self, b: ir.IRBuilder, source: ir.Value, to: ir.Value, panels: tuple[ir.Value, ...],
        real: ir.Value, stride: ir.Value,
    ) -> None:  # fmt: skip
        """Emits: a row into panels, `real` numbers for each, and zeros up to `stride`.

        Panels are: how many, the numbers from one to the next in the source, and in the target.
        """
        count, columns, panel_stride = panels
        n = self.lanes
        vectors = b.sdiv(real, i64(n))
        whole = b.mul(vectors, i64(n))

        def panel(q: ir.Value) -> list[ir.Value]:
            origin = self.at(b, source, b.mul(q, columns))
            target = self.at(b, to, b.mul(q, panel_stride))

            def vector(i: ir.Value) -> list[ir.Value]:
                j = b.mul(i, i64(n))
                self.store(b, self.load(b, self.at(b, origin, j), n), self.at(b, target, j))
                return []

            def scalar(i: ir.Value) -> list[ir.Value]:
                j = b.add(whole, i)
                self.store(b, self.load(b, self.at(b, origin, j), 1), self.at(b, target, j))
                return []

            def clear(i: ir.Value) -> list[ir.Value]:
                self.store(b, self.zero(1), self.at(b, target, b.add(real, i)))
                return []

            loop(b, vectors, [], vector)
            loop(b, b.sub(real, whole), [], scalar)
            loop(b, b.sub(stride, real), [], clear)
            return []

        loop(b, count, [], panel)

    def gradient(self, products: Sequence[ir.Function]) -> None:
        """C = DᵀA, the sum of outer products over tokens p.

        `(tokens, d, d_row, d_index, m, a, a_row, a_index, n, c, c_row, work)`:

            C[i, j] = Σₚ D[d_index[p] * d_row + i] · A[a_index[p] * a_row + j]    i < m, j < n

        An index may be null (row p is token p); a token of which either index is negative adds
        nothing. Sums of `TOKENS` tokens are added up in order: neither m nor n changes a bit.
        `work` holds `gradient_work(m, n, lanes)` numbers.
        """
        gather = self.gather()
        _, b, tokens, d, d_row, d_index, m, a, a_row, a_index, n, c, c_row, work = self.function(
            "gradient", arguments("gradient_task")
        )
        room = self.room(b, m, n, work)
        blocks = ceil(b, tokens, i64(TOKENS))
        blocks = b.select(b.icmp_signed(">", blocks, i64(0)), blocks, i64(1))  # C of no tokens is 0

        def columns_chunk(chunk: ir.Value) -> list[ir.Value]:
            column = b.mul(chunk, i64(CHUNK_VECTORS * self.lanes))
            columns = self.columns(b, b.sub(n, column), room)

            def block(t: ir.Value) -> list[ir.Value]:
                first = b.mul(t, i64(TOKENS))
                count = minimum(b, b.sub(tokens, first), i64(TOKENS))
                add = b.zext(b.icmp_signed(">", t, i64(0)), I64)
                source = [first, count, self.at(b, a, column), a_row, a_index, d_index]
                self.gather_columns(b, gather, source, columns, room)

                def rows_chunk(part: ir.Value) -> list[ir.Value]:
                    row = b.mul(part, room.rows)
                    rows = minimum(b, b.sub(m, row), room.rows)
                    source = [first, count, self.at(b, d, row), d_row, d_index, a_index]
                    panel = [i64(1), rows, room.left_stride, i64(0), room.left]
                    b.call(gather, [*source, *panel])
                    corner = self.at(b, c, b.add(b.mul(row, c_row), column))
                    self.multiply(b, products, (rows, count), columns, room, (corner, c_row, add))
                    return []

                loop(b, ceil(b, m, room.rows), [], rows_chunk)
                return []

            loop(b, blocks, [], block)
            return []

        with b.if_then(b.icmp_signed(">", m, i64(0))):
            loop(b, ceil(b, n, i64(CHUNK_VECTORS * self.lanes)), [], columns_chunk)
        b.ret_void()

    def room(self, b: ir.IRBuilder, m: ir.Value, n: ir.Value, work: ir.Value) -> _Room:
        """Emits where in `work` the packed operands of a gradient of m by n lie."""
        line = i64(LINE // self.size)
        unaligned = b.and_(b.sub(i64(0), b.ptrtoint(work, I64)), i64(LINE - 1))
        left = b.gep(work, [unaligned], source_etype=BYTE)
        # An odd number of cache lines a token: a power of two would crowd a few sets.
        chunks = ceil(b, m, i64(CHUNK_ROWS))
        rows = ceil(b, m, b.select(b.icmp_signed(">", chunks, i64(0)), chunks, i64(1)))
        left_stride = b.mul(b.or_(ceil(b, rows, line), i64(1)), line)
        right = self.at(b, left, b.mul(left_stride, i64(TOKENS)))
        columns = minimum(
            b,
            b.mul(ceil(b, n, i64(self.lanes)), i64(self.lanes)),
            i64(CHUNK_VECTORS * self.lanes),
        )
        scratch = self.at(b, right, b.mul(columns, i64(TOKENS)))
        return _Room(rows, left, left_stride, right, scratch)

    def columns(self, b: ir.IRBuilder, left: ir.Value, room: _Room) -> _Columns:
        """Emits the panels of the columns of a chunk, of which `left` are left."""
        columns = minimum(b, left, i64(CHUNK_VECTORS * self.lanes))
        panels = b.sdiv(columns, i64(WIDEST * self.lanes))
        whole = b.mul(panels, i64(WIDEST * self.lanes))
        ragged = b.sub(columns, whole)
        vectors = ceil(b, ragged, i64(self.lanes))
        stride = b.mul(vectors, i64(self.lanes))
        tail = self.at(b, room.right, b.mul(whole, i64(TOKENS)))
        has_tail = b.icmp_signed(">", ragged, i64(0))
        return _Columns(panels, whole, ragged, vectors, stride, tail, has_tail)

    def gather_columns(
        self, b: ir.IRBuilder, gather: ir.Function, source: list[ir.Value], columns: _Columns,
        room: _Room,
    ) -> None:  # fmt: skip
        """Emits: the columns of some tokens into panels, first the widest ones, then the tail."""
        wide = WIDEST * self.lanes
        size = [i64(wide), i64(wide), i64(wide * TOKENS), room.right]
        b.call(gather, [*source, columns.panels, *size])
        with b.if_then(columns.has_tail):
            source[2] = self.at(b, source[2], columns.whole)
            tail = [i64(1), columns.ragged, columns.stride, i64(0), columns.tail]
            b.call(gather, [*source, *tail])

    def multiply(
        self, b: ir.IRBuilder, products: Sequence[ir.Function], size: tuple[ir.Value, ir.Value],
        columns: _Columns, room: _Room, target: tuple[ir.Value, ir.Value, ir.Value],
    ) -> None:  # fmt: skip
        """Emits: packed rows times packed columns, into C or added to it.

        The size is rows and tokens; the target is where C begins, its row, and whether to add.
        """
        (rows, count), (corner, c_row, add) = size, target
        wide = WIDEST * self.lanes
        operands = [rows, count, room.left, i64(1), room.left_stride]

        def panel(q: ir.Value) -> list[ir.Value]:
            w = self.at(b, room.right, b.mul(q, i64(wide * TOKENS)))
            place = self.at(b, corner, b.mul(q, i64(wide)))
            b.call(products[-1], [*operands, w, place, c_row, add])
            return []

        loop(b, columns.panels, [], panel)
        with b.if_then(columns.has_tail):
            # A tile would write past the last column: it goes by way of `scratch`.
            apart = [*operands, columns.tail, room.scratch, columns.stride, i64(0)]
            self.branch(b, columns.vectors, products, apart)
            place = self.at(b, corner, columns.whole)
            self.deposit(b, rows, columns.ragged, room.scratch, columns.stride, place, c_row, add)

    def deposit(
        self,
        b: ir.IRBuilder,
        rows: ir.Value,
        columns: ir.Value,
        s: ir.Value,
        s_row: ir.Value,
        c: ir.Value,
        c_row: ir.Value,
        add: ir.Value,
    ) -> None:
        """Emits C = (add ? C : 0) + S, for columns that are no whole number of vectors."""
        adding = b.icmp_signed("!=", add, i64(0))

        def row(r: ir.Value) -> list[ir.Value]:
            source, target = self.at(b, s, b.mul(r, s_row)), self.at(b, c, b.mul(r, c_row))

            def column(width: int, first: ir.Value, i: ir.Value) -> list[ir.Value]:
                j = b.add(first, b.mul(i, i64(width)))
                value, place = self.load(b, self.at(b, source, j), width), self.at(b, target, j)
                total = b.fadd(self.load(b, place, width), value)
                self.store(b, b.select(adding, total, value), place)
                return []

            vectors = b.sdiv(columns, i64(self.lanes))
            whole = b.mul(vectors, i64(self.lanes))
            loop(b, vectors, [], lambda i: column(self.lanes, i64(0), i))
            loop(b, b.sub(columns, whole), [], lambda i: column(1, whole, i))
            return []

        loop(b, rows, [], row)
