"""Ctrl-C while a model trains: where it may come, what it leaves, and what is made of that."""

import signal
import threading

import pytest
import torch
from line import Drawing, timeless

from ostinato.train import ProgressHook, Run, Training, fit, undisturbed

SETTINGS = Training(
    epochs=3, lr=0.1, warmup=0.4, average=0.5, schedule="plateau", patience=9, checkpoint=1e9
)


class Pressed(Drawing):
    """Presses Ctrl-C when the counter of a place is at a number, so many times."""

    def __init__(self, place="", at=0, times=1):
        super().__init__(3)
        self.place, self.left, self.times = place, at, times

    def come(self, place):
        if place == self.place:
            self.left -= 1
            if self.left == 0:
                for _ in range(self.times):
                    signal.raise_signal(signal.SIGINT)

    def batches(self, epoch):
        self.come("batches")
        return super().batches(epoch)

    def loss(self, batch):
        self.come("loss")
        found = super().loss(batch)
        self.come("step")
        return found

    def validate(self):
        self.come("validate")
        return super().validate()


def trained(run, learner, resume=False, show=lambda progress: None):
    torch.manual_seed(3)
    history = fit(learner, SETTINGS, run, [ProgressHook(show)], resume)
    records = [timeless(record) for record in history]
    return records, learner.model.weight.detach()


@pytest.fixture(scope="module")
def expected():
    return trained(None, Pressed())


LEAVES = {  # whole epochs and steps, when it comes the second and the third time
    "batches": [(1, 0), (2, 0)],
    "loss": [(0, 2), (1, 1)],
    "step": [(0, 2), (1, 1)],
    "validate": [(1, 2), (2, 2)],
    "shown": [(0, 2), (1, 0)],
}
CASES = [(p, at, left) for p, both in LEAVES.items() for at, left in enumerate(both, start=2)]


@pytest.mark.parametrize(("place", "at", "left"), CASES, ids=[f"{p} {at}" for p, at, _ in CASES])
def test_wherever_it_comes_the_last_whole_step_is_gone_on_from(tmp_path, expected, place, at, left):
    run, learner = Run.create(tmp_path / "run"), Pressed(place, at)
    with pytest.raises(KeyboardInterrupt):
        trained(run, learner, show=lambda progress: learner.come("shown"))
    assert run.checkpoints()[-1].stem == "{:06d}-{:09d}".format(*left)
    found = trained(run, Pressed(), resume=True)
    assert found[0] == expected[0]
    assert torch.equal(found[1], expected[1])
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_second_one_does_not_wait_and_keeps_no_broken_step(tmp_path, expected):
    run = Run.create(tmp_path / "run")
    with pytest.raises(KeyboardInterrupt):
        trained(run, Pressed("loss", 4, times=2))
    assert run.checkpoints()[-1].stem == "000001-000000000"
    found = trained(run, Pressed(), resume=True)
    assert found[0] == expected[0]
    assert torch.equal(found[1], expected[1])


def test_before_the_first_step_there_is_no_checkpoint(tmp_path):
    run = Run.create(tmp_path / "run")
    with pytest.raises(KeyboardInterrupt):
        trained(run, Pressed("batches", 1))
    assert run.checkpoints() == []


def test_without_a_run_it_comes_through(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        trained(None, Pressed("loss", 2))


def test_a_handler_that_goes_on_lets_training_go_on(tmp_path, expected):
    came = []
    before = signal.signal(signal.SIGINT, lambda number, frame: came.append(number))
    try:
        found = trained(Run.create(tmp_path / "run"), Pressed("loss", 2))
    finally:
        signal.signal(signal.SIGINT, before)
    assert came == [signal.SIGINT]
    assert torch.equal(found[1], expected[1])


def test_in_a_thread_signals_are_left_alone(tmp_path, expected):
    found = []
    thread = threading.Thread(target=lambda: found.append(trained(None, Pressed())))
    thread.start()
    thread.join()
    assert torch.equal(found[0][1], expected[1])


def test_what_is_undisturbed_is_done_first():
    done = []

    def work():
        with undisturbed():
            signal.raise_signal(signal.SIGINT)
            done.append(1)

    with pytest.raises(KeyboardInterrupt):
        work()
    assert done == [1]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
