"""Any cell that the language can say, with and without noise, is the same as at the level torch."""

from dataclasses import replace

import pytest
import torch
from batch import READS, Batch, distance, forget, results
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import programs
from ostinato.equation import Cell
from ostinato.equation.rewrite import recurrent_dropout, without_bias, zoneout
from ostinato.levels._case import Asked
from ostinato.levels.native.runtime import target
from tolerances import BESIDE, EQUAL

pytestmark = pytest.mark.skipif(not target.available(), reason=str(target.obstacle()))

REWRITES = {
    "as it is": [],
    "without bias": [without_bias],
    "dropout": [recurrent_dropout],
    "zoneout": [zoneout],
    "both": [recurrent_dropout, zoneout],
}
SIZES = st.fixed_dictionaries({
    "D": st.sampled_from([1, 3]), "H": st.sampled_from([1, 7, 63]), "R": st.sampled_from([1, 5]),
})  # fmt: skip
LENGTHS = st.lists(st.integers(1, 5), max_size=4).map(lambda lengths: [*lengths, 1])
EVERYTHING = True, "learned", 0
"""Of `WANTED`."""
without_shrinking = [Phase.explicit, Phase.reuse, Phase.generate]  # it would take minutes


def check(
    text: str, rewrite: str, lengths: list[int], sizes: dict[str, int], seed: int,
    wanted: tuple[bool, str, int] = EVERYTHING, reads: str = READS[0],
) -> None:  # fmt: skip
    """The first call of a layer and the second are what the level torch computes."""
    forget()
    cell = rewritten(text, rewrite)
    batch = Batch.draw(cell.graph, lengths, sizes, seed)
    asked = asking(batch, *wanted)
    expected = results("torch", cell, batch, asked, reads)
    for _ in ("first", "second"):
        assert distance(results("native", cell, batch, asked, reads), expected) < EQUAL


def asking(batch: Batch, x: bool, first: str, subset: int) -> Asked:
    names = [name for k, name in enumerate(batch.weights) if subset >> k & 1]
    return Asked(x, first, frozenset(names))


def rewritten(text: str, rewrite: str) -> Cell:
    cell = programs.as_cell(text)
    for function in REWRITES[rewrite]:
        cell = replace(cell, graph=function(cell.graph))
    return cell


subsets = st.one_of(st.just(0), st.integers(0, 2**16 - 1))
WANTED = st.tuples(st.booleans(), st.sampled_from(["learned", "given", "none"]), subsets)
"""Whether x needs a gradient, what first states are, and which weights are frozen, by bits."""
drawn = given(
    programs.programs(idle=True), st.sampled_from([*REWRITES]), LENGTHS, SIZES, st.integers(0, 999),
    WANTED, st.sampled_from(READS),
)  # fmt: skip


def check_drawn(text, rewrite, lengths, sizes, seed, wanted, reads):
    check(text, rewrite, lengths, sizes, seed, wanted, reads)


@settings(max_examples=20, phases=without_shrinking)
@drawn
def test_any_cell_is_what_it_is_at_the_level_torch(
    text, rewrite, lengths, sizes, seed, wanted, reads
):
    check(text, rewrite, lengths, sizes, seed, wanted, reads)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("instructions", "count"), [("host", 400), ("avx2", 150), ("sse2", 150)])
def test_many_cells_are_what_they_are_at_the_level_torch(instructions, count, monkeypatch):
    if target.host().vector_bytes < target.TARGETS.get(instructions, target.host()).vector_bytes:
        pytest.skip("this machine has no wider registers")
    monkeypatch.setenv("OSTINATO_TARGET", instructions)
    settings(max_examples=count, phases=without_shrinking)(drawn(check_drawn))()
    forget()


@pytest.mark.slow
@settings(max_examples=10, phases=without_shrinking)
@drawn
def test_any_cell_in_float32(text, rewrite, lengths, sizes, seed, wanted, reads):
    forget()
    cell = rewritten(text, rewrite)
    small = Batch.draw(cell.graph, lengths, sizes, seed).to(torch.float32)
    asked = asking(small, *wanted)
    expected = results("torch", cell, small.to(torch.float64), asked, reads)
    both = (results(level, cell, small, asked, reads) for level in ("native", "torch"))
    error, usual = (distance(found, expected) for found in both)
    assert error <= BESIDE * (usual + torch.finfo(torch.float32).eps)


IDLE = {
    "states change places": "return c, h",
    "states are handed on": "return h, c",
    "two states are one": "i = tanh(affine(x, h))\n    return i, i",
    "the output is an old state": "return c, tanh(affine(x, h))",
    "the input alone": "return tanh(affine(x)), sigmoid(affine(x))",
    "no input": "return tanh(affine(h, c)), h",
    "one state alone": "return tanh(affine(h)), c - 0.5 * c",
    "no weights": "return tanh(h) * 0.5, sigmoid(c) / (2 + h)",
    "vectors alone": "return tanh(scale(h)), layer_norm(c)",
    "biases of several tensors": "return tanh(affine(h, x)), tanh(affine(x))",
    "one bias in two tensors": "return tanh(affine(h, x) + affine(h)), affine(c, x, h)",
    "a sum, and a part of it": "a = affine(x)\n    b = a + affine(h)\n    return tanh(b), a",
    "a constant step": "return 0 * h + 0.25, c",
}


@pytest.mark.parametrize("rewrite", ["as it is", "both"])
@pytest.mark.parametrize("name", IDLE)
def test_cells_that_leave_something_out(name, rewrite):
    text = f"@cell(sizes={{'h': 'H', 'c': 'H'}})\ndef drawn(x, h, c):\n    {IDLE[name]}\n"
    check(text, rewrite, [3, 1, 2], {"D": 3, "H": 7}, 0)
