import contextlib
import itertools
import math

import pytest
import torch
from line import START, Drawing, Line, Stop, timeless
from torch import nn

from every import assert_near
from ostinato.errors import OstinatoError, UnknownName
from ostinato.train import ProgressHook, Run, Training, fit
from tolerances import ORACLE, SAME


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
        hooks=[ProgressHook(lambda _: lengths.append(learner.model.weight.grad.norm().item()))],
    )
    assert max(lengths) == pytest.approx(1.5)
    assert min(lengths) < 1.49


@pytest.mark.parametrize("sign", [1, -1])
def test_it_stops_after_patience_and_leaves_the_best_weights(tmp_path, sign):
    scores = [sign * s for s in (0.1, 0.5, 0.5, 0.4, 0.9, 1.0)]
    learner = Line(6, scores, "score" if sign > 0 else "-score")
    run, told = Run.create(tmp_path / "run"), []
    history = fit(learner, Training(epochs=6, patience=2), run, [ProgressHook(told.append)])
    assert [record["score"] for record in history] == scores[:4]
    assert_near(learner.model.weight, learner.weights[1], SAME)
    assert not learner.model.training
    assert run.metrics() == history == [p.metrics for p in told if p.metrics]
    assert [record["epoch"] for record in history] == [1, 2, 3, 4]
    assert [p.done for p in told if p.metrics] == pytest.approx([k / 6 for k in (1, 2, 3, 4)])


def test_it_stops_where_it_is_good_enough_and_does_not_go_on(tmp_path):
    run = Run.create(tmp_path / "run")
    asked = []

    def enough(record):
        asked.append(record["epoch"])
        return record["epoch"] == 2

    settings = Training(epochs=6, patience=6)
    history = fit(Line(6), settings, run, enough=enough)
    assert [record["epoch"] for record in history] == [1, 2]
    assert set(asked) == {1, 2}
    assert fit(Line(6), settings, run, resume=True, enough=enough) == history
    assert len(fit(Line(6), settings, run, resume=True)) == 6


def test_the_loss_of_a_record_is_the_mean_over_the_epoch():
    learner = Line(1)
    (record,) = fit(learner, Training(epochs=1, lr=1e-12))
    x, y = learner.data[0].flatten(0, 1).split([3, 1], -1)
    assert record["loss"] == pytest.approx((x @ START.T - y).square().mean().item())


def test_the_clock_stops_it_in_the_middle_of_an_epoch_and_the_rate_follows(monkeypatch, tmp_path):
    class Hand:
        now = 0.0

        def perf_counter(self):
            return self.now

    class Slow(Line):
        def loss(self, batch):  # a batch takes a second
            clock.now += 1
            batches.append(batch)
            return super().loss(batch)

    clock, batches = Hand(), []
    monkeypatch.setattr("ostinato.train.meter.time", clock)
    settings = Training(epochs=9, seconds=3, lr=0.1, warmup=0)
    learner, run = Slow(9), Run.create(tmp_path / "run")
    history = fit(learner, settings, run)
    assert [record["seconds"] for record in history] == [2, 1]
    *_, last = adamw(batches, [1, 2 / 3, 1 / 3], 0.1, 0, 1)
    assert_near(learner.weights[-1], last, ORACLE)
    assert fit(Slow(9), settings, run, resume=True) == history  # its time is spent


def test_a_loss_that_is_no_number_names_its_place():
    with pytest.raises(OstinatoError, match=r"^epoch 2, batch 1: the loss is nan .*train\.lr"):
        fit(Line(spoilt=(1, 0)), Training(epochs=2))


def test_a_validation_that_is_no_number_names_its_epoch(tmp_path):
    learner, run = Line(scores=[0.5, math.nan]), Run.create(tmp_path / "run")
    with pytest.raises(OstinatoError, match=r"^epoch 2: validation gives {'score': nan}; lower"):
        fit(learner, Training(epochs=2), run)
    assert len(run.metrics()) == 1


