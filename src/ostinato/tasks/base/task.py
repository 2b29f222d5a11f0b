"""The record of a task: all that the rest of the house knows of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ostinato.tasks.base.estimator import Estimator
from ostinato.tasks.base.held_out import HeldOut
from ostinato.tasks.base.terms import Terms


@dataclass(frozen=True)
class Task:
    """A task, as `task.py` in its package `ostinato.tasks.NAME` describes it.

    What only uses a trained model needs none of it: the package itself names its `MODEL`.

    Attributes:
        name: that of the package, of the command line and of runs.
        estimator: what is trained.
        held_out: what a trained model is judged by.
        terms: the words of pages.
    """

    name: str
    estimator: type[Estimator[Any]]
    held_out: type[HeldOut]
    terms: Terms
