import math
import re
import sys
from types import SimpleNamespace

import numpy as np
import pytest

import oracles
from every import EVERY, MGU, assert_near, short
from ostinato import cells, levels
from ostinato.errors import CellError, UnknownName
from ostinato.levels._case import Case
from ostinato.proof.cases import draw
from tolerances import HAND, ORACLE

every_cell = pytest.mark.parametrize("name", EVERY, ids=short)
each_shown_level = pytest.mark.parametrize("level", ["python", "numpy"])


def one_step(cell, level, x, states, parameters):
    """The new states, all given as plain numbers and nested lists."""
    take = {"python": lambda v: v, "numpy": np.array}[level]
    p = SimpleNamespace(**{name: take(w) for name, w in parameters.items()})
    return levels.find(level).step(cell)(take(x), *map(take, states), p)[0]


@every_cell
@each_shown_level
@pytest.mark.parametrize("seed", [0, 1])
def test_a_cell_is_the_formula_of_its_paper(name, level, seed):
    cell = cells.find(name)
    case = draw(cell.graph, (4, 1, 3), {"D": 2, "H": 3, "R": 2}, seed)
    found = levels.find(level).run(cell, case)
    assert_near(vars(found), oracles.unroll(getattr(oracles, cell.name), case), ORACLE)


@every_cell
@each_shown_level
def test_the_step_worked_by_hand_holds(name, level):
    cell = cells.find(name)
    worked, names = cell.worked, cell.graph.state_names
    shapes = {name: (1,) * len(p.shape) for name, p in cell.graph.parameters.items()}
    assert worked.parameters.keys() == shapes.keys()
    assert worked.states.keys() == worked.gives.keys() == set(names)
    assert 0 not in (worked.x, *worked.states.values())  # else a product could be left out unseen
    weights = {name: np.full(shapes[name], w).tolist() for name, w in worked.parameters.items()}
    new = one_step(cell, level, [worked.x], [[worked.states[s]] for s in names], weights)
    assert_near(list(new), [[worked.gives[s]] for s in names], HAND)


def value(side: str) -> float | None:
    """The number that one side of a written equation comes to, if it is one."""
    words = {"σ": lambda a: 1 / (1 + math.exp(-a)), "tanh": math.tanh, "relu": lambda a: max(a, 0)}
    try:
        return float(eval(side.replace("·", "*").strip(" ."), words))
    except (NameError, SyntaxError):
        return None


@pytest.mark.parametrize("name", cells.names())
def test_the_equations_in_its_file_are_true_and_reach_the_same_numbers(name):
    text = sys.modules[f"ostinato.cells.{cells.find(name).name}"].__doc__
    results = []
    for equation in re.split(r"[,:]\s|\n", text):
        numbers = [v for side in equation.split("=") if (v := value(side)) is not None]
        results += numbers[-1:]
        assert numbers == pytest.approx(numbers[-1:] * len(numbers), abs=HAND), equation
    for reached in cells.find(name).worked.gives.values():
        assert any(abs(result - reached) <= HAND for result in results)


@every_cell
def test_its_docstring_names_paper_and_year(name):
    about = " ".join(cells.find(name).about.split())
    assert re.search(r'"[^"]{15,}"|arXiv \d{4}\.\d{4,5}', about)
    assert re.search(r"\b(19|20)\d\d\b", about)


@each_shown_level
def test_golden_steps_of_elmans_network(level):
    scalar = {"W_xh": [[1.0]], "W_hh": [[0.9]], "b_h": [0.1]}
    assert_near(one_step(cells.find("rnn"), level, [1.0], [[0.5]], scalar)[0], [0.9138], HAND)
    two = {"W_xh": [[1, 0], [0, 1]], "W_hh": [[0.9, 0.1], [0.1, 0.9]], "b_h": [0.1, 0.1]}
    new = one_step(cells.find("rnn"), level, [1.0, 1.0], [[0.5, 0.5]], two)[0]
    assert_near(new, [0.9217, 0.9217], HAND)


@pytest.mark.parametrize(("weight", "steps", "left"), [(0.9, 10, 0.348678), (0.5, 100, 8e-31)])
@each_shown_level
def test_a_gradient_shrinks_by_the_recurrent_weight_at_every_step(level, weight, steps, left):
    one, none = np.ones((1, 1)), np.zeros((1, 1))
    silent = np.zeros((steps, 1))  # all zero: tanh has slope 1 everywhere
    parameters = {"W_xh": one, "W_hh": weight * one, "b_h": np.zeros(1)}
    case = Case([silent], (none,), parameters, [silent], (one,))
    found = levels.find(level).run(cells.find("rnn"), case)
    assert found.d_states[0].item() == pytest.approx(left, rel=0.02)
    assert found.d_states[0].item() == pytest.approx(weight**steps, rel=1e-12)


def count(name, D, H):
    sizes = {"D": D, "H": H}
    graph = cells.find(name).graph
    return sum(math.prod(sizes[k] for k in p.shape) for p in graph.parameters.values())


def test_parameter_counts():
    rnn = count("rnn", 32, 64)
    assert rnn == 64 * (32 + 64 + 1)
    assert count("lstm", 32, 64) == 4 * rnn
    assert count("cho_gru", 32, 64) == 3 * rnn
    assert count("gru", 32, 64) == 3 * rnn + 64  # a second bias, within the reset
    assert 10_000 * 32 + count("lstm", 32, 64) + (64 + 1) == 344_897


def test_a_name_finds_its_cell():
    assert cells.find("cho-gru") == cells.find("cho_gru")
    assert [cells.find(name).name for name in cells.names()] == cells.names()
    assert cells.find(MGU).name == "mgu"


@pytest.mark.parametrize(
    ("text", "name", "error", "says"),
    [
        (None, "lsmt", UnknownName, "unknown cell 'lsmt'; did you mean 'lstm'"),
        (None, "missing.py:mgu", CellError, "missing.py: no such file"),
        ("x = 1", "own.py:mgu", CellError, "own.py: no cell 'mgu'; mark the function with @cell"),
        (None, f"{MGU[:-3]}mug", UnknownName, r"'mug'; did you mean 'mgu'"),
        ("x = 1\ny = = 2", "own.py:mgu", CellError, r"own.py:2: SyntaxError"),
        ("def f():\n    1 / 0\n\nf()", "own.py:mgu", CellError, r"own.py:2: ZeroDivisionError"),
        (
            "from ostinato.equation import cell\n@cell\ndef mgu(x, h):\n    return h + undefined",
            "own.py:mgu", CellError, r"own.py:4: cell 'mgu': NameError",
        ),
    ],
)  # fmt: skip
def test_what_is_no_cell_is_refused_with_its_place(tmp_path, monkeypatch, text, name, error, says):
    monkeypatch.chdir(tmp_path)
    if text:
        (tmp_path / "own.py").write_text(text)
    with pytest.raises(error, match=says):
        cells.find(name)


def test_a_users_file_may_import_its_neighbour(tmp_path):
    (tmp_path / "gates_of_mine.py").write_text("from ostinato import sigmoid as gate\n")
    file = tmp_path / "own.py"
    file.write_text(
        "from gates_of_mine import gate\nfrom ostinato import affine, cell\n\n\n"
        "@cell\ndef own(x, h):\n    return gate(affine(x, h))\n"
    )
    assert cells.find(f"{file}:own").graph.state_names == ("h",)
