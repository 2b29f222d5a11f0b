"""What the kernels are written with: loops, addresses, vectors of numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from llvmlite import ir

BYTE, I32, I64, POINTER = ir.IntType(8), ir.IntType(32), ir.IntType(64), ir.PointerType()


def i64(value: int) -> ir.Value:
    """A constant word."""
    return ir.Constant(I64, value)


def loop(
    b: ir.IRBuilder,
    count: ir.Value,
    carried: Sequence[ir.Value],
    body: Callable[..., Sequence[ir.Value]],
) -> list[ir.Value]:
    """Emits `carried = body(i, *carried)` for i = 0 … count - 1; gives the last `carried`.

    The condition stands at the end, the form in which code generation leaves it alone.
    """
    before = b.block
    inside = b.append_basic_block("loop")
    b.position_at_end(inside)
    i = b.phi(I64)
    i.add_incoming(i64(0), before)
    state = [b.phi(c.type) for c in carried]
    for phi, c in zip(state, carried, strict=True):
        phi.add_incoming(c, before)
    new = list(body(i, *state))
    latch = b.block
    after = b.append_basic_block("after")
    following = b.add(i, i64(1))
    b.cbranch(b.icmp_signed("<", following, count), inside, after)
    i.add_incoming(following, latch)
    for phi, n in zip(state, new, strict=True):
        phi.add_incoming(n, latch)

    b.position_at_end(before)
    b.cbranch(b.icmp_signed(">", count, i64(0)), inside, after)
    b.position_at_end(after)
    last = []
    for c, n in zip(carried, new, strict=True):
        phi = b.phi(c.type)
        phi.add_incoming(c, before)
        phi.add_incoming(n, latch)
        last.append(phi)
    return last


def opaque(b: ir.IRBuilder, value: ir.Value) -> ir.Value:
    """The same value, of which LLVM knows nothing.

    It would see that the rows of a tile lie at equal distances, and walk from one to the next by
    additions that wait for each other: a tile of 12 rows by one vector ran at 55 % of its speed.
    """
    return b.asm(ir.FunctionType(value.type, [value.type]), "", "=r,0", [value], False)


def minimum(b: ir.IRBuilder, x: ir.Value, y: ir.Value) -> ir.Value:
    """The smaller of two words."""
    return b.select(b.icmp_signed("<", x, y), x, y)


def ceil(b: ir.IRBuilder, x: ir.Value, y: ir.Value) -> ir.Value:
    """⌈x / y⌉ for positive y."""
    return b.sdiv(b.add(x, b.sub(y, i64(1))), y)


@dataclass(frozen=True)
class Kernels:
    """Functions of a module in the making.

    Attributes:
        module: an `llvmlite.ir.Module`.
        number: `ir.FloatType()` or `ir.DoubleType()`.
        lanes: numbers in a vector of the target.
        registers: vector registers of the target.
    """

    module: ir.Module
    number: ir.Type
    lanes: int
    registers: int

    @property
    def size(self) -> int:
        """Bytes of a number."""
        return 8 if isinstance(self.number, ir.DoubleType) else 4

    @property
    def vector(self) -> ir.Type:
        """The type of a vector."""
        return ir.VectorType(self.number, self.lanes)

    def function(
        self, name: str, parameters: str, internal: bool = False
    ) -> tuple[ir.Function, ir.IRBuilder, *tuple[ir.Value, ...]]:
        """Begins a function: itself, a builder at its entry, and its arguments.

        A parameter is an i64, or with a star before its name a pointer.
        """
        names = parameters.split()
        types = [POINTER if p.startswith("*") else I64 for p in names]
        function = ir.Function(self.module, ir.FunctionType(ir.VoidType(), types), name)
        if internal:
            function.linkage = "internal"
        # Inlined, kernels would share their registers with the caller's constants, and spill.
        function.attributes.add("noinline")
        function.attributes.add("nounwind")
        for argument, parameter in zip(function.args, names, strict=True):
            argument.name = parameter.removeprefix("*")
        return function, ir.IRBuilder(function.append_basic_block("entry")), *function.args

    def at(self, b: ir.IRBuilder, pointer: ir.Value, index: ir.Value) -> ir.Value:
        """Address of number `index` behind a pointer."""
        return b.gep(pointer, [index], source_etype=self.number)

    def load(self, b: ir.IRBuilder, pointer: ir.Value, lanes: int) -> ir.Value:
        """Some numbers at an address; one is no vector."""
        kind = ir.VectorType(self.number, lanes) if lanes > 1 else self.number
        return b.load(pointer, align=self.size, typ=kind)

    def store(self, b: ir.IRBuilder, value: ir.Value, pointer: ir.Value) -> None:
        """Writes what `load` reads."""
        b.store(value, pointer, align=self.size)

    def splat(self, b: ir.IRBuilder, pointer: ir.Value) -> ir.Value:
        """The number at an address in every lane."""
        scalar = self.load(b, pointer, 1)
        undefined = ir.Constant(self.vector, ir.Undefined)
        first = b.insert_element(undefined, scalar, ir.Constant(I32, 0))
        zeros = ir.Constant(ir.VectorType(I32, self.lanes), [0] * self.lanes)
        return b.shuffle_vector(first, undefined, zeros)

    def zero(self, lanes: int) -> ir.Value:
        """Zeros."""
        kind = ir.VectorType(self.number, lanes) if lanes > 1 else self.number
        return ir.Constant(kind, [0.0] * lanes if lanes > 1 else 0.0)

    def fma(self, b: ir.IRBuilder, x: ir.Value, y: ir.Value, z: ir.Value) -> ir.Value:
        """x * y + z, fused where the target can."""
        name = f"llvm.fmuladd.v{self.lanes}f{8 * self.size}"
        intrinsic = self.module.globals.get(name) or ir.Function(
            self.module, ir.FunctionType(self.vector, [self.vector] * 3), name
        )
        return b.call(intrinsic, [x, y, z])

    def fetch(self, b: ir.IRBuilder, pointer: ir.Value) -> None:
        """Asks for the cache line of an address, which need not be a valid one."""
        name = "llvm.prefetch.p0"
        intrinsic = self.module.globals.get(name) or ir.Function(
            self.module, ir.FunctionType(ir.VoidType(), [POINTER, I32, I32, I32]), name
        )
        b.call(intrinsic, [pointer, *(ir.Constant(I32, x) for x in (0, 3, 1))])  # to read, in data

    def branch(
        self,
        b: ir.IRBuilder,
        count: ir.Value,
        targets: Sequence[ir.Value],
        arguments: Sequence[ir.Value],
    ) -> None:
        """Calls `targets[count - 1]`, counts being 1 … len(targets)."""
        after = b.append_basic_block("called")
        switch = b.switch(count, after)
        for k, target in enumerate(targets, 1):
            block = b.append_basic_block(f"case_{k}")
            switch.add_case(i64(k), block)
            with b.goto_block(block):
                b.call(target, arguments)
                b.branch(after)
        b.position_at_end(after)

    def evenly(
        self,
        b: ir.IRBuilder,
        total: ir.Value,
        most: int,
        body: Callable[[ir.Value, ir.Value], None],
    ) -> None:
        """Calls `body(first, count)` for parts of 0 … total - 1, of equal size or one more."""
        parts = ceil(b, total, i64(most))
        least = b.sdiv(total, b.select(b.icmp_signed(">", parts, i64(0)), parts, i64(1)))
        extra = b.sub(total, b.mul(least, parts))

        def part(i: ir.Value, first: ir.Value) -> list[ir.Value]:
            count = b.add(least, b.zext(b.icmp_signed("<", i, extra), I64))
            body(first, count)
            return [b.add(first, count)]

        loop(b, parts, [i64(0)], part)
