"""The loop: every model of Ostinato is trained by `fit`, to be read from top to bottom.

for each epoch:
    for each batch, or some together: a step; now and then a checkpoint
    validate; log; keep the best weights and a checkpoint
    stop when they are good enough, when better ones are no longer found, or by the clock

Ctrl-C waits for the end of a step, and leaves a checkpoint of it; so does what a hook raises.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from typing import Generic

from ostinato.errors import OstinatoError
from ostinato.train.checkpoint import Checkpoints, restore, resumable
from ostinato.train.config import Training
from ostinato.train.events import Events
from ostinato.train.hooks import Hook, begun
from ostinato.train.interrupts import Interrupts
from ostinato.train.learner import B, Learner
from ostinato.train.meter import Record, StepClock
from ostinato.train.optimizer import set_rate
from ostinato.train.range_test import find_rate
from ostinato.train.run import BEST, Run
from ostinato.train.schedule import rate
from ostinato.train.state import State
from ostinato.train.step import step


def fit(
    learner: Learner[B],
    settings: Training,
    run: Run | None = None,
    hooks: Sequence[Hook] = (),
    resume: bool = False,
    enough: Callable[[Record], bool] = lambda record: False,
) -> list[Record]:
    """Trains a model and leaves it with the weights of its best epoch.

    The learning rate rises over the warm-up and then falls by the schedule; gradients longer than
    `clip` are shortened to it. Where weights are averaged, it is their average that is validated
    and kept. All that is allocated is on the device of the model.

    Args:
        learner: the task: model, batches, loss, validation.
        settings: how to train.
        run: where to log, and to keep the best weights and checkpoints; None keeps nothing.
        hooks: what watches training.
        resume: continue from the newest checkpoint of `run`; weights and metrics are, to the last
            bit, those of a run that was never stopped.
        enough: whether an epoch with such a record is the last.

    Returns:
        A record for each epoch: loss, learning rate, validation metrics, seconds.

    Raises:
        OstinatoError: when loss or validation is not a number any more.
        RunError: when `run` cannot be written, is in use, or holds nothing to resume.
        KeyboardInterrupt: at Ctrl-C, after a checkpoint of the last whole step.
    """
    with ExitStack() as stack:
        if run:
            stack.enter_context(run.locked())
            run.reopen()
        if settings.find_lr:
            settings = _with_found_rate(learner, settings, run)
        state = State.new(learner, settings)
        if run and resume:
            restore(run, state)
        events = [Events(run)] if run and settings.tensorboard else []
        hooks = stack.enter_context(begun([*events, *hooks], learner.model, state.history))
        interrupts = stack.enter_context(resumable(run, state))
        loop = _Loop(state, settings, run, hooks, interrupts)
        while not loop.is_over(enough):
            loop.train()
            loop.validate()
        learner.model.load_state_dict(state.best)
        learner.model.eval()
        return state.history


def _with_found_rate(learner: Learner[B], settings: Training, run: Run | None) -> Training:
    """The settings with the learning rate that a range test finds; the run keeps its curve."""
    found = find_rate(learner, settings)
    if run:
        run.write_json("learning_rate.json", asdict(found))
    return settings.model_copy(update={"lr": found.lr})


class _Loop(Generic[B]):
    """Epochs, one by one: `train` and `validate` in turn until it `is_over`."""

    def __init__(
        self,
        state: State[B],
        settings: Training,
        run: Run | None,
        hooks: Sequence[Hook],
        interrupts: Interrupts,
    ) -> None:
        self.state, self.settings, self.run = state, settings, run
        self.hooks, self.interrupts = hooks, interrupts
        self.checkpoints, self.clock = Checkpoints(run, state, settings.checkpoint), StepClock()

    def is_over(self, enough: Callable[[Record], bool]) -> bool:
        """Whether no epoch follows: all are done, time is up, or it was good or long enough."""
        state, settings = self.state, self.settings
        late = settings.seconds is not None and state.seconds >= settings.seconds
        waited = state.judge.waited(state.history) >= settings.patience
        return state.epoch >= settings.epochs or late or waited or any(map(enough, state.history))

    def train(self) -> None:
        """All steps of an epoch, or those that are left of it."""
        state, settings, learner = self.state, self.settings, self.state.learner
        batches = learner.batches(state.epoch)
        starts = range(0, len(batches), settings.accumulate)
        if not state.meter.steps:
            learner.state = ()
        learner.model.train()
        self.clock.start(state.done(settings, len(starts)))
        for start in starts[state.meter.steps :]:
            done = state.done(settings, len(starts))
            if state.meter.steps and done >= 1:  # by the clock
                break
            with self.interrupts.held():
                state.meter.lr = settings.lr * rate(done, settings, state.scores)
                set_rate(state.optimizer, state.meter.lr)
                step(state, batches[start : start + settings.accumulate], settings)
                state.meter.seconds += self.clock.lap()
            done = state.done(settings, len(starts))
            progress = self.clock.progress(state.epoch + 1, done, state.meter.record())
            for hook in self.hooks:
                hook.on_step(progress)
            self.checkpoints.keep_if_due()

    def validate(self) -> None:
        """The end of an epoch: its record, the best weights, a checkpoint."""
        state, learner = self.state, self.state.learner
        with self.interrupts.held():
            with state.averaged():
                with self.interrupts.let_through():
                    found = learner.validate()
                if not all(map(math.isfinite, found.values())):
                    raise OstinatoError(
                        f"epoch {state.epoch + 1}: validation gives {found}; "
                        f"lower train.lr (now {self.settings.lr})"
                    )
                state.end_epoch(found)
                if state.judge.best(state.history) == state.epoch - 1:
                    weights = learner.model.state_dict()
                    state.best = {name: weight.clone() for name, weight in weights.items()}
                    if self.run:
                        self.run.write_tensors(BEST, state.best)
            self.checkpoints.keep()
            if self.run:
                self.run.write_metrics(state.history)
        done, record = state.done(self.settings, 1), state.history[-1]
        progress = self.clock.progress(state.epoch, done, record, whole=True)
        for hook in self.hooks:
            hook.on_epoch(progress)
