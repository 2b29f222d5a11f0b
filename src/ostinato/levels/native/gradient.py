"""Gradients of weights as LLVM IR: sums over tokens, of outer products and of rows.

Σ_tokens dz aᵀ is one product whose depth is the tokens: some of them are packed at a time into
panels, as `product` wants them. Conventions are those of `product`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llvmlite import ir

from ostinato.levels.native.product import WIDEST
from ostinato.levels.native.vectors import (
    BYTE,
    I32,
    I64,
    LINE,
    POINTER,
    Kernels,
    ceil,
    i64,
    loop,
    minimum,
)  # fmt: skip

TOKENS = 256
"""Tokens a gradient sums in registers before it adds them to memory."""

AHEAD = 12
"""Tokens between the row that is packed and the one that is fetched from memory meanwhile."""

CHUNK_ROWS = 192
CHUNK_VECTORS = 32
"""Rows and columns (in vectors) of the gradient whose operands are packed at a time."""


def define(module: Any, number: Any, lanes: int, registers: int, products: Sequence[Any]) -> None:
    """Adds `gradient`, `column_sums` and `segment_sums` to a module, all void.

    The method of `_Gradients` that writes one says what it does; `products` are those of
    `product.define`.
    """
    kernels = _Gradients(module, number, lanes, registers)
    kernels.gradient(products)
    kernels.column_sums()
    kernels.segment_sums()


def gradient_work(m: int, n: int, lanes: int) -> int:
    """Numbers of scratch memory `gradient` needs for C of m by n, whatever the tokens."""
    line = 16  # of float32, enough for float64 too
    columns = min(-(-n // lanes), CHUNK_VECTORS) * lanes
    rows = min(m, CHUNK_ROWS)
    return TOKENS * (columns + rows + 2 * line) + rows * WIDEST * lanes + 4 * line


class _Gradients(Kernels):
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
        null = ir.Constant(POINTER, None)
        last = b.sub(b.add(first, count), i64(1))
        lines = ceil(b, b.mul(panels, columns), i64(line))

        def looked_up(pointer: Any, p: Any) -> Any:
            plain = b.block
            with b.if_then(b.icmp_unsigned("!=", pointer, null)):
                place = b.gep(pointer, [p], source_etype=I32)
                token = b.sext(b.load(place, align=4, typ=I32), I64)
                indexed = b.block
            result = b.phi(I64)
            result.add_incoming(p, plain)
            result.add_incoming(token, indexed)
            return result

        def token(t: Any) -> list[Any]:
            p = b.add(first, t)
            mine, theirs = looked_up(index, p), looked_up(other, p)
            absent = b.icmp_signed("<", b.or_(mine, theirs), i64(0))
            here = self.at(b, source, b.mul(b.select(absent, i64(0), mine), row))
            there = self.at(b, out, b.mul(t, stride))
            real = b.select(absent, i64(0), columns)

            later = looked_up(index, minimum(b, b.add(p, i64(AHEAD)), last))
            coming = self.at(b, source, b.mul(later, row))

            def fetch(i: Any) -> list[Any]:
                self.fetch(b, self.at(b, coming, b.mul(i, i64(line))))
                return []

            loop(b, lines, [], fetch)
            vectors = b.sdiv(real, i64(n))
            whole = b.mul(vectors, i64(n))

            def panel(q: Any) -> list[Any]:
                origin = self.at(b, here, b.mul(q, columns))
                target = self.at(b, there, b.mul(q, panel_stride))

                def vector(i: Any) -> list[Any]:
                    j = b.mul(i, i64(n))
                    self.store(b, self.load(b, self.at(b, origin, j), n), self.at(b, target, j))
                    return []

                def scalar(i: Any) -> list[Any]:
                    j = b.add(whole, i)
                    self.store(b, self.load(b, self.at(b, origin, j), 1), self.at(b, target, j))
                    return []

                def clear(i: Any) -> list[Any]:
                    self.store(b, self.zero(1), self.at(b, target, b.add(real, i)))
                    return []

                loop(b, vectors, [], vector)
                loop(b, b.sub(real, whole), [], scalar)
                loop(b, b.sub(stride, real), [], clear)
                return []

            loop(b, panels, [], panel)
            return []

        loop(b, count, [], token)
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
        unaligned = b.and_(b.sub(i64(0), b.ptrtoint(work, I64)), i64(LINE - 1))
        left = b.gep(work, [unaligned], source_etype=BYTE)
        # An odd number of cache lines a token: a power of two would crowd a few sets.
        chunks = ceil(b, m, i64(CHUNK_ROWS))
        chunk_rows = ceil(b, m, b.select(b.icmp_signed(">", chunks, i64(0)), chunks, i64(1)))
        left_stride = b.mul(b.or_(ceil(b, chunk_rows, i64(line)), i64(1)), i64(line))
        right = self.at(b, left, b.mul(left_stride, i64(TOKENS)))
        chunk_columns = minimum(
            b,
            b.mul(ceil(b, n, i64(self.lanes)), i64(self.lanes)),
            i64(CHUNK_VECTORS * self.lanes),
        )
        scratch = self.at(b, right, b.mul(chunk_columns, i64(TOKENS)))
        blocks = ceil(b, tokens, i64(TOKENS))
        blocks = b.select(b.icmp_signed(">", blocks, i64(0)), blocks, i64(1))  # C of no tokens is 0

        def columns_chunk(chunk: Any) -> list[Any]:
            column = b.mul(chunk, i64(CHUNK_VECTORS * self.lanes))
            columns = minimum(b, b.sub(n, column), i64(CHUNK_VECTORS * self.lanes))
            panels = b.sdiv(columns, i64(wide))
            whole = b.mul(panels, i64(wide))
            ragged = b.sub(columns, whole)
            vectors = ceil(b, ragged, i64(self.lanes))
            tail_stride = b.mul(vectors, i64(self.lanes))
            tail = self.at(b, right, b.mul(whole, i64(TOKENS)))
            has_tail = b.icmp_signed(">", ragged, i64(0))

            def block(t: Any) -> list[Any]:
                first = b.mul(t, i64(TOKENS))
                count = minimum(b, b.sub(tokens, first), i64(TOKENS))
                add = b.zext(b.icmp_signed(">", t, i64(0)), I64)
                here = self.at(b, a, column)
                common = [first, count, here, a_row, a_index, d_index]
                size = [i64(wide), i64(wide), i64(wide * TOKENS), right]
                b.call(gather, [*common, panels, *size])
                with b.if_then(has_tail):
                    common[2] = self.at(b, here, whole)
                    b.call(gather, [*common, i64(1), ragged, tail_stride, i64(0), tail])

                def rows_chunk(part: Any) -> list[Any]:
                    row = b.mul(part, chunk_rows)
                    rows = minimum(b, b.sub(m, row), chunk_rows)
                    source = [first, count, self.at(b, d, row), d_row, d_index, a_index]
                    b.call(gather, [*source, i64(1), rows, left_stride, i64(0), left])
                    corner = self.at(b, c, b.add(b.mul(row, c_row), column))
                    operands = [rows, count, left, i64(1), left_stride]

                    def panel(q: Any) -> list[Any]:
                        w = self.at(b, right, b.mul(q, i64(wide * TOKENS)))
                        target = self.at(b, corner, b.mul(q, i64(wide)))
                        b.call(products[-1], [*operands, w, target, c_row, add])
                        return []

                    loop(b, panels, [], panel)
                    with b.if_then(has_tail):
                        # A tile would write past the last column: it goes by way of `scratch`.
                        apart = [*operands, tail, scratch, tail_stride, i64(0)]
                        self.branch(b, vectors, products, apart)
                        target = self.at(b, corner, whole)
                        self.deposit(b, rows, ragged, scratch, tail_stride, target, c_row, add)
                    return []

                loop(b, ceil(b, m, chunk_rows), [], rows_chunk)
                return []

            loop(b, blocks, [], block)
            return []

        with b.if_then(b.icmp_signed(">", m, i64(0))):
            loop(b, ceil(b, n, i64(CHUNK_VECTORS * self.lanes)), [], columns_chunk)
        b.ret_void()

    def deposit(
        self, b: Any, rows: Any, columns: Any, s: Any, s_row: Any, c: Any, c_row: Any, add: Any
    ) -> None:
        """Emits C = (add ? C : 0) + S, for columns that are no whole number of vectors."""
        adding = b.icmp_signed("!=", add, i64(0))

        def row(r: Any) -> list[Any]:
            source, target = self.at(b, s, b.mul(r, s_row)), self.at(b, c, b.mul(r, c_row))

            def column(width: int, first: Any, i: Any) -> list[Any]:
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

    def column_sums(self) -> None:
        """c[i] = Σₚ D[p * d_row + i], i < m, in order of p: `(tokens, d, d_row, m, c)`."""
        _, b, tokens, d, d_row, m, c = self.function("column_sums", "tokens *d d_row m *c")
        block = 64  # rows whose pages stay known while every column of them is read

        def clear(i: Any) -> list[Any]:
            self.store(b, self.zero(1), self.at(b, c, i))
            return []

        loop(b, m, [], clear)

        def tokens_block(t: Any) -> list[Any]:
            first = b.mul(t, i64(block))
            count = minimum(b, b.sub(tokens, first), i64(block))
            rows = self.at(b, d, b.mul(first, d_row))
            begin = i64(0)
            lanes = self.lanes
            # Sums continue from memory, so that they are one chain whatever the blocks.
            for vectors in (8, 1, 0):
                width = lanes if vectors else 1
                step = width * max(vectors, 1)

                def columns(i: Any, at: Any, width: int = width, step: int = step) -> list[Any]:
                    places = [
                        self.at(b, c, b.add(at, i64(j * width))) for j in range(step // width)
                    ]
                    sums = [self.load(b, place, width) for place in places]

                    def token(p: Any, d: Any, *sums: Any) -> list[Any]:
                        new = [
                            b.fadd(x, self.load(b, self.at(b, d, i64(j * width)), width))
                            for j, x in enumerate(sums)
                        ]
                        return [self.at(b, d, d_row), *new]

                    sums = loop(b, count, [self.at(b, rows, at), *sums], token)[1:]
                    for place, value in zip(places, sums, strict=True):
                        self.store(b, value, place)
                    return [b.add(at, i64(step))]

                (begin,) = loop(b, b.sdiv(b.sub(m, begin), i64(step)), [begin], columns)
            return []

        loop(b, ceil(b, tokens, i64(block)), [], tokens_block)
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
            place = b.gep(pointer, [at], source_etype=I32)
            return b.sext(b.load(place, typ=I32, align=4), I64)

        def segment(i: Any) -> list[Any]:
            u = b.add(first, i)
            begin = index(starts, u)
            count = b.sub(index(starts, b.add(u, i64(1))), begin)
            target = self.at(b, c, b.mul(u, d_row))
            at = i64(0)
            for vectors in (4, 1):
                step = i64(vectors * self.lanes)

                def columns(k: Any, at: Any, vectors: int = vectors, step: Any = step) -> list[Any]:
                    def row(q: Any, *sums: Any) -> list[Any]:
                        place = b.mul(index(member, b.add(begin, q)), d_row)
                        source = self.at(b, d, b.add(place, at))
                        return [
                            b.fadd(
                                x,
                                self.load(b, self.at(b, source, i64(j * self.lanes)), self.lanes),
                            )
                            for j, x in enumerate(sums)
                        ]

                    sums = loop(b, count, [self.zero(self.lanes)] * vectors, row)
                    for j, x in enumerate(sums):
                        self.store(b, x, self.at(b, target, b.add(at, i64(j * self.lanes))))
                    return [b.add(at, step)]

                (at,) = loop(b, b.sdiv(b.sub(d_row, at), step), [at], columns)
            return []

        loop(b, b.sub(last, first), [], segment)
        b.ret_void()
