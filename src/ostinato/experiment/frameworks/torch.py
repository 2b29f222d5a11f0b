"""PyTorch: the network of `fit`, trained by the step of our own loop."""

from __future__ import annotations

import math
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ostinato import cells
from ostinato.experiment.frameworks import EPSILON, Show, TrainingPlan, TrainingResult, canonical
from ostinato.experiment.frameworks._course import course
from ostinato.tasks.base.pooled.network import PooledBatch
from ostinato.tasks.classify.network import ClassifyNetwork
from ostinato.train import BY_LOSS
from ostinato.train.optimizer import adamw, set_rate
from ostinato.train.random_state import reproducible
from ostinato.train.state import State
from ostinato.train.step import step
from ostinato.weights.keras import spare_biases

TITLE = "PyTorch"
APART = False
"""It is loaded anyway."""


def missing() -> str | None:
    """Nothing: Ostinato needs PyTorch."""
    return None


def train(plan: TrainingPlan, show: Show) -> TrainingResult:
    """Trains it; code of the native level is compiled anew, whatever is in its cache."""
    return _trained(plan, show, lambda network: None)


def shaken(plan: TrainingPlan, show: Show) -> TrainingResult:
    """Trains it, every weight moved to a neighbour in float32 before every step: by one rounding.

    How far this is from `train` says how far rounding alone can set two trainings apart.
    """
    random = torch.Generator().manual_seed(plan.settings.seed)

    @torch.no_grad()
    def shake(network: nn.Module) -> None:
        for weight in network.parameters():
            if weight.requires_grad:
                up = torch.rand(weight.shape, generator=random) < 0.5
                ends = torch.where(up, torch.inf, -torch.inf)
                weight.copy_(torch.nextafter(weight, ends))

    return _trained(plan, show, shake)


def _trained(plan: TrainingPlan, show: Show, before: Callable[[nn.Module], None]) -> TrainingResult:
    """Trains it; `before` every step something is done to the network."""
    settings = plan.settings
    with reproducible(settings.seed, settings.train.threads or 1), _empty_cache():
        adamw(nn.Linear(1, 1), settings.train)  # the first one imports half of PyTorch
        began = time.perf_counter()
        network = _network(plan)
        plain = settings.train.model_copy(update={"average": 0.0})
        state = State.new(_PlanLearner(network, plan), plain)
        optimizer = state.optimizer
        ready = time.perf_counter() - began

        def learn(batch: NDArray[np.intp], rate: float) -> float:
            before(network)
            set_rate(optimizer, rate)
            for group in optimizer.param_groups:
                beginning = 1 - group["betas"][1] ** (state.meter.steps + 1)
                group["eps"] = EPSILON / math.sqrt(beginning)
            return step(state, [batch], settings.train)

        @torch.inference_mode()
        def answer(values: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.float32]:
            logits = network.eval()(_batch(values, lengths))
            found: NDArray[np.float32] = logits.numpy()
            return found

        found = course(plan, show, learn, answer)
        after = {name: w.detach().numpy() for name, w in network.named_parameters()}
        return TrainingResult(
            software=f"PyTorch {torch.__version__}, {network.recurrent.level(True)} level",
            ready=ready,
            weights=canonical(settings, after),
            **found,
        )


def _network(plan: TrainingPlan) -> ClassifyNetwork:
    """The network with its first weights; a bias that Keras has not is zero and stays so.

    PyTorch's layers have two biases where a sum of products needs one. Both have its gradient, so
    that Adam would move their sum twice as far as Keras' only one.
    """
    settings = plan.settings
    cell = cells.find(settings.cell)
    network = ClassifyNetwork(cell, settings.model, plan.symbols, len(plan.classes))
    network.load_state_dict({name: torch.tensor(w) for name, w in plan.weights.items()})
    graph = cell.graph
    spare = tuple(f"recurrent.{bias}_l" for bias in spare_biases(graph))
    for name, weight in network.named_parameters():
        if name.startswith(spare):
            weight.requires_grad_(False)
    return network.train()


class _PlanLearner:
    """The plan as our loop sees it."""

    judged_by = BY_LOSS

    def __init__(self, network: nn.Module, plan: TrainingPlan) -> None:
        self.model, self.plan = network, plan
        self.state: tuple[Tensor, ...] = ()

    def batches(self, epoch: int) -> list[NDArray[np.intp]]:
        return self.plan.epochs[epoch]

    def validate(self) -> dict[str, float]:
        return {}

    def loss(self, batch: NDArray[np.intp]) -> tuple[Tensor, int, int]:
        values, lengths, classes = self.plan.batch(batch)
        smoothing = self.plan.settings.model.label_smoothing
        logits = self.model(_batch(values, lengths))
        loss = nn.functional.cross_entropy(
            logits, torch.from_numpy(classes), label_smoothing=smoothing
        )
        return loss, len(batch), int(lengths.sum())


def _batch(values: NDArray[np.int64], lengths: NDArray[np.int64]) -> PooledBatch:
    return PooledBatch(torch.from_numpy(values), torch.from_numpy(lengths))


@contextmanager
def _empty_cache() -> Iterator[None]:
    """An empty cache of native code for a while."""
    before = os.environ.get("OSTINATO_CACHE")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["OSTINATO_CACHE"] = folder
        try:
            yield
        finally:
            del os.environ["OSTINATO_CACHE"]
            if before is not None:
                os.environ["OSTINATO_CACHE"] = before