def test_the_counts_of_an_epoch_are_in_its_record():
    learner = Line(1)
    (record,) = fit(learner, Training(epochs=1, lr=0.1, schedule="constant", warmup=0))
    assert record["tokens_per_second"] == pytest.approx(20 / record["seconds"])
    assert record["lr"] == 0.1


class Uneven(Line):
    """Epochs of 28 rows, in batches of these sizes."""

    def __init__(self, sizes):
        super().__init__()
        generator = torch.Generator().manual_seed(1)
        rows = torch.randn(2, 28, 4, dtype=torch.float64, generator=generator)
        self.data = [epoch.split(sizes) for epoch in rows]


@pytest.mark.parametrize(("sizes", "accumulate"), [([1, 9, 4, 5, 2, 7], 3), ([9, 5, 14], 2)])
def test_some_batches_together_are_one_large_batch(sizes, accumulate):
    parts, whole, told = Uneven(sizes), Uneven([14, 14]), []
    settings = {"epochs": 2, "lr": 0.1, "clip": 0.5}
    found = fit(
        parts, Training(**settings, accumulate=accumulate), hooks=[ProgressHook(told.append)]
    )
    expected = fit(whole, Training(**settings))
    assert_near(parts.weights, whole.weights, ORACLE)
    assert [r["loss"] for r in found] == pytest.approx([r["loss"] for r in expected])
    assert [p.done for p in told] == [0.25, 0.5, 0.5, 0.75, 1, 1]


RESUMED = {
    "plain": {},
    "averaged": {"average": 0.9},
    "plateau": {"schedule": "plateau"},
    "together": {"accumulate": 2},
    "range test": {"find_lr": True},
}


def in_pieces(run, settings, stops):
    """Trains in pieces: each ends after so many reports, the last one not before its time."""
    for k, calls in enumerate([*stops, None]):
        count = itertools.count(1)

        def show(_, count=count, calls=calls):
            if next(count) == calls:
                raise Stop

        learner = Drawing(4, SCORES)
        torch.manual_seed(3)
        with contextlib.suppress(Stop):
            history = fit(learner, settings, run, [ProgressHook(show)], resume=k > 0)
    return learner.model.weight, history


SCORES = [0.1, 0.5, 0.2, 0.3]


PIECES = [("plain", [k]) for k in range(1, 13)] + [(name, [2, 3, 1, 2]) for name in RESUMED]


@pytest.mark.parametrize(("options", "stops"), PIECES, ids=str)
def test_a_run_goes_on_as_if_it_had_never_stopped(tmp_path, options, stops):
    settings = Training(epochs=4, lr=0.1, checkpoint=0, **RESUMED[options])
    whole, run = Drawing(4, SCORES), Run.create(tmp_path / "run")
    torch.manual_seed(3)
    expected = fit(whole, settings)
    weights, found = in_pieces(run, settings, stops)
    assert_near(weights, whole.model.weight, SAME)
    assert_near(run.read_tensors("model.safetensors")["weight"], weights, SAME)
    assert [timeless(r) for r in found] == [timeless(r) for r in expected]
    assert run.metrics() == found
    assert len(run.checkpoints()) == 2


def test_checkpoints_come_when_their_time_has_come_and_after_each_epoch(tmp_path):
    kept = {}
    for seconds in (0, 1e9):
        run, kept[seconds] = Run.create(tmp_path / f"{seconds}"), []

        def show(_, run=run, seen=kept[seconds]):
            seen.append([path.stem for path in run.checkpoints()])

        fit(Line(2), Training(epochs=2, checkpoint=seconds), run, [ProgressHook(show)])
    a, b, end = "000000-000000001", "000000-000000002", "000001-000000000"
    c, d, last = "000001-000000001", "000001-000000002", "000002-000000000"
    assert kept[0] == [[], [a], [b, end], [b, end], [end, c], [d, last]]
    assert kept[1e9] == [[], [], [end], [end], [end], [end, last]]


