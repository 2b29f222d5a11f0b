"""`ostinato fit TASK DATA`: train a model and keep it as a run folder."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from cyclopts import App

from ostinato import registry
from ostinato.cli import tasks
from ostinato.cli.runs import RunOptions
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
        The run's folder. Its data are read again from where they were, and must be the same.
    out
        The folder of the new run; runs/TASK-1, -2, … unless given.
    """
    was = Run.open(run).read_json("manifest.json")["data"]
    data = was.get("given")
    if data is None:
        raise RunError(f"{run}: was not trained by `ostinato fit`; where its data are is not known")
    task = read_toml(f"{run}/config.toml")["task"]
    command = cast("Callable[..., None]", fit[task].default_command)
    named = {"files": [data]} if isinstance(data, str) else dict(data)
    options = RunOptions(out=out, skip_bad_rows="skipped" in was, repeats=run)
    command(*named.pop("files"), **named, options=options)
