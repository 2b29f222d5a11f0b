"""A checkpoint whose SHA-256 is right, and which does not fit: resuming says so in a line."""

import json
import shutil

import pytest
import torch
from small_runs import SMALL

from ostinato.errors import RunError
from ostinato.train import Run

WEIGHT = "optimizer.0.exp_avg"


def without(name):
    return lambda tensors, notes: tensors.pop(name)


def put(name, make):
    return lambda tensors, notes: tensors.update({name: make(tensors.get(name))})


def noted(name, value):
    return lambda tensors, notes: notes.update({name: json.dumps(value)})


FORGED = {
    "another shape": put(WEIGHT, lambda old: torch.ones(3, 5, 7)),
    "a row less": put(WEIGHT, lambda old: old[:-1].clone()),
    "another dtype": put(WEIGHT, lambda old: old.to(torch.int64)),
    "a step for each weight": put("optimizer.0.step", lambda old: torch.ones(9)),
    "no second moments": without("optimizer.0.exp_avg_sq"),
    "one more": put("optimizer.0.exp_avg_cube", lambda old: torch.ones(2)),
    "a key that is no number": put("optimizer.one.exp_avg", lambda old: torch.ones(2)),
    "a key of 5,000 digits": put(f"optimizer.{'9' * 5000}.step", lambda old: torch.ones(())),
    "a weight that is not there": put("optimizer.99.step", lambda old: torch.ones(())),
    "no name": put("optimizer.", lambda old: torch.ones(())),
    "no random state": without("random"),
    "a short random state": put("random", lambda old: old[:5].clone()),
    "history of text": noted("history", "a"),
    "history of lists": noted("history", [[1]]),
    "history without loss": noted("history", [{"seconds": 1}]),
    "a meter of text": noted("meter", {"steps": "many"}),
    "a meter below zero": noted("meter", {"steps": -5}),
    "a meter of all": noted("meter", {"every": 1}),
    "steps without terms": noted("meter", {"steps": 1}),
    "averages of text": noted("averaged", "a"),
}


@pytest.mark.parametrize("how", FORGED)
def test_what_does_not_fit_is_refused(how, trained, tmp_path):
    refused(FORGED[how], "classify", shutil.copytree(trained["classify"], tmp_path / "run"))


CARRIED = {
    "a smaller state": put("carried.0", lambda old: old[:, :1].clone()),
    "numbers of another kind": put("carried.0", lambda old: old.to(torch.int64)),
    "a state too many": put("carried.1", lambda old: torch.ones(1, 2, 4)),
    "a state by name": put("carried.h", lambda old: torch.ones(1, 2, 4)),
}


@pytest.fixture(scope="module")
def half(tmp_path_factory):
    """A generator that was stopped in the middle of an epoch, with its carried state."""
    folder = tmp_path_factory.mktemp("half") / "run"
    small = SMALL["generate"]
    settings = small.settings | {"train": small.settings["train"] | {"checkpoint": 0}}

    class Stop(Exception):
        pass

    def show(progress):
        if progress.epoch == 2 and progress.done > 0.7:
            raise Stop

    with pytest.raises(Stop):
        small.estimator(**settings).fit(*small.data(), run=Run.create(folder), show=show)
    assert "carried.0" in Run(folder).read_tensors(f"checkpoints/{newest(folder)}")
    return folder


@pytest.mark.parametrize("how", CARRIED)
def test_a_carried_state_that_does_not_fit_is_refused(how, half, tmp_path):
    refused(CARRIED[how], "generate", shutil.copytree(half, tmp_path / "run"))


def test_one_that_fits_goes_on(half, tmp_path):
    folder = shutil.copytree(half, tmp_path / "run")
    resume("generate", folder)
    assert not Run(folder).unfinished


def newest(folder):
    return Run(folder).checkpoints()[-1].name


def resume(name, folder):
    small = SMALL[name]
    settings = small.settings
    if name == "generate":
        settings = settings | {"train": settings["train"] | {"checkpoint": 0}}
    small.estimator(**settings).fit(*small.data(), run=Run(folder), resume=True)


def refused(forge, name, folder):
    file = f"checkpoints/{newest(folder)}"
    tensors, notes = Run(folder).read_all(file)
    forge(tensors, notes)
    Run(folder).write_tensors(file, tensors, **notes)
    with pytest.raises(RunError) as error:
        resume(name, folder)
    assert file in str(error.value)
    assert "does not match the run" in str(error.value)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 350 + len(str(folder))
