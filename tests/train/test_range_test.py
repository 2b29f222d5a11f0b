import math

import pytest
import torch
from line import Drawing, Line, timeless

from every import assert_near
from ostinato.errors import OstinatoError
from ostinato.train import Run, Training, fit, range_test
from ostinato.train.range_test import find_rate
from tolerances import SAME


def test_it_leaves_no_trace():
    learner, before = Drawing(3), torch.get_rng_state()
    found = find_rate(learner, Training(epochs=3))
    assert torch.equal(torch.get_rng_state(), before)
    untouched = Drawing(3)
    settings = Training(epochs=3, lr=found.lr)
    histories = []
    for one in (learner, untouched):
        torch.manual_seed(1)
        histories.append([timeless(record) for record in fit(one, settings)])
    assert_near(learner.model.weight, untouched.model.weight, SAME)
    assert histories[0] == histories[1]


def test_training_takes_what_it_finds_and_the_run_holds_the_curve(tmp_path):
    found = find_rate(Line(3), Training(epochs=3))
    given, taken = Line(3), Line(3)
    run = Run.create(tmp_path / "run")
    fit(given, Training(epochs=3, lr=found.lr))
    fit(taken, Training(epochs=3, lr=1e-9, find_lr=True), run)
    assert_near(taken.model.weight, given.model.weight, SAME)
    curve = run.read_json("learning_rate.json")
    assert curve == {"lr": found.lr, "rates": found.rates, "losses": found.losses}
    assert len(found.rates) == len(found.losses) <= 100
    assert found.rates[:2] == pytest.approx([1e-5, 1e-5 * 10 ** (5 / 99)])


def test_it_is_a_tenth_of_the_rate_at_which_the_loss_is_least(monkeypatch):
    def valley(state, batches, settings):
        assert len(batches) == settings.accumulate
        (group,) = state.optimizer.param_groups
        return math.exp(math.log10(group["lr"] / 1e-3) ** 2)

    monkeypatch.setattr(range_test, "step", valley)
    found = find_rate(Line(), Training(accumulate=3))
    assert 1e-4 < found.lr < 5e-4  # a smoothed curve lags some ten steps behind
    assert 4 < found.losses[-1] / min(found.losses) < 8  # and ends when it has risen


def test_nothing_is_carried_into_an_epoch():
    class Beginning(Drawing):
        def batches(self, epoch):
            self.begins = True
            return super().batches(epoch)

        def loss(self, batch):
            assert bool(self.state) != self.begins
            self.begins = False
            return super().loss(batch)

    learner = Beginning(3)
    assert len(find_rate(learner, Training()).losses) > 4
    fit(learner, Training(epochs=3))


def test_a_loss_that_is_never_a_number_is_an_error():
    with pytest.raises(OstinatoError, match=r"^epoch 1, batch 1: the loss is nan"):
        find_rate(Line(spoilt=(0, 0)), Training())
    found = find_rate(Line(spoilt=(1, 1)), Training())
    assert len(found.losses) == 3  # it ends where the numbers end
    assert math.isfinite(found.lr)
