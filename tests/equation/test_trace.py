import cProfile
import json
import pickle
import pstats
from dataclasses import replace

import pytest

from every import EVERY, short
from ostinato import cells
from ostinato.equation import Graph, affine, cell, layer_norm, scale, sigmoid, tanh

every_graph = pytest.mark.parametrize(
    "graph", [cells.find(c).graph for c in EVERY], ids=lambda graph: graph.name
)
every_cell = pytest.mark.parametrize("name", EVERY, ids=short)


@cell
def example(x, h, c):
    """A cell with everything that tracing names."""
    i = sigmoid(affine(x, h) + scale(c))  # input gate
    o = sigmoid(layer_norm(affine(x, h, bias=False)))  # output gate # with a second sign
    n = tanh(affine(x) + i * affine(h))
    m = i * n  # mixed
    candidate = affine(x, i * h)
    _unused = affine(candidate)  # never read
    c = c + m  # carried
    h = o * tanh(c + candidate)
    _again = i * n  # carried again: one node, noted where it was first written
    return h, c


def test_signals_have_the_names_of_locals_and_notes_those_of_comments():
    graph = example.graph
    assert set(graph.names.values()) == {"i", "o", "n", "m", "candidate", "c", "h"}
    assert {graph.names[node]: note for node, note in graph.notes.items()} == {
        "i": "input gate",
        "o": "output gate # with a second sign",
        "m": "mixed",
        "c": "carried",
    }
    assert [graph.names[o] for o in graph.outputs] == ["h", "c"] == list(graph.state_names)


def test_parameters_have_the_names_of_what_they_join():
    assert list(example.graph.parameters) == [
        "W_xi", "W_hi", "b_i", "w_ci",
        "W_xo", "W_ho", "gain_o", "shift_o",
        "W_xn", "b_xn", "W_hn", "b_hn",
        "W_x_candidate", "W_ih_candidate", "b_candidate",
    ]  # fmt: skip


def test_a_parameter_has_the_shape_of_what_it_joins_and_its_own_first_values():
    @cell(sizes={"h": "R"})
    def shapes(x, h, c):
        c = affine(x, h) + scale(c, init=(0.0, 2.0)) + layer_norm(c)
        return affine(c, size="R", bias=False), c

    parameters = shapes.graph.parameters
    assert {name: p.shape for name, p in parameters.items()} == {
        "W_xc": ("H", "D"), "W_hc": ("H", "R"), "b_c": ("H",), "w_cc": ("H",),
        "gain_c": ("H",), "shift_c": ("H",), "W_ch": ("R", "H"),
    }  # fmt: skip
    drawn = {name: p.init for name, p in parameters.items() if p.init is not None}
    assert drawn == {"w_cc": (0.0, 2.0), "gain_c": (1.0, 1.0), "shift_c": (0.0, 0.0)}


def test_a_state_may_be_handed_on_as_it_is():
    @cell
    def keep(x, h, c):
        return c, h

    assert keep.graph.outputs == keep.graph.states[::-1]
    assert not keep.graph.names


def test_an_expression_written_twice_is_one_node_and_an_affine_is_not():
    @cell
    def twice(x, h):
        a = affine(x, h)
        return sigmoid(a) * (1 - sigmoid(a)) + affine(x, h)

    ops = [node.op for node in twice.graph.nodes]
    assert ops.count("sigmoid") == 1
    assert ops.count("affine") == 2
    assert len(twice.graph.parameters) == 6


def test_what_no_new_state_needs_is_left_out():
    assert "_unused" not in example.graph.names.values()
    assert not any("unused" in name for name in example.graph.parameters)


@every_graph
def test_arguments_stand_before_their_readers_and_every_node_is_needed(graph):
    for index, node in enumerate(graph.nodes):
        assert all(argument < index for argument in node.args)
    leaves = (*graph.inputs, *graph.states)
    assert graph.needed((*leaves, *graph.outputs)) == list(range(len(graph.nodes)))
    assert {p for node in graph.nodes for p in node.parameters} == set(graph.parameters)


@every_graph
def test_a_graph_survives_json(graph):
    assert Graph.from_json(json.loads(json.dumps(graph.to_json()))) == graph


@every_cell
def test_a_cell_survives_pickling_without_its_function(name):
    found = cells.find(name)
    again = pickle.loads(pickle.dumps(found))
    assert again == found
    assert again.function is None


def test_the_fingerprint_hears_what_is_computed_and_not_what_it_is_called():
    @cell
    def other_names(token, memory):
        """Says nothing."""
        memory = tanh(affine(token, memory))  # a note
        return memory

    @cell
    def other_order(x, h):
        return tanh(affine(h, x))

    @cell
    def with_number(x, h):
        return tanh(affine(x, h) * 2)

    @cell
    def with_another_number(x, h):
        return tanh(affine(x, h) * 3)

    rnn = cells.find("rnn").graph
    assert other_names.graph.fingerprint() == rnn.fingerprint()
    others = [cells.find(c).graph for c in EVERY]
    others += [c.graph for c in (other_order, with_number, with_another_number)]
    others.append(replace(with_number.graph, outputs=rnn.outputs))
    prints = {graph.fingerprint() for graph in others}
    assert len(prints) == len(others)


def test_a_cell_can_be_a_part_of_another():
    @cell
    def residual(x, h):
        h = cells.find("gru")(x, h) + h
        return h

    gru = cells.find("gru").graph
    assert [p.shape for p in residual.graph.parameters.values()] == [
        p.shape for p in gru.parameters.values()
    ]


def test_many_parts_that_share_each_other_are_named_in_no_time():
    @cell
    def deep(x, h):
        z = affine(x, h)
        for _ in range(60):
            z = tanh(z) + z * 0.1
        return tanh(affine(z))

    assert len(deep.graph.parameters) == 5
    assert max(map(len, deep.graph.parameters)) < 48


def test_a_cell_can_be_defined_while_a_profiler_looks_on():
    def later():
        return 1

    profiler = cProfile.Profile()
    profiler.enable()

    @cell
    def one(x, h):
        return tanh(affine(x, h))

    later()
    profiler.disable()
    assert list(one.graph.parameters) == ["W_xh", "W_hh", "b_h"]
    assert any(name == "later" for _, _, name in pstats.Stats(profiler).stats)
