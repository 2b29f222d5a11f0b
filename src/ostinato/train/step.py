"""One step: losses of some batches, their mean's gradient, clipped; the optimiser; the average."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import nn

from ostinato.errors import OstinatoError
from ostinato.train.config import Training
from ostinato.train.learner import B
from ostinato.train.state import State


class Diverged(OstinatoError):
    """The loss is not a number any more."""


def step(state: State[B], batches: Sequence[B], settings: Training) -> float:
    """Changes the weights by the gradient of the mean loss over all terms of the batches.

    However many terms each batch has, the gradient is that of one large batch.

    Returns:
        The mean loss of the step, in nats.

    Raises:
        Diverged: when loss or gradient is not a number; the weights are as they were.
    """
    learner, meter = state.learner, state.meter
    model, before = learner.model, (meter.loss, meter.terms)
    state.optimizer.zero_grad()
    for batch in batches:
        with _precision(settings, state.device):
            loss, terms, tokens = learner.loss(batch)
        (loss * terms if len(batches) > 1 else loss).backward()  # type: ignore[no-untyped-call]
        meter.add(loss.item(), terms, tokens)
    total, terms = meter.loss - before[0], meter.terms - before[1]
    if len(batches) > 1:
        for weight in model.parameters():
            if weight.grad is not None:
                weight.grad /= terms
    length = nn.utils.clip_grad_norm_(model.parameters(), settings.clip).item()
    if not math.isfinite(length):
        place = f"epoch {len(state.history) + 1}, batch {meter.steps * settings.accumulate + 1}"
        raise Diverged(
            f"{place}: the loss is {total / terms} and its gradient {length}; "
            f"lower train.lr (now {settings.lr}) or train.clip"
        )
    state.optimizer.step()
    if state.average:
        state.average.update()
    meter.steps += 1
    return total / terms


def _precision(settings: Training, device: torch.device) -> AbstractContextManager[object]:
    """Within it a forward pass has the precision of the settings."""
    if settings.precision == "bfloat16":
        return torch.autocast(device.type, torch.bfloat16)
    return nullcontext()
