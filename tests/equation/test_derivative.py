from dataclasses import replace

import numpy as np
import pytest
from hypothesis import Phase, given, settings

import oracles
import programs
from every import EVERY, assert_near, short
from ostinato import cells, levels
from ostinato.equation import cell, maximum, relu
from ostinato.levels import numpy
from ostinato.levels._case import Case
from ostinato.proof.cases import draw
from tolerances import ORACLE, SLOPE

SIZES = {"D": 2, "H": 3, "R": 2}


def numeric(cell):
    """The levels that compute this cell."""
    found = map(levels.find, levels.names())
    able = [x for x in found if hasattr(x, "run") and getattr(x, "supports", lambda _: True)(cell)]
    assert len(able) >= 3
    return able


def moved(case, direction, by):
    """A case whose inputs, first states and weights are moved along a direction."""
    return replace(
        case,
        x=[a + by * d for a, d in zip(case.x, direction.x, strict=True)],
        states=[a + by * d for a, d in zip(case.states, direction.states, strict=True)],
        parameters={k: a + by * direction.parameters[k] for k, a in case.parameters.items()},
    )


def loss(cell, case):
    found = numpy.run(cell, case)
    results, gradients = [*found.outputs, *found.states], [*case.d_outputs, *case.d_states]
    return sum((value * d).sum() for value, d in zip(results, gradients, strict=True))


def slope_error(cell, case, seed):
    """Measured by central differences along one random direction of all leaves at once."""
    direction = draw(cell.graph, case.lengths, SIZES, seed)
    step = 1e-5
    ends = [loss(cell, moved(case, direction, by)) for by in (step, -step)]
    found = numpy.run(cell, case)
    leaves = [*direction.x, *direction.states, *(direction.parameters[k] for k in found.gradients)]
    gradients = [*found.dx, *found.d_states, *found.gradients.values()]
    expected = sum((g * d).sum() for g, d in zip(gradients, leaves, strict=True))
    return abs((ends[0] - ends[1]) / (2 * step) - expected) / max(1, abs(expected))


def assert_slope(cell, case):
    # A step over a corner of relu or maximum spoils one direction, a wrong gradient all of them.
    assert min(slope_error(cell, case, seed) for seed in (1, 2)) < SLOPE


@pytest.mark.parametrize("name", EVERY, ids=short)
def test_gradients_are_the_measured_slopes(name):
    cell = cells.find(name)
    assert_slope(cell, draw(cell.graph, (3, 1, 2), SIZES, seed=0))


WITHOUT_SHRINKING = [Phase.explicit, Phase.reuse, Phase.generate]  # it would take minutes


@settings(max_examples=12, phases=WITHOUT_SHRINKING)
@given(programs.programs())
def test_any_cell_is_the_same_at_every_level_as_its_text_run_on_tensors(text):
    is_the_same(text)


@pytest.mark.slow
@settings(max_examples=200, phases=WITHOUT_SHRINKING)
@given(programs.programs())
def test_many_cells_are_the_same_at_every_level_as_their_text_run_on_tensors(text):
    is_the_same(text)


def is_the_same(text):
    cell = programs.as_cell(text)
    case = draw(cell.graph, (3, 1, 2), SIZES, seed=0)
    expected = oracles.unroll(programs.as_step(text), case)
    for level in numeric(cell):
        if not getattr(level, "rounds_to_float32", bool)():  # what may be amplified here
            assert_near(vars(level.run(cell, case)), expected, ORACLE)
    assert_slope(cell, case)


def test_at_a_corner_the_gradient_is_pytorchs():
    @cell
    def corners(x, h, c):
        return maximum(h, c), relu(c - h)

    one = np.ones((1, 1))
    case = Case([one], (one, one), {}, [one], (one, one))
    for level in numeric(corners):
        assert_near(list(level.run(corners, case).d_states), [one, one], 0)
