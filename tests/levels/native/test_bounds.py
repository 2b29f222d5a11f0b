"""Native code checks its own plan, and the tensors of a call, before an address is followed."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from batch import Batch

from every import EVERY
from ostinato import cells, levels
from ostinato.equation import Cell, Parameter
from ostinato.equation.rewrite import recurrent_dropout, zoneout
from ostinato.errors import CellError
from ostinato.levels.native import plan
from ostinato.levels.native.plan import bounds, lower, phases
from ostinato.levels.native.plan.memory import MemoryPlan, Place
from ostinato.levels.native.plan.parameters import ParameterLayout
from ostinato.levels.native.runtime import target

pytestmark = pytest.mark.skipif(not target.available(), reason=str(target.obstacle()))

INDRNN, LSTM, GRU = (cells.find(name).graph for name in ("indrnn", "lstm", "gru"))


def resized(graph, index, size):
    node = replace(graph.nodes[index], size=size)
    return replace(graph, nodes=(*graph.nodes[:index], node, *graph.nodes[index + 1 :]))


def shaped(graph, **shapes):
    own = {name: Parameter(shape) for name, shape in shapes.items()}
    return replace(graph, parameters=graph.parameters | own)


FORGED = {
    "a product of another size": resized(INDRNN, 4, "D"),
    "all pointwise work of another size": resized(resized(resized(INDRNN, 4, "D"), 5, "D"), 6, "D"),
    "a matrix of another shape": shaped(LSTM, W_xi=("D", "D")),
    "a matrix that is turned": shaped(LSTM, W_xi=("D", "H")),
    "a vector of another size": shaped(INDRNN, w_hh=("D",)),
    "a bias of another size": shaped(LSTM, b_i=("D",)),
    "the output is the input": replace(GRU, outputs=(0,)),
    "too few outputs": replace(LSTM, outputs=LSTM.outputs[:1]),
    "a state of another size": resized(LSTM, 2, "R"),
}


@pytest.mark.parametrize("graph", FORGED.values(), ids=FORGED)
def test_a_graph_made_by_hand_gets_no_plan(graph):
    with pytest.raises(CellError):
        plan.memory_of(graph)


@pytest.mark.parametrize("graph", FORGED.values(), ids=FORGED)
def test_the_plan_is_checked_by_itself(graph, monkeypatch):
    """Whatever a graph is, and whoever let it pass."""
    monkeypatch.setattr(plan, "check", lambda graph, noise: None)
    with pytest.raises((CellError, ValueError)):
        plan.memory_of.__wrapped__(graph)


def planned(graph=LSTM) -> MemoryPlan:
    return MemoryPlan(phases.plan(lower.lower(graph)))


def test_every_access_of_every_cell_has_room():
    for name in EVERY:
        graph = cells.find(name).graph
        for one in (graph, zoneout(recurrent_dropout(graph))):
            memory = planned(one)
            bounds.check(memory)
            bounds.check_layout(ParameterLayout(one, memory))


PROJECTED = cells.find("projected_lstm").graph


@pytest.mark.parametrize("rows", ["new", "carry", "lifted", "grads", "y", "dy"])
def test_a_row_that_is_too_narrow_is_found(rows):
    memory = planned(PROJECTED)
    bounds.check(memory)
    memory.rows[rows] = memory.rows[rows][:-1]
    with pytest.raises(CellError, match="native code does not support the size"):
        bounds.check(memory)


@pytest.mark.parametrize("rows", ["new", "carry", "y", "dx"])
def test_a_slot_of_another_size_is_found(rows):
    memory = planned(PROJECTED)
    memory.rows[rows] = ["K", *memory.rows[rows][1:]]
    with pytest.raises(CellError, match="native code does not support the size"):
        bounds.check(memory)


def test_a_gradient_that_lies_elsewhere_is_found():
    layout = ParameterLayout(PROJECTED, planned(PROJECTED))
    for change in (
        {"first": ("H",) * 4},
        {"columns": "H"},
        {"rows": ("H",) * 5},
        {"left": Place("grads", ("R",))},
    ):
        found = [p for p in layout.products if p.columns == "D"]
        wrong = [replace(found[0], **change)]
        with pytest.raises(CellError, match="native code does not support the size"):
            bounds.check_layout(SimpleNamespace(**vars(layout) | {"products": wrong}))


SIZES = {"D": 3, "H": 5}


def call(**changes):
    cell = Cell("lstm", zoneout(recurrent_dropout(LSTM)))
    batch = Batch.draw(cell.graph, [2, 1], SIZES)
    given = vars(batch) | changes
    given["weights"] = batch.weights | changes.get("weights", {})
    given["noise"] = batch.noise | changes.get("noise", {})
    p = SimpleNamespace(**given["weights"])
    scan = levels.find("native").scan(cell)
    return scan(given["x"], given["batch_sizes"], given["states"], p, **given["noise"])


def zeros(*shape, dtype=torch.float64):
    return torch.zeros(shape, dtype=dtype)


@pytest.mark.parametrize(
    "changes",
    [
        {"weights": {"weight_ih": zeros(20, 2)}},
        {"weights": {"weight_hh": zeros(16, 5)}},
        {"weights": {"weight_hh": zeros(20, 4)}},
        {"weights": {"bias_hh": zeros(19)}},
        {"weights": {"bias_ih": zeros(20, dtype=torch.float32)}},
        {"noise": {"m_h": zeros(1, 5)}},
        {"noise": {"k_h": zeros(2, 5)}},
        {"noise": {"k_c": zeros(3, 1)}},
        {"states": [zeros(2, 5), zeros(1, 5)]},
        {"states": [zeros(2, 5), zeros(2, 4)]},
        {"states": [zeros(2, 9), zeros(2, 9)]},
        {"batch_sizes": [2, 2]},
        {"batch_sizes": [1, 2]},
        {"batch_sizes": [3]},
        {"x": zeros(3, 2)},
    ],
    ids=lambda changes: " ".join(changes),
)
def test_tensors_that_do_not_fit_are_refused(changes):
    call()
    with pytest.raises(ValueError, match=r"native code needs|batch_sizes must be non-increasing"):
        call(**changes)
