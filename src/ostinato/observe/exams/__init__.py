"""Exams, a file for each task: what no model was trained on, and how a trained one does on it.

One exam is set to all models that are compared, so that their answers can be paired. The file is
named as its task, and its `EXAM` is the class.
"""

from __future__ import annotations

import importlib

from ostinato import registry
from ostinato.observe.exams._exam import Exam

__all__ = ["Exam", "of_task", "tasks"]


def tasks() -> list[str]:
    """The tasks that have an exam."""
    return registry.names(importlib.import_module(__name__))


def of_task(task: str) -> type[Exam]:
    """The exam of a task.

    Raises:
        UnknownName: when it has none.
    """
    package = importlib.import_module(__name__)
    found: type[Exam] = registry.find(package, "task", task).EXAM
    return found
