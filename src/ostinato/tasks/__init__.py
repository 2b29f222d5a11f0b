"""Tasks: what people do with sequences. A package here is a task; its name is the task's.

Its file `task.py` describes the task, as the record `TASK`.
"""

from __future__ import annotations

import importlib
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from ostinato import registry
from ostinato.errors import RunError, UnknownName, quoted
from ostinato.train import Run

if TYPE_CHECKING:
    from ostinato.tasks.base.model import AnyModel
    from ostinato.tasks.base.task import Task

__all__ = ["find", "load", "names", "of_metric", "of_run"]


def names() -> list[str]:
    """The tasks that there are."""
    return [name for name in registry.names(sys.modules[__name__]) if name != "base"]


@cache
def find(name: str) -> Task:
    """The task of a name.

    Raises:
        UnknownName: when there is no such task; the nearest right name is given.
    """
    if name not in names():
        raise UnknownName("task", name, names())
    found: Task = importlib.import_module(f"{__name__}.{name}.task").TASK
    return found


def load(path: str | Path, device: str | None = None) -> AnyModel:
    """The trained model of a run folder, of whatever task it is.

    Args:
        path: the folder.
        device: `cpu`, `cuda`, `cuda:1`, …; None and `auto` are CUDA where there is one.

    Raises:
        RunError: when there is no run, or it is damaged.
        ConfigError: for a device that is not there.
    """
    run = Run.open(path)
    return find(of_run(run)).model.read(run, device)


def of_run(run: Run) -> str:
    """The name of the task of a run.

    Raises:
        RunError: when its settings are damaged, or there is no such task.
    """
    name = run.config().get("task")
    if name not in names():
        raise RunError(
            f"{run.path}: a run of an unknown task, {quoted(name)}; known: {', '.join(names())}"
        )
    return str(name)


def of_metric(metric: str) -> Task:
    """The task whose models are judged by a metric.

    Raises:
        UnknownName: when there is none.
    """
    for task in map(find, names()):
        if task.held_out.metric == metric:
            return task
    raise UnknownName("metric", metric, [find(name).held_out.metric for name in names()])
