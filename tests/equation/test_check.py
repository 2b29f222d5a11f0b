"""A graph that is read passes what a graph that is traced passes, and nothing else does."""

import copy
import json
import re

import pytest

from every import EVERY
from ostinato import affine, cell, cells, layer_norm, scale, tanh
from ostinato.equation.check import NODES, check
from ostinato.equation.rewrite import recurrent_dropout, without_bias, zoneout
from ostinato.equation.stored import graph_from_json
from ostinato.errors import CellError


def stored(name: str = "lstm") -> dict:
    return json.loads(json.dumps(cells.find(name).graph.to_json()))


def changed(name: str, *path, to) -> dict:
    graph = stored(name)
    *way, last = path
    part = graph
    for key in way:
        part = part[key]
    part[last] = to
    return graph


def without(name: str, *path) -> dict:
    graph = stored(name)
    *way, last = path
    part = graph
    for key in way:
        part = part[key]
    del part[last]
    return graph


# lstm: 0 x, 1 h, 2 c, 3 affine, 4 sigmoid (i), …, 11 mul, 12 mul, 13 add (c), 14 tanh, 15 mul (h)
FORGED = [
    # sizes
    (changed("indrnn", "nodes", 4, "size", to="D"), r"node 4 \(mul\): its size is D"),
    (changed("lstm", "nodes", 4, "size", to="D"), r"node 4 .*, but it reads one of size H"),
    (changed("lstm", "nodes", 3, "size", to="D"), r"node 3 \(affine\): it cannot have the size D"),
    (changed("lstm", "nodes", 3, "size", to="R"), r"node 3 \(affine\): it cannot have the size R"),
    (changed("lstm", "nodes", 4, "size", to="HH"), "node 4: 'HH' is not a size letter"),
    (changed("lstm", "nodes", 1, "size", to="D"), r"node 1 \(state\): a state has no size D"),
    (changed("lstm", "nodes", 0, "size", to="H"), r"node 0 \(input\): its size is D, not H"),
    (changed("gru", "nodes", 11, "size", to="H"), r"node 11 .*: it cannot have the size H"),
    (changed("lstm", "parameters", "W_xi", "shape", to=["D", "D"]), "W_xi has the shape"),
    (changed("lstm", "parameters", "W_xi", "shape", to=["H", "D", "D"]), "the shape of W_xi: 3"),
    (changed("lstm", "parameters", "b_i", "shape", to=["D"]), "b_i has the shape"),
    (changed("indrnn", "parameters", "w_hh", "shape", to=["D"]), "w_hh has the shape"),
    # operands
    (changed("lstm", "nodes", 4, "args", to=[4]), (r"node 4 .*arguments \[4\] must "
                                                  r"be earlier nodes")),
    (changed("lstm", "nodes", 4, "args", to=[-1]), "must be earlier nodes"),
    (changed("lstm", "nodes", 4, "args", to=[99]), "must be earlier nodes"),
    (changed("lstm", "nodes", 4, "args", to=[True]), "True is not a whole number"),
    (changed("lstm", "nodes", 4, "args", to=["3"]), "'3' is not a whole number"),
    (changed("lstm", "nodes", 4, "args", to=[3, 3]), "it takes 1 arguments, not 2"),
    (changed("lstm", "nodes", 4, "args", to="3"), "node 4: arguments: '3' is not a list"),
    (changed("lstm", "nodes", 3, "args", to=[]), "it has no operand"),
    (changed("lstm", "nodes", 3, "args", to=[0]), "at most one bias"),
    (changed("gru", "nodes", 12, "args", to=[11, 11]), "does not depend on the input"),
    (changed("indrnn", "nodes", 4, "op", to="div"), "it reads a learned vector"),
    # operations
    (changed("lstm", "nodes", 4, "op", to="positive"), "unknown operation 'positive'"),
    (changed("lstm", "nodes", 4, "op", to="adjoint"), "unknown operation 'adjoint'"),
    (changed("lstm", "nodes", 4, "op", to="system"), "unknown operation 'system'"),
    (changed("lstm", "nodes", 4, "op", to=None), "unknown operation None"),
    (changed("lstm", "nodes", 1, "op", to="still"), "not the nodes of this kind"),
    (changed("lstm", "nodes", 4, "value", to=1.0), "it takes no number, but has 1"),
    # inputs, states, outputs
    (changed("lstm", "inputs", to=[0, 0]), "a cell has one input"),
    (changed("lstm", "inputs", to=[]), "the first node must be the cell's input"),
    (changed("lstm", "states", to=[1]), "not the nodes of this kind"),
    (changed("lstm", "states", to=[2, 1]), "must be the nodes after the input"),
    (changed("lstm", "outputs", to=[15]), "1 outputs for 2 states"),
    (changed("lstm", "outputs", to=[15, 16]), "there is no node 16"),
    (changed("lstm", "outputs", to=[15, -1]), "there is no node -1"),
    (changed("lstm", "outputs", to=[15, 10**400]), "there is no node 1000"),
    (changed("lstm", "outputs", to=[15, 0]), r"state c \(size H\): node 0 \(input, size D\)"),
    (changed("projected_lstm", "outputs", 0, to=2), r"h \(size R\): node 2 \(state, size H\)"),
    (changed("lstm", "outputs", to=[13, 13]), "no new state needs it"),
    # parameters
    (without("lstm", "parameters", "W_xi"), "parameter 'W_xi' is not declared"),
    (changed("lstm", "nodes", 3, "parameters", 0, to="W_xf"), "'W_xf' is not declared, or is used"),
    (changed("lstm", "parameters", "b_new", to={"shape": ["H"], "init": None}), "nothing reads it"),
    (changed("lstm", "parameters", "b_i", "init", to=[1, 0]), "is not a range"),
    (changed("lstm", "parameters", "b_i", "init", to=[0, float("inf")]), "is not a range"),
    (changed("lstm", "parameters", "b_i", "init", to=[0]), "is not a range"),
    (changed("lstm", "parameters", "b_i", "init", to=[-3e38, 3e38]), "is not a range"),
    (changed("lstm", "parameters", "b_i", "init", to=["0", "1"]), "is not a range"),
    # words
    (changed("lstm", "name", to="class"), "must not contain 'class', which is not a name"),
    (changed("lstm", "names", "4", to="lambda"), "must not contain 'lambda', which is not a name"),
    (changed("lstm", "names", "4", to="\uff46\uff4f\uff52"), ("which is "
                                                             "not a name")),  # for, full width
    (changed("lstm", "names", "4", to="a" * 5000), "which is not a name"),
    (changed("lstm", "names", "4", to=None), "None is not a text"),
    (changed("lstm", "names", "4", to="f"), "the name f: it is used by something else"),
    (changed("lstm", "names", "4", to="x"), "the name x: it is used by something else"),
    (changed("lstm", "names", "0", to="y"), "node 0 is not a result of the cell"),
    (changed("lstm", "names", "77", to="y"), "node 77 is not a result of the cell"),
    (changed("lstm", "names", "04", to="y"), "'04' is not a whole number"),
    (changed("lstm", "notes", "3", to="a map"), "the node has no name"),
    (changed("lstm", "notes", "4", to="gate\n    import os"), "which is not a printable line"),
    (changed("lstm", "parameters", "b_" + "a" * 900, to=stored()["parameters"]["b_i"]), "b_aaaa"),
    (changed("lstm", "nodes", 1, "label", to="c"), "2 of them have the name 'c'"),
    (changed("lstm", "nodes", 1, "label", to=""), "have the name ''"),
    # numbers and types
    (
        changed("gru", "nodes", 11, "value", to=float("nan")),
        "node 11: nan is not a finite float32 number",
    ),
    (changed("gru", "nodes", 11, "value", to=1e39), "1e\\+39 is not a finite float32 number"),
    (changed("gru", "nodes", 11, "value", to=True), "True is not a finite float32 number"),
    (changed("gru", "nodes", 11, "value", to=10**400), "is not a finite float32 number"),
    (changed("gru", "nodes", 11, "value", to="1"), "'1' is not a finite float32 number"),
    (changed("layer_norm_lstm", "nodes", 4, "value", to=-1e-5), "ε must not be negative"),
    (changed("lstm", "nodes", to={}), "nodes: not a list"),
    (changed("lstm", "nodes", 3, to=[]), "node 3: not an object"),
    (changed("lstm", "parameters", to=[]), "parameters: not an object"),
    (changed("lstm", "code", to="import os"), "the cell: unknown field 'code'"),
    (changed("lstm", "nodes", 3, "code", to="import os"), "node 3: unknown field 'code'"),
    (changed("lstm", "parameters", "b_i", "code", to=""), "a parameter: unknown field 'code'"),
    (without("lstm", "outputs"), "the cell: missing field 'outputs'"),
    (without("lstm", "nodes", 3, "op"), "node 3: missing field 'op'"),
    (changed("lstm", "aliases", to={}), "aliases: not a list"),
    (changed("lstm", "aliases", to=[{"name": "a"}]), "an alias: missing field 'node'"),
    (changed("lstm", "aliases", to=[{"name": "a b", "node": 4}]), "which is not a name"),
    (changed("lstm", "aliases", to=[{"name": "a", "node": 99}]), "there is no node 99"),
    (changed("lstm", "aliases", to=[{"name": "a", "node": "4"}]), "there is no node '4'"),
    (changed("lstm", "aliases", to=[{"name": "f", "node": 4}]), "used by something else"),
    (changed("lstm", "aliases", to=[{"name": "c", "node": 4}]), "used by something else"),
    (changed("lstm", "aliases", to=2 * [{"name": "a", "node": 4}]), "used by something else"),
    (changed("lstm", "aliases", to=[{"name": "a", "node": 4, "note": "\n"}]), "printable line"),
    (changed("lstm", "ranges", to={"q": [0, 1]}), "the range of 'q': it is not a state"),
    (changed("lstm", "ranges", to={"h": [1, 0]}), "state h: .* is not a range"),
    (changed("lstm", "ranges", to={"h": "01"}), "'01' is not a range"),
    (changed("lstm", "ranges", to=[]), "ranges: not an object"),
    ([], "the cell: not an object"),
    (None, "the cell: not an object"),
]  # fmt: skip