def test_what_is_validated_and_kept_is_the_average(tmp_path):
    plain, averaged = Line(3, [1, 3, 2]), Line(3, [1, 3, 2])
    settings, steps = {"epochs": 3, "lr": 0.1}, []

    def note(progress):
        if not progress.metrics:
            steps.append(plain.model.weight.detach().clone())

    fit(plain, Training(**settings), hooks=[ProgressHook(note)])
    expected, mean = [], START
    for t, w in enumerate(steps, start=1):
        d = min(0.4, (1 + t) / (10 + t))
        mean = d * mean + (1 - d) * w
        expected.append(mean)
    run = Run.create(tmp_path / "run")
    fit(averaged, Training(**settings, average=0.4), run)
    assert_near(averaged.weights, expected[1::2], ORACLE)
    assert_near(averaged.model.weight, averaged.weights[1], SAME)
    assert_near(run.read_tensors("model.safetensors")["weight"], averaged.weights[1], SAME)


class Parts(Line):
    """Least squares of two parts, one of which may learn at a rate of its own."""

    def __init__(self, **rates):
        super().__init__()
        words, pairs = (nn.Linear(n, 1, bias=False, dtype=torch.float64) for n in (1, 2))
        words.weight, pairs.weight = map(nn.Parameter, START.clone().split([1, 2], -1))
        self.model = nn.ModuleDict({"words": words, "pairs": pairs})
        if rates:
            self.model.rates = rates

    def loss(self, batch):
        x, y = batch[:, :3], batch[:, 3:]
        found = self.model["words"](x[:, :1]) + self.model["pairs"](x[:, 1:])
        return (found - y).square().mean(), len(batch), len(batch)

    def validate(self):
        weights = [self.model[name].weight.detach().clone() for name in ("words", "pairs")]
        self.weights.append(torch.cat(weights, -1))
        return {"score": 0}


def test_a_part_of_the_model_may_learn_at_a_rate_of_its_own():
    constant = {"warmup": 0, "schedule": "constant", "weight_decay": 0.2}
    even, slow, still, line = Parts(), Parts(pairs=0.1), Parts(**{"pairs.weight": 0.0}), Line()
    for learner in (even, slow, still, line):
        fit(learner, Training(epochs=2, lr=0.1, **constant))
    assert_near(even.weights, line.weights, ORACLE)
    assert_near(still.weights[-1][:, 1:], START[:, 1:], SAME)
    weights = [nn.Parameter(w) for w in START.clone().split([1, 2], -1)]
    groups = [{"params": w, "lr": lr} for w, lr in zip(weights, (0.1, 0.01), strict=True)]
    theirs = torch.optim.AdamW(groups, weight_decay=0.2)
    for batch in slow.data.flatten(0, 1):
        theirs.zero_grad()
        (batch[:, :3] @ torch.cat(weights, -1)[0] - batch[:, 3]).square().mean().backward()
        nn.utils.clip_grad_norm_(weights, 1.0)
        theirs.step()
    assert_near(slow.weights[-1], torch.cat(weights, -1), ORACLE)


def test_a_part_that_is_not_there_is_refused():
    with pytest.raises(UnknownName, match="unknown part 'pars'; did you mean 'pairs'"):
        fit(Parts(pars=0.1), Training())


def test_bfloat16_is_for_training_and_not_for_validation():
    class Watched(Line):
        def loss(self, batch):
            seen.append(torch.is_autocast_enabled("cpu"))
            return super().loss(batch)

        def validate(self):
            seen.append(torch.is_autocast_enabled("cpu"))
            return super().validate()

    seen = []
    fit(Watched(1), Training(epochs=1, precision="bfloat16"))
    fit(Watched(1), Training(epochs=1))
    assert seen == [True, True, False, False, False, False]
