import ast
import io
import keyword
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import programs
from every import EVERY, MGU, assert_near, short
from ostinato import cells, levels
from ostinato.equation import (
    Cell,
    affine,
    cell,
    exp,
    layer_norm,
    log,
    maximum,
    sigmoid,
    tanh,
)
from ostinato.equation.rewrite import without_bias
from ostinato.errors import CellError, UnknownName
from ostinato.levels._case import Case, Values
from ostinato.levels.native.runtime import context
from ostinato.proof import prove
from ostinato.proof.cases import SIZES, draw
from ostinato.proof.comparison import distance, worst
from ostinato.weights.torch import to_torch, torch_tensors
from programs import run_text
from tolerances import EQUAL, FLOAT32, SAME

FUSED = ["gru", "lstm", "projected_lstm", "relu_rnn", "rnn"]
NUMERIC = dict.fromkeys(("keras", "native", "numpy", "python", "torch"), EVERY) | {"aten": FUSED}
KERAS = ["cho_gru", "gru", "lstm", "relu_rnn", "rnn"]
every_cell = pytest.mark.parametrize("name", EVERY, ids=short)
every_plain_level = pytest.mark.parametrize("level", ["numpy", "python"])
every_numeric_level = pytest.mark.parametrize(
    ("level", "name"),
    [pytest.param(v, c, id=f"{v}-{short(c)}") for v, able in NUMERIC.items() for c in able],
)
every_level_in_python = pytest.mark.parametrize(
    ("level", "name"),
    [
        pytest.param(v, c, id=f"{v}-{short(c)}")
        for v, able in NUMERIC.items()
        for c in able
        if v != "native"
    ],
)


def test_the_levels():
    assert {"latex", *NUMERIC} <= set(levels.names())
    assert {v for v in levels.names() if hasattr(levels.find(v), "run")} == NUMERIC.keys()
    with pytest.raises(UnknownName, match="unknown level 'numpi'; did you mean 'numpy'"):
        levels.find("numpi")
    with pytest.raises(UnknownName, match="unknown level '_case'"):
        levels.find("_case")


@cache
def proofs_of(name):
    """All proofs of a cell, which take seconds."""
    return prove(cells.find(name))


@every_cell
def test_every_proof_holds_and_one_of_values_is_independent(name):
    proofs = proofs_of(name)
    assert [p for p in proofs if not p.holds] == []
    assert {p.what for p in proofs if p.kind == "independent"} == {"values", "gradients"}
    derived = {(p.against, p.what, p.batch) for p in proofs if p.kind == "derived"}
    others = {"python", "torch", "keras", "keras reversed"} | ({"aten"} if name in FUSED else set())
    batches = ("dense", "ragged", "one")
    assert derived >= {(a, w, b) for a in others for w in ("values", "gradients") for b in batches}


@every_cell
def test_proofs_ask_for_gradients_of_every_kind(name):
    proofs = [p for p in proofs_of(name) if p.what == "gradients"]
    weights = torch_tensors(cells.find(name).graph)
    for level in ["torch", "native", "native float32", "native reversed"]:
        asked = {p.asked for p in proofs if p.against == level}
        assert {a.x for a in asked if not a.frozen} == {True, False}
        for first in ("learned", "given", "none"):
            assert {a.x for a in asked if a.first == first} == {True, False}
        frozen = {a.frozen for a in asked}
        assert {frozenset(), frozenset(weights)} <= frozen
        assert len(frozen) >= min(2 ** len(weights), 10)
    assert {p.asked.x for p in proofs if p.against == "keras"} == {True, False}


def test_a_level_that_skips_work_when_x_needs_no_gradient_fails_its_proofs(monkeypatch):
    two = programs.as_cell(
        "@cell\ndef drawn(x, h):\n    u = tanh(affine(x))\n    return tanh(affine(u, h))\n"
    )
    assert all(proof.holds for proof in prove(two))
    ranges = context.Context._ranges

    def without_post(self, function, rows):
        tasks = ranges(self, function, rows)
        return [] if function == "post" else tasks

    monkeypatch.setattr(context.Context, "_ranges", without_post)
    failed = {p.against for p in prove(two) if not p.holds}
    assert failed == {"native", "native float32", "native reversed"}


@every_cell
def test_the_layers_of_pytorch_and_keras_are_among_the_proofs(name):
    against = {p.against for p in proofs_of(name) if p.kind == "independent"}
    assert ("torch.nn" in against) == (name in FUSED)
    assert ({"keras.layers", "keras.layers reversed"} <= against) == (name in KERAS)


