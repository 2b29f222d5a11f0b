"""`ostinato fit TASK DATA`: train a model and keep it as a run folder."""

from __future__ import annotations

import inspect
import io
import os
import sys
from collections.abc import Mapping, Sequence
from inspect import Parameter
from typing import TYPE_CHECKING, Any, cast

from cyclopts import App

from ostinato import registry, tasks
from ostinato.cli.runs import Device, RunOptions
from ostinato.cli.screen import console
from ostinato.cli.summaries import AsJson, figures, read, show, write_json
from ostinato.cli.task import KEYWORD, Command, add_tasks, command_of, joined, settings_of
from ostinato.data import sources
from ostinato.errors import RunError
from ostinato.tasks.base.settings import TaskSettings
from ostinato.tasks.base.summary import ended, held_out_unknown, parameters
from ostinato.tasks.base.task import Task
from ostinato.train import Run

if TYPE_CHECKING:
    from ostinato.tasks.base.estimator import Estimator

fit = App(
    name="fit",
    help="Train a model.\n\nExample: ostinato fit classify reviews.csv --cell gru --out runs/a",
)


def command(task: Task) -> Command:
    """`ostinato fit TASK`."""

    def call(
        *data: str | None,
        options: RunOptions = RunOptions(),
        as_json: bool = False,
        settings: TaskSettings | None = None,
        **named: object,
    ) -> None:
        chosen = options.settings(task.settings, settings)
        skip = options.skip_bad_rows
        training = read(task.commands.training(*data, settings=chosen, skip_bad_rows=skip, **named))
        estimator = options.estimator(task.estimator, chosen)
        run = options.train(estimator, list(filter(None, data)), training, named)
        if as_json:
            write_json(document(estimator, run) | figures(training.summary(estimator)))
            return
        show(training.summary(estimator))
        show(ended(estimator.ending_, estimator.no_better_))
        show(held_out_unknown(estimator.unknown_))
        following = task.next.format(run=run.path)
        console.print(f"Saved in {run.path}. Next: {following}", soft_wrap=True)

    own = Parameter("options", KEYWORD, default=RunOptions(), annotation=RunOptions)
    as_json = Parameter("as_json", KEYWORD, default=False, annotation=AsJson)
    last = [as_json, settings_of(task)]
    return joined(call, task.commands.training, [own], last, given=["skip_bad_rows"])


def document(estimator: Estimator[Any], run: Run) -> dict[str, object]:
    """What `fit --json` says of a run of any task."""
    settings, ending = estimator.settings(), estimator.ending_
    return {
        "run": str(run.path),
        "task": settings.task,
        "cell": estimator.model_.cell.name,
        "device": str(estimator.model_.device),
        "parameters": parameters(estimator.network_),
        "seconds": sum(record["seconds"] for record in estimator.history_),
        "ending": {**vars(ending), "words": ending.in_words()},
        "no_better": estimator.no_better_,
        "validation": estimator.best_,
        "baseline": run.read_json("baseline.json") if run.holds("baseline.json") else None,
    }


def __getattr__(name: str) -> App:
    return command_of(name, command)


add_tasks(fit, __name__)


@fit.command(name="--like")
def like(run: str, /, *, out: str | None = None, device: Device = None) -> None:
    """Repeat a run: its data, settings, seed, threads and device, in a new folder.

    Example: ostinato fit --like runs/a --out runs/b

    Parameters
    ----------
    run
        The folder of the run. Its data are read again from the same paths and must be unchanged;
        relative paths are relative to the current folder, and standard input must be passed again.
    out
        The folder of the new run. Default: runs/TASK-1, -2, …
    """
    before = Run.open(run)
    before.say_state()
    was = before.manifest.data
    data = was.get("given")
    if data is None:
        raise RunError(
            f"{run}: was not trained by `ostinato fit`, so the location of its data is not known"
        )
    again = command(tasks.find(tasks.of_run(before)))
    files, named = _named(run, data, again)
    _check_there(run, files + [name for v in named.values() if isinstance(v, list) for name in v])
    options = RunOptions(
        out=out,
        skip_bad_rows="skipped" in was,
        baseline=before.unfinished or before.holds("baseline.json"),
        repeats=run,
        device=device,
    )
    again(*files, **named, options=options)


def _named(
    run: str, given: str | Mapping[str, str | list[str]], command: Command
) -> tuple[list[str], dict[str, str | list[str]]]:
    """The data of a run as a command takes them: files, and what other options say of them.

    Raises:
        RunError: for what the command does not take.
    """
    said = {"files": [given]} if isinstance(given, str) else given
    files, named = [], {}
    words: list[object]
    try:
        files, named = list(said["files"]), {k: v for k, v in said.items() if k != "files"}
        inspect.signature(command).bind(*files, **named)
        words = [w for v in (files, *named.values()) for w in (v if isinstance(v, list) else [v])]
    except (TypeError, KeyError, AttributeError):
        words = [None]
    if not all(isinstance(word, str) for word in words) or {"options", "settings"} & {*named}:
        raise RunError(f"{run}/manifest.json: damaged: the entry about its data is invalid")
    return files, named


def _check_there(run: str, files: Sequence[str]) -> None:
    """That the data of a run can be read again from here.

    Raises:
        RunError: when a file is not there, or nothing comes from standard input.
    """
    for name in files:
        if name == "-":
            # `peek` leaves what it sees to be read; at a terminal it would wait for the user
            given = None if sys.stdin is None or sys.stdin.isatty() else sys.stdin.buffer
            if given is None or not cast(io.BufferedReader, given).peek(1):
                raise RunError(
                    f"{run}: was trained from standard input, which cannot be "
                    "read again; pass the data again: cat DATA | ostinato "
                    f"fit --like {run}"
                )
        elif not (os.path.isfile(name) or os.path.isdir(name)) and name.replace(
            "-", "_"
        ) not in registry.names(sources):
            raise RunError(
                f"{name}: no such file; the path is relative to the folder in "
                f"which {run} was trained: run the command there"
            )
