"""Tasks: what people do with sequences. A package here is a task; its name is the task's."""

from __future__ import annotations

import sys
from functools import cache

from ostinato import registry
from ostinato.errors import UnknownName
from ostinato.tasks.base.task import Task

__all__ = ["Task", "find", "names", "of_metric"]


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
    found: Task = registry.find(sys.modules[__name__], "task", name).TASK
    return found


def of_metric(metric: str) -> Task:
    """The task whose models are judged by a metric.

    Raises:
        UnknownName: when there is none.
    """
    for task in map(find, names()):
        if task.held_out.metric == metric:
            return task
    raise UnknownName("metric", metric, [find(name).held_out.metric for name in names()])
