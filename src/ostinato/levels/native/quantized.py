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

from typing import Any

import numpy as np
from llvmlite import ir

from ostinato.levels.native.functions import multiply_add
from ostinato.levels.native.product import WIDEST

KINDS = ("bf16", "int8")
"""Kinds of weights besides float32."""

_WORD, _POINTER, _FLOAT, _INT = ir.IntType(64), ir.PointerType(), ir.FloatType(), ir.IntType(32)

CHAINS = 4
"""Sums that run beside each other, so that a multiply-add need not wait for the one before."""


def define(module: Any, lanes: int) -> None:
    """Adds `product_bf16_1` … `product_int8_4` to a module; arguments are those of `product_1`."""
    for kind in KINDS:
        for v in range(1, WIDEST + 1):
            _Product(module, kind, v, lanes)


def quantize(panel: Any, kind: str) -> None:
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


class _Product:
    """One function: `(rows, depth, a, a_row, a_depth, w, c, c_row, add)`."""

    def __init__(self, module: Any, kind: str, v: int, lanes: int) -> None:
        self.kind, self.v, self.lanes = kind, v, lanes
        self.vector = ir.VectorType(_FLOAT, lanes)
        names = "rows depth *a a_row a_depth *w *c c_row add".split()
        types = [_POINTER if n.startswith("*") else _WORD for n in names]
        signature = ir.FunctionType(ir.VoidType(), types)
        function = ir.Function(module, signature, f"product_{kind}_{v}")
        function.attributes.add("noinline")
        function.attributes.add("nounwind")
        rows, self.depth, a, a_row, self.a_depth, self.w, c, c_row, self.add = function.args
        self.b = b = ir.IRBuilder(function.append_basic_block("entry"))
        self.skip = v * lanes * 4 if kind == "int8" else 0
        with _loop(b, rows, []) as (r, _, close):
            self._row(_at(b, a, b.mul(r, a_row)), _at(b, c, b.mul(r, c_row)))
            close([])
        b.ret_void()

    def _row(self, a: Any, c: Any) -> None:
        b, zero = self.b, ir.Constant(self.vector, [0.0] * self.lanes)
        pairs = b.sdiv(self.depth, _word(CHAINS))
        with _loop(b, pairs, [zero] * (self.v * CHAINS)) as (k, sums, close):
            first = b.mul(k, _word(CHAINS))
            new = []
            for chain in range(CHAINS):
                ours = sums[chain * self.v : (chain + 1) * self.v]
                new += self._terms(a, b.add(first, _word(chain)), ours)
            sums = close(new)
        done = b.mul(pairs, _word(CHAINS))
        with _loop(b, b.sub(self.depth, done), sums[: self.v]) as (k, rest, close):
            rest = close(self._terms(a, b.add(done, k), rest))
        for j in range(self.v):
            total = rest[j]
            for chain in range(1, CHAINS):
                total = b.fadd(total, sums[chain * self.v + j])
            if self.kind == "int8":
                scale = _at(b, self.w, _word(j * self.lanes))
                total = b.fmul(total, b.load(scale, typ=self.vector, align=4))
            place = _at(b, c, _word(j * self.lanes))
            before = b.load(place, typ=self.vector, align=4)
            adding = b.icmp_signed("!=", self.add, _word(0))
            b.store(b.select(adding, b.fadd(before, total), total), place, align=4)

    def _terms(self, a: Any, k: Any, sums: Any) -> list[Any]:
        """Adds a[k] · w[k] to each vector of columns."""
        b = self.b
        one = b.load(_at(b, a, b.mul(k, self.a_depth)), typ=_FLOAT, align=4)
        undefined = ir.Constant(self.vector, ir.Undefined)
        lanes = ir.Constant(ir.VectorType(_INT, self.lanes), [0] * self.lanes)
        x = b.shuffle_vector(
            b.insert_element(undefined, one, ir.Constant(_INT, 0)), undefined, lanes
        )
        return [multiply_add(b, x, self._weights(k, j), s) for j, s in enumerate(sums)]

    def _weights(self, k: Any, j: int) -> Any:
        """Vector j of row k of the panel, as float32."""
        b, columns = self.b, self.v * self.lanes
        integers = ir.VectorType(_INT, self.lanes)
        size = 1 if self.kind == "int8" else 2
        at = b.add(b.mul(k, _word(columns * size)), _word(self.skip + j * self.lanes * size))
        place = b.gep(self.w, [at], source_etype=ir.IntType(8))
        narrow = b.load(place, typ=ir.VectorType(ir.IntType(8 * size), self.lanes), align=size)
        if self.kind == "int8":
            return b.sitofp(b.sext(narrow, integers), self.vector)
        sixteen = ir.Constant(integers, [16] * self.lanes)
        return b.bitcast(b.shl(b.zext(narrow, integers), sixteen), self.vector)


class _loop:  # noqa: N801 - reads as a statement
    """`with _loop(b, count, carried) as (i, state, close)`: close(new) ends it, gives the last."""

    def __init__(self, b: Any, count: Any, carried: list[Any]) -> None:
        self.b, self.count, self.carried = b, count, carried

    def __enter__(self) -> Any:
        b = self.b
        before = b.block
        self.head, inside = b.append_basic_block("head"), b.append_basic_block("body")
        self.after = b.append_basic_block("after")
        b.branch(self.head)
        b.position_at_end(self.head)
        self.i = b.phi(_WORD)
        self.i.add_incoming(_word(0), before)
        self.state = [b.phi(c.type) for c in self.carried]
        for phi, c in zip(self.state, self.carried, strict=True):
            phi.add_incoming(c, before)
        b.cbranch(b.icmp_signed("<", self.i, self.count), inside, self.after)
        b.position_at_end(inside)
        return self.i, self.state, self._close

    def _close(self, new: list[Any]) -> list[Any]:
        b = self.b
        self.i.add_incoming(b.add(self.i, _word(1)), b.block)
        for phi, n in zip(self.state, new, strict=True):
            phi.add_incoming(n, b.block)
        b.branch(self.head)
        b.position_at_end(self.after)
        return self.state

    def __exit__(self, *_: object) -> None:
        pass


def _word(value: int) -> Any:
    return ir.Constant(_WORD, value)


def _at(b: Any, pointer: Any, numbers: Any) -> Any:
    return b.gep(pointer, [numbers], source_etype=_FLOAT)
