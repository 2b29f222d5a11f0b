"""What `@cell` accepts of sizes, and says of states, holds at every level and in every layer."""

import itertools
import json

import numpy as np
import pytest
import torch

import programs
from ostinato import cells
from ostinato.equation import affine, cell, exp, log, tanh
from ostinato.equation.stored import graph_from_json
from ostinato.experiment.recall import RecallSettings, recall
from ostinato.nn import Recurrent
from ostinato.proof import not_finite, prove
from ostinato.proof.cases import SIZES, draw

SPELT = [letters for n in (1, 2) for letters in itertools.product("HR", repeat=n)]


def sized(letters):
    """A cell whose states have these sizes, each read by all."""
    names = "hcv"[: len(letters)]
    declared = dict(zip(names, letters, strict=True))
    read = ", ".join(names)
    new = ", ".join(f"tanh(affine(x, {read}, size='{k}'))" for k in letters)
    return programs.as_cell(f"@cell(sizes={declared})\ndef drawn(x, {read}):\n    return {new}\n")


@pytest.mark.parametrize("letters", SPELT, ids="".join)
def test_every_size_that_a_cell_may_declare_works_everywhere(letters):
    own = sized(letters)
    proofs = prove(own)
    assert {"python", "torch", "native"} <= {proof.against for proof in proofs}
    assert not [proof for proof in proofs if not proof.holds]
    layer = Recurrent(own, 3, 5, num_layers=2, bidirectional=True, proj_size=2 * ("R" in letters))
    x = torch.randn(4, 2, 3)
    outputs, _ = layer(x, lengths=[4, 2])
    assert outputs.shape == (4, 2, 2 * (5 if letters[0] == "H" else 2))
    outputs.sum().backward()
    with torch.no_grad():
        one = Recurrent(own, 3, 5, proj_size=2 * ("R" in letters))
        whole, stream = one(x[:, :1])[0], one.stream()
        steps = [stream.step(step) for step in x[:, 0].numpy()]
        np.testing.assert_allclose(steps, whole[:, 0], rtol=1e-5, atol=1e-6)


LAST = (
    "from ostinato import affine, cell, tanh\n\n\n@cell(sizes={{'c': '{}'}})\ndef own(x, h, c):\n"
)
LAST += "    c = tanh(affine(x, c, size='{}'))\n    return tanh(affine(h, c)), c\n"


@pytest.mark.parametrize("letter", "HR")
def test_recall_with_every_size(tmp_path, letter):
    (tmp_path / "own.py").write_text(LAST.format(letter, letter))
    model = {"hidden": 4, "projection": 2 * (letter == "R")}
    settings = RecallSettings.parse({"model": model, "train": {"epochs": 1}, "batches": 1}, "test")
    found = recall("adding", f"{tmp_path / 'own.py'}:own", 5, settings)
    assert np.isfinite(found["loss"])


@cell
def careless(x, h, v):
    v = 0.9 * v + 0.1 * h * h  # mean of squares
    return tanh(affine(x, h) * exp(-0.5 * log(v))), v


@cell(states={"v": (0.5, 2.0)})
def described(x, h, v):
    v = 0.9 * v + 0.1 * h * h  # mean of squares
    return tanh(affine(x, h) * exp(-0.5 * log(v))), v


def test_a_cell_says_what_its_states_look_like():
    assert described.graph.ranges == {"v": (0.5, 2.0)}
    proofs = prove(described)
    assert proofs
    assert not [proof for proof in proofs if not proof.holds]
    case = draw(described.graph, (4,) * 50, SIZES, seed=0)
    assert 0.5 <= case.states[1].min() < 0.6
    assert 1.9 < case.states[1].max() <= 2.0
    assert case.states[0].min() < 0  # of which nothing is said
    again = graph_from_json(json.loads(json.dumps(described.graph.to_json())))
    assert again == described.graph
    assert again.fingerprint() == careless.graph.fingerprint()


def test_a_graph_stored_before_there_were_ranges_and_aliases_is_read():
    written = cells.find("lstm").graph.to_json()
    del written["ranges"], written["aliases"]
    assert graph_from_json(written) == cells.find("lstm").graph


def test_what_to_describe_is_said_where_numbers_are_not_finite():
    assert not_finite(described) == not_finite(cells.find("lstm")) == ""
    assert "v cannot be any number" in not_finite(careless)
    assert '@cell(states={"v": (low, high)})' in not_finite(careless)

    @cell
    def hopeless(x, h):
        return affine(h) * log(h - h)  # never a number

    assert "for any initial states" in not_finite(hopeless)
