"""The trials of a comparison: every cell with every seed, judged by one exam."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

import torch
from cyclopts import Parameter
from torch import nn

from ostinato.cells import find
from ostinato.cli.parallel import Job, Show, in_parallel
from ostinato.cli.runs import Config, S, free_folder, merge, quoted
from ostinato.cli.screen import aside, machine
from ostinato.cli.trial import BASELINE, trial
from ostinato.errors import ConfigError, shortened
from ostinato.observe.architecture import counts
from ostinato.tasks.base.held_out import HeldOut
from ostinato.tasks.base.settings import TaskSettings
from ostinato.train import Folder

HELD_OUT = 0.2
"""The part of examples that is held out to judge by, where a source has no test part."""
SEEDS = 3
MOST_SEEDS = 1000
SECONDS = 60.0
"""What each run gets under `--equal time`, unless `--train.seconds` is given."""
ENDLESS = 10**6

Equal: TypeAlias = Literal["parameters", "recurrent", "time"]


@Parameter(name="*")
@dataclass(frozen=True)
class Trials:
    """What every comparison of cells is told."""

    cells: Annotated[
        str,
        Parameter(help="The cells, with commas between them; path/to/file.py:name for your own."),
    ] = "rnn,lstm,gru"
    seeds: Annotated[
        int | None,
        Parameter(help="How many seeds: --seed, the one after it, and so on; 3 unless given."),
    ] = None
    equal: Annotated[
        Equal | None,
        Parameter(
            help="`parameters` or `recurrent`: hidden sizes are chosen so that all parameters, or "
            "those of the recurrent layers, are as many as the first cell's. `time`: each run "
            "gets --train.seconds seconds (60 unless given)."
        ),
    ] = None
    out: Annotated[
        str | None,
        Parameter(help="The folder for runs and page; runs/compare-1, -2, … unless given."),
    ] = None
    jobs: Annotated[
        int | None,
        Parameter(help="How many runs are trained at a time; as many as cores unless given."),
    ] = None
    config: Config = None
    open_page: Annotated[bool, Parameter(help="Open the page in a browser at the end.")] = False

    def settings(self, kind: type[S], given: S | None) -> S:
        """The settings of all runs, which name no cell: `--cells` does.

        Raises:
            ConfigError: when those given name one.
        """
        if given and "cell" in given.model_fields_set:
            raise ConfigError("--cell: a comparison takes --cells, with commas between them")
        return merge(kind, self.config, given)

    def run(
        self,
        about: str,
        settings: TaskSettings,
        training: tuple[Any, ...],
        exam: HeldOut,
        network: Callable[[Any], nn.Module],
        sizes: tuple[int, int] | None = None,
        multiple: int = 1,
    ) -> None:
        """Trains what is not trained yet, and writes table, page and `comparison.json`.

        Args:
            about: what is said of the data.
            settings: those of all runs.
            training: what the estimators' `fit` takes.
            exam: what they are judged by.
            network: the network of some settings, for its number of parameters.
            sizes: how many things are trained on, and judged by, where `len` does not tell.
            multiple: what a hidden size must be a multiple of.

        Raises:
            ConfigError: for numbers out of range, or a cell that is named twice.
        """
        # pages need plotly, and this file is imported by whoever trains or predicts
        from ostinato.cli.report import collected, tell, write_page
        from ostinato.report.sentences import listed

        seeds, jobs = SEEDS if self.seeds is None else self.seeds, self.jobs
        if seeds < 1 or (jobs is not None and jobs < 1):
            raise ConfigError("--seeds and --jobs must be at least 1")
        if seeds > MOST_SEEDS:
            raise ConfigError(
                f"--seeds {shortened(str(seeds))}: at most {MOST_SEEDS:,} makes sense"
            )
        each = _of_cells(settings, named_cells(self.cells), self.equal, network, multiple)
        folder = Path(free_folder("compare") if self.out is None else self.out)
        plan = {
            folder / f"{name}-{seed}": own.model_copy(update={"seed": seed})
            for seed in range(settings.seed, settings.seed + seeds)
            for name, own in each.items()
        }
        todo: dict[str, Job] = {
            path.name: (trial, (own, training, exam, str(path))) for path, own in plan.items()
        }
        todo["baseline"] = (_baseline, (settings, training, exam, str(folder)))
        began = time.perf_counter()
        folder.mkdir(parents=True, exist_ok=True)
        try:
            in_parallel(todo, jobs or os.cpu_count() or 1)
        except KeyboardInterrupt:
            say = f"Stopped. Next: the same command with --out {quoted(str(folder))} goes on."
            aside.print(say, soft_wrap=True)
            raise
        trained_on, judged_by = sizes or (len(training[0]), len(exam))
        results = collected([str(path) for path in plan], folder) | {
            "title": f"{listed(name.upper() for name in each)} on {about}",
            "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "seconds": time.perf_counter() - began,
            "machine": machine(),
            "equal": self.equal,
            "data": {"training": trained_on, "test": judged_by},
        }
        Folder(folder).write_json("comparison.json", results)
        tell(results)
        write_page(results, folder / "report.html", "ostinato compare", self.open_page)


def named_cells(cells: str) -> dict[str, str]:
    """What `--cells` asks for: how each is called, and the word for it.

    Raises:
        UnknownName: for an unknown cell.
        ConfigError: when a cell is named twice, or none is.
    """
    found: dict[str, str] = {}
    for word in filter(None, (word.strip() for word in cells.split(","))):
        name = find(word).name
        if name in found:
            raise ConfigError(f"--cells {shortened(cells)}: there are two called {name!r}")
        found[name] = word
    if not found:
        raise ConfigError("--cells needs the name of a cell")
    return found


def title_of(data: str) -> str:
    """What a page calls the data."""
    return "standard input" if data == "-" else Path(data).name


def _baseline(
    settings: TaskSettings, training: tuple[Any, ...], exam: HeldOut, folder: str, show: Show
) -> None:
    """Fits the baseline, if it is not there already for this data."""
    kept, data = Folder(folder), [exam.trained_on(training), exam.fingerprint()]
    if not kept.exists(BASELINE) or kept.read_json(BASELINE)["data"] != data:
        found = exam.baseline(settings, training)
        kept.write_json(BASELINE, found | {"exam": data[1], "data": data})
    show(1.0, f"held out: {exam.metric} {kept.read_json(BASELINE)[exam.metric]:.4f}")


def _of_cells(
    settings: TaskSettings,
    cells: Mapping[str, str],
    equal: Equal | None,
    network: Callable[[Any], nn.Module],
    multiple: int,
) -> dict[str, TaskSettings]:
    """The settings of each cell, by the name that its runs have; one thread unless said."""
    train: dict[str, Any] = {"threads": settings.train.threads or 1}
    if equal == "time":  # then nothing but the clock stops a run
        seconds = settings.train.seconds or SECONDS
        train |= {"seconds": seconds, "epochs": ENDLESS, "patience": ENDLESS}
    both = settings.train.model_copy(update=train)
    found = {
        name: settings.model_copy(update={"cell": word, "train": both})
        for name, word in cells.items()
    }
    if equal not in ("parameters", "recurrent"):
        return found

    def resized(own: TaskSettings, hidden: int) -> TaskSettings:
        model = own.model.model_copy(update={"hidden": hidden})
        return own.model_copy(update={"model": model})

    def count(own: TaskSettings, times: int) -> int:
        with torch.device("meta"):  # the weights are not made
            found = counts(network(resized(own, times * multiple)))
        return found["parameters" if equal == "parameters" else "recurrent_parameters"]

    first, *others = found
    wanted = count(found[first], found[first].model.hidden // multiple)
    least = settings.model.projection // multiple + 1
    for name in others:
        times = nearest_size(partial(count, found[name]), wanted, least)
        found[name] = resized(found[name], times * multiple)
    return found


def nearest_size(count: Callable[[int], int], wanted: int, least: int = 1) -> int:
    """The size whose count is nearest to the one wanted, where a larger size has a larger count.

    >>> nearest_size(lambda n: n * n, 50), nearest_size(lambda n: n * n, 60)
    (7, 8)
    """
    low, high = least, least + 1
    while count(high) < wanted:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if count(middle) < wanted else (low, middle)
    return min(low, high, key=lambda size: abs(count(size) - wanted))
