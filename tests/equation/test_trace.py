import ast
import cProfile
import json
import pickle
import pstats
import re
from dataclasses import replace

import pytest
from hypothesis import given, settings

import programs
from every import EVERY, short
from ostinato import cells, equation, levels
from ostinato.equation import affine, cell, exp, layer_norm, log, scale, sigmoid, tanh
from ostinato.equation.schedule import split_affines
from ostinato.equation.stored import graph_from_json
from ostinato.nn import Recurrent

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
    assert graph_from_json(json.loads(json.dumps(graph.to_json()))) == graph


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


def named(graph):
    """Every name that a graph has for what it computes, and how its bias is asked for."""
    return {*graph.names.values(), *(alias.name for alias in graph.aliases)}


def test_a_sum_with_a_negative_signal_keeps_the_signal():
    @cell
    def negative(x, h):
        f = -log(1 + exp(affine(x, h)))  # minus softplus
        m = f + h  # a sum
        n = h + f
        return tanh(m * n + f)

    graph = negative.graph
    assert set(graph.names.values()) == {"f", "m", "n", "h"}
    assert set(graph.notes.values()) == {"minus softplus", "a sum"}
    assert list(graph.parameters) == ["W_xf", "W_hf", "b_f"]
    assert "f" in Recurrent(negative, 2, 3, bias_init={"f": -1.0}).bias_init
    assert {*split_affines(graph).names.values()} == set(graph.names.values())
    again = graph_from_json(json.loads(json.dumps(graph.to_json())))
    assert again == graph


NAMED = {
    "a second name": "a = tanh(affine(x)); b = a; return tanh(b + a * affine(h))",
    "written twice": "p = affine(x, h); a = tanh(p); b = tanh(p); return a * h + b",
    "a state": "z = h; a = affine(x, z); return tanh(a)",
    "the input": "u = x; a = affine(u, h); return tanh(a)",
    "a tuple": "a, b = tanh(affine(x)), sigmoid(affine(h)); return a * b",
    "unpacked": "a, b = (sigmoid(affine(x, h)) for _ in range(2)); return a * b",
    "a chain": "a = b = sigmoid(affine(x, h)); return a * b + h",
    "a walrus": "return (a := sigmoid(affine(x))) * h + (1 - a) * (b := tanh(affine(h)))",
    "in a list": "a = [b := affine(x), affine(h)]; return tanh(a[0] + a[1])",
    "added to": "a = affine(x); a += h; b = -a; b *= a; return tanh(b)",
    "taken away": "a = sigmoid(affine(x)); b = a * h; del a; return tanh(b)",
    "made nothing": "a = sigmoid(affine(x)); b = a * h; a = None; return tanh(b)",
    "used up": "a = sigmoid(affine(x)); b = a * h; a = tanh(b); return b",
    "renamed": "a = sigmoid(affine(x)); b = a; a = tanh(affine(h)); return a * b",
    "a new state": "a = tanh(affine(x, h)); b = a * a; return b",
    "helped": "a = softplus(affine(x)); b = softplus(affine(h)); return tanh(a - b)",
    "annotated": "a: object = -affine(x, h); b = h + a; return tanh(b)",
}


def softplus(v):
    inner = exp(v)
    return log(1 + inner)


@pytest.mark.parametrize("body", NAMED.values(), ids=NAMED)
def test_no_name_that_the_author_gave_is_lost(body):
    written = cell_of(body)
    stored = (n for n in ast.walk(ast.parse(f"def f():\n {body}")) if isinstance(n, ast.Name))
    wanted = {n.id for n in stored if isinstance(n.ctx, ast.Store)} - {"_"}
    wanted -= {"a"} if "[b :=" in body else set()  # a list is no signal
    assert named(written.graph) >= wanted
    assert "inner" not in named(written.graph)  # a function that is called has its own names
    for level in ("python", "numpy", "torch", "keras", "latex"):
        text = levels.find(level).source(written)
        for name in wanted:
            assert re.search(rf"\b{name}(\b|_)", text), (level, name)
    again = graph_from_json(json.loads(json.dumps(written.graph.to_json())))
    assert again == written.graph


def cell_of(body):
    lines = "\n    ".join(body.split("; "))
    space = {name: getattr(equation, name) for name in equation.__all__} | {"softplus": softplus}
    exec(compile(f"@cell\ndef named(x, h):\n    {lines}\n", "<named>", "exec"), space)
    return space["named"]


@pytest.mark.parametrize("signal", ["f", "g", "last"])
def test_a_bias_is_set_by_each_name_of_its_signal(signal):
    @cell
    def copied(x, h):
        f = sigmoid(affine(x, h))  # gate
        g = f  # the same gate
        last = tanh(affine(x)) * g + h * f
        return last

    assert copied.graph.aliases[0].note == "the same gate"
    layer = Recurrent(copied, 2, 3, bias_init={signal: 4.0})
    assert 4.0 in layer.bias_ih_l0.detach().numpy()


def test_numbers_are_no_signals():
    assert named(cell_of("a = 0.5; return tanh(affine(x) * a + h)").graph) == {"h"}


def test_what_is_named_and_needed_by_nothing_is_left_out():
    assert named(cell_of("a = affine(x); b = affine(h); return tanh(b)").graph) == {"b", "h"}


@settings(max_examples=40)
@given(programs.programs(idle=True))
def test_every_name_of_a_drawn_cell_that_its_states_need_is_kept(text):
    written = programs.as_cell(text)
    body = ast.parse(text).body[0].body
    assigned = {b.targets[0].id: b.value for b in body if isinstance(b, ast.Assign)}

    def read(expression):
        return {n.id for n in ast.walk(expression) if isinstance(n, ast.Name)}

    needed, waiting = set(), read(body[-1].value)
    while waiting:
        name = waiting.pop()
        if name in assigned and name not in needed:
            needed.add(name)
            waiting |= read(assigned[name])
    found = named(written.graph)
    assert needed <= found | {n.removesuffix("_2") for n in found}
    for level in ("python", "numpy", "torch", "keras"):
        text = levels.find(level).source(written)
        assert all(re.search(rf"\b{name}(\b|_)", text) for name in needed), level
