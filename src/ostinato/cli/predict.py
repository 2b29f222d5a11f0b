"""`ostinato predict RUN FILE`: what a trained model says of new data."""

from __future__ import annotations

from typing import Annotated

from cyclopts import App, Parameter

from ostinato.cli import tasks

predict = App(
    name="predict",
    usage="Usage: ostinato predict RUN [FILE] [OPTIONS]",
    help_flags=[],  # `RUN --help` is for the task to answer
)
Words = Annotated[str, Parameter(allow_leading_hyphen=True)]


@predict.default
def of_run(run: Words, /, *file_and_options: Words) -> None:
    """Ask a trained model about new data; the answers go to standard output, in order.

    Example: echo "a dull, endless film" | ostinato predict runs/a -

    Each task has options of its own: `ostinato predict RUN --help` tells those of a run.

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
        tasks.of_run("predict", run, file_and_options)