def test_a_wrong_cell_and_a_wrong_level_fail_their_proofs(monkeypatch):
    lstm = cells.find("lstm")
    wrong = {"worked": replace(lstm.worked, gives=lstm.worked.gives | {"c": 1.8002})}
    assert [p.against for p in prove(replace(lstm, **wrong)) if not p.holds] == ["by hand"]

    def swapped(cell, case):
        found = run(cell, case)
        return replace(found, gradients=found.gradients | {"b_i": found.gradients["b_f"]})

    level = levels.find("python")
    run = level.run
    monkeypatch.setattr(level, "run", swapped)
    failed = {(p.against, p.what) for p in prove(lstm) if not p.holds}
    assert failed == {("python", "gradients")}


@pytest.mark.parametrize("poison", [np.nan, np.inf])
def test_what_is_no_number_is_far_from_everything(poison):
    good = Values([np.ones((2, 1))], (), [], (), {})
    bad = replace(good, outputs=[np.full((2, 1), poison)])
    assert distance(good, good, False) == 0
    assert distance(bad, good, False) == distance(bad, bad, False) == np.inf
    assert distance(good, replace(good, outputs=[np.ones((1, 1))]), False) == np.inf


@every_level_in_python
def test_the_text_that_is_shown_is_the_text_that_runs(name, level, monkeypatch):
    cell, level = cells.find(name), levels.find(level)
    case = draw(cell.graph, (2,), SIZES, seed=0)
    source, text = level.source, sys.modules[level.source.__module__]
    made = text.module if hasattr(text, "module") else text._module
    made.cache_clear()  # what was made of this cell before is made again
    monkeypatch.setattr(
        text, "source", lambda *args, **kwargs: source(*args, **kwargs) + "\nraise EOFError"
    )
    for run in [lambda: level.run(cell, case), lambda: level.scan(cell)]:
        with pytest.raises(EOFError):
            run()


def functions(text):
    return {n.name: ast.dump(n) for n in ast.parse(text).body if isinstance(n, ast.FunctionDef)}


@every_cell
@every_plain_level
def test_the_forward_text_is_a_part_of_the_full_one(name, level):
    cell, level = cells.find(name), levels.find(level)
    forward, full = (functions(level.source(cell, backward=b)) for b in (False, True))
    assert {"step", "forward"} <= forward.keys()
    assert {"step_backward", "backward"} <= full.keys() - forward.keys()
    assert forward.items() <= full.items()


@every_cell
def test_plain_python_imports_math_alone(name):
    cell = cells.find(name)
    tree = ast.parse(levels.find("python").source(cell, backward=True))
    imports = [n for n in ast.walk(tree) if isinstance(n, ast.Import | ast.ImportFrom)]
    assert [getattr(n, "module", None) for n in imports] in ([], ["math"])


def test_equation_cells_and_the_plain_levels_do_not_import_torch():
    code = """if True:
        import sys
        from ostinato import cells, levels
        for name in cells.names():
            for level in ("python", "numpy", "latex"):
                levels.find(level).source(cells.find(name), backward=True)
        assert "torch" not in sys.modules
    """
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


@every_numeric_level
@pytest.mark.parametrize("big", [1e4, -1e4])  # e^10000 is no float
def test_saturated_units_neither_overflow_nor_warn(name, level, big):
    cell, level = cells.find(name), levels.find(level)
    case = draw(cell.graph, (2, 1), SIZES, seed=0)
    found = level.run(cell, replace(case, x=[np.full_like(x, big) for x in case.x]))
    arrays = [*found.outputs, *found.states, *found.dx, *found.gradients.values()]
    assert all(np.isfinite(a).all() for a in arrays)


@every_cell
def test_float32_at_the_torch_level(name):
    cell = cells.find(name)
    case = draw(cell.graph, (4, 2, 1), SIZES, seed=0)
    small = {field: shrunk(value) for field, value in vars(case).items()}
    found = levels.find("torch").run(cell, Case(**small))
    expected = levels.find("torch").run(cell, case)
    assert {g.dtype for g in found.gradients.values()} == {np.dtype(np.float32)}
    assert_near(vars(found), vars(expected), FLOAT32)


