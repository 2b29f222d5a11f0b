"""What epochs are judged by: which is the best, since when none was better, how training ended."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ostinato.train.config import ENDLESS, Training
from ostinato.train.meter import Record


@dataclass(frozen=True)
class Judge:
    """Of two epochs the one with the better metric is better; of the same, that with less loss.

    Attributes:
        metric: the validation metric; the larger the better, or with a leading minus the smaller.
        words: what it is called.
        worthless: a metric that says nothing of a model: all that are no better count as this one.
            None where every one says something.
        loss: the validation loss, by its name in a record.
    """

    metric: str
    words: str
    worthless: float | None = None
    loss: str = "validation_loss"

    @property
    def name(self) -> str:
        """The metric, by its name in a record."""
        return self.metric.removeprefix("-")

    def by(self, settings: Training) -> Judge:
        """The judge that the settings ask for: this one, or the loss alone."""
        if settings.best_by == "metric":
            return self
        return Judge(f"-{self.loss}", "validation loss", loss=self.loss)

    def value(self, record: Record) -> float:
        """The metric of an epoch, the larger the better."""
        sign = -1 if self.metric.startswith("-") else 1
        value = sign * record[self.name]
        return value if self.worthless is None else max(value, sign * self.worthless)

    def best(self, history: Sequence[Record]) -> int:
        """Which epoch is the best, from 0; of equals the first."""
        losses = self.losses(history)
        return _first([(self.value(r), -loss) for r, loss in zip(history, losses, strict=True)])

    def waited(self, history: Sequence[Record]) -> int:
        """How many epochs have passed since one was better than all before, or had less loss.

        A model whose loss still falls still learns, even if its metric does not show it yet.
        """
        if not history:
            return 0
        by_loss = _first([-loss for loss in self.losses(history)])
        return len(history) - 1 - max(self.best(history), by_loss)

    def losses(self, history: Sequence[Record]) -> list[float]:
        """The validation loss of each epoch; infinite where there is none."""
        return [record.get(self.loss, math.inf) for record in history]

    def is_falling(self, history: Sequence[Record]) -> bool:
        """Whether the loss is least at the end, and a fifth of its fall in the last fifth.

        A training that is long enough comes to rest, since the learning rate falls to nought.
        """
        losses = self.losses(history)
        if len(losses) < 5 or losses[-1] > min(losses):
            return False
        fall, last = losses[0] - losses[-1], losses[-1 - len(losses) // 5] - losses[-1]
        return last > max(fall / 5, abs(losses[-1]) / 50)


BY_LOSS = Judge("-validation_loss", "validation loss")


@dataclass(frozen=True)
class Ending:
    """How training ended.

    Attributes:
        kept: the epoch whose weights were kept, from 1.
        epochs: how many were trained.
        planned: how many were planned; None where the clock was to end them.
        why: what ended it, in words.
        falling: whether the validation loss was still falling steeply.
    """

    kept: int
    epochs: int
    planned: int | None
    why: str
    falling: bool = False

    @classmethod
    def of(cls, history: Sequence[Record], judge: Judge, settings: Training) -> Ending:
        """The ending of a training with such a history."""
        planned = None if settings.epochs >= ENDLESS else settings.epochs
        if len(history) == planned:
            why = "all are trained"
        elif judge.waited(history) >= settings.patience:
            what = f"neither {judge.words} nor validation loss was"
            if judge.name == judge.loss:
                what = f"{judge.words} was not"
            why = f"{what} better in the last {settings.patience} epochs"
        elif settings.seconds is not None:
            why = f"the {settings.seconds:g} seconds of training are over"
        else:
            why = "it was good enough"
        return cls(judge.best(history) + 1, len(history), planned, why, judge.is_falling(history))

    def in_words(self) -> str:
        """A sentence."""
        if self.epochs == self.planned:
            return f"All {self.epochs} epochs trained, epoch {self.kept} kept."
        if self.planned is None:
            return f"Stopped: epoch {self.kept} of {self.epochs} kept, because {self.why}."
        return f"Stopped early: epoch {self.kept} of {self.planned} kept, because {self.why}."


def _first(scores: Sequence[tuple[float, float]] | Sequence[float]) -> int:
    """Where the largest score is first."""
    return scores.index(max(scores))
