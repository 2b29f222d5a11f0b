"""`ostinato evaluate RUN DATA`: measure a trained model."""

from __future__ import annotations

from functools import cache
from inspect import signature
from typing import Annotated

from cyclopts import App, Parameter

from ostinato.cli.summaries import show
from ostinato.cli.task import AS_JSON, DEVICE, RUN, Command, joined, of_run
from ostinato.tasks.base.task import Task
from ostinato.train import Run

evaluate = App(
    name="evaluate",
    usage="Usage: ostinato evaluate RUN DATA [OPTIONS]",
    help_flags=[],  # `RUN --help` is for the task to answer
)
Words = Annotated[str, Parameter(allow_leading_hyphen=True)]


@evaluate.default
def _of_run(run: Words, /, *data_and_options: Words) -> None:
    """Measure a trained model on data it has not seen.

    Example: ostinato evaluate runs/a more.csv

    Each task has its own options: `ostinato evaluate RUN --help` prints those of a run.

    Parameters
    ----------
    run
        The folder of a run.
    data_and_options
        Data as for `fit`, or `-` for standard input; and options of the run's task.
    """
    if run in ("--help", "-h"):
        evaluate.help_print()
    else:
        of_run("evaluate", command, run, data_and_options)


@cache
def command(task: Task) -> Command:
    """`ostinato evaluate` of a run of this task."""

    def call(
        run: str, *data: str, device: str | None = None, as_json: bool = False, **options: object
    ) -> None:
        estimator = task.estimator.load(run, device=device)
        show(task.commands.evaluation(estimator, Run(run), *data, **options), as_json)

    estimator = next(iter(signature(task.commands.evaluation).parameters))
    return joined(call, task.commands.evaluation, [RUN], [DEVICE, AS_JSON], given=[estimator])