def shrunk(value):
    if isinstance(value, dict):
        return {name: shrunk(v) for name, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(map(shrunk, value))
    return np.float32(value) if isinstance(value, np.ndarray) else value


def test_a_number_in_a_cell_keeps_all_its_digits():
    @cell
    def third(x, h):
        return h * 0.12345678901234567

    case = draw(third.graph, (1,), SIZES, seed=0)
    for level in ("python", "numpy", "torch", "keras"):
        found = levels.find(level).run(third, case)
        assert_near(found.states[0], case.states[0] * 0.12345678901234567, SAME)


def test_an_input_or_a_state_that_is_not_read_has_the_gradient_zero():
    @cell
    def blind(x, h, c):
        return tanh(affine(c)), exp(-c)

    @cell
    def forgetful(x, h):
        return log(1 + exp(tanh(affine(x))))

    for own, zero in [(blind, "dx"), (forgetful, "d_states")]:
        assert [p for p in prove(own) if not p.holds] == []
        case = draw(own.graph, (2, 1), SIZES, seed=0)
        for level in ("python", "numpy", "torch", "keras"):
            gradient = getattr(levels.find(level).run(own, case), zero)[0]
            assert not gradient.any()


def test_what_a_cell_computes_is_never_computed_on_padding():
    @cell
    def of_positive_numbers(x, h):
        return tanh(affine(log(x), 1 / x, h))

    case = draw(of_positive_numbers.graph, (3, 1, 2), SIZES, seed=0)
    positive = replace(case, x=[abs(x) + 0.1 for x in case.x])
    alone = vars(levels.find("python").run(of_positive_numbers, positive))
    for level, bound in {"numpy": EQUAL, "torch": EQUAL, "keras": FLOAT32}.items():
        assert_near(vars(levels.find(level).run(of_positive_numbers, positive)), alone, bound)


def test_the_fused_level_knows_a_cell_by_its_equations():
    @cell
    def my_own(token, output, memory):
        a = sigmoid(affine(token, output))
        b = sigmoid(affine(token, output))
        new = tanh(affine(token, output))
        d = sigmoid(affine(token, output))
        memory = b * memory + a * new
        return d * tanh(memory), memory

    aten = levels.find("aten")
    assert {name for name in EVERY if aten.supports(cells.find(name))} == set(FUSED)
    assert aten.supports(my_own)
    assert aten.supports(replace(my_own, graph=without_bias(my_own.graph)))
    proofs = prove(my_own)
    assert [p for p in proofs if not p.holds] == []
    assert "torch.nn" in {p.against for p in proofs}


@pytest.mark.parametrize("name", [n for n in EVERY if n not in FUSED], ids=short)
def test_the_fused_level_refuses_what_it_does_not_have(name):
    with pytest.raises(CellError, match=r"no fused layer for cell '\w+'; .* use the level torch"):
        levels.find("aten").source(cells.find(name))


def test_the_torch_level_shows_every_signal_to_who_watches():
    cell = cells.find(MGU)
    case = draw(cell.graph, (3,), SIZES, seed=0)
    p = SimpleNamespace(
        **{k: torch.tensor(w) for k, w in to_torch(cell.graph, case.parameters).items()}
    )
    seen = []
    x, states = torch.tensor(case.x[0]), tuple(map(torch.tensor, case.states))
    outputs, _ = levels.find("torch").scan(cell)(
        x, [1, 1, 1], states, p, watch=lambda t, signals: seen.append((t, signals))
    )
    assert [t for t, _ in seen] == [0, 1, 2]
    assert all(signals.keys() == {"k", "n", "p"} for _, signals in seen)
    assert_near(torch.cat([signals["p"] for _, signals in seen]), outputs, SAME)


@every_cell
@every_plain_level
def test_a_weights_gradient_is_the_sum_of_its_gradients_at_every_step(name, level):
    # Each step is run alone, from the states it starts from, given what flows back into it.
    cell, level = cells.find(name), levels.find(level)
    case = draw(cell.graph, (3,), SIZES, seed=0)

    def step(t, states, d_states):
        now = slice(t, t + 1)
        x, d_outputs = [case.x[0][now]], [case.d_outputs[0][now]]
        return level.run(cell, Case(x, states, case.parameters, d_outputs, d_states))

    starts = [case.states]
    for t in range(3):
        starts.append(step(t, starts[t], case.d_states).states)
    d_states, total = case.d_states, dict.fromkeys(case.parameters, 0)
    for t in reversed(range(3)):
        found = step(t, starts[t], d_states)
        d_states = found.d_states
        total = {name: total[name] + found.gradients[name] for name in total}
    whole = level.run(cell, case)
    assert_near(total, whole.gradients, EQUAL)
    assert_near(d_states, whole.d_states, EQUAL)


def test_a_number_that_is_not_finite_proves_nothing():
    cell = cells.find("rnn")
    case = draw(cell.graph, [2], {"D": 3, "H": 4}, seed=0)
    good = levels.find("numpy").run(cell, case)
    bad = replace(good, gradients={k: g * np.nan for k, g in good.gradients.items()})
    assert distance(good, bad, True) == distance(bad, good, True) == float("inf")
    assert worst([0.0, float("nan"), 1.0]) == float("inf")


def test_where_floats_end_a_proof_fails_and_nothing_is_raised(tmp_path):
    file = tmp_path / "deep.py"
    file.write_text(
        "from ostinato import affine, cell, exp\n\n\n@cell\ndef deep(x, h):\n"
        "    return exp(exp(exp(exp(affine(x, h)))))\n"
    )
    assert not all(proof.holds for proof in prove(cells.find(f"{file}:deep")))


def test_long_names_are_not_broken(tmp_path):
    name = "a_signal_" + "with_a_long_name_" * 6 + "end"
    file = tmp_path / "long.py"
    file.write_text(
        "from ostinato import affine, cell, tanh\n\n\n@cell\ndef long(x, h):\n"
        f"    {name} = tanh(affine(x, h))\n    return {name} * {name}\n"
    )
    assert all(proof.holds for proof in prove(cells.find(f"{file}:long")))


def defined(body: str, **space) -> Cell:
    """A cell (x_, h_) of this body, where affine is A and tanh is tanh_, so as to leave names."""
    language = {
        "A": affine,
        "tanh_": tanh,
        "sigmoid_": sigmoid,
        "norm_": layer_norm,
        "max_": maximum,
    }
    lines = "\n    ".join(body.strip().split("\n"))
    return run_text(f"@cell\ndef drawn(x_, h_):\n    {lines}\n", {"cell": cell} | language | space)


def alike(cell: Cell, *others: str) -> None:
    """These levels give what plain Python gives, values and gradients."""
    case = draw(cell.graph, (3, 1), {"D": 2, "H": 3}, seed=0)
    expected = levels.find("python").run(cell, case)
    for level in others:
        found = levels.find(level).run(cell, case)
        assert_near(vars(found), vars(expected), FLOAT32 if level == "keras" else EQUAL)


def words_of_texts() -> list[str]:
    """Every word that a level writes by itself, or reads from Python."""
    own = {"x_", "h_", "A", "tanh_", "sigmoid_", "norm_", "max_"}
    made = [cells.find("layer_norm_lstm")]
    texts = [levels.find(v).source(c, backward=True) for v in NUMERIC if v != "aten" for c in made]
    texts = [text for text in texts if not text.startswith(";")]
    names = {t.string for text in texts for t in tokens_of(text) if t.type == tokenize.NAME}
    return sorted({n for n in names if not keyword.iskeyword(n)} - own)


def tokens_of(text: str) -> Iterator[tokenize.TokenInfo]:
    return tokenize.generate_tokens(io.StringIO(text).readline)


def test_a_signal_may_have_any_name_that_a_text_has():
    words = words_of_texts()
    assert {"step", "lift", "enumerate", "tuple", "z_xi", "np"} <= {*words}
    for some in (words[::2], words[1::2]):
        body = [f"{word} = tanh_({0.1 * k} + x_)" for k, word in enumerate(some)]
        total = " + ".join(some)
        inside = [f"{word} = h_ * {0.1 * k}" for k, word in enumerate(words) if word not in some]
        both = " + ".join(word for word in words if word not in some)
        body += inside
        whole = f"return tanh_(A({total}) + h_ + norm_({both}) * 0.1)"
        alike(defined("\n".join([*body, whole])), "numpy", "torch", "keras")


@pytest.mark.parametrize(
    "body",
    [
        # the map of u in i is called as the product of u with W_ui
        "u = tanh_(A(x_))\nv = sigmoid_(A(x_))\n"
        "i = sigmoid_(A(u, v) + both(A(u)))\nreturn i * 0.5 + 0.5 * h_",
        "u = tanh_(A(x_))\nv = sigmoid_(A(x_))\ni = A(u, v)\nui = both(A(x_))\nreturn i * ui + h_",
    ],
)
def test_a_sum_and_a_product_with_one_name_are_two_variables(body):
    alike(defined(body, both=lambda a: tanh(a) * sigmoid(a)), "torch", "keras")
