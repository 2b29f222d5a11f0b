"""Any cell that the language can say, with and without noise, is the same as at the level torch."""

from dataclasses import replace

import pytest
import torch
from batch import Batch, distance, results
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import programs
from ostinato.equation import Cell
from ostinato.equation.rewrite import recurrent_dropout, without_bias, zoneout
from ostinato.levels.native import target
from tolerances import FLOAT32, ORACLE

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
without_shrinking = [Phase.explicit, Phase.reuse, Phase.generate]  # it would take minutes


def check(text: str, rewrite: str, lengths: list[int], sizes: dict[str, int], seed: int) -> None:
    cell = rewritten(text, rewrite)
    batch = Batch.draw(cell.graph, lengths, sizes, seed)
    assert distance(results("native", cell, batch), results("torch", cell, batch)) < ORACLE


def rewritten(text: str, rewrite: str) -> Cell:
    cell = programs.as_cell(text)
    for function in REWRITES[rewrite]:
        cell = replace(cell, graph=function(cell.graph))
    return cell


drawn = given(
    programs.programs(idle=True), st.sampled_from([*REWRITES]), LENGTHS, SIZES, st.integers(0, 999)
)


@settings(max_examples=60, phases=without_shrinking)
@drawn
def test_any_cell_is_what_it_is_at_the_level_torch(text, rewrite, lengths, sizes, seed):
    check(text, rewrite, lengths, sizes, seed)


@pytest.mark.slow
@settings(max_examples=400, phases=without_shrinking)
@drawn
def test_many_cells_are_what_they_are_at_the_level_torch(text, rewrite, lengths, sizes, seed):
    check(text, rewrite, lengths, sizes, seed)
