"""`ostinato data`: the packaged sources, and any input as it will be read."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Annotated

from cyclopts import App, Parameter

from ostinato import registry, tasks
from ostinato.cli.screen import console, table
from ostinato.cli.summaries import read, show
from ostinato.cli.task import Command, TaskApp, joined, settings_of
from ostinato.errors import ConfigError
from ostinato.tasks.base.settings import TaskSettings
from ostinato.tasks.base.task import Task

data = App(
    name="data",
    usage="Usage: ostinato data [FILE] [--task TASK] [OPTIONS]",
    help_flags=[],  # `FILE --task TASK --help` is for the task to answer
)
Words = Annotated[str, Parameter(allow_leading_hyphen=True)]


@data.default
def _data(*file_and_options: Words) -> None:
    """List the packaged sources; or show the first rows of an input as it will be read.

    Example: ostinato data reviews.csv --task classify

    Shows what is found in the input: the columns, classes with their counts, tokens, the scheme of
    tags, the time step and the season of series, and what is unusual. Nothing is trained.

    Parameters
    ----------
    file_and_options
        The input, as for `fit`, and options of the task. Without it the packaged sources are
        listed. --task says for which task it is read; by default the input decides.
    """
    words = list(file_and_options)
    if words in (["--help"], ["-h"]):
        data.help_print()
        return
    name = _taken(words, "--task")
    if not words:
        _sources()
        return
    if words[0].startswith("-") and words[0] != "-":
        raise ConfigError(f"{words[0]}: give the input first, then the options")
    from ostinato.report.preview import task_of  # which reads it

    task = tasks.find(name or task_of(words[0]))
    app = TaskApp(name="ostinato data FILE", version_flags=[], default_command=_command(task))
    call, bound, _ = app.parse_args(words, exit_on_error=False, print_error=False)
    call(*bound.args, **bound.kwargs)


def _command(task: Task) -> Command:
    """`ostinato data FILE` for a task, with the options about its data."""

    def call(*given: str | None, settings: TaskSettings | None = None, **named: object) -> None:
        from ostinato.report.preview import preview

        chosen = settings or task.settings()
        training = read(
            task.commands.training(*given, settings=chosen, skip_bad_rows=True, **named)
        )
        show(preview(task, chosen, training.inputs[0]))

    return joined(call, task.commands.training, [], [settings_of(task)], given=["skip_bad_rows"])


def _sources() -> None:
    """The table of packaged sources."""
    from ostinato.data import sources

    shown = table("source", "what it is", "for", "package")
    for column in shown.columns:
        column.justify, column.no_wrap = "left", False
    for name in registry.names(sources):
        source = registry.find(sources, "packaged source", name)
        about = (source.__doc__ or "").strip().partition("\n")[0]
        kind = str(source.read.__annotations__.get("return", ""))
        fits = next((task for part, task in _FOR.items() if part in kind), "")
        package = getattr(source, "PACKAGE", None)
        there = "" if package is None else "installed" if find_spec(package) else source.INSTALL
        shown.add_row(name.replace("_", "-"), about, fits, there)
    console.print(shown)
    console.print("`ostinato data NAME` shows the first rows; `ostinato fit TASK NAME` trains.")


_FOR = {
    "Examples": "classify", "Pairs": "transduce", "Table": "forecast", "Problem": "recall",
    "str": "generate",
}  # fmt: skip


def _taken(words: list[str], option: str) -> str | None:
    """The value of an option, taken out of the words."""
    for at, word in enumerate(words):
        name, equals, value = word.partition("=")
        if name == option:
            value = value if equals else "".join(words[at + 1 : at + 2])
            del words[at : at + (1 if equals else 2)]
            if not value:
                raise ConfigError(f"{option}: give {', '.join(tasks.names())}")
            return value
    return None
