"""The loop: every model of Ostinato is trained by `fit`, to be read from top to bottom.

for each epoch:
    for each batch: loss, backward, clip, step
    validate; log; keep the best weights; stop when they are no longer found, or by the clock
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from ostinato.errors import OstinatoError
from ostinato.train import checkpoint
from ostinato.train.config import Training
from ostinato.train.run import Run


class Learner(Protocol):
    """What the loop needs of a task.

    Attributes:
        model: what is trained.
        judged_by: the validation metric that chooses the best epoch; the larger the better, or
            with a leading minus the smaller.
    """

    model: nn.Module
    judged_by: str

    def batches(self, epoch: int) -> Sequence[Any]:
        """The batches of an epoch, in an order that only (seed, epoch) decides."""
        ...

    def loss(self, batch: Any) -> tuple[Tensor, int]:
        """The mean loss of a batch in nats, and the number of real tokens in it."""
        ...

    def validate(self) -> dict[str, float]:
        """Metrics on what was held out for validation."""
        ...


@dataclass(frozen=True)
class Progress:
    """Where training stands, for whoever shows it.

    Attributes:
        epoch: the epoch, from 1.
        done: the part of all steps that is done, 0 to 1.
        loss: the mean loss of the epoch so far, in nats.
        tokens_per_second: real tokens trained on, in this epoch.
        seconds_left: what the rest will take at this speed.
        metrics: the epoch's record at its end, before that None.
    """

    epoch: int
    done: float
    loss: float
    tokens_per_second: float
    seconds_left: float
    metrics: dict[str, Any] | None = None


def fit(
    learner: Learner,
    settings: Training,
    run: Run | None = None,
    show: Callable[[Progress], None] = lambda progress: None,
    resume: bool = False,
) -> list[dict[str, Any]]:
    """Trains a model and leaves it with the weights of its best epoch.

    Adam with decoupled weight decay (Loshchilov & Hutter 2019); the learning rate rises over the
    warm-up and then falls by the schedule; gradients longer than `clip` are shortened to it.

    Args:
        learner: the task: model, batches, loss, validation.
        settings: how to train.
        run: where to log, and to keep the best weights and a checkpoint; None keeps nothing.
        show: is told of the progress.
        resume: go on after the last whole epoch of `run`; weights and metrics are, to the last
            bit, those of a run that was never stopped.

    Returns:
        A record for each epoch: loss, validation metrics, seconds.

    Raises:
        OstinatoError: when the loss is not a number any more.
        RunError: when `run` cannot be written, or holds nothing to resume.
    """
    model = learner.model
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=settings.lr, weight_decay=settings.weight_decay, fused=True
    )
    history: list[dict[str, Any]] = []
    best_weights: dict[str, Tensor] = {}
    if resume and run:
        history, best_weights = checkpoint.restore(run, model, optimizer)
    first, began = len(history), time.perf_counter()

    for epoch in range(first, settings.epochs):
        spent = sum(record["seconds"] for record in history)
        late = settings.seconds is not None and spent >= settings.seconds
        if late or _since_best(history, learner.judged_by) >= settings.patience:
            break
        model.train()
        batches = learner.batches(epoch)
        meter = _Meter(epoch, first, settings.epochs, began)
        for k, batch in enumerate(batches):
            done = (epoch + k / len(batches)) / settings.epochs
            if settings.seconds:
                done = max(done, (spent + meter.seconds()) / settings.seconds)
                if k and done >= 1:
                    break
            for group in optimizer.param_groups:
                group["lr"] = settings.lr * rate(min(done, 1.0), settings)
            optimizer.zero_grad()
            loss, count = learner.loss(batch)
            loss.backward()  # type: ignore[no-untyped-call]
            length = nn.utils.clip_grad_norm_(model.parameters(), settings.clip)
            if not math.isfinite(length):
                raise OstinatoError(
                    f"epoch {epoch + 1}, batch {k + 1}: the loss is {loss.item()} and its gradient "
                    f"{length.item()}; lower train.lr (now {settings.lr}) or train.clip"
                )
            optimizer.step()
            meter.add(loss.item(), count)
            show(meter.progress((k + 1) / len(batches)))

        record = meter.record()
        judged = learner.validate()
        if not all(map(math.isfinite, judged.values())):
            raise OstinatoError(
                f"epoch {epoch + 1}: validation gives {judged}; lower train.lr (now {settings.lr})"
            )
        history.append(record | judged)
        if _since_best(history, learner.judged_by) == 0:
            best_weights = {name: w.clone() for name, w in model.state_dict().items()}
            if run:
                run.write_tensors("model.safetensors", best_weights)
        if run:
            run.log(history[-1])
            checkpoint.keep(run, model, optimizer, history)
        show(meter.progress(1.0, history[-1]))

    model.load_state_dict(best_weights)
    model.eval()
    return history


class _Meter:
    """Counts an epoch's loss, tokens and time."""

    def __init__(self, epoch: int, first: int, epochs: int, began: float) -> None:
        self.epoch, self.first, self.epochs, self.began = epoch, first, epochs, began
        self.epoch_began = time.perf_counter()
        self.total_loss, self.tokens = 0.0, 0

    def add(self, loss: float, tokens: int) -> None:
        self.total_loss += loss * tokens
        self.tokens += tokens

    def seconds(self) -> float:
        return time.perf_counter() - self.epoch_began

    def record(self) -> dict[str, Any]:
        seconds = self.seconds()
        return {
            "epoch": self.epoch + 1,
            "loss": self.total_loss / self.tokens,
            "seconds": seconds,
            "tokens_per_second": self.tokens / seconds,
        }

    def progress(self, part: float, record: dict[str, Any] | None = None) -> Progress:
        """Where training stands after a part of the epoch."""
        done, now = self.epoch + part, self.record()
        speed = (done - self.first) / (time.perf_counter() - self.began)
        return Progress(
            self.epoch + 1,
            done / self.epochs,
            now["loss"],
            now["tokens_per_second"],
            (self.epochs - done) / speed,
            record,
        )


def rate(done: float, settings: Training) -> float:
    """The learning rate as a part of its largest, after a part `done` of all steps."""
    if done < settings.warmup:
        return (done + 1e-3) / (settings.warmup + 1e-3)
    left = (1 - done) / (1 - settings.warmup)
    match settings.schedule:
        case "linear":
            return left
        case "cosine":
            return (1 - math.cos(math.pi * left)) / 2
        case "constant":
            return 1.0


def _since_best(history: list[dict[str, Any]], judged_by: str) -> int:
    """How many epochs have passed since the best one; of equals the first is the best."""
    sign = -1 if judged_by.startswith("-") else 1
    scores = [sign * record[judged_by.removeprefix("-")] for record in history]
    return len(scores) - 1 - scores.index(max(scores)) if scores else 0
