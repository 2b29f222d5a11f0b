import math

import pytest
import torch
from torch import nn

from every import assert_near
from ostinato.errors import OstinatoError
from ostinato.train import Run, Training, fit
from ostinato.train.loop import rate
from tolerances import ORACLE, SAME

START = torch.tensor([[0.3, -0.2, 0.5]], dtype=torch.float64)


class Line:
    """Least squares: y = w · x. Validation gives the scores it is told to give."""

    def __init__(self, epochs=2, scores=None, judged_by="score", spoilt=None):
        self.model = nn.Linear(3, 1, bias=False, dtype=torch.float64)
        self.model.load_state_dict({"weight": START})
        generator = torch.Generator().manual_seed(0)
        self.data = torch.randn(epochs, 2, 5, 4, dtype=torch.float64, generator=generator)
        self.data[0, 0] *= 100  # a gradient to be clipped, among some that are not
        if spoilt:
            self.data[spoilt] = math.nan
        self.scores, self.judged_by, self.weights = iter(scores or range(epochs)), judged_by, []

    def batches(self, epoch):
        return list(self.data[epoch])

    def loss(self, batch):
        return (self.model(batch[:, :3])[:, 0] - batch[:, 3]).square().mean(), len(batch)

    def validate(self):
        self.weights.append(self.model.weight.detach().clone())
        return {self.judged_by.removeprefix("-"): next(self.scores)}


def adamw(batches, rates, lr, decay, clip):
    """The weights after each step, as Loshchilov & Hutter write it (β 0.9, 0.999; ε 1e-8)."""
    w, m, v = START[0], torch.zeros(3), torch.zeros(3)
    for t, (batch, part) in enumerate(zip(batches, rates, strict=True), start=1):
        x, y = batch[:, :3], batch[:, 3]
        g = 2 / len(x) * x.T @ (x @ w - y)
        g = g * min(1, clip / (g.norm() + 1e-6))
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        step = m / (1 - 0.9**t) / ((v / (1 - 0.999**t)).sqrt() + 1e-8)
        w = w - part * lr * decay * w - part * lr * step
        yield w[None]


@pytest.mark.parametrize(
    ("schedule", "rates"),
    [
        ("constant", [1e-3 / 0.251, 1, 1, 1]),
        ("linear", [1e-3 / 0.251, 1, 2 / 3, 1 / 3]),
        ("cosine", [1e-3 / 0.251, 1, 0.75, 0.25]),
    ],
)
def test_every_step_is_adamw_written_out(schedule, rates):
    learner = Line()
    settings = {"lr": 0.1, "weight_decay": 0.2, "clip": 1.5}
    fit(learner, Training(epochs=2, schedule=schedule, warmup=0.25, **settings))
    expected = list(adamw(learner.data.flatten(0, 1), rates, *settings.values()))
    assert_near(learner.weights, expected[1::2], ORACLE)


def test_no_gradient_is_longer_than_clip():
    learner, lengths = Line(), []
    fit(
        learner,
        Training(epochs=2, clip=1.5),
        show=lambda _: lengths.append(learner.model.weight.grad.norm().item()),
    )
    assert max(lengths) == pytest.approx(1.5)
    assert min(lengths) < 1.49


@pytest.mark.parametrize("schedule", ["linear", "cosine", "constant"])
def test_the_rate_rises_over_the_warmup_and_falls_to_its_end(schedule):
    settings = Training(schedule=schedule, warmup=0.2)
    assert 0 < rate(0, settings) < 0.01
    assert 0.45 < rate(0.1, settings) < 0.55
    assert rate(0.2, settings) == 1
    assert rate(0.6, settings) == pytest.approx(1 if schedule == "constant" else 0.5)
    assert rate(1, settings) == (1 if schedule == "constant" else 0)
    assert rate(0, Training(schedule=schedule, warmup=0)) == 1


@pytest.mark.parametrize("sign", [1, -1])
def test_it_stops_after_patience_and_leaves_the_best_weights(tmp_path, sign):
    scores = [sign * s for s in (0.1, 0.5, 0.5, 0.4, 0.9, 1.0)]
    learner = Line(6, scores, "score" if sign > 0 else "-score")
    run, told = Run.create(tmp_path / "run"), []
    history = fit(learner, Training(epochs=6, patience=2), run, told.append)
    assert [record["score"] for record in history] == scores[:4]
    assert_near(learner.model.weight, learner.weights[1], SAME)
    assert not learner.model.training
    assert run.metrics() == history == [p.metrics for p in told if p.metrics]
    assert [record["epoch"] for record in history] == [1, 2, 3, 4]
    assert [p.done for p in told if p.metrics] == pytest.approx([k / 6 for k in (1, 2, 3, 4)])


def test_the_loss_of_a_record_is_the_mean_over_the_epoch():
    learner = Line(1)
    (record,) = fit(learner, Training(epochs=1, lr=1e-12))
    x, y = learner.data[0].flatten(0, 1).split([3, 1], -1)
    assert record["loss"] == pytest.approx((x @ START.T - y).square().mean().item())


def test_a_loss_that_is_no_number_names_its_place():
    with pytest.raises(OstinatoError, match=r"^epoch 2, batch 1: the loss is nan .*train\.lr"):
        fit(Line(spoilt=(1, 0)), Training(epochs=2))


def test_a_validation_that_is_no_number_names_its_epoch(tmp_path):
    learner, run = Line(scores=[0.5, math.nan]), Run.create(tmp_path / "run")
    with pytest.raises(OstinatoError, match=r"^epoch 2: validation gives {'score': nan}; lower"):
        fit(learner, Training(epochs=2), run)
    assert len(run.metrics()) == 1


def test_the_clock_stops_it_in_the_middle_of_an_epoch_and_the_rate_follows(monkeypatch, tmp_path):
    class Clock:
        now = 0.0

        def perf_counter(self):
            return self.now

    class Slow(Line):
        def loss(self, batch):  # a batch takes a second
            clock.now += 1
            batches.append(batch)
            return super().loss(batch)

    clock, batches, told = Clock(), [], []
    monkeypatch.setattr("ostinato.train.loop.time", clock)
    settings = Training(epochs=9, seconds=3, lr=0.1, warmup=0)
    learner, run = Slow(9), Run.create(tmp_path / "run")
    history = fit(learner, settings, run, told.append)
    assert [record["seconds"] for record in history] == [2, 1]
    *_, last = adamw(batches, [1, 2 / 3, 1 / 3], 0.1, 0, 1)
    assert_near(learner.weights[-1], last, ORACLE)
    assert fit(Slow(9), settings, run, resume=True) == history  # its time is spent


@pytest.mark.parametrize("stopped", [1, 2, 3])
def test_a_run_goes_on_as_if_it_had_never_stopped(tmp_path, stopped):
    class Stop(Exception):
        pass

    def stop(progress):
        if progress.metrics and progress.epoch == stopped:
            raise Stop

    scores, settings = [0.1, 0.5, 0.2, 0.3], Training(epochs=4, lr=0.1)
    whole, first, second = (Line(4, scores[k:]) for k in (0, 0, stopped))
    run = Run.create(tmp_path / "run")
    expected = fit(whole, settings)
    with pytest.raises(Stop):
        fit(first, settings, run, stop)
    found = fit(second, settings, run, resume=True)
    assert_near(first.weights + second.weights, whole.weights, SAME)
    assert_near(second.model.weight, whole.weights[1], SAME)
    assert [timeless(r) for r in found] == [timeless(r) for r in expected]
    assert run.metrics() == found


def timeless(record):
    return {k: v for k, v in record.items() if k not in ("seconds", "tokens_per_second")}
