"""Products with weights of 16 or 8 bits, for streams whose speed is that of reading the weights.

A panel lies where the panel of float32 would, and takes a half or a quarter of its bytes:

| kind | panel | a weight is |
|---|---|---|
| `bf16` | [depth][columns] of 16 bits | the upper half of a float32, rounded to even |
| `int8` | [columns] scales in float32, then [depth][columns] of 8 bits | q · scale of its column |

Activations and sums stay in float32. The scale of a column is that of its largest weight
(symmetric, -127 … 127), each column being the weights of one unit of one gate.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from llvmlite import ir
from numpy.typing import NDArray

from ostinato.levels.native.kernels.vectors import BYTE, I32, Kernels, i64, loop
from ostinato.levels.native.plan.frame import WIDEST

KINDS = ("bf16", "int8")
"""Kinds of weights besides float32."""

CHAINS = 4
"""Sums that run beside each other, so that a multiply-add need not wait for the one before."""


def define(module: ir.Module, lanes: int, registers: int) -> None:
    """Adds `product_bf16_1` … `product_int8_4` to a module; arguments are those of `product_1`."""
    products = _NarrowProducts(module, ir.FloatType(), lanes, registers)
    for kind in KINDS:
        for v in range(1, WIDEST + 1):
            products.product(kind, v)


def quantize(panel: NDArray[np.float32], kind: str) -> None:
    """Rewrites one panel float32 (depth, columns), in place.

    Raises:
        ValueError: when a weight is not finite.
    """
    if not np.isfinite(panel).all():
        raise ValueError("a weight is not finite")
    room = panel.reshape(-1).view(np.uint8)
    if kind == "bf16":
        bits = panel.view(np.uint32)
        rounded = bits + 0x7FFF + ((bits >> 16) & 1)
        halves = (rounded >> 16).astype(np.uint16).reshape(-1).view(np.uint8)
        room[: len(halves)] = halves
        return
    scale = (np.abs(panel).max(0) / 127).astype(np.float32)
    steps = np.divide(panel, scale, out=np.zeros_like(panel), where=scale > 0)
    data = np.concatenate(
        [scale.view(np.uint8), np.rint(steps).astype(np.int8).reshape(-1).view(np.uint8)]
    )
    room[: len(data)] = data


class _NarrowProducts(Kernels):
    """Writes products with weights of a kind."""

    def product(self, kind: str, v: int) -> None:
        """`(rows, depth, a, a_row, a_depth, w, c, c_row, add)`, as `product_1` and its kin."""
        _, b, rows, depth, a, a_row, a_depth, w, c, c_row, add = self.function(
            f"product_{kind}_{v}", "rows depth *a a_row a_depth *w *c c_row add"
        )
        adding = b.icmp_signed("!=", add, i64(0))

        def row(r: ir.Value) -> list[ir.Value]:
            here = self.at(b, a, b.mul(r, a_row))

            def terms(k: ir.Value, sums: Sequence[ir.Value]) -> list[ir.Value]:
                """Adds a[k] · w[k] to each vector of columns."""
                x = self.splat(b, self.at(b, here, b.mul(k, a_depth)))
                return [
                    self.fma(b, x, self._weights(b, kind, v, w, k, j), s)
                    for j, s in enumerate(sums)
                ]

            def turn(k: ir.Value, *sums: ir.Value) -> list[ir.Value]:
                first = b.mul(k, i64(CHAINS))
                return [
                    new
                    for n in range(CHAINS)
                    for new in terms(b.add(first, i64(n)), sums[n * v : (n + 1) * v])
                ]

            turns = b.sdiv(depth, i64(CHAINS))
            sums = loop(b, turns, [self.zero(self.lanes)] * (v * CHAINS), turn)
            done = b.mul(turns, i64(CHAINS))
            rest = b.sub(depth, done)
            sums[:v] = loop(b, rest, sums[:v], lambda k, *ours: terms(b.add(done, k), ours))
            for j in range(v):
                total = sums[j]
                for n in range(1, CHAINS):
                    total = b.fadd(total, sums[n * v + j])
                if kind == "int8":
                    scale = self.load(b, self.at(b, w, i64(j * self.lanes)), self.lanes)
                    total = b.fmul(total, scale)
                place = self.at(b, c, b.add(b.mul(r, c_row), i64(j * self.lanes)))
                before = self.load(b, place, self.lanes)
                self.store(b, b.select(adding, b.fadd(before, total), total), place)
            return []

        loop(b, rows, [], row)
        b.ret_void()

    def _weights(
        self, b: ir.IRBuilder, kind: str, v: int, w: ir.Value, k: ir.Value, j: int
    ) -> ir.Value:
        """Vector j of row k of the panel, as float32."""
        size, integers = (1 if kind == "int8" else 2), ir.VectorType(I32, self.lanes)
        columns = v * self.lanes
        skip = columns * 4 if kind == "int8" else 0
        at = b.add(b.mul(k, i64(columns * size)), i64(skip + j * self.lanes * size))
        place = b.gep(w, [at], source_etype=BYTE)
        narrow = b.load(place, typ=ir.VectorType(ir.IntType(8 * size), self.lanes), align=size)
        if kind == "int8":
            return b.sitofp(b.sext(narrow, integers), self.vector)
        sixteen = ir.Constant(integers, [16] * self.lanes)
        return b.bitcast(b.shl(b.zext(narrow, integers), sixteen), self.vector)
