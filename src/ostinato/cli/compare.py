"""`ostinato compare TASK DATA`: several cells with several seeds, judged by one held-out set."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from inspect import Parameter
from pathlib import Path
from typing import Annotated

import cyclopts
from cyclopts import App

from ostinato.cli.pages import page_title, title_of, write_page
from ostinato.cli.runs import Config, Device, S, free_folder, merge, named_cells, shell_word
from ostinato.cli.screen import aside
from ostinato.cli.summaries import AsJson, read, write_json
from ostinato.cli.task import KEYWORD, Command, add_tasks, command_of, joined, settings_of
from ostinato.errors import ConfigError, shortened
from ostinato.experiment.sizes import Equal
from ostinato.tasks.base.reading import Comparison
from ostinato.tasks.base.settings import TaskSettings
from ostinato.tasks.base.task import Task
from ostinato.train import Folder, write_out

SEEDS = 3
MOST_SEEDS = 1000
compare = App(
    name="compare",
    help="Compare cells: train each with several seeds and test the "
    "differences.\n\nExample: ostinato compare classify reviews.csv --cells "
    "rnn,lstm,gru --seeds 3",
)


@cyclopts.Parameter(name="*")
@dataclass(frozen=True)
class Trials:
    """The options of every comparison of cells."""

    cells: Annotated[
        str,
        cyclopts.Parameter(
            help="The cells, separated by commas; path/to/file.py:name for your own."
        ),
    ] = "rnn,lstm,gru"
    seeds: Annotated[
        int | None,
        cyclopts.Parameter(help="The number of seeds: --seed, --seed + 1, and so on. Default: 3."),
    ] = None
    equal: Annotated[
        Equal | None,
        cyclopts.Parameter(
            help="`parameters` or `recurrent`: choose hidden sizes so that all "
            "cells have the same number of parameters, or of recurrent "
            "parameters, as the first cell. `time`: train each run for "
            "--train.seconds seconds (default: 60)."
        ),
    ] = None
    out: Annotated[
        str | None,
        cyclopts.Parameter(
            help="The folder for the runs and the report. Default: runs/compare-1, -2, …"
        ),
    ] = None
    jobs: Annotated[
        int | None,
        cyclopts.Parameter(
            help="The number of runs trained in parallel. Default: the number of cores."
        ),
    ] = None
    config: Config = None
    device: Device = None
    open_page: Annotated[
        bool, cyclopts.Parameter(help="Open the report in a browser at the end.")
    ] = False
    as_json: AsJson = False

    def settings(self, kind: type[S], given: S | None) -> S:
        """The settings of all runs, which name no cell: `--cells` does.

        Raises:
            ConfigError: when those given name one.
        """
        if given and "cell" in given.model_fields_set:
            raise ConfigError("--cell: a comparison has the option --cells, separated by commas")
        return merge(kind, self.config, given)

    def run(self, about: str, settings: TaskSettings, comparison: Comparison) -> None:
        """Trains what is not trained yet, and writes table, page and `comparison.json`.

        Args:
            about: what is said of the data.
            settings: those of all runs.
            comparison: what cells are trained on and compared by.

        Raises:
            ConfigError: for numbers out of range, or a cell that is named twice.
        """
        from ostinato.cli.bars import Bars
        from ostinato.cli.report import COMPARISON, in_short, print_comparison
        from ostinato.experiment import sizes, trials
        from ostinato.experiment.stamp import stamp
        from ostinato.report.comparison_page import comparison_page
        from ostinato.report.runs import collected
        from ostinato.report.sentences import listed

        seeds, jobs = self._numbers()
        cells, network = named_cells(self.cells), comparison.network
        each = sizes.of_cells(settings, cells, self.equal, network, comparison.multiple)
        folder = Path(free_folder("compare") if self.out is None else self.out)
        plan, began = trials.plan(folder, each, seeds), time.perf_counter()
        try:
            trials.run(plan, comparison, settings, folder, jobs, Bars(), self.device)
        except KeyboardInterrupt:
            say = (
                f"Stopped. To continue: run the same command with --out {shell_word(str(folder))}."
            )
            aside.print(say, soft_wrap=True)
            raise
        trained_on, judged_by = comparison.sizes
        results = collected([str(path) for path in plan], folder)
        results |= {
            "title": page_title(listed(map(str.upper, each)), about, results["task"]),
            "about": about,
            **stamp(began),
            "equal": self.equal,
            "data": {"training": trained_on, "test": judged_by},
        }
        Folder(folder).write_json(COMPARISON, results)
        page, at = comparison_page(results, "ostinato compare"), folder / "report.html"
        if self.as_json:
            write_out(at, page)
            write_json({"folder": str(folder), "report": str(at), **in_short(results)})
            return
        print_comparison(results)
        write_page(page, at, self.open_page)

    def _numbers(self) -> tuple[int, int]:
        """How many seeds, and how many runs at a time."""
        seeds, jobs = SEEDS if self.seeds is None else self.seeds, self.jobs
        if seeds < 1 or (jobs is not None and jobs < 1):
            raise ConfigError("--seeds and --jobs must be at least 1")
        if seeds > MOST_SEEDS:
            raise ConfigError(
                f"--seeds {shortened(str(seeds))}: at most {MOST_SEEDS:,} are allowed"
            )
        return seeds, jobs or os.cpu_count() or 1


def command(task: Task) -> Command:
    """`ostinato compare TASK`."""

    def call(
        *data: str | None,
        options: Trials = Trials(),
        frameworks: str | None = None,
        texts: int | None = None,
        settings: TaskSettings | None = None,
        **named: object,
    ) -> None:
        chosen = options.settings(task.settings, settings)
        about = " and ".join(map(title_of, filter(None, data)))

        def compared(chosen: TaskSettings) -> Comparison:
            return read(task.commands.comparison(*data, settings=chosen, **named))

        if frameworks is None:
            if texts is not None:
                raise ConfigError("--texts requires --frameworks")
            options.run(about, chosen, compared(chosen))
            return
        from ostinato.cli.frameworks import compare_frameworks

        for option in ("seeds", "equal", "jobs", "device", "as_json"):
            if getattr(options, option) not in (None, False):
                name = "json" if option == "as_json" else option
                raise ConfigError(f"--{name} compares cells; use either it or --frameworks")
        cells, out, page = options.cells, options.out, options.open_page
        compare_frameworks(about, chosen, frameworks, cells, texts, compared, out, page)

    own = Parameter("options", KEYWORD, default=Trials(), annotation=Trials)
    first = [own, *(FRAMEWORKS if task.frameworks else ())]
    return joined(call, task.commands.comparison, first, [settings_of(task)])


FRAMEWORKS: Sequence[Parameter] = (
    Parameter(
        "frameworks",
        KEYWORD,
        default=None,
        annotation=Annotated[
            str | None,
            cyclopts.Parameter(
                help="`torch`, `keras` or both, separated by commas; "
                "KERAS_BACKEND chooses the backend of Keras. The default "
                "folder is runs/frameworks-1, -2, …"
            ),
        ],
    ),
    Parameter(
        "texts",
        KEYWORD,
        default=None,
        annotation=Annotated[
            int | None,
            cyclopts.Parameter(
                help="With --frameworks: the number of training texts, drawn at "
                "random, and the maximum number of held-out texts. Default: "
                "2000. The defaults of --data.max-tokens and --train.epochs "
                "are then 200 and 3, so that Keras takes only minutes."
            ),
        ],
    ),
)
"""Options of tasks that other frameworks can train too."""


def __getattr__(name: str) -> App:
    return command_of(name, command)


add_tasks(compare, __name__)
