"""What every task's estimator does alike: settings, seeds, and the files of its run."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
from torch import nn

from ostinato import cells
from ostinato.data import Vocabulary
from ostinato.equation import Cell, Graph
from ostinato.errors import RunError
from ostinato.nn import Recurrent
from ostinato.train import Run, Section, read_toml, versions

S = TypeVar("S", bound=Section)


def settings(estimator: Any, kind: type[S]) -> S:
    """An estimator's arguments as settings of its task."""
    values: dict[str, Any] = {}
    for name in kind.model_fields:
        value = getattr(estimator, name, None)
        if value is not None:
            values[name] = value.name if isinstance(value, Cell) else value
    return kind.parse(values, type(estimator).__name__)


def arguments(settings: Section) -> dict[str, Any]:
    """Settings as an estimator's arguments."""
    return {k: v for k, v in settings.model_dump(exclude_none=True).items() if k != "task"}


def find_cell(cell: Cell | str) -> Cell:
    """A cell, or the cell of a name."""
    return cell if isinstance(cell, Cell) else cells.find(cell)


@contextmanager
def reproducible(seed: int, threads: int | None) -> Iterator[None]:
    """A seed and a number of threads for PyTorch; afterwards both are as before."""
    before = torch.get_num_threads()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        torch.set_num_threads(threads or before)
        try:
            yield
        finally:
            torch.set_num_threads(before)


def begin(run: Run, settings: Section, cell: Cell, recurrent: Recurrent, data: str) -> None:
    """Writes what is known before training: settings, cell, manifest."""
    run.write("config.toml", settings.to_toml())
    run.write_json("cell.json", cell.graph.to_json())
    run.write_json(
        "manifest.json",
        {
            "versions": versions(),
            "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "seed": getattr(settings, "seed", None),
            "threads": torch.get_num_threads(),
            "level": {"training": recurrent.level(True), "evaluation": recurrent.level(False)},
            "data": {"sha256": data},
        },
    )


def finish(run: Run, network: nn.Module, vocabulary: Vocabulary) -> None:
    """Writes what training made; the weights last, since they make the run a finished one."""
    run.write_json("vocabulary.json", vocabulary.to_json())
    run.write_tensors("model.safetensors", network.state_dict())


def load_settings(run: Run, kind: type[S]) -> S:
    """A run's settings.

    Raises:
        RunError: when they are those of another task.
    """
    values = read_toml(run.path / "config.toml")
    task = kind.model_fields["task"].default
    if values.get("task") != task:
        raise RunError(f"{run.path}: a run of task {values.get('task')!r}, not {task!r}")
    return kind.parse(values, str(run.path / "config.toml"))


def load_cell(run: Run) -> Cell:
    """The cell that a run was trained with, from its own graph: its file is not needed."""
    try:
        graph = Graph.from_json(run.read_json("cell.json"))
    except (KeyError, TypeError, AttributeError) as error:
        raise RunError(f"{run.path / 'cell.json'}: no cell in it ({error!r})") from None
    return Cell(graph.name, graph)


def load_weights(run: Run, network: nn.Module) -> None:
    """Puts a run's weights into a network.

    Raises:
        RunError: when they do not fit.
    """
    try:
        network.load_state_dict(run.read_tensors("model.safetensors"))
    except RuntimeError as error:
        raise RunError(f"{run.path / 'model.safetensors'}: {str(error).splitlines()[-1]}") from None
    network.eval()
