"""The commands of a task: options of every task, joined with those that its package adds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from inspect import Parameter, Signature, signature
from typing import Annotated, get_args

import cyclopts
from docstring_parser import parse
from pydantic import BaseModel

from ostinato import tasks
from ostinato.cli.runs import Data, Device, OptionalData
from ostinato.cli.summaries import AsJson
from ostinato.errors import ConfigError
from ostinato.tasks.base.task import Task
from ostinato.train import Run, Section

Command = Callable[..., None]
Files = Annotated[list[str] | None, cyclopts.Parameter(consume_multiple=True, negative=())]
"""One file, or two that are parallel."""
POSITIONAL, KEYWORD = Parameter.POSITIONAL_ONLY, Parameter.KEYWORD_ONLY
RUN = Parameter(
    "run", POSITIONAL, annotation=Annotated[str, cyclopts.Parameter(help="The folder of a run.")]
)

AS_JSON = Parameter("as_json", KEYWORD, default=False, annotation=AsJson)
DEVICE = Parameter("device", KEYWORD, default=None, annotation=Device)


class TaskApp(cyclopts.App):
    """A command of a task, whose options carry their help: it is not looked for in source code."""

    @property
    def help(self) -> str:
        """That of the command; what is set is only for the list of commands."""
        return getattr(self.default_command, "__doc__", None) or ""

    @help.setter
    def help(self, value: str | None) -> None:
        pass

    def assemble_argument_collection(
        self, *, default_parameter: cyclopts.Parameter | None = None, parse_docstring: bool = False
    ) -> cyclopts.ArgumentCollection:
        """See `cyclopts.App`."""
        return super().assemble_argument_collection(default_parameter=default_parameter)


def add_tasks(app: cyclopts.App, module: str) -> None:
    """Adds a command for each task, which is imported when it is asked for.

    Args:
        app: the command that they are below.
        module: the module that has the function `command`, from a task to its command.
    """
    for name in tasks.names():
        about = import_module(f"{tasks.__name__}.{name}").__doc__
        app.command(f"{module}:{name}", name=name, help=about)


def command_of(name: str, command: Callable[[Task], Command]) -> cyclopts.App:
    """The command of a task's name, as `add_tasks` asks the module for it.

    Raises:
        AttributeError: when there is no such task.
    """
    if name not in tasks.names():
        raise AttributeError(name)
    return TaskApp(name=name, default_command=command(tasks.find(name)))


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
    own = signature(described).parameters.values()
    said = {each.arg_name: each.description for each in parse(described.__doc__ or "").params}
    shown = [
        _as_option(each, described, said.get(each.name)) for each in own if each.name not in hidden
    ]
    parameters = sorted([*first, *shown, *last], key=lambda each: each.kind)
    call.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    call.__annotations__, call.__doc__ = {}, described.__doc__
    return call


def settings_of(task: Task) -> Parameter:
    """The settings of a task, each of which is an option."""
    kind = task.settings
    _hide_defaults(kind)
    own = Annotated[kind | None, cyclopts.Parameter(name="*")]  # type: ignore[valid-type]
    return Parameter("settings", KEYWORD, default=None, annotation=own)


def _hide_defaults(section: type[BaseModel]) -> None:
    """Leaves a default out of the help where the description says it, or where it is nothing."""
    for field in section.model_fields.values():
        inner, hidden = field.annotation, cyclopts.Parameter(show_default=False)
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            _hide_defaults(inner)
        elif "default: " in (field.description or "") or field.default in (False, []):
            field.metadata += [] if hidden in field.metadata else [hidden]


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
    own = command(tasks.find(name))
    app = TaskApp(name=f"ostinato {verb}", version_flags=[], default_command=own)
    call, bound, _ = app.parse_args([run, *rest], exit_on_error=False, print_error=False)
    call(*bound.args, **bound.kwargs)


def _as_option(own: Parameter, of: Callable[..., object], said: str | None) -> Parameter:
    """A parameter as the command line takes it: data by name, files, text that is its help."""
    annotation = own.annotation
    if isinstance(annotation, str):  # as the whole package writes them
        annotation = eval(annotation, of.__globals__)
    if own.kind is POSITIONAL:
        annotation = OptionalData if type(None) in get_args(annotation) else Data
    elif annotation == list[str] | None:
        annotation = Files
    elif isinstance(part := next(iter(get_args(annotation)), None), type) and issubclass(
        part, Section
    ):  # as options of the same names as those of `fit`
        _hide_defaults(part)
        name = "data" if own.name == "columns" else own.name
        annotation = Annotated[annotation, cyclopts.Parameter(name=f"--{name}")]
    elif hasattr(annotation, "__metadata__"):
        (text,) = annotation.__metadata__
        annotation = Annotated[annotation.__origin__, cyclopts.Parameter(help=text)]
    if said:
        annotation = Annotated[annotation, cyclopts.Parameter(help=said)]
    if own.default is False:
        annotation = Annotated[annotation, cyclopts.Parameter(show_default=False)]
    return own.replace(annotation=annotation)