@pytest.mark.parametrize(("data", "why"), FORGED, ids=[why[:50] for _, why in FORGED])
def test_a_forged_graph_is_refused_in_one_line(data, why):
    with pytest.raises(CellError, match=why) as error:
        graph_from_json(data)
    assert str(error.value).isprintable()
    assert len(str(error.value)) < 300


def test_a_matrix_is_not_called_like_a_vector_nor_like_a_tensor_of_pytorch():
    for old, new in [("W_xh", "weight_ih"), ("W_xh", "V_xh"), ("w_hh", "W_hh"), ("b_h", "w_h")]:
        text = json.dumps(stored("indrnn")).replace(f'"{old}"', f'"{new}"')
        with pytest.raises(CellError, match=f"the name of {new} must begin with"):
            graph_from_json(json.loads(text))


def test_there_are_not_more_operations_than_a_step_may_have():
    graph = stored("rnn")
    tanh_node = copy.deepcopy(graph["nodes"][-1])
    for _ in range(NODES):
        graph["nodes"].append(tanh_node | {"args": [len(graph["nodes"]) - 1]})
    graph["outputs"] = [len(graph["nodes"]) - 1]
    with pytest.raises(CellError, match="16,388 entries, more than the limit of 16,384"):
        graph_from_json(graph)


