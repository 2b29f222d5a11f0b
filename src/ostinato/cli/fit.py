"""`ostinato fit TASK DATA`: train a model and keep it as a run folder."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Sequence
from typing import cast

from cyclopts import App

from ostinato import registry
from ostinato.cli import tasks
from ostinato.cli.runs import RunOptions
from ostinato.data import sources
from ostinato.errors import RunError
from ostinato.train import Run, read_toml

fit = App(
    name="fit",
    help="Train a model.\n\nExample: ostinato fit classify reviews.csv --cell gru --out runs/a",
)
for _task in registry.names(tasks):
    fit.command(registry.find(tasks, "task", _task).fit, name=_task)


@fit.command(name="--like")
def like(run: str, /, *, out: str | None = None) -> None:
    """Repeat a run: its data, settings, seed and threads, in a new folder.

    Example: ostinato fit --like runs/a --out runs/b

    Parameters
    ----------
    run
        The run's folder. Its data are read again from where they were, and must be the same; a
        relative name is one as seen from here, and standard input must be given anew.
    out
        The folder of the new run; runs/TASK-1, -2, … unless given.
    """
    was = Run.open(run).trained_on()
    data = was.get("given")
    if data is None:
        raise RunError(f"{run}: was not trained by `ostinato fit`; where its data are is not known")
    task = read_toml(f"{run}/config.toml")["task"]
    command = cast("Callable[..., None]", fit[task].default_command)
    named = {"files": [data]} if isinstance(data, str) else dict(data)
    _check_there(
        run, [name for given in named.values() if isinstance(given, list) for name in given]
    )
    options = RunOptions(out=out, skip_bad_rows="skipped" in was, repeats=run)
    command(*named.pop("files"), **named, options=options)


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
                    f"{run}: was trained from standard input, which cannot be read again; give it "
                    f"anew: cat DATA | ostinato fit --like {run}"
                )
        elif not os.path.exists(name) and name.replace("-", "_") not in registry.names(sources):
            raise RunError(
                f"{name}: no such file; {run} was trained from that name, as seen from the folder "
                "in which it was trained: repeat it from there"
            )
