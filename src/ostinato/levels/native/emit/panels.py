"""Panels: the products of a phase panel by panel, and how the weights are laid out for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from llvmlite import ir

from ostinato.levels.native.emit.function import VOID, CellModule, FrameFunction
from ostinato.levels.native.kernels.vectors import I64, POINTER, i64
from ostinato.levels.native.plan.lower import NUMBER
from ostinato.levels.native.plan.memory import Block
from ostinato.levels.native.plan.phases import Phase

Units = Mapping[tuple[str, int, str], ir.Function]
"""The function of each unit, by pass, phase and size."""

_PRODUCT = ir.FunctionType(VOID, [I64, I64, POINTER, I64, I64, POINTER, POINTER, I64, I64])
_PACK = ir.FunctionType(VOID, [POINTER, I64, I64, I64, I64, I64, POINTER, I64])


def one_pass(cell: CellModule, name: str, phases: Sequence[Phase], units: Units) -> ir.Function:
    """All phases of a pass over some rows: `pass_…(frame, rows)`."""
    f = _PanelFunction(cell, f"pass_{name}", "rows")
    rows = f.argument["rows"]
    for k, phase in enumerate(phases):
        if (name, k, NUMBER) in units:
            f.b.call(units[name, k, NUMBER], [f.frame, rows, i64(0), i64(1)])
        for unit in phase.vectors:
            if (name, k, unit.size) in units:
                blocks = cell.memory.blocks.get((name, k, unit.size), [])
                f.panels(units[name, k, unit.size], unit.size, blocks, rows)
    f.end()
    return f.function


def pack(cell: CellModule, name: str, passes: Sequence[str]) -> None:
    """Copies the weights of some passes into their panels."""
    f = _PanelFunction(cell, name)
    function = f.b.inttoptr(f.word("pack"), _PACK.as_pointer())
    for (of, _, letter), blocks in cell.memory.blocks.items():
        for block in blocks:
            if of in passes:
                f.pack(block, f.size([letter]), function)
    f.end()


class _PanelFunction(FrameFunction):
    def panels(
        self, function: ir.Function, letter: str, blocks: Sequence[Block], rows: ir.Value
    ) -> None:
        """A unit's products and its pointwise work, one panel after the other."""
        size = self.size([letter])
        if not blocks:
            self.b.call(function, [self.frame, rows, i64(0), size])
            return
        width = i64(blocks[0].units * self.lanes)

        def panel(lo: ir.Value) -> None:
            for block in blocks:
                self.products(block, lo, width, rows)
            hi = self.smaller(self.b.add(lo, width), size)
            self.b.call(function, [self.frame, rows, lo, hi])

        first, end = self.share(size, width)
        self.loop(first, end, width, panel)

    def share(self, size: ir.Value, width: ir.Value) -> tuple[ir.Value, ir.Value]:
        """The units of this frame's part of the panels; all of them unless threads share a step."""
        b = self.b
        panels = b.sdiv(b.add(size, b.sub(width, i64(1))), width)
        more = b.sub(self.word("parts"), i64(1))
        share = b.mul(b.sdiv(b.add(panels, more), self.word("parts")), width)
        first = b.mul(self.word("part"), share)
        return first, self.smaller(b.add(first, share), size)

    def products(self, block: Block, lo: ir.Value, width: ir.Value, rows: ir.Value) -> None:
        """The products of one panel of a block."""
        columns = i64(block.vectors * self.lanes)
        product = self.b.inttoptr(self.word(f"product_{block.vectors}"), _PRODUCT.as_pointer())
        stride = self.b.mul(self.size(block.depth), columns)
        packed = self.pointer(self.word(f"packed_{block.name}"))
        packed = self.numbers(packed, self.b.mul(self.b.sdiv(lo, width), stride))
        panel = self.numbers(self.pointer(self.word("at_panel")), i64(block.offset * self.lanes))
        for n, term in enumerate(block.terms):
            at = self.pointer(self.word(f"at_{term.place.rows}"))
            a = self.numbers(at, self.offset(term.place))
            depth = self.size(term.sizes)
            self.b.call(
                product,
                [rows, depth, a, self.word(f"row_{term.place.rows}"), i64(1), packed, panel,
                 self.word("row_panel"), i64(int(n > 0))],
            )  # fmt: skip
            packed = self.numbers(packed, self.b.mul(depth, columns))

    def pack(self, block: Block, size: ir.Value, pack: ir.Value) -> None:
        """Copies the weights of a block into its panels; `pack` is the function that does it."""
        b = self.b
        width, columns = i64(block.units * self.lanes), i64(block.vectors * self.lanes)
        stride = b.mul(self.size(block.depth), columns)

        def panel(lo: ir.Value) -> None:
            out = self.numbers(
                self.pointer(self.word(f"packed_{block.name}")), b.mul(b.sdiv(lo, width), stride)
            )
            units = self.smaller(b.sub(size, lo), width)
            for term in block.terms:
                for letter, matrices in zip(term.sizes, term.matrices, strict=True):
                    depth = self.size([letter])
                    for g, matrix in enumerate(matrices):
                        weight = self.pointer(self.word(f"matrix_{matrix}"))
                        by_unit, by_depth = (i64(1), size) if block.transposed else (depth, i64(1))
                        weight = self.numbers(weight, b.mul(lo, by_unit))
                        place = self.numbers(out, i64(g * block.units * self.lanes))
                        b.call(
                            pack, [weight, by_unit, by_depth, units, width, depth, place, columns]
                        )
                    out = self.numbers(out, b.mul(depth, columns))

        self.loop(i64(0), size, width, panel)
