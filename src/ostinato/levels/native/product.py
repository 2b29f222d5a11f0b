"""Matrix products as LLVM IR: packed panels and register tiles.

A panel holds v vectors of columns of a weight matrix side by side, depth after depth, so that a
kernel walks it in one straight line:

    panel[k * v * lanes + j] = W[j, k]        j < v * lanes, k < depth

Every element of every product is one chain of multiply-adds in order of k, begun at 0. How many
rows are computed together, by which tile, on which thread, never changes a bit of the result.

Sizes and strides are i64 and count numbers, not bytes. Within a kernel, addresses of numbers need
no alignment beyond a number's own; panels that begin on a cache line are faster.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from ostinato.levels.native.vectors import (
    BYTE,
    I32,
    Kernels,
    i64,
    loop,
    opaque,
)  # fmt: skip

WIDEST = 4
"""Vectors in the widest panel."""

CHAINS = 8
"""Multiply-adds that do not wait for each other: two are begun a cycle, each takes four."""


def define(module: Any, number: Any, lanes: int, registers: int) -> list[Any]:
    """Adds `product_1` … `product_4` and `pack` to a module, all void; gives the products.

    The method of `_Products` that writes one says what it does.
    """
    kernels = _Products(module, number, lanes, registers)
    kernels.pack()
    return [kernels.product(v) for v in range(1, WIDEST + 1)]


def tallest(v: int, lanes: int, registers: int, size: int) -> int:
    """Rows of the tallest tile of v vectors that leaves no accumulator without a register.

    Beside its rows * v accumulators a tile keeps the smaller side of its operands, and one
    register through which the other side streams. Without fused multiply-add (16-byte vectors on
    x86) a product passes through one more; where registers abound, LLVM loads ahead with a few.
    """
    spare = registers - (3 if registers > 16 else 1 + (lanes * size == 16))
    rows = max(r for r in range(1, registers) if v * r + min(v, r) <= spare or r == 1)
    return min(rows, 12)  # more gains nothing and is more code


class _Products(Kernels):
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
        row = opaque(b, b.mul(a_row, i64(self.size)))
        step = b.mul(a_depth, i64(self.size))
        bases = [opaque(b, self.at(b, a, b.mul(a_row, i64(r)))) for r in range(0, rows, 3)]
        offsets = [None, row, opaque(b, b.add(row, row))]

        def body(k: Any, w: Any, *state: Any) -> list[Any]:
            pointers, sums = state[: len(bases)], list(state[len(bases) :])

            def left(r: int) -> Any:
                base, offset = pointers[r // 3], offsets[r % 3]
                return self.splat(
                    b, b.gep(base, [offset], source_etype=BYTE) if offset is not None else base
                )

            def right(j: int) -> Any:
                return self.load(b, self.at(b, w, i64(j * self.lanes)), self.lanes)

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
            moved = [b.gep(p, [step], source_etype=BYTE) for p in pointers]
            return [self.at(b, w, i64(v * self.lanes)), *moved, *sums]

        zeros = [self.zero(self.lanes)] * (rows * v)
        sums = loop(b, depth, [w, *bases, *zeros], body)[1 + len(bases) :]
        places = []
        for r in range(rows):
            place = self.at(b, c, b.mul(c_row, i64(r)))
            places += [self.at(b, place, i64(j * self.lanes)) for j in range(v)]
        with b.if_else(b.icmp_signed("!=", add, i64(0))) as (adding, overwriting):
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
        one, zero = i64(1), i64(0)
        along_units = b.icmp_signed("==", w_unit, one)
        along_depth = b.icmp_signed("==", w_depth, one)

        # Vectors along the units are copied: all columns below `copied` of every depth.
        copied = b.select(along_units, b.mul(b.sdiv(units, i64(n)), i64(n)), zero)

        def copy(k: Any) -> list[Any]:
            source = self.at(b, w, b.mul(k, w_depth))
            target = self.at(b, out, b.mul(k, out_stride))

            def vector(i: Any) -> list[Any]:
                j = b.mul(i, i64(n))
                self.store(b, self.load(b, self.at(b, source, j), n), self.at(b, target, j))
                return []

            loop(b, b.sdiv(copied, i64(n)), [], vector)
            return []

        loop(b, b.select(along_units, depth, zero), [], copy)

        # Vectors along the depth are transposed in squares: all depths below `turned`, columns
        # below `squared`. Rows beyond the last unit are read from it and replaced by zeros.
        transposes = b.and_(along_depth, b.not_(along_units))
        blocks = b.select(b.icmp_signed(">", units, zero), b.sdiv(width, i64(n)), zero)
        squared = b.select(transposes, b.mul(blocks, i64(n)), copied)
        turned = b.mul(b.sdiv(depth, i64(n)), i64(n))
        low = [x for i in range(n // 2) for x in (i, n + i)]
        masks = [
            ir.Constant(ir.VectorType(I32, n), [x + shift for x in low]) for shift in (0, n // 2)
        ]

        def square(block: Any, i: Any) -> list[Any]:
            first, k = b.mul(block, i64(n)), b.mul(i, i64(n))
            rows = []
            for r in range(n):
                j = b.add(first, i64(r))
                real = b.icmp_signed("<", j, units)
                source = b.mul(b.select(real, j, b.sub(units, one)), w_unit)
                row = self.load(b, self.at(b, w, b.add(source, k)), n)
                rows.append(b.select(real, row, self.zero(n)))
            # log₂ n perfect shuffles of the n rows are a transposition.
            for _ in range(n.bit_length() - 1):
                pairs = zip(rows[: n // 2], rows[n // 2 :], strict=True)
                rows = [b.shuffle_vector(x, y, m) for x, y in pairs for m in masks]
            for r, row in enumerate(rows):
                target = b.add(b.mul(b.add(k, i64(r)), out_stride), first)
                self.store(b, row, self.at(b, out, target))
            return []

        def strip(block: Any) -> list[Any]:
            loop(b, b.sdiv(depth, i64(n)), [], lambda i: square(block, i))
            return []

        loop(b, b.select(transposes, blocks, zero), [], strip)

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

            loop(b, b.sub(units, begin), [], move)
            pad = b.select(b.icmp_signed(">", begin, units), begin, units)

            def clear(i: Any) -> list[Any]:
                self.store(b, self.zero(1), self.at(b, target, b.add(pad, i)))
                return []

            loop(b, b.sub(width, pad), [], clear)
            return []

        loop(b, depth, [], rest)
        b.ret_void()
