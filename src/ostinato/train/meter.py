"""What an epoch counts, and where training stands."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TypeAlias

Record: TypeAlias = dict[str, float]
"""Numbers of an epoch by name; `epoch` itself is one of them."""


@dataclass(frozen=True)
class Progress:
    """Where training stands, for hooks.

    Attributes:
        epoch: the epoch, from 1.
        done: the part of all steps that is done, 0 to 1.
        loss: the mean loss of the epoch so far, in nats.
        tokens_per_second: real tokens trained on, in this epoch.
        seconds_left: what the rest will take at this speed.
        metrics: the epoch's record at its end, before that None.
        doing: what is done after the last epoch, in words; None while the network is trained.
    """

    epoch: int
    done: float
    loss: float
    tokens_per_second: float
    seconds_left: float
    metrics: Record | None = None
    doing: str | None = None


@dataclass
class Meter:
    """Counts of an epoch so far.

    Attributes:
        steps: steps of the optimiser.
        lr: the learning rate of the last one.
        loss: the sum of the loss over all terms, in nats.
        terms: the terms that it is a sum of, or their weights together.
        tokens: real tokens.
        seconds: time spent, that of earlier processes included.
    """

    steps: int = 0
    lr: float = 0.0
    loss: float = 0.0
    terms: float = 0
    tokens: int = 0
    seconds: float = 0.0

    def add(self, loss: float, terms: float, tokens: int) -> None:
        """Counts a batch: its mean loss, the terms of the mean, its tokens."""
        self.loss += loss * terms
        self.terms += terms
        self.tokens += tokens

    def record(self) -> Record:
        """Mean loss, learning rate, time and speed."""
        return {
            "loss": self.loss / self.terms,
            "lr": self.lr,
            "seconds": self.seconds,
            "tokens_per_second": self.tokens / self.seconds,
        }


class StepClock:
    """Times steps, and estimates how long the rest will take."""

    def __init__(self) -> None:
        self._first: float | None = None

    def start(self, done: float) -> None:
        """Steps begin; `done` is the part of all that is done, 0 to 1."""
        self._last = time.perf_counter()
        if self._first is None:
            self._first, self._began = done, self._last

    def lap(self) -> float:
        """Seconds since the start, or the last lap."""
        before, self._last = self._last, time.perf_counter()
        return self._last - before

    def progress(self, epoch: int, done: float, record: Record, whole: bool = False) -> Progress:
        """Where training stands.

        Args:
            epoch: the epoch, from 1.
            done: the part of all that is done.
            record: of the epoch, so far.
            whole: whether the epoch is over.
        """
        own = done - (self._first or 0.0)  # of this process
        left = (time.perf_counter() - self._began) * (1 - done) / own if own else 0.0
        speed, metrics = record["tokens_per_second"], record if whole else None
        return Progress(epoch, done, record["loss"], speed, left, metrics)
