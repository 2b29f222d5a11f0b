"""What the functions of a cell are written with: words of the frame, rows of memory, loops."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from llvmlite import ir

from ostinato.levels.native.kernels.vectors import I32, I64, POINTER, i64, minimum
from ostinato.levels.native.plan.lower import NUMBER
from ostinato.levels.native.plan.memory import INDEXED, MemoryPlan, Place, total

VOID = ir.VoidType()


@dataclass(frozen=True)
class CellModule:
    """A cell's module in the making.

    Attributes:
        module: where the functions go.
        memory: the cell's frame, rows and blocks.
        number: `ir.FloatType()` or `ir.DoubleType()`.
        lanes: numbers in a vector.
    """

    module: ir.Module
    memory: MemoryPlan
    number: ir.Type
    lanes: int

    @property
    def bytes(self) -> int:
        """Of a number."""
        return 8 if isinstance(self.number, ir.DoubleType) else 4


class FrameFunction:
    """A function of a frame in the making: its builder, words of the frame, loops, addresses."""

    def __init__(self, cell: CellModule, name: str, *arguments: str) -> None:
        self.cell, self.memory, self.lanes = cell, cell.memory, cell.lanes
        self.number, self.vector = cell.number, ir.VectorType(cell.number, cell.lanes)
        kind = ir.FunctionType(VOID, [POINTER, *([I64] * len(arguments))])
        self.function = ir.Function(cell.module, kind, name)
        self.function.attributes.add("nounwind")
        self.frame = self.function.args[0]
        self.argument = dict(zip(arguments, self.function.args[1:], strict=True))
        self.b = ir.IRBuilder(self.function.append_basic_block("entry"))
        self._known: dict[object, ir.Value] = {}

    # words of the frame

    def word(self, name: str) -> ir.Value:
        """A word that does not change while the function runs."""
        if name not in self._known:
            with self.b.goto_entry_block():
                self._known[name] = self.read(name)
        return self._known[name]

    def read(self, name: str) -> ir.Value:
        """A word as it is now."""
        return self.b.load(self._address(name), typ=I64)

    def write(self, name: str, value: ir.Value) -> None:
        """Sets a word."""
        self.b.store(value, self._address(name))

    def _address(self, name: str) -> ir.Value:
        place = i64(self.memory.words[name])
        return self.b.gep(self.frame, [place], source_etype=I64)

    def size(self, letters: Iterable[str]) -> ir.Value:
        """The sum of some sizes."""
        counts = tuple(sorted(total(letters).items()))
        key = ("size", counts)
        if key not in self._known:
            with self.b.goto_entry_block():
                value = i64(0)
                for letter, count in counts:
                    one = self.read(f"size_{letter}") if letter != NUMBER else i64(1)
                    value = self.b.add(value, self.b.mul(i64(count), one))
                self._known[key] = value
        return self._known[key]

    def offset(self, place: Place) -> ir.Value:
        """The numbers before a slot in its row."""
        return self.size(place.before)

    # memory

    def pointer(self, word: ir.Value) -> ir.Value:
        """A word as an address."""
        return self.b.inttoptr(word, POINTER)

    def numbers(self, pointer: ir.Value, count: ir.Value) -> ir.Value:
        """The address that lies some numbers further."""
        return self.b.gep(pointer, [count], source_etype=self.number)

    def row(self, rows: str, j: ir.Value) -> ir.Value:
        """The address of a row of a kind."""
        at = self.pointer(self.word(f"at_{rows}"))
        if rows in INDEXED:
            index = self.pointer(self.word("index"))
            place = self.b.gep(index, [self.b.mul(j, self.word("every"))], source_etype=I32)
            j = self.b.sext(self.b.load(place, typ=I32), I64)
        return self.numbers(at, self.b.mul(j, self.word(f"row_{rows}")))

    # control

    def loop(
        self, start: ir.Value, stop: ir.Value, step: ir.Value, body: Callable[[ir.Value], None]
    ) -> None:
        """For i = start; i < stop; i += step."""
        b = self.b
        before, head = b.block, b.append_basic_block("head")
        inside, after = b.append_basic_block("body"), b.append_basic_block("done")
        b.branch(head)
        b.position_at_end(head)
        i = b.phi(I64)
        i.add_incoming(start, before)
        b.cbranch(b.icmp_signed("<", i, stop), inside, after)
        b.position_at_end(inside)
        body(i)
        i.add_incoming(b.add(i, step), b.block)
        b.branch(head)
        b.position_at_end(after)

    def variable(self, kind: ir.Type, value: ir.Value | None = None) -> ir.Value:
        """Memory on the stack, which becomes a register."""
        with self.b.goto_entry_block():
            place = self.b.alloca(kind)
        if value is not None:
            self.b.store(value, place)
        return place

    def smaller(self, x: ir.Value, y: ir.Value) -> ir.Value:
        """The smaller of two words."""
        return minimum(self.b, x, y)

    def copy(self, to: ir.Value, source: ir.Value, count: ir.Value) -> None:
        """Copies some numbers that do not overlap."""
        copy = self.cell.module.declare_intrinsic("llvm.memcpy", [POINTER, POINTER, I64])
        size = self.b.mul(count, i64(self.cell.bytes))
        self.b.call(copy, [to, source, size, ir.Constant(ir.IntType(1), 0)])

    def end(self) -> None:
        """Returns to the caller."""
        self.b.ret_void()
