"""The state of training: all that changes from step to step, and what follows from it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Generic

import torch
from torch import Tensor

from ostinato.train.average import Average
from ostinato.train.config import Training
from ostinato.train.judge import Judge
from ostinato.train.learner import B, Learner
from ostinato.train.meter import Meter, Record
from ostinato.train.optimizer import adamw


@dataclass
class State(Generic[B]):
    """All that changes in training.

    Attributes:
        learner: the weights, and what is carried from batch to batch.
        optimizer: its memory.
        judge: what epochs are judged by.
        average: the averaged weights, if they are wanted.
        history: a record for each whole epoch.
        meter: the counts of the epoch that is not whole.
        best: the weights of the best epoch.
    """

    learner: Learner[B]
    optimizer: torch.optim.Optimizer
    judge: Judge
    average: Average | None = None
    history: list[Record] = field(default_factory=list)
    meter: Meter = field(default_factory=Meter)
    best: dict[str, Tensor] = field(default_factory=dict)

    @classmethod
    def new(cls, learner: Learner[B], settings: Training) -> State[B]:
        """The state before the first step."""
        model, judge = learner.model, learner.judged_by.by(settings)
        average = Average(model, settings.average) if settings.average else None
        return cls(learner, adamw(model, settings), judge, average)

    @property
    def device(self) -> torch.device:
        """That of the model."""
        return next(self.learner.model.parameters()).device

    @property
    def epoch(self) -> int:
        """The epoch that is not whole, from 0."""
        return len(self.history)

    @property
    def seconds(self) -> float:
        """Time spent in whole epochs."""
        return sum(record["seconds"] for record in self.history)

    @property
    def scores(self) -> Sequence[float]:
        """The metric of each whole epoch, the larger the better."""
        return [self.judge.value(record) for record in self.history]

    def done(self, settings: Training, steps: int) -> float:
        """The part of training that is done, 0 to 1: of all steps, or of the time if that is more.

        Args:
            settings: epochs and time.
            steps: those of an epoch.
        """
        done = (self.epoch + self.meter.steps / steps) / settings.epochs
        if settings.seconds:
            done = max(done, (self.seconds + self.meter.seconds) / settings.seconds)
        return min(done, 1.0)

    def end_epoch(self, found: Record) -> None:
        """The epoch is whole, and has these validation metrics."""
        self.history.append({"epoch": self.epoch + 1, **self.meter.record(), **found})
        self.meter = Meter()

    def averaged(self) -> AbstractContextManager[None]:
        """Within it the model has its averaged weights, where weights are averaged."""
        return self.average.in_place() if self.average else nullcontext()
