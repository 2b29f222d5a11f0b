"""`ostinato predict RUN FILE`: what a trained model says of new data."""

from __future__ import annotations

from functools import cache
from inspect import signature
from typing import Annotated

from cyclopts import App, Parameter

from ostinato.cli.summaries import show
from ostinato.cli.task import AS_JSON, DEVICE, RUN, Command, joined, of_run
from ostinato.tasks.base.task import Task
from ostinato.train import Run

predict = App(
    name="predict",
    usage="Usage: ostinato predict RUN [FILE] [OPTIONS]",
    help_flags=[],  # `RUN --help` is for the task to answer
)
Words = Annotated[str, Parameter(allow_leading_hyphen=True)]


@predict.default
def _of_run(run: Words, /, *file_and_options: Words) -> None:
    """Predict with a trained model on new data; predictions are printed in the order of the data.

    Example: echo "a dull, endless film" | ostinato predict runs/a -

    Each task has its own options: `ostinato predict RUN --help` prints those of a run.

    Parameters
    ----------
    run
        The folder of a run.
    file_and_options
        A file, or `-` for standard input; and options of the run's task.
    """
    if run in ("--help", "-h"):
        predict.help_print()
    else:
        of_run("predict", command, run, file_and_options)


@cache
def command(task: Task) -> Command:
    """`ostinato predict` of a run of this task."""

    def call(
        run: str, *file: str, device: str | None = None, as_json: bool = False, **options: object
    ) -> None:
        model = task.model.read(Run.open(run), device)
        show(task.commands.prediction(model, *file, **options), as_json)

    model = next(iter(signature(task.commands.prediction).parameters))
    return joined(call, task.commands.prediction, [RUN], [DEVICE, AS_JSON], given=[model])
