"""`ostinato runs`: the runs in a folder, each in a line."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from ostinato import tasks
from ostinato.cli.screen import console, table
from ostinato.cli.summaries import AsJson, write_json
from ostinato.errors import OstinatoError, RunError
from ostinato.train import Run

_DEEP = 3  # folders below the one that is named: runs lie in those of comparisons


def runs(folder: str = "runs", /, *, as_json: AsJson = False) -> None:
    """List runs: task, cell, data, the measure on the validation set, and when they were trained.

    Example: ostinato runs

    Parameters
    ----------
    folder
        The folder in which runs are looked for, also in the folders below it.
    """
    if not os.path.isdir(folder):
        raise RunError(f"{folder}: no such folder")
    found = sorted(map(_described, _runs_in(Path(folder))), key=lambda each: str(each["started"]))
    if as_json:
        write_json({"runs": found})
        return
    if not found:
        console.print(f"No runs in {folder}.", soft_wrap=True)
        return
    shown = table("run", "task", "cell", "data", "measure", "when")
    for column in shown.columns:
        column.justify, column.no_wrap = "left", False
    shown.columns[0].min_width = min(40, max(len(str(each["run"])) for each in found))
    shown.columns[1].min_width = 9
    for each in found:
        shown.add_row(*_row(each))
    console.print(shown)


def _runs_in(folder: Path, deep: int = _DEEP) -> Iterator[Run]:
    run = Run(folder)
    if run.begun:
        yield run
    elif deep:
        for inside in sorted(folder.iterdir()):
            if inside.is_dir() and not inside.is_symlink():
                yield from _runs_in(inside, deep - 1)


def _described(run: Run) -> dict[str, object]:
    """What a list says of a run; of a damaged one, what is wrong with it."""
    try:
        manifest, name = run.manifest, tasks.of_run(run)
        history = run.metrics() if run.exists("metrics.jsonl") else []
        terms = tasks.find(name).terms
        kept = manifest.ending.kept if manifest.ending else len(history)
        measure = terms.reached
        if history and measure not in history[kept - 1]:
            measure = terms.validation
        return {
            "run": str(run.path),
            "task": name,
            "cell": run.config().get("cell"),
            "data": manifest.data.get("given"),
            "measure": measure,
            "value": history[kept - 1].get(measure) if history else None,
            "started": manifest.started,
            "finished": manifest.finished,
        }
    except (OstinatoError, IndexError, ValueError) as error:
        return {"run": str(run.path), "started": "", "fault": str(error)}


def _row(run: Mapping[str, object]) -> list[str]:
    if fault := run.get("fault"):
        return [str(run["run"]), "damaged", "", "", str(fault)[:60], ""]
    given, value = run["data"], run["value"]
    if isinstance(given, Mapping):
        given = " ".join(given.get("files", []))
    measure = "–" if value is None else f"{str(run['measure']).replace('_', ' ')} {value:.4g}"
    when = str(run["started"])[:16].replace("T", " ")
    state = "" if run["finished"] else ", not finished"
    data = "" if given is None else os.path.basename(str(given))
    return [str(run["run"]), str(run["task"]), str(run["cell"]), data, measure, when + state]
