"""Problems that need memory: what they ask, what who forgets has, and that cells learn them."""

import numpy as np
import pytest

from ostinato.data import read_labelled, read_series, read_text
from ostinato.data.series.panel import Columns
from ostinato.data.sources import adding, copying
from ostinato.errors import ConfigError, DataError
from ostinato.experiment.recall import RecallSettings, recall


def test_adding_marks_a_number_in_either_half():
    problem = adding.read(length=7, count=4000, seed=3)
    values, marks = problem.inputs[..., 0], problem.inputs[..., 1]
    assert (marks[:3].sum(0) == 1).all()
    assert (marks[3:].sum(0) == 1).all()
    for b in range(5):
        first, second = np.flatnonzero(marks[:, b])
        assert problem.targets[b] == pytest.approx(values[first, b] + values[second, b])
    assert np.mean((problem.targets - 1) ** 2) == pytest.approx(problem.baseline, rel=0.06)
    again = adding.read(length=7, count=4000, seed=3)
    assert (again.inputs == problem.inputs).all()
    assert (adding.read(length=7, count=4000, seed=4).inputs != problem.inputs).any()


def test_copying_asks_for_the_ten_symbols_after_the_sign():
    problem = copying.read(length=5, count=50, seed=1)
    read = problem.inputs.argmax(-1)
    assert read.shape == problem.targets.shape == (25, 50)
    np.testing.assert_array_equal(problem.targets[15:], read[:10])
    assert (problem.targets[:15] == 8).all()
    assert (read[14] == 9).all()
    assert (read[10:14] == 8).all()
    assert (read[15:] == 8).all()
    # by hand: certain of blanks, then one of eight
    surprise = np.where(np.arange(25) < 15, 0.0, -np.log(1 / 8))
    assert problem.baseline == pytest.approx(surprise.mean())


def small(epochs, **more):
    values = {"batches": 50, "model": {"hidden": 24}, "train": {"lr": 0.02, "epochs": epochs}}
    return RecallSettings.parse(values | more, "here")


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_what_is_near_is_learnt_by_all_and_then_training_ends(cell):
    settings = small(30)
    found = recall("adding", cell, 10, settings)
    assert found["solved"]
    assert found["left"] == found["loss"] / found["baseline"] < 0.1
    losses = [record["validation_loss"] for record in found["history"]]
    assert len(losses) < 30
    assert min([*losses[:-1], 1]) >= 0.1 * found["baseline"] > losses[-1] == found["loss"]
    assert found == recall("adding", cell, 10, settings) | {"history": found["history"]}


def test_a_cell_without_memory_knows_the_last_step_alone(tmp_path):
    file = tmp_path / "forgets.py"
    file.write_text(
        "from ostinato import affine, cell, tanh\n\n\n"
        "@cell\ndef forgets(x, h):\n    return tanh(affine(x))\n"
    )
    found = recall("adding", f"{file}:forgets", 10, small(10))
    # one in five times the last step is marked, and half of the variance is known then
    assert not found["solved"]
    assert 0.9 * 0.95 < found["left"] < 1.05
    assert len(found["history"]) == 10


def test_without_the_marks_nobody_can_add(monkeypatch):
    def unmarked(*given, read=adding.read):
        problem = read(*given)
        problem.inputs[..., 1] = 0
        return problem

    monkeypatch.setattr(adding, "read", unmarked)
    found = recall("adding", "gru", 10, small(10))
    # of two numbers among five each, their means tell a fifth of the variance
    assert 0.8 * 0.95 < found["left"] < 1.05


def test_blanks_are_learnt_before_symbols():
    found = recall("copying", "gru", 1, small(3))
    assert 0.9 < found["left"] < 1.05
    assert found["baseline"] == pytest.approx(10 * 2.0794415 / 21)  # ln 8, of 1 + 20 steps


def test_a_setting_leaves_the_others_as_they_are():
    usual, changed = RecallSettings(), RecallSettings.parse({"train": {"clip": 0.5}}, "here")
    assert changed.train == usual.train.model_copy(update={"clip": 0.5})
    assert usual.train.threads == 1


def test_problems_are_no_data_of_other_tasks():
    for read in (read_labelled, read_text, lambda name: read_series(name, Columns())):
        with pytest.raises(DataError, match="`ostinato recall adding`"):
            read("adding")
    with pytest.raises(ConfigError, match="at least 2 steps"):
        adding.read(length=1)
    with pytest.raises(ConfigError, match="at least 1 step"):
        copying.read(length=0)
