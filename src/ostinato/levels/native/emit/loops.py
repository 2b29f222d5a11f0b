"""The functions around the passes: loops over the steps, forward and back, and over tokens."""

from __future__ import annotations

from collections.abc import Mapping

from llvmlite import ir

from ostinato.levels.native.emit.function import CellModule
from ostinato.levels.native.emit.steps import StepFunction
from ostinato.levels.native.kernels.vectors import I64, i64

Passes = Mapping[str, ir.Function]
"""The function of each pass, which does all phases of some rows."""


def forward(cell: CellModule, passes: Passes) -> None:
    """Steps 0 … steps - 1; the input's part is computed for some steps at a time."""
    f = StepFunction(cell, "forward")
    b = f.b
    start, step = f.variable(I64, i64(0)), f.variable(I64, i64(0))
    before = f.variable(I64, i64(0))  # where the tape's rows of the step before begin
    f.still_noise()
    f.rows_of_ours()

    def some_steps() -> None:
        first, tokens = b.load(step, typ=I64), f.variable(I64, i64(0))
        end = f.variable(I64, first)
        if cell.memory.rows["lifted"]:
            f.gather(first, b.load(start, typ=I64), tokens, end)
            with b.if_then(b.icmp_signed("==", f.word("lookup"), i64(0))):
                f.write("at_lifted", f.word("base_lifted"))
                b.call(passes["lift"], [f.frame, b.load(tokens, typ=I64)])
        else:
            b.store(f.word("steps"), end)
        row = f.variable(I64, i64(0))
        f.loop(first, b.load(end, typ=I64), i64(1), lambda s: one_step(s, row))
        b.store(b.load(end, typ=I64), step)

    def one_step(s: ir.Value, row: ir.Value) -> None:
        here, rows = b.load(start, typ=I64), f.count(s)
        f.move_to("lifted", b.load(row, typ=I64), f.word("row_lifted"))
        b.store(b.add(b.load(row, typ=I64), rows), row)
        f.move_to_step(here)
        f.move_on_tape(s, here, b.load(before, typ=I64))
        b.call(passes["loop"], [f.frame, rows])
        f.ended(s, rows)
        b.store(b.add(here, f.word("sequences")), before)
        b.store(b.add(here, f.batch(s)), start)

    f.repeat(lambda: b.icmp_signed("<", b.load(step, typ=I64), f.word("steps")), some_steps)
    f.end()


def backward(cell: CellModule, passes: Passes) -> None:
    """Steps steps - 1 … 0."""
    f = StepFunction(cell, "backward")
    b = f.b
    start = f.variable(I64, f.word("tokens"))
    f.still_noise()
    f.rows_of_ours()

    def one_step(back: ir.Value) -> None:
        s = b.sub(b.sub(f.word("steps"), i64(1)), back)
        here = b.sub(b.load(start, typ=I64), f.batch(s))
        b.store(here, start)
        zero = b.icmp_signed("==", s, i64(0))
        earlier = b.select(zero, i64(0), b.sub(s, i64(1)))
        before = b.add(b.sub(here, f.batch(earlier)), f.word("sequences"))
        f.move_to_step(here)
        f.move_on_tape(s, here, b.select(zero, i64(0), before))
        f.move_to("grads", b.add(here, f.word("first")), f.word("base_row_grads"))
        odd = b.icmp_signed("==", b.and_(s, i64(1)), i64(1))
        one, two = f.word("base_carry"), f.word("other_carry")
        f.write("at_carry_in", b.select(odd, one, two))
        f.write("at_carry_out", b.select(odd, two, one))
        b.call(passes["back"], [f.frame, f.count(s)])

    f.loop(i64(0), f.word("steps"), i64(1), one_step)
    f.end()


def after(cell: CellModule, name: str, passes: Passes) -> None:
    """A pass after the loop: tokens first … first + steps - 1, `tile` of them at a time."""
    f = StepFunction(cell, name)
    b = f.b
    f.write("every", i64(1))
    f.write("row_new", f.word("base_row_new"))
    f.write("row_grads", f.word("base_row_grads"))

    def some(at: ir.Value) -> None:
        token = b.add(at, f.word("first"))
        f.write("index", f.index(token))
        f.move_to("new", b.add(token, f.word("sequences")), f.word("base_row_new"))
        f.move_to("grads", token, f.word("base_row_grads"))
        count = f.smaller(f.word("tile"), b.sub(f.word("steps"), at))
        b.call(passes[name], [f.frame, count])

    f.loop(i64(0), f.word("steps"), f.word("tile"), some)
    f.end()


def lift(cell: CellModule, passes: Passes) -> None:
    """Rows first … first + steps - 1 of x, `tile` of them at a time."""
    f = StepFunction(cell, "lift")
    b = f.b

    def some(at: ir.Value) -> None:
        row = b.add(at, f.word("first"))
        f.write("at_gathered", f.further(f.word("base_x"), row, f.word("row_x")))
        f.write("row_gathered", f.word("row_x"))
        f.move_to("lifted", row, f.word("row_lifted"))
        count = f.smaller(f.word("tile"), b.sub(f.word("steps"), at))
        b.call(passes["lift"], [f.frame, count])

    f.loop(i64(0), f.word("steps"), f.word("tile"), some)
    f.end()
