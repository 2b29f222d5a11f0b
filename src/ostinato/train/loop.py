"""The loop: every model of Ostinato is trained by `fit`, to be read from top to bottom.

for each epoch:
    for each batch: loss, backward, clip, step
    validate; log; keep the best weights; stop when they are no longer found
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
) -> list[dict[str, Any]]:
    """Trains a model and leaves it with the weights of its best epoch.

    Adam with decoupled weight decay (Loshchilov & Hutter 2019); the learning rate rises over the
    warm-up and then falls by the schedule; gradients longer than `clip` are shortened to it.

    Args:
        learner: the task: model, batches, loss, validation.
        settings: how to train.
        run: where to log and to keep checkpoints; None keeps nothing.
        show: is told of the progress.

    Returns:
        A record for each epoch: loss, validation metrics, seconds.

    Raises:
        OstinatoError: when the loss is not a number any more.
    """
    model = learner.model
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=settings.lr, weight_decay=settings.weight_decay, fused=True
    )
    history: list[dict[str, Any]] = []
    best, best_weights, waited = -math.inf, None, 0
    began = time.perf_counter()

    for epoch in range(settings.epochs):
        model.train()
        batches = learner.batches(epoch)
        total_loss, tokens, epoch_began = 0.0, 0, time.perf_counter()
        for k, batch in enumerate(batches):
            done = (epoch + k / len(batches)) / settings.epochs
            for group in optimizer.param_groups:
                group["lr"] = settings.lr * rate(done, settings)
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
            total_loss, tokens = total_loss + loss.item() * count, tokens + count
            now = time.perf_counter()
            done += 1 / len(batches) / settings.epochs
            show(
                Progress(
                    epoch + 1,
                    done,
                    total_loss / tokens,
                    tokens / (now - epoch_began),
                    (now - began) * (1 - done) / done,
                )
            )

        seconds = time.perf_counter() - epoch_began
        record = {"epoch": epoch + 1, "loss": total_loss / tokens, **learner.validate()}
        record |= {"seconds": seconds, "tokens_per_second": tokens / seconds}
        history.append(record)
        score = (
            -record[learner.judged_by[1:]]
            if learner.judged_by[0] == "-"
            else record[learner.judged_by]
        )
        if score > best:
            best, waited = score, 0
            best_weights = {name: w.clone() for name, w in model.state_dict().items()}
        else:
            waited += 1
        if run:
            run.log(record)
            _checkpoint(run, model, optimizer, epoch)
        spent = time.perf_counter() - began
        done = (epoch + 1) / settings.epochs
        show(
            Progress(
                epoch + 1,
                done,
                record["loss"],
                record["tokens_per_second"],
                spent * (1 - done) / done,
                record,
            )
        )
        if waited >= settings.patience:
            break

    if best_weights is not None:
        model.load_state_dict(best_weights)
    model.eval()
    return history


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


def _checkpoint(run: Run, model: nn.Module, optimizer: torch.optim.Optimizer, epoch: int) -> None:
    """The last epoch's weights and the optimiser's memory, in one file written at once."""
    tensors = {f"model.{name}": w for name, w in model.state_dict().items()}
    for k, memory in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{k}.{name}": value for name, value in memory.items()}
    tensors["random"] = torch.get_rng_state()
    run.write_tensors("checkpoints/last.safetensors", tensors, epoch=str(epoch + 1))
