"""What watches training: in which order, for how long, and how it ends it."""

import pytest
import torch
from line import Drawing, Line, Stop, timeless

from ostinato.errors import RunError
from ostinato.train import Hook, Run, Training, fit

SETTINGS = Training(epochs=2, lr=0.1, checkpoint=1e9)


class Watch(Hook):
    """Notes what it is called for; raises `error` at a place."""

    def __init__(self, name, notes, place=None, error=None):
        self.name, self.notes, self.place, self.error = name, notes, place, error or Stop()

    def note(self, *what):
        self.notes.append((self.name, *what))
        if what == self.place:
            raise self.error

    def on_begin(self, model, history):
        self.model = model
        self.note("begin", len(history))

    def on_step(self, progress):
        assert progress.metrics is None
        self.note("step", progress.epoch)

    def on_epoch(self, progress):
        assert progress.metrics["epoch"] == progress.epoch
        self.note("epoch", progress.epoch)

    def on_end(self):
        self.note("end")


def test_several_are_called_in_order():
    notes, learner = [], Line()
    first, second = Watch("a", notes), Watch("b", notes)
    fit(learner, SETTINGS, hooks=[first, second])
    calls = [("begin", 0), *[("step", 1)] * 2, ("epoch", 1), *[("step", 2)] * 2, ("epoch", 2)]
    expected = [(name, *call) for call in calls for name in "ab"]
    assert notes == [*expected, ("b", "end"), ("a", "end")]
    assert first.model is learner.model


@pytest.mark.parametrize("error", [Stop(), KeyboardInterrupt(), RunError("x: no space")], ids=repr)
@pytest.mark.parametrize(
    ("place", "left"), [(("step", 1), (0, 1)), (("epoch", 1), (1, 0)), (("step", 2), (1, 1))]
)
def test_what_one_raises_ends_training_with_a_checkpoint(tmp_path, place, left, error):
    run, notes, whole, learner = Run.create(tmp_path / "run"), [], Drawing(), Drawing()
    torch.manual_seed(3)
    history = fit(whole, SETTINGS)
    torch.manual_seed(3)
    with pytest.raises(type(error)):
        fit(learner, SETTINGS, run, [Watch("a", notes, place, error), Watch("b", notes)])
    assert notes[-3:] == [("a", *place), ("b", "end"), ("a", "end")]
    assert run.checkpoints()[-1].stem == "{:06d}-{:09d}".format(*left)
    found = Drawing()
    resumed = fit(found, SETTINGS, run, resume=True)
    assert list(map(timeless, resumed)) == list(map(timeless, history))
    assert torch.equal(found.model.weight, whole.model.weight)


def test_only_those_that_have_begun_are_ended(tmp_path):
    notes, run = [], Run.create(tmp_path / "run")
    hooks = [Watch("a", notes), Watch("b", notes, ("begin", 0)), Watch("c", notes)]
    with pytest.raises(Stop):
        fit(Line(), SETTINGS, run, hooks)
    assert notes == [("a", "begin", 0), ("b", "begin", 0), ("a", "end")]
    assert run.checkpoints() == []


def test_one_of_a_resumed_run_begins_after_its_epochs(tmp_path):
    run, notes = Run.create(tmp_path / "run"), []
    with pytest.raises(Stop):
        fit(Line(), SETTINGS, run, [Watch("a", [], ("epoch", 1))])
    fit(Line(), SETTINGS, run, [Watch("a", notes)], resume=True)
    steps = [("a", "step", 2)] * 2
    assert notes == [("a", "begin", 1), *steps, ("a", "epoch", 2), ("a", "end")]
