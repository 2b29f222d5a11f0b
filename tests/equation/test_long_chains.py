"""Cells of hundreds of operations in a row: every stage takes them, or says that it does not."""

import ast

import numpy as np
import pytest

from every import assert_near
from ostinato import levels
from ostinato.equation import affine, cell, maximum, tanh
from ostinato.equation.derivative import derive
from ostinato.equation.rewrite import recurrent_dropout, without_bias, zoneout
from ostinato.equation.schedule import backward_phases, schedule
from ostinato.equation.stored import graph_from_json
from ostinato.errors import CellError, ConfigError
from ostinato.levels import native as native_level
from ostinato.nn import Recurrent
from ostinato.proof.cases import draw
from ostinato.proof.comparison import distance
from ostinato.report.diagrams import _boxes
from tolerances import EQUAL

SIZES = {"D": 3, "H": 4}
LINKS = {
    "functions": lambda u, h: tanh(u),
    "sums": lambda u, h: 0.99 * u + 0.01 * h,
    "negations": lambda u, h: -u,
    "squares": lambda u, h: u * u,
    "quotients": lambda u, h: u / (1.5 + u * u),
    "maxima": lambda u, h: maximum(u, 0.5 * u),
    "gates": lambda u, h: u + 0.001 * tanh(u + h),
}
QUICK = ("functions", "squares")
every_link = pytest.mark.parametrize(
    "link", [pytest.param(k, marks=[] if k in QUICK else pytest.mark.slow) for k in LINKS]
)


def chain(link: str, length: int):
    """A cell of so many links; what the chain gives enters a product."""

    @cell
    def chained(x, h):
        u = tanh(affine(x, h))
        for _ in range(length):
            u = LINKS[link](u, h)
        return tanh(affine(u))

    return chained


def sums_of_products(length: int):
    @cell
    def summed(x, h):
        u = affine(x, bias=False)
        for _ in range(length):
            u = u + affine(h, bias=False)
        return tanh(u)

    return summed


@every_link
@pytest.mark.parametrize("length", [400, pytest.param(3000, marks=pytest.mark.slow)])
def test_every_stage_takes_it(link, length):
    made = chain(link, length)
    graph = made.graph
    assert graph_from_json(graph.to_json()) == graph
    assert len(graph.nodes) > length
    for rewritten in (recurrent_dropout(graph), zoneout(graph), without_bias(graph)):
        assert schedule(rewritten).phases
    assert backward_phases(derive(graph))
    for box in _boxes(graph):
        assert len(box.formula) < 2000
    for name in ("python", "numpy", "torch", "latex"):
        text = levels.find(name).source(made, True)
        assert len(text) < 3000 * (len(graph.nodes) + 100)
        if name != "latex":
            ast.parse(text)


@every_link
def test_levels_agree(link):
    made = chain(link, 400)
    case = draw(made.graph, (2, 1), SIZES, seed=0)
    with np.errstate(all="ignore"):
        expected = levels.find("numpy").run(made, case)
    for name in ("python", "torch"):
        found = levels.find(name).run(made, case)
        for backward in (False, True):
            assert distance(found, expected, backward) < EQUAL, name


@pytest.mark.slow
@every_link
def test_native_code_agrees(link):
    made = chain(link, 200)
    case = draw(made.graph, (2, 1), SIZES, seed=0)
    expected = levels.find("torch").run(made, case)
    found = native_level.run(made, case)
    for backward in (False, True):
        assert distance(found, expected, backward) < EQUAL


def test_hundreds_of_products_in_one_sum():
    made = sums_of_products(400)
    case = draw(made.graph, (2, 1), SIZES, seed=0)
    expected = levels.find("numpy").run(made, case)
    for name in ("python", "torch"):
        found = levels.find(name).run(made, case)
        assert_near(found.outputs, expected.outputs, EQUAL)
        assert distance(found, expected, True) < EQUAL
    assert native_level.source(made)


def test_what_is_too_large_for_native_code_is_refused_in_a_line():
    made = chain("functions", 3000)
    says = "a step of cell 'chained' has 3,0.. operations, more than the limit of 1,000"
    with pytest.raises(CellError, match=says):
        native_level.source(made)
    assert not native_level.supports(made)
    with pytest.raises(ConfigError, match=f"engine 'native' cannot run here: {says}; use 'auto'"):
        Recurrent(made, 3, 4, engine="native")
    assert Recurrent(made, 3, 4).level(training=True) == "torch"


def test_matrices_count_as_operations():
    @cell
    def wide(x, h):
        parts = [h * (1 + 0.01 * k) for k in range(12)]
        u = h
        for _ in range(90):
            u = tanh(affine(u, *parts))
        return u

    assert len(wide.graph.nodes) < native_level.LARGEST / 4
    assert "has 1,286 operations" in native_level.too_large(wide)
