"""Runs as commands handle them: whose settings they have, and which folder they go into."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

from cyclopts import Parameter

from ostinato.cli.screen import console, progress_bar
from ostinato.errors import ConfigError, RunError
from ostinato.train import Run, Section, read_toml

Repeated = Annotated[str | None, Parameter(parse=False)]
"""The folder of a run that is repeated: `fit --like` gives it, nobody on the command line."""
Data = Annotated[str, Parameter(allow_leading_hyphen=True)]
"""A file, a folder, a packaged source, or `-`."""
S = TypeVar("S", bound=Section)


def merge(kind: type[S], config: str | None, given: S | None, run: str | None = None) -> S:
    """Settings from a file, and over them those given on the command line; or those of a run.

    Raises:
        ConfigError: for settings given to a run that is resumed, which has its own.
    """
    if run:
        if config or given:
            raise ConfigError("--resume goes on with the run's own settings; give no others")
        return kind.parse(as_it_ran(run), f"{run}/config.toml")
    values = read_toml(config) if config else {}
    for name, value in (given.model_dump(exclude_unset=True) if given else {}).items():
        both = isinstance(value, dict) and isinstance(values.get(name), dict)
        values[name] = {**values[name], **value} if both else value
    return kind.parse(values, config or "command line")


def as_it_ran(run: str) -> dict[str, Any]:
    """The settings of a run, and as many threads as it had: another number, other last bits.

    Raises:
        RunError: when there is no run, or it was stopped before training began.
    """
    config = Path(run, "config.toml")
    if not config.exists():
        raise RunError(f"{run}: no run there that has begun; train without --resume")
    values = read_toml(config)
    threads = Run(run).read_json("manifest.json")["threads"]
    values["train"] = {**values.get("train", {}), "threads": threads}
    return values


def run_in(
    out: str | None,
    task: str,
    title: str,
    train: Callable[[Run, Callable[[Any], None]], None],
    resume: bool = False,
    data: str | dict[str, list[str]] | None = None,
    like: str | None = None,
) -> Run:
    """Trains into a run folder; of a new run without a single checkpoint nothing stays.

    Raises:
        ConfigError: when it is not said what to resume.
    """
    if resume and not out:
        raise ConfigError("--resume needs --out: the folder of the run to go on with")
    run = Run(str(out)) if resume else Run.create(free_folder(task) if out is None else out)
    run.data, run.like = data, Run(like) if like else None
    try:
        with progress_bar(title) as show:
            train(run, show)
    except BaseException:
        if not resume and not run.checkpoints():
            run.remove()
        raise
    test = run.path / "learning_rate.json"
    if test.exists():
        lr = run.read_json(test.name)["lr"]
        console.print(f"Learning rate {lr:.1e}, from the range test in {test}.", soft_wrap=True)
    return run


def free_folder(task: str) -> str:
    """The first of runs/task-1, runs/task-2, … that is not there yet."""
    names = (f"runs/{task}-{k}" for k in itertools.count(1))
    return next(name for name in names if not Path(name).exists())
