"""The trials of a comparison: every cell with every seed, judged by one held-out set."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ostinato.experiment.parallel import Display, Job, Show, in_parallel
from ostinato.experiment.trial import BASELINE, trial
from ostinato.tasks.base.held_out import HeldOut
from ostinato.tasks.base.reading import Comparison
from ostinato.tasks.base.settings import TaskSettings
from ostinato.train import Folder


def plan(folder: Path, cells: Mapping[str, TaskSettings], seeds: int) -> dict[Path, TaskSettings]:
    """The settings of every trial, by the folder of its run: each cell with each seed.

    Args:
        folder: where the runs are.
        cells: the settings of each cell, by the name that its runs have.
        seeds: how many seeds: that of the settings, the one after it, and so on.
    """
    first = next(iter(cells.values())).seed
    return {
        folder / f"{name}-{seed}": own.model_copy(update={"seed": seed})
        for seed in range(first, first + seeds)
        for name, own in cells.items()
    }


def run(
    trials: Mapping[Path, TaskSettings],
    comparison: Comparison,
    settings: TaskSettings,
    folder: Path,
    workers: int,
    display: Display,
    device: str | None = None,
) -> None:
    """Trains what is not trained yet, and the baseline of the task.

    Args:
        trials: the settings of every trial, by folder, see `plan`.
        comparison: what they are trained on and judged by.
        settings: those of all, for the baseline.
        folder: where the baseline's results go, as `baseline.json`.
        workers: how many trials run at a time.
        display: where their progress is shown.
        device: where they are trained and judged.

    Raises:
        RunError: when a folder holds another run.
    """
    training, held_out = comparison.training, comparison.held_out
    jobs: dict[str, Job[object]] = {
        path.name: (trial, (own, training, held_out, str(path), device))
        for path, own in trials.items()
    }
    jobs["baseline"] = (_baseline, (settings, training, held_out, str(folder)))
    folder.mkdir(parents=True, exist_ok=True)
    in_parallel(jobs, workers, display)


def _baseline(
    settings: TaskSettings, training: tuple[object, ...], held_out: HeldOut, folder: str, show: Show
) -> None:
    """Fits the baseline, if it is not there already for this data."""
    kept, data = Folder(folder), [held_out.trained_on(training), held_out.fingerprint()]
    if not kept.exists(BASELINE) or kept.read_json(BASELINE)["data"] != data:
        found = held_out.baseline(settings, training)
        kept.write_json(BASELINE, found | {"exam": data[1], "data": data})
    show(1.0, f"held-out set: {held_out.metric} {kept.read_json(BASELINE)[held_out.metric]:.4f}")
