"""The commands of a task: options of every task, joined with those that its package adds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from inspect import Parameter, Signature, signature
from typing import Annotated, get_args

import cyclopts

from ostinato import tasks
from ostinato.cli.runs import Data, Device, OptionalData
from ostinato.errors import ConfigError
from ostinato.tasks.base.task import Task
from ostinato.train import Run

Command = Callable[..., None]
Files = Annotated[list[str] | None, cyclopts.Parameter(consume_multiple=True, negative=())]
"""One file, or two that are parallel."""
POSITIONAL, KEYWORD = Parameter.POSITIONAL_ONLY, Parameter.KEYWORD_ONLY
RUN = Parameter(
    "run", POSITIONAL, annotation=Annotated[str, cyclopts.Parameter(help="The folder of a run.")]
)

DEVICE = Parameter("device", KEYWORD, default=None, annotation=Device)


def joined(
    call: Command,
    described: Callable[..., object],
    first: Sequence[Parameter] = (),
    last: Sequence[Parameter] = (),
    given: Sequence[str] = (),
) -> Command:
    """A function as the command of a task: it has the signature and the help of the task's own.

    Args:
        call: the function that is called.
        described: what the task's package says, see `Task`.
        first: parameters of every task, before those of this one.
        last: others, after them.
        given: arguments of `described` that are no options, because `call` gives them.
    """
    hidden = {*given, *(each.name for each in (*first, *last))}
    own = signature(described, eval_str=True).parameters.values()
    shown = [_as_option(each) for each in own if each.name not in hidden]
    parameters = sorted([*first, *shown, *last], key=lambda each: each.kind)
    call.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    call.__annotations__, call.__doc__ = {}, described.__doc__
    return call


def settings_of(task: Task) -> Parameter:
    """The settings of a task, each of which is an option."""
    kind = task.estimator.kind
    own = Annotated[kind | None, cyclopts.Parameter(name="*")]  # type: ignore[valid-type]
    return Parameter("settings", KEYWORD, default=None, annotation=own)


def of_run(verb: str, command: Callable[[Task], Command], run: str, rest: Sequence[str]) -> None:
    """Runs a command of the run's task; it has options of its own.

    Args:
        verb: `evaluate` or `predict`.
        command: that command of a task.
        run: the run's folder.
        rest: what follows it on the command line.

    Raises:
        RunError: when there is no run, or its task is not known.
        ConfigError: for an option in place of the run.
    """
    if run.startswith("-"):
        raise ConfigError(f"{run}: give the folder of the run first, then the options")
    name = tasks.of_run(Run.open(run))
    app = cyclopts.App(name=f"ostinato {verb}", version_flags=[])
    app.default(command(tasks.find(name)))
    call, bound, _ = app.parse_args([run, *rest], exit_on_error=False, print_error=False)
    call(*bound.args, **bound.kwargs)


def _as_option(own: Parameter) -> Parameter:
    """A parameter as the command line takes it: data by name, files, text that is its help."""
    annotation = own.annotation
    if own.kind is POSITIONAL:
        annotation = OptionalData if type(None) in get_args(annotation) else Data
    elif annotation == list[str] | None:
        annotation = Files
    elif hasattr(annotation, "__metadata__"):
        (text,) = annotation.__metadata__
        annotation = Annotated[annotation.__origin__, cyclopts.Parameter(help=text)]
    return own.replace(annotation=annotation)