@pytest.mark.parametrize("name", EVERY)
def test_graphs_that_are_traced_and_rewritten_pass(name):
    graph = cells.find(name).graph
    assert graph_from_json(json.loads(json.dumps(graph.to_json()))) == graph
    assert graph_from_json(graph.to_json()) == graph
    check(without_bias(graph))
    noisy = zoneout(recurrent_dropout(graph))
    check(noisy, noise=True)
    with pytest.raises(CellError, match="a cell has one input"):
        check(noisy)


def test_what_a_stored_graph_may_leave_out():
    graph = stored("rnn")
    del graph["notes"]
    for node in graph["nodes"]:
        node.pop("value")
    for parameter in graph["parameters"].values():
        del parameter["init"]
    assert graph_from_json(graph).nodes == cells.find("rnn").graph.nodes


def test_a_cell_of_a_lambda_and_comments_of_any_kind_can_be_stored():
    plain = cell(lambda x, h: tanh(affine(x, h)))
    noted = """@cell
def noted(x, h):
    i = tanh(affine(x, h))  # a tab\there, a joiner\u200d, and no\u202e end
    return i * h
"""
    from programs import run_text

    space = {"cell": cell, "tanh": tanh, "affine": affine}
    other = run_text(noted.replace("noted", "drawn"), space)
    assert list(other.graph.notes.values()) == ["a tab here, a joiner , and no  end"]
    for made in (plain, other):
        assert graph_from_json(json.loads(json.dumps(made.graph.to_json()))) == made.graph


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        (lambda h: scale(h, init=(-3e38, 3e38)), "the first values of w_hh: .* is not a range"),
        (lambda h: h * 1e39, r"1e\+39 is not a finite float32 number"),
        (lambda h: layer_norm(h, eps=10**40), "not a finite float32 number"),
    ],
)
def test_a_traced_cell_is_held_to_the_same(expression, why):
    with pytest.raises(CellError, match=why) as error:

        @cell
        def wrong(x, h):
            return expression(h)

    assert re.match(r".*test_check\.py:\d+: cell 'wrong': ", str(error.value))
