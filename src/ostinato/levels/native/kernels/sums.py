"""Gradients of biases and vectors as LLVM IR: sums of rows. Conventions are those of `products`."""

from __future__ import annotations

from llvmlite import ir

from ostinato.levels.native.kernels.vectors import I32, I64, Kernels, ceil, i64, loop, minimum
from ostinato.levels.native.plan.frame import arguments


def define(module: ir.Module, number: ir.Type, lanes: int, registers: int) -> None:
    """Adds `column_sums` and `segment_sums` to a module, both void.

    The method of `_Sums` that writes one says what it does.
    """
    kernels = _Sums(module, number, lanes, registers)
    kernels.column_sums()
    kernels.segment_sums()


class _Sums(Kernels):
    def column_sums(self) -> None:
        """c[i] = Σₚ D[p * d_row + i], i < m, in order of p: `(tokens, d, d_row, m, c)`."""
        _, b, tokens, d, d_row, m, c = self.function("column_sums", arguments("sums_task"))
        block = 64  # rows whose pages stay known while every column of them is read

        def clear(i: ir.Value) -> list[ir.Value]:
            self.store(b, self.zero(1), self.at(b, c, i))
            return []

        loop(b, m, [], clear)

        def tokens_block(t: ir.Value) -> list[ir.Value]:
            first = b.mul(t, i64(block))
            count = minimum(b, b.sub(tokens, first), i64(block))
            rows = self.at(b, d, b.mul(first, d_row))
            begin = i64(0)
            lanes = self.lanes
            # Sums continue from memory, so that they are one chain whatever the blocks.
            for vectors in (8, 1, 0):
                width = lanes if vectors else 1
                step = width * max(vectors, 1)

                def columns(
                    i: ir.Value, at: ir.Value, width: int = width, step: int = step
                ) -> list[ir.Value]:
                    places = [
                        self.at(b, c, b.add(at, i64(j * width))) for j in range(step // width)
                    ]
                    sums = [self.load(b, place, width) for place in places]

                    def token(p: ir.Value, d: ir.Value, *sums: ir.Value) -> list[ir.Value]:
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
            "segment_sums", arguments("segments_task")
        )

        def index(pointer: ir.Value, at: ir.Value) -> ir.Value:
            place = b.gep(pointer, [at], source_etype=I32)
            return b.sext(b.load(place, typ=I32, align=4), I64)

        def segment(i: ir.Value) -> list[ir.Value]:
            u = b.add(first, i)
            begin = index(starts, u)
            count = b.sub(index(starts, b.add(u, i64(1))), begin)
            target = self.at(b, c, b.mul(u, d_row))
            at = i64(0)
            for vectors in (4, 1):
                step = i64(vectors * self.lanes)

                def columns(
                    k: ir.Value, at: ir.Value, vectors: int = vectors, step: ir.Value = step
                ) -> list[ir.Value]:
                    def row(q: ir.Value, *sums: ir.Value) -> list[ir.Value]:
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
