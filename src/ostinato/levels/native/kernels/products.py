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

from typing import NamedTuple

from llvmlite import ir

from ostinato.levels.native.kernels.vectors import BYTE, I32, Kernels, i64, loop, opaque
from ostinato.levels.native.plan.frame import WIDEST

CHAINS = 8
"""Multiply-adds that do not wait for each other: two are begun a cycle, each takes four."""


def define(module: ir.Module, number: ir.Type, lanes: int, registers: int) -> list[ir.Function]:
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


class _Pack(NamedTuple):
    """The arguments of `pack`."""

    w: ir.Value
    w_unit: ir.Value
    w_depth: ir.Value
    units: ir.Value
    width: ir.Value
    depth: ir.Value
    out: ir.Value
    out_stride: ir.Value


class _Products(Kernels):
    def product(self, v: int) -> ir.Function:
        """C = A W for one panel: `(rows, depth, a, a_row, a_depth, w, c, c_row, add)`.

            C[r, j] = (add ? C[r, j] : 0) + Σₖ A[r * a_row + k * a_depth] · W[k * v * lanes + j]

        The sum is complete before it is added to C.
        """
        most = tallest(v, self.lanes, self.registers, self.size)
        tiles = [self.tile(v, r) for r in range(1, most + 1)]
        function, b, rows, depth, a, a_row, a_depth, w, c, c_row, add = self.function(
            f"product_{v}", "rows depth *a a_row a_depth *w *c c_row add"
        )

        def part(first: ir.Value, count: ir.Value) -> None:
            here = self.at(b, a, b.mul(first, a_row))
            there = self.at(b, c, b.mul(first, c_row))
            self.branch(b, count, tiles, [depth, here, a_row, a_depth, w, there, c_row, add])

        self.evenly(b, rows, most, part)
        b.ret_void()
        return function

    def tile(self, v: int, rows: int) -> ir.Function:
        """`product` for a fixed number of rows, whose accumulators all stay in registers."""
        function, b, depth, a, a_row, a_depth, w, c, c_row, add = self.function(
            f"tile_{v}_{rows}", "depth *a a_row a_depth *w *c c_row add", internal=True
        )
        # A pointer for three rows, as x86 adds one or two strides to it at no cost.
        row = opaque(b, b.mul(a_row, i64(self.size)))
        step = b.mul(a_depth, i64(self.size))
        bases = [opaque(b, self.at(b, a, b.mul(a_row, i64(r)))) for r in range(0, rows, 3)]
        offsets = [None, row, opaque(b, b.add(row, row))]

        def body(k: ir.Value, w: ir.Value, *state: ir.Value) -> list[ir.Value]:
            pointers, sums = state[: len(bases)], list(state[len(bases) :])

            def left(r: int) -> ir.Value:
                base, offset = pointers[r // 3], offsets[r % 3]
                return self.splat(
                    b, b.gep(base, [offset], source_etype=BYTE) if offset is not None else base
                )

            def right(j: int) -> ir.Value:
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
        n, one, zero = i64(self.lanes), i64(1), i64(0)
        _, b, *arguments = self.function(
            "pack", "*w w_unit w_depth units width depth *out out_stride"
        )
        of = _Pack(*arguments)
        along_units = b.icmp_signed("==", of.w_unit, one)
        along_depth = b.icmp_signed("==", of.w_depth, one)

        # Vectors along the units are copied: all columns below `copied` of every depth.
        copied = b.select(along_units, b.mul(b.sdiv(of.units, n), n), zero)

        def copy(k: ir.Value) -> list[ir.Value]:
            self.copy_columns(b, of, k, copied)
            return []

        loop(b, b.select(along_units, of.depth, zero), [], copy)

        # Vectors along the depth are transposed in squares: all depths below `turned`, columns
        # below `squared`.
        transposes = b.and_(along_depth, b.not_(along_units))
        blocks = b.select(b.icmp_signed(">", of.units, zero), b.sdiv(of.width, n), zero)
        squared = b.select(transposes, b.mul(blocks, n), copied)
        turned = b.mul(b.sdiv(of.depth, n), n)

        def strip(block: ir.Value) -> list[ir.Value]:
            loop(b, b.sdiv(of.depth, n), [], lambda i: self.square(b, of, block, i))
            return []

        loop(b, b.select(transposes, blocks, zero), [], strip)

        # What is left, number by number.
        def rest(k: ir.Value) -> list[ir.Value]:
            done = b.and_(transposes, b.icmp_signed("<", k, turned))
            begin = b.select(b.or_(done, along_units), squared, zero)
            self.single_columns(b, of, k, begin)
            return []

        loop(b, of.depth, [], rest)
        b.ret_void()

    def copy_columns(self, b: ir.IRBuilder, of: _Pack, k: ir.Value, copied: ir.Value) -> None:
        """Emits: the columns below `copied` of depth k, which lie one after the other."""
        source = self.at(b, of.w, b.mul(k, of.w_depth))
        target = self.at(b, of.out, b.mul(k, of.out_stride))

        def vector(i: ir.Value) -> list[ir.Value]:
            j = b.mul(i, i64(self.lanes))
            value = self.load(b, self.at(b, source, j), self.lanes)
            self.store(b, value, self.at(b, target, j))
            return []

        loop(b, b.sdiv(copied, i64(self.lanes)), [], vector)

    def square(self, b: ir.IRBuilder, of: _Pack, block: ir.Value, i: ir.Value) -> list[ir.Value]:
        """Emits: a square of as many columns and depths as a vector has lanes, transposed.

        Rows beyond the last unit are read from it and replaced by zeros.
        """
        n = self.lanes
        low = [x for r in range(n // 2) for x in (r, n + r)]
        masks = [
            ir.Constant(ir.VectorType(I32, n), [x + shift for x in low]) for shift in (0, n // 2)
        ]
        first, k = b.mul(block, i64(n)), b.mul(i, i64(n))
        rows = []
        for r in range(n):
            j = b.add(first, i64(r))
            real = b.icmp_signed("<", j, of.units)
            source = b.mul(b.select(real, j, b.sub(of.units, i64(1))), of.w_unit)
            row = self.load(b, self.at(b, of.w, b.add(source, k)), n)
            rows.append(b.select(real, row, self.zero(n)))
        # log₂ n perfect shuffles of the n rows are a transposition.
        for _ in range(n.bit_length() - 1):
            pairs = zip(rows[: n // 2], rows[n // 2 :], strict=True)
            rows = [b.shuffle_vector(x, y, m) for x, y in pairs for m in masks]
        for r, row in enumerate(rows):
            target = b.add(b.mul(b.add(k, i64(r)), of.out_stride), first)
            self.store(b, row, self.at(b, of.out, target))
        return []

    def single_columns(self, b: ir.IRBuilder, of: _Pack, k: ir.Value, begin: ir.Value) -> None:
        """Emits: the columns of depth k from `begin` on, number by number, and zeros behind."""
        source = self.at(b, of.w, b.mul(k, of.w_depth))
        target = self.at(b, of.out, b.mul(k, of.out_stride))

        def move(i: ir.Value) -> list[ir.Value]:
            j = b.add(begin, i)
            value = self.load(b, self.at(b, source, b.mul(j, of.w_unit)), 1)
            self.store(b, value, self.at(b, target, j))
            return []

        loop(b, b.sub(of.units, begin), [], move)
        pad = b.select(b.icmp_signed(">", begin, of.units), begin, of.units)

        def clear(i: ir.Value) -> list[ir.Value]:
            self.store(b, self.zero(1), self.at(b, target, b.add(pad, i)))
            return []

        loop(b, b.sub(of.width, pad), [], clear)
