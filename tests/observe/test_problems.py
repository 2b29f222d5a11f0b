"""Problems that need memory: what they ask, what who forgets has, and that cells learn them."""

import numpy as np
import pytest

from ostinato.data import read_labelled, read_series, read_text
from ostinato.data.series import Columns
from ostinato.data.sources import adding, copying
from ostinato.errors import ConfigError, DataError
from ostinato.observe.recall import RecallSettings, recall


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


@pytest.mark.parametrize(("problem", "length", "epochs"), [("adding", 4, 10), ("copying", 1, 4)])
def test_a_cell_learns_what_is_near(problem, length, epochs):
    values = {"model": {"hidden": 24}, "train": {"epochs": epochs, "lr": 0.02, "threads": 1}}
    settings = RecallSettings.parse({**values, "batches": 30}, "here")
    found = recall(problem, "gru", length, settings)
    part = 0.5 if problem == "adding" else 1.01  # blanks are learnt first
    assert found["loss"] < part * found["baseline"]
    assert found == recall(problem, "gru", length, settings) | {"history": found["history"]}


def test_problems_are_no_data_of_other_tasks():
    for read in (read_labelled, read_text, lambda name: read_series(name, Columns())):
        with pytest.raises(DataError, match="`ostinato recall adding`"):
            read("adding")
    with pytest.raises(ConfigError, match="2 steps or more"):
        adding.read(length=1)
    with pytest.raises(ConfigError, match="1 step or more"):
        copying.read(length=0)
