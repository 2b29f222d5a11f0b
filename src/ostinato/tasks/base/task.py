"""The record of a task: all that the rest of the house knows of it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

from ostinato.tasks.base.reading import Comparison, TrainingSet
from ostinato.tasks.base.settings import TaskSettings
from ostinato.tasks.base.summary import Shown
from ostinato.tasks.base.terms import Terms

if TYPE_CHECKING:
    from ostinato.tasks.base.estimator import Estimator
    from ostinato.tasks.base.held_out import HeldOut
    from ostinato.tasks.base.model import AnyModel


class Commands(Protocol):
    """What `fit`, `compare`, `evaluate` and `predict` do of a task: the file `commands.py`.

    The signatures are the options of the commands: what is positional is data by name, what is a
    keyword is an option, and the docstring (with numpydoc's `Parameters`) is the help. The
    functions yield what is shown, as it comes. The commands themselves give some arguments, which
    are no options of theirs: `settings` are the resolved settings of the task, `skip_bad_rows` of
    `training` is an option of every `fit`, and an estimator or a model is that of the run.

    The file is imported for the help, and so imports what needs PyTorch where it is used.
    """

    @property
    def training(self) -> Callable[..., Generator[Shown, None, TrainingSet]]:
        """Reads what is trained on: `(*data, settings, skip_bad_rows, **options)`."""

    @property
    def comparison(self) -> Callable[..., Generator[Shown, None, Comparison]]:
        """Reads what cells are compared by: `(*data, settings, **options)`."""

    @property
    def evaluation(self) -> Callable[..., Iterator[Shown]]:
        """Measures a trained model: `(estimator, run, *data, **options)`."""

    @property
    def prediction(self) -> Callable[..., Iterator[Shown]]:
        """Asks a trained model: `(model, *data, **options)`."""


@dataclass(frozen=True)
class Task:
    """A task, as `task.py` in its package `ostinato.tasks.NAME` describes it.

    What needs PyTorch is named by `module:name`, and imported when it is asked for.

    Attributes:
        settings: those of a run.
        model_at: where the class of its trained models is.
        held_out_at: where that is that they are judged by; it says what is trained, too.
        terms: the words of pages.
        commands: what the commands do.
        next: the command that a trained run is good for, of which `{run}` is the folder.
        frameworks: whether other frameworks can train it too, see `experiment.frameworks`.
        generates: whether its estimator continues a text, for `ostinato generate`: it then has
            `unknown`, `stream`, `search` and `session`, as `Generator` has.
    """

    settings: type[TaskSettings]
    model_at: str
    held_out_at: str
    terms: Terms
    commands: Commands
    next: str = "ostinato evaluate {run} DATA"
    frameworks: bool = False
    generates: bool = False

    @property
    def name(self) -> str:
        """That of the package, of the command line and of runs."""
        return str(self.settings.task)

    @property
    def model(self) -> type[AnyModel]:
        """The class of its trained models; it needs no scikit-learn."""
        found: type[AnyModel] = _imported(self.model_at)
        return found

    @property
    def held_out(self) -> type[HeldOut]:
        """What trained models are judged by."""
        found: type[HeldOut] = _imported(self.held_out_at)
        return found

    @property
    def estimator(self) -> type[Estimator[Any]]:
        """What is trained."""
        return self.held_out.kind


def _imported(where: str) -> Any:
    """What stands in a module, `module:name`."""
    module, _, name = where.partition(":")
    return getattr(import_module(module), name)
