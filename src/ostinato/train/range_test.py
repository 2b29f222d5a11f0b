"""The range test: a learning rate from a short training in which it rises."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count, islice

from ostinato.train.config import Training
from ostinato.train.learner import B, Learner
from ostinato.train.optimizer import set_rate
from ostinato.train.random_state import forked
from ostinato.train.state import State
from ostinato.train.step import Diverged, step

_RATES = [10 ** (-5 + 5 * k / 99) for k in range(100)]
_SMOOTH = 0.9  # as Smith's test is usually drawn
_RISEN = 4.0  # times the least: what comes after is worse still


@dataclass(frozen=True)
class RangeTest:
    """The curve of a range test, and what it suggests.

    Attributes:
        lr: the learning rate that it suggests.
        rates: the learning rate of each step.
        losses: the loss of each step, in nats, smoothed over some ten.
    """

    lr: float
    rates: list[float]
    losses: list[float]


def find_rate(learner: Learner[B], settings: Training) -> RangeTest:
    """Trains for a moment with a rising learning rate; leaves no trace.

    The rate rises from 1e-5 to 1 by the same factor at each of 100 steps, from the first weights
    over the first batches (Smith 2017, "Cyclical learning rates"); suggested is a tenth of the
    rate at which the smoothed loss is least. Weights and random state are then as they were
    before; the same seed finds the same rate.

    Raises:
        OstinatoError: when the loss is not a number at the lowest rate.
    """
    model, state = learner.model, State.new(learner, settings.model_copy(update={"average": 0.0}))
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    batches, mean = _endless(learner), 0.0
    losses: list[float] = []
    model.train()
    with forked(state.device):
        for k, rate in enumerate(_RATES, start=1):
            set_rate(state.optimizer, rate)
            try:
                loss = step(state, list(islice(batches, settings.accumulate)), settings)
            except Diverged:
                if not losses:
                    raise
                break
            mean += (1 - _SMOOTH) * (loss - mean)
            losses.append(mean / (1 - _SMOOTH**k))
            if losses[-1] > _RISEN * min(losses):
                break
    model.load_state_dict(before)
    rates = _RATES[: len(losses)]
    return RangeTest(rates[losses.index(min(losses))] / 10, rates, losses)


def _endless(learner: Learner[B]) -> Iterator[B]:
    for epoch in count():
        learner.state = ()
        yield from learner.batches(epoch)
