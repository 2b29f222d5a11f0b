"""The course of a plan, the same for every framework: each step and what it takes."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ostinato.errors import OstinatoError
from ostinato.experiment.frameworks import Show, TrainingPlan


def course(
    plan: TrainingPlan,
    show: Show,
    learn: Callable[[NDArray[np.intp], float], float],
    answer: Callable[[NDArray[np.int64], NDArray[np.int64]], NDArray[np.float32]],
) -> dict[str, Any]:
    """All steps, then the questions.

    Args:
        plan: the plan.
        show: is called with the progress.
        learn: a step: texts and learning rate → the loss before it, in nats.
        answer: symbols (B, T) and lengths (B,) → logits (B, K).

    Returns:
        The fields `losses`, `seconds`, `tokens`, `logits`, `asking` of a `TrainingResult`.

    Raises:
        OstinatoError: when a loss is not a number.
    """
    batches = [batch for epoch in plan.epochs for batch in epoch]
    lengths = np.array([len(text) for text in plan.training[0]])
    losses: list[float] = []
    seconds: list[float] = []
    tokens: list[int] = []
    for batch, rate in zip(batches, plan.rates, strict=True):
        began = time.perf_counter()
        losses.append(learn(batch, rate))
        seconds.append(time.perf_counter() - began)
        tokens.append(int(lengths[batch].sum()))
        if not math.isfinite(losses[-1]):
            raise OstinatoError(
                f"step {len(losses)}: the loss is {losses[-1]}; "
                f"lower train.lr (now {plan.settings.train.lr})"
            )
        left = (len(batches) - len(losses)) * sum(seconds) / len(seconds)
        show(
            0.95 * len(losses) / len(batches),
            f"step {len(losses)} of {len(batches)}  loss {losses[-1]:.3f} nats  "
            f"{sum(tokens) / sum(seconds):,.0f} tokens/s  {left:.0f} s left",
        )
    show(0.95, "predicting on the held-out set")
    began = time.perf_counter()
    logits = np.zeros((len(plan.held[0]), len(plan.classes)), np.float32)
    for texts, values, counts in plan.asked():
        logits[texts] = answer(values, counts)
    return {
        "losses": losses,
        "seconds": seconds,
        "tokens": tokens,
        "logits": logits,
        "asking": time.perf_counter() - began,
    }
