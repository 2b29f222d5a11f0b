"""The loop: every model of Ostinato is trained by `fit`, to be read from top to bottom.

for each epoch:
    for each batch, or some together: a step; now and then a checkpoint
    validate; log; keep the best weights and a checkpoint
    stop when they are good enough, when better ones are no longer found, or by the clock

Ctrl-C waits for the end of a step, and leaves a checkpoint of it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import ExitStack, closing, nullcontext
from dataclasses import asdict
from typing import Any

from ostinato.errors import OstinatoError
from ostinato.train import checkpoint
from ostinato.train.average import Average
from ostinato.train.checkpoint import State
from ostinato.train.config import Training
from ostinato.train.events import Events
from ostinato.train.interrupts import resumable
from ostinato.train.learner import Learner
from ostinato.train.meter import Clock, Meter, Progress
from ostinato.train.optimizer import adamw, set_rate
from ostinato.train.range_test import find_rate
from ostinato.train.run import BEST, Run
from ostinato.train.schedule import rate, scores_of, since_best
from ostinato.train.step import step


def fit(
    learner: Learner,
    settings: Training,
    run: Run | None = None,
    show: Callable[[Progress], None] = lambda progress: None,
    resume: bool = False,
    enough: Callable[[dict[str, Any]], bool] = lambda record: False,
) -> list[dict[str, Any]]:
    """Trains a model and leaves it with the weights of its best epoch.

    The learning rate rises over the warm-up and then falls by the schedule; gradients longer than
    `clip` are shortened to it. Where weights are averaged, it is their average that is validated
    and kept.

    Args:
        learner: the task: model, batches, loss, validation.
        settings: how to train.
        run: where to log, and to keep the best weights and checkpoints; None keeps nothing.
        show: is told of the progress.
        resume: go on from the newest checkpoint of `run`; weights and metrics are, to the last
            bit, those of a run that was never stopped.
        enough: whether an epoch with such a record is the last.

    Returns:
        A record for each epoch: loss, learning rate, validation metrics, seconds.

    Raises:
        OstinatoError: when the loss is not a number any more.
        RunError: when `run` cannot be written, is in use, or holds nothing to resume.
        KeyboardInterrupt: at Ctrl-C, after a checkpoint of the last whole step.
    """
    with ExitStack() as stack:
        if run:
            stack.enter_context(run.locked())
            run.reopen()
        if settings.find_lr:
            found = find_rate(learner, settings)
            settings = settings.model_copy(update={"lr": found.lr})
            if run:
                run.write_json("learning_rate.json", asdict(found))
        model, optimizer = learner.model, adamw(learner.model, settings)
        average = Average(model, settings.average) if settings.average else None
        state = State(learner, optimizer, average)
        if run and resume:
            checkpoint.restore(run, state)
        events = None
        if run and settings.tensorboard:
            events = stack.enter_context(closing(Events(run, len(state.history))))
        clock, kept = Clock(), time.monotonic()
        interrupts = stack.enter_context(resumable(run, state))

        for epoch in range(len(state.history), settings.epochs):
            scores = scores_of(state.history, learner.judged_by)
            spent = sum(record["seconds"] for record in state.history)
            late = settings.seconds is not None and spent >= settings.seconds
            stop = late or any(map(enough, state.history))
            if stop or since_best(scores) >= settings.patience:
                break
            batches, meter = learner.batches(epoch), state.meter
            starts = range(0, len(batches), settings.accumulate)
            if not meter.steps:
                learner.state = ()
            model.train()
            clock.start(epoch + meter.steps / len(starts))
            for start in starts[meter.steps :]:
                done = (epoch + meter.steps / len(starts)) / settings.epochs
                if settings.seconds:
                    done = max(done, (spent + meter.seconds) / settings.seconds)
                    if meter.steps and done >= 1:
                        break
                with interrupts.held():
                    meter.lr = settings.lr * rate(min(done, 1.0), settings, scores)
                    set_rate(optimizer, meter.lr)
                    step(state, batches[start : start + settings.accumulate], settings)
                    if average:
                        average.update()
                    meter.seconds += clock.lap()
                done = (epoch + meter.steps / len(starts)) / settings.epochs
                show(clock.progress(epoch, done, meter))
                if run and time.monotonic() - kept >= settings.checkpoint:
                    checkpoint.keep(run, state)
                    kept = time.monotonic()

            with interrupts.held():
                with average.in_place() if average else nullcontext():
                    with interrupts.let_through():
                        judged = learner.validate()
                    if not all(map(math.isfinite, judged.values())):
                        raise OstinatoError(
                            f"epoch {epoch + 1}: validation gives {judged}; "
                            f"lower train.lr (now {settings.lr})"
                        )
                    state.history.append({"epoch": epoch + 1, **meter.record(), **judged})
                    state.meter = Meter()
                    if since_best(scores_of(state.history, learner.judged_by)) == 0:
                        state.best = {name: w.clone() for name, w in model.state_dict().items()}
                        if run:
                            run.write_tensors(BEST, state.best)
                if run:
                    checkpoint.keep(run, state)
                    run.write_metrics(state.history)
                    kept = time.monotonic()
            if events:
                events.write(state.history[-1])
            show(clock.progress(epoch, (epoch + 1) / settings.epochs, meter, state.history[-1]))

        model.load_state_dict(state.best)
        model.eval()
        return state.history
