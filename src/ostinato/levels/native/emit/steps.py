"""One step: the rows that it reads and writes, its sequences, and those that end with it."""

from __future__ import annotations

from collections.abc import Callable

from llvmlite import ir

from ostinato.levels.native.emit.function import FrameFunction
from ostinato.levels.native.kernels.vectors import I32, I64, i64


class StepFunction(FrameFunction):
    """A function that goes from step to step, or over some tokens at a time."""

    def repeat(self, condition: Callable[[], ir.Value], body: Callable[[], None]) -> None:
        """While the condition holds."""
        b = self.b
        head, inside, after = (b.append_basic_block(n) for n in ("while", "do", "done"))
        b.branch(head)
        b.position_at_end(head)
        b.cbranch(condition(), inside, after)
        b.position_at_end(inside)
        body()
        b.branch(head)
        b.position_at_end(after)

    def batch(self, s: ir.Value) -> ir.Value:
        """How many sequences have step s; 0 behind the last step."""
        sizes = self.pointer(self.word("batch_sizes"))
        return self.b.sext(self.b.load(self.b.gep(sizes, [s], source_etype=I32), typ=I32), I64)

    def count(self, s: ir.Value) -> ir.Value:
        """How many sequences of this slice (first, first + every, …) have step s."""
        b = self.b
        more = b.sub(b.add(self.batch(s), b.sub(self.word("every"), i64(1))), self.word("first"))
        return b.select(b.icmp_signed("<", more, i64(0)), i64(0), b.sdiv(more, self.word("every")))

    def further(self, base: ir.Value, rows: ir.Value, row: ir.Value) -> ir.Value:
        """The address (a word) that lies some rows further."""
        return self.b.add(base, self.b.mul(self.b.mul(rows, row), i64(self.cell.bytes)))

    def move_to(self, rows: str, number: ir.Value, row: ir.Value) -> None:
        """Sets the current row of a kind; `row` is the stride in numbers."""
        self.write(f"at_{rows}", self.further(self.word(f"base_{rows}"), number, row))

    def index(self, token: ir.Value) -> ir.Value:
        """The address (a word) of the caller's row of a token."""
        return self.b.add(self.word("token"), self.b.mul(token, i64(4)))

    def rows_of_ours(self) -> None:
        """Sets the strides from one sequence of the slice to the next."""
        for rows, whole in {"new": "new", "old": "new", "grads": "grads"}.items():
            self.write(
                f"row_{rows}", self.b.mul(self.word("every"), self.word(f"base_row_{whole}"))
            )

    def move_on_tape(self, s: ir.Value, here: ir.Value, before: ir.Value) -> None:
        """Sets the rows of this step and of the one before: on the tape, or two that alternate."""
        b, row = self.b, self.word("base_row_new")
        base, first = self.word("base_new"), self.word("first")
        new = self.further(base, b.add(b.add(here, self.word("sequences")), first), row)
        old = self.further(base, b.add(before, first), row)
        odd = b.icmp_signed("==", b.and_(s, i64(1)), i64(1))
        ours = [self.further(w, first, row) for w in (base, self.word("other_new"))]
        training = b.icmp_signed("!=", self.word("training"), i64(0))
        self.write("at_new", b.select(training, new, b.select(odd, *ours)))
        self.write("at_old", b.select(training, old, b.select(odd, *ours[::-1])))

    def move_to_step(self, here: ir.Value) -> None:
        """Sets the caller's rows of a step, and those of noise that is drawn for every token."""
        token = self.b.add(here, self.word("first"))
        self.write("index", self.index(token))
        for k, i in enumerate(self.memory.program.inputs[1:]):
            if self.memory.nodes[i].op == "input":
                size = self.size([self.memory.nodes[i].size])
                self.move_to(f"noise_{k}", token, size)

    def still_noise(self) -> None:
        """Sets the strides of noise, and the row of noise that is drawn once for a sequence."""
        for k, i in enumerate(self.memory.program.inputs[1:]):
            size = self.size([self.memory.nodes[i].size])
            self.write(f"row_noise_{k}", self.b.mul(size, self.word("every")))
            if self.memory.nodes[i].op == "still":
                self.move_to(f"noise_{k}", self.word("first"), size)

    def gather(self, first: ir.Value, start: ir.Value, tokens: ir.Value, end: ir.Value) -> None:
        """Copies the input of as many steps as fit into a tile, at least one, side by side."""
        b = self.b
        token = self.variable(I64, start)

        def more() -> ir.Value:
            s, held = b.load(end, typ=I64), b.load(tokens, typ=I64)
            left = b.icmp_signed("<", s, self.word("steps"))
            fits = b.icmp_signed("<=", b.add(held, self.count(s)), self.word("tile"))
            return b.and_(left, b.or_(fits, b.icmp_signed("==", s, first)))

        def one_step() -> None:
            s, here = b.load(end, typ=I64), b.load(token, typ=I64)
            rows, held = self.count(s), b.load(tokens, typ=I64)
            index = self.pointer(self.index(b.add(here, self.word("first"))))

            def one_row(j: ir.Value) -> None:
                place = b.gep(index, [b.mul(j, self.word("every"))], source_etype=I32)
                number = b.sext(b.load(place, typ=I32), I64)
                to = b.add(held, j)
                with b.if_else(b.icmp_signed("==", self.word("lookup"), i64(0))) as (plain, known):
                    with plain:
                        self._copy_row("gathered", to, "x", number)
                    with known:
                        table = self.pointer(self.word("lookup"))
                        row = b.load(b.gep(table, [number], source_etype=I32), typ=I32)
                        self._copy_row("lifted", to, "known", b.sext(row, I64))

            self.loop(i64(0), rows, i64(1), one_row)
            b.store(b.add(held, rows), tokens)
            b.store(b.add(here, self.batch(s)), token)
            b.store(b.add(s, i64(1)), end)

        self.repeat(more, one_step)

    def _copy_row(self, to: str, j: ir.Value, source: str, i: ir.Value) -> None:
        row = self.word(f"row_{to}")
        from_row = row if source == "known" else self.word(f"row_{source}")
        target = self.pointer(self.further(self.word(f"base_{to}"), j, row))
        origin = self.pointer(self.further(self.word(f"base_{source}"), i, from_row))
        self.copy(target, origin, self.size(self.memory.rows[to]))

    def ended(self, s: ir.Value, rows: ir.Value) -> None:
        """Copies the states of sequences that end with this step to the last states."""
        b = self.b
        going_on = self.count(b.add(s, i64(1)))

        def one(j: ir.Value) -> None:
            row = self.numbers(self.pointer(self.read("at_new")), b.mul(j, self.read("row_new")))
            sequence = b.add(self.word("first"), b.mul(j, self.word("every")))
            for k, letter in enumerate(self.memory.state_sizes):
                source = self.numbers(row, self.size(self.memory.state_sizes[:k]))
                size = self.size([letter])
                last = self.pointer(self.word(f"last_{k}"))
                self.copy(self.numbers(last, b.mul(sequence, size)), source, size)

        self.loop(going_on, rows, i64(1), one)
