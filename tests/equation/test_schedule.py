import pytest

from every import EVERY, short
from ostinato import cells
from ostinato.equation import affine, cell, sigmoid, tanh
from ostinato.equation.derivative import derive
from ostinato.equation.schedule import OPENS_A_PHASE, backward_phases, schedule

every_cell = pytest.mark.parametrize("name", EVERY, ids=short)


@pytest.mark.parametrize(
    ("name", "forward", "backward"),
    [
        ("rnn", 1, 1), ("relu_rnn", 1, 1), ("lstm", 1, 1), ("gru", 1, 1), ("peephole_lstm", 1, 1),
        ("indrnn", 1, 1), ("min_gru", 1, 1), ("cho_gru", 2, 2), ("projected_lstm", 2, 1),
    ],
)  # fmt: skip
def test_how_often_a_step_must_wait_for_all_units(name, forward, backward):
    graph = cells.find(name).graph
    *phases, _leaving = backward_phases(derive(graph))
    assert len(schedule(graph).phases) == forward
    assert len(phases) == backward


@every_cell
def test_every_operation_is_done_once_and_after_what_it_reads(name):
    plan = schedule(cells.find(name).graph)
    nodes, done = plan.graph.nodes, set()
    assert not {*plan.lifted} & {i for phase in plan.phases for i in phase}
    for phase in (plan.lifted, *plan.phases):
        open_before = set(done)
        for index in phase:
            args = {a for a in nodes[index].args if nodes[a].args}
            assert args <= (open_before if nodes[index].op in OPENS_A_PHASE else done) | set(
                plan.lifted
            )
            done.add(index)
    assert {i for i in plan.graph.needed(plan.graph.outputs) if nodes[i].args} <= done


@every_cell
def test_what_is_lifted_needs_no_state_and_every_product_that_needs_none_is_lifted(name):
    plan = schedule(cells.find(name).graph)
    moved = plan.graph.moved_by(plan.graph.states)
    assert not moved & {*plan.lifted}
    assert {i for i, _ in plan.graph.affines()} - moved <= {*plan.lifted}
    assert {*plan.frontier} <= {*plan.lifted}


@pytest.mark.parametrize(
    ("name", "lifted"),
    [
        ("lstm", ["W_xi", "W_xf", "W_xg", "W_xo"]),
        ("gru", ["W_xr", "W_xz", "W_xn"]),
        ("cho_gru", ["W_xr", "W_xz", "W_xn"]),
        ("min_gru", ["W_xz", "W_xn"]),
    ],
)
def test_which_products_are_lifted(name, lifted):
    plan = schedule(cells.find(name).graph)
    assert [m for i in plan.lifted for m in plan.graph.nodes[i].matrices] == lifted


def test_what_is_computed_from_lifted_signals_is_lifted_too():
    @cell
    def deep(x, h):
        a = tanh(affine(x))
        b = sigmoid(affine(a))
        h = b * h + (1 - b) * a
        return h

    plan = schedule(deep.graph)
    assert {plan.graph.names[i] for i in plan.frontier} == {"a", "b"}
    assert not any(plan.graph.nodes[i].op == "affine" for phase in plan.phases for i in phase)


def test_the_bias_goes_with_the_inputs_part_once():
    plan = schedule(cells.find("lstm").graph)
    biases = [node.bias for _, node in plan.graph.affines() if node.bias]
    assert biases == ["b_i", "b_f", "b_g", "b_o"]


@every_cell
def test_the_backward_step_reads_what_is_remembered_and_makes_every_gradient(name):
    graph = cells.find(name).graph
    derivative = derive(graph)
    assert derivative.shares.keys() == graph.parameters.keys()
    assert all(derivative.shares.values())
    done = {i for phase in backward_phases(derivative) for i in phase}
    given = {*derivative.tape, *derivative.adjoints}
    for index in done:
        for a in derivative.nodes[index].args:
            assert a in done | given or derivative.nodes[a].op == "constant"
    assert {*derivative.results} <= done | given
