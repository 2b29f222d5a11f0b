"""The record of a task: all that the rest of the house knows of it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Any

from ostinato.tasks.base.estimator import Estimator
from ostinato.tasks.base.held_out import HeldOut
from ostinato.tasks.base.reading import Comparison, TrainingSet
from ostinato.tasks.base.summary import Shown
from ostinato.tasks.base.terms import Terms


@dataclass(frozen=True)
class Task:
    """A task, as `task.py` in its package `ostinato.tasks.NAME` describes it.

    What only uses a trained model needs none of it: the package itself names its `MODEL`.

    Four functions are what the commands `fit`, `compare`, `evaluate` and `predict` do. Their
    signatures are the options of the commands: what is positional is data by name, what is a
    keyword is an option, and the docstring (with numpydoc's `Parameters`) is the help. They yield
    what is shown, as it comes. The commands themselves give some arguments, which are no options
    of theirs: `settings` are the resolved settings of the task, `skip_bad_rows` of `training` is
    an option of every `fit`, and an estimator is that of the run.

    Attributes:
        name: that of the package, of the command line and of runs.
        estimator: what is trained.
        held_out: what a trained model is judged by.
        terms: the words of pages.
        training: reads what is trained on: `(*data, settings, skip_bad_rows, **options)`.
        comparison: reads what cells are compared by: `(*data, settings, **options)`.
        evaluation: measures a trained model: `(estimator, run, *data, **options)`.
        prediction: asks a trained model: `(estimator, *data, **options)`.
        next: the command that a trained run is good for, of which `{run}` is the folder.
        frameworks: whether other frameworks can train it too, see `experiment.frameworks`.
        generates: whether its estimator continues a text, for `ostinato generate`: it then has
            `unknown`, `stream`, `search` and `session`, as `Generator` has.
    """

    name: str
    estimator: type[Estimator[Any]]
    held_out: type[HeldOut]
    terms: Terms
    training: Callable[..., Generator[Shown, None, TrainingSet]]
    comparison: Callable[..., Generator[Shown, None, Comparison]]
    evaluation: Callable[..., Iterator[Shown]]
    prediction: Callable[..., Iterator[Shown]]
    next: str = "ostinato evaluate {run} DATA"
    frameworks: bool = False
    generates: bool = False
