"""How far back a cell remembers: problems that need it, trained by the one loop, by length."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from types import ModuleType
from typing import TypedDict

import numpy as np
import torch
from torch import Tensor, nn

from ostinato import cells, registry
from ostinato.data import sources
from ostinato.data.sources._problem import Problem
from ostinato.equation import Cell
from ostinato.errors import counted
from ostinato.experiment.parallel import Display, Job, Show, in_parallel
from ostinato.experiment.recall_settings import RecallModel, RecallSettings
from ostinato.observe.architecture import counts
from ostinato.tasks.base.summary import progress_in_words
from ostinato.train import BY_LOSS, Progress, ProgressHook, fit
from ostinato.train.random_state import reproducible

_HELD_OUT = 500
_SEED_OF_HELD_OUT = 2**32  # no batch of training has it


class RecallNetwork(nn.Module):
    """Recurrent layers over the steps as they are, and a linear map of what they give."""

    def __init__(self, cell: Cell, settings: RecallModel, features: int, symbols: int) -> None:
        super().__init__()
        own = settings.model_copy(update={"embedding": features})
        self.recurrent = own.recurrent(cell)
        self.output = nn.Linear(self.recurrent.output_size, symbols or 1)
        self.symbols = symbols

    def forward(self, inputs: Tensor) -> Tensor:
        """Inputs (T, B, D) → a number for each sequence (B,), or logits of each step (T, B, K)."""
        outputs, _ = self.recurrent(inputs)
        found: Tensor = self.output(outputs if self.symbols else outputs[-1])
        return found if self.symbols else found[:, 0]


class _ProblemLearner:
    """A problem as the loop sees it; every batch is new."""

    judged_by = BY_LOSS

    def __init__(
        self, draw: Callable[[int, int], Problem], settings: RecallSettings, network: nn.Module
    ) -> None:
        self.model = network
        self.state: tuple[Tensor, ...] = ()
        self.draw, self.settings = draw, settings
        self.held_out = draw(_HELD_OUT, _SEED_OF_HELD_OUT)

    def batches(self, epoch: int) -> Sequence[int]:
        """A seed for each batch."""
        first = (self.settings.seed * 10_000 + epoch) * self.settings.batches
        return range(first, first + self.settings.batches)

    def loss(self, batch: int) -> tuple[Tensor, int, int]:
        """Mean squared error, or cross-entropy in nats a step."""
        problem = self.draw(self.settings.batch, batch)
        return self._judge(problem), self.settings.batch, problem.inputs[..., 0].size

    @torch.inference_mode()
    def validate(self) -> dict[str, float]:
        """The same on sequences that are the same for every cell."""
        self.model.eval()
        return {"validation_loss": self._judge(self.held_out).item()}

    def _judge(self, problem: Problem) -> Tensor:
        inputs, targets = map(torch.from_numpy, (problem.inputs, problem.targets))
        found = self.model(inputs)
        if problem.symbols:
            return nn.functional.cross_entropy(found.flatten(0, 1), targets.flatten())
        return nn.functional.mse_loss(found, targets)


class Recalled(TypedDict):
    """What came of a cell on a problem of one length.

    Attributes:
        problem, cell, length: what was tried.
        loss: the best one on held-out sequences.
        baseline: that of a model without memory.
        left: the one over the other.
        solved: whether less is left than the settings ask for.
        held_out: how many sequences are held out.
        history: a record for each epoch.
        parameters: those of the network.
    """

    problem: str
    cell: str
    length: int
    loss: float
    baseline: float
    left: float
    solved: bool
    held_out: int
    history: list[dict[str, float]]
    parameters: int


def recall(
    name: str,
    cell: str,
    length: int,
    settings: RecallSettings,
    show: Callable[[Progress], None] = lambda progress: None,
) -> Recalled:
    """Trains a cell on a problem of one length, until it is solved or the epochs are over.

    Args:
        name: `adding` or `copying`.
        cell: a cell's name, or `path/to/file.py:name`.
        length: T of the problem.
        settings: sizes and training.
        show: is called with the progress.

    Raises:
        UnknownName: for a problem or cell that there is not.
        ConfigError: for a length that the problem cannot have.
    """
    source: ModuleType = registry.find(sources, "problem", name)

    def draw(count: int, seed: int) -> Problem:
        problem: Problem = source.read(length, count, seed)
        return problem

    found = cells.find(cell)
    with reproducible(settings.seed, settings.train.threads):
        first = draw(1, 0)
        network = RecallNetwork(found, settings.model, first.inputs.shape[-1], first.symbols)
        learner = _ProblemLearner(draw, settings, network)
        enough = settings.solved * first.baseline
        hooks = [ProgressHook(show)]
        history = fit(
            learner, settings.train, hooks=hooks, enough=lambda r: r["validation_loss"] < enough
        )
    loss = float(np.min([record["validation_loss"] for record in history]))
    return {
        "problem": name,
        "cell": found.name,
        "length": length,
        "loss": loss,
        "baseline": first.baseline,
        "left": loss / first.baseline,
        "solved": loss < enough,
        "held_out": _HELD_OUT,
        "history": history,
        "parameters": counts(network)["parameters"],
    }


def trials(
    name: str,
    cells: Iterable[str],
    lengths: Sequence[int],
    settings: RecallSettings,
    workers: int,
    display: Display,
) -> list[Recalled]:
    """Trains every cell on every length of a problem, with the same settings; see `recall`.

    Args:
        name: `adding` or `copying`.
        cells: names of cells, or `path/to/file.py:name`.
        lengths: T of the problem.
        settings: sizes and training.
        workers: how many networks are trained at a time.
        display: where the progress is shown.
    """
    jobs: dict[str, Job[Recalled]] = {
        f"{cell}, {counted(length, 'step')}": (_trial, (name, cell, length, settings))
        for cell in cells
        for length in lengths
    }
    return list(in_parallel(jobs, workers, display).values())


def _trial(name: str, cell: str, length: int, settings: RecallSettings, show: Show) -> Recalled:
    def watch(progress: Progress) -> None:
        show(min(progress.done, 0.99), progress_in_words(progress))

    found = recall(name, cell, length, settings, watch)
    epochs = counted(len(found["history"]), "epoch")
    ended = "solved after" if found["solved"] else "not solved in"
    show(1.0, f"{ended} {epochs}: loss {found['loss']:.4f}, {found['left']:.0%} of the baseline")
    return found
