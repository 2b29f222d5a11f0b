"""Run folders, read and worked out as a comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ostinato import tasks
from ostinato.errors import RunError, quoted
from ostinato.experiment.trial import BASELINE, OBSERVED, inside, is_judged, observe
from ostinato.observe.observed import check_alike, checked, checked_baseline, checked_history
from ostinato.report.comparison import comparison
from ostinato.report.sentences import listed
from ostinato.tasks.base.held_out import HeldOut
from ostinato.tasks.base.parts import BESIDE
from ostinato.tasks.base.stored import cell_in, settings_in
from ostinato.train import BEST, Folder, Run
from ostinato.train.run import CONFIG, METRICS

JOINING = frozenset({"model.linear", "model.indicators", "model.alone"})
"""The settings by which something answers together with a network, or nothing does."""


def runs_in(folder: str) -> list[str]:
    """The folder, or those in it that hold runs."""
    if not Run(folder).exists(CONFIG):
        inside = [Path(folder, name) for name in Folder(folder).names()]
        if runs := [str(path) for path in inside if Run(path).exists(BEST)]:
            return runs
    Run.open(folder)
    return [folder]


def collected(
    paths: Sequence[str],
    home: Path | None = None,
    data: Sequence[str] | None = None,
) -> dict[str, Any]:
    """What run folders hold, worked out as a comparison.

    Args:
        paths: the folders.
        home: the folder of their comparison, which holds the baseline of the task.
        data: what runs are judged by that are not yet.

    Raises:
        RunError: when a folder holds no finished run, or one of another task, or something in it
            makes no sense.
    """
    settings = [Run.open(path).config() for path in paths]
    task = str(settings[0].get("task"))
    for path, own in zip(paths, settings, strict=True):
        if own.get("task") != task or task not in tasks.names():
            raise RunError(
                f"{path}: a run of task {quoted(own.get('task'))}; a report takes runs of one "
                f"task, here {quoted(task)}, of {listed(tasks.names())}"
            )
    held_out = tasks.find(task).held_out
    settings = [  # now that it is known whose they are, checked
        settings_in(Run(path), held_out.kind.kind).model_dump(exclude_none=True) for path in paths
    ]
    runs: list[dict[str, Any]] = []
    for path, own in zip(paths, settings, strict=True):
        alone = not any("baseline" in run.get("test", {}) for run in runs)
        runs.append(_record(path, own, held_out, data, alone))
    names = _names(settings, [own["cell"] for own in settings], list(map(_beside, runs)))
    runs = [run | {"cell": name} for run, name in zip(runs, names, strict=True)]
    baseline: dict[str, Any] | None
    if file := home and home / BASELINE:
        baseline = checked_baseline(Folder(file.parent).read_json(BASELINE), file, held_out.metric)
    else:  # a held-out set may know what needs no training
        tests = (own["test"] for own in runs if "test" in own)
        baseline = next((test.get("baseline") for test in tests), None)
    check_alike({Path(own["path"], OBSERVED): own for own in runs}, baseline, file)
    shown: dict[str, Any] = {"task": task, "pooling": settings[0]["model"].get("pooling")}
    shown["biased"] = any(own.get("biased") for own in runs)
    return shown | comparison(runs, held_out.metric, held_out.lower, baseline)


def _record(
    path: str,
    settings: Mapping[str, Any],
    held_out: type[HeldOut],
    data: Sequence[str] | None,
    alone: bool,
) -> dict[str, Any]:
    """A run as `comparison` takes it, but for its name.

    Args:
        path: its folder.
        settings: its settings.
        held_out: what the task is judged by.
        data: what it is judged by, if it is not yet.
        alone: whether no baseline stands beside the runs yet.
    """
    run = Run(path)
    if is_judged(run):
        run.say_state()
        observed = checked(run.read_json(OBSERVED), run.path / OBSERVED, held_out.metric)
    else:
        estimator = held_out.kind.load(path)
        given = None if data is None else held_out.read_files(data, estimator, run)
        observed = observe(estimator, given) if given else inside(estimator)
        observed["biased"] = given is None or given.biased
        if alone and given and given.training is not None:
            fitted = given.baseline(estimator.settings(), given.training)
            observed["test"]["baseline"] = fitted | {"exam": observed["exam"]}
    if "test" in observed:
        observed["test"]["exam"] = observed["exam"]
    return observed | {
        "seed": settings["seed"],
        "hidden": settings["model"]["hidden"],
        "path": path,
        "history": checked_history(run.metrics(), run.path / METRICS, held_out.metric),
        "graph": cell_in(run).graph.to_json(),
    }


def _beside(run: Mapping[str, Any]) -> str:
    """What answers together with the network of a run; "" where nothing does."""
    return " and ".join(part["name"] for part in run["architecture"] if part["kind"] in BESIDE)


def _names(
    settings: Sequence[Mapping[str, Any]], cells: Sequence[str], beside: Sequence[str]
) -> list[str]:
    """How each run is called: by its cell, by the settings that set it apart from others of the
    cell, and by what answers with the network. Runs that differ in their seeds alone have one name.

    >>> one, two = ({"seed": k, "model": {"hidden": h}} for k, h in enumerate((8, 9)))
    >>> _names([one, two, two], ["gru", "gru", "lstm"], ["", "", "ETS"])
    ['gru hidden=8', 'gru hidden=9', 'lstm with ETS']
    >>> _names([{"seed": 0}, {"seed": 1}], ["gru", "gru"], ["ETS", ""])
    ['gru with ETS in 1 of 2 runs', 'gru with ETS in 1 of 2 runs']
    """
    flat = list(map(_flat, settings))
    alike = list(zip(cells, flat, strict=True))
    beside = [
        _of_seeds([joined for joined, other in zip(beside, alike, strict=True) if other == own])
        for own in alike
    ]
    every = list(zip(flat, cells, beside, strict=True))
    names = []
    for own, cell, joined in every:
        apart = [
            f"{key.rpartition('.')[2]}={value}"
            for key, value in own.items()
            if any(
                other.get(key) != value
                for other, its_cell, with_it in every
                if its_cell == cell and (key not in JOINING or with_it == joined)
            )
        ]
        names.append(" ".join([cell, *apart]) + f" with {joined}" * bool(joined))
    return names


def _of_seeds(beside: Sequence[str]) -> str:
    """What answers with the networks of runs that differ in their seeds alone."""
    known = sorted({each for each in beside if each})
    if len(set(beside)) == 1 or not known:
        return beside[0]
    some = sum(map(bool, beside))
    return f"{' or '.join(known)} in {some} of {len(beside)} runs"


def _flat(settings: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Settings by path; without the seed, and the cell, which may be written in two ways."""
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{before}{key}.")
        elif key not in ("seed", "cell"):
            flat[f"{before}{key}"] = value
    return flat
