"""`ostinato recall`: how far back each cell remembers, on problems that need it."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from ostinato.cli.bars import Bars
from ostinato.cli.pages import write_page
from ostinato.cli.runs import named_cells
from ostinato.cli.screen import console, table
from ostinato.errors import ConfigError, UnknownName, counted, quoted, shortened
from ostinato.experiment.recall_settings import LENGTHS, MOST_STEPS, RecallSettings

if TYPE_CHECKING:
    from ostinato.experiment.recall import Recalled


def recall(
    problem: str = "adding",
    /,
    *,
    cells: str = "rnn,lstm,gru",
    lengths: str | None = None,
    out: str = "recall.html",
    jobs: int | None = None,
    settings: Annotated[RecallSettings | None, Parameter(name="*")] = None,
) -> None:
    """Measure the long-term memory of cells: train them on a problem of several lengths.

    Training ends when a problem is solved, or after --train.epochs. With the defaults each problem
    takes some minutes.

    Example: ostinato recall copying --cells lstm,gru --lengths 10,50

    Parameters
    ----------
    problem
        adding: predict the sum of two marked numbers of a sequence. copying: repeat ten symbols
        after a pause.
    cells
        The cells, separated by commas; path/to/file.py:name for your own.
    lengths
        The lengths in steps, separated by commas. Default: 10,30,100 for adding and 1,10,20 for
        copying.
    out
        The HTML file to write.
    jobs
        The number of networks trained in parallel. Default: the number of cores.
    settings
        The settings, the same for all cells.
    """
    from ostinato.experiment.recall import trials
    from ostinato.experiment.stamp import stamp
    from ostinato.report.recall_page import recall_page

    if problem not in LENGTHS:
        raise UnknownName("problem", problem, LENGTHS)
    steps = LENGTHS[problem] if lengths is None else _numbers(lengths)
    if jobs is not None and jobs < 1:
        raise ConfigError("--jobs must be at least 1")
    names = named_cells(cells).values()
    chosen, began = settings or RecallSettings(), time.perf_counter()
    page = Path(out)
    page.parent.mkdir(parents=True, exist_ok=True)
    found = trials(problem, names, steps, chosen, jobs or os.cpu_count() or 1, Bars())
    until = _until(chosen)
    _print(problem, steps, found)
    console.print(until, soft_wrap=True)
    results = {"problem": problem, "found": found, "until": until, **stamp(began)}
    write_page(recall_page(results, "ostinato recall"), page)


def _print(problem: str, steps: Sequence[int], found: Sequence[Recalled]) -> None:
    """The table of what each cell reached, by length."""
    rows = table(f"{problem}: loss", *(counted(length, "step") for length in steps))
    for cell in dict.fromkeys(each["cell"] for each in found):
        rows.add_row(cell, *(_reached(each) for each in found if each["cell"] == cell))
    nothing = [f"{each['baseline']:.4f}  100%" for each in found[: len(steps)]]
    rows.add_row("no memory", *nothing)
    console.print(rows)


def _reached(found: Recalled) -> str:
    return f"{'✓ ' if found['solved'] else ''}{found['loss']:.4f} {found['left']:5.0%}"


def _until(settings: RecallSettings) -> str:
    """When training ended, in a sentence."""
    epochs = counted(settings.train.epochs, "epoch")
    sequences = counted(settings.batches * settings.batch, "new sequence")
    return (
        "A problem is solved (✓) if its loss is below "
        f"{100 * settings.solved:.3g}% of that of a model without memory. "
        f"Training ends there, or after {epochs} of {sequences}."
    )


def _numbers(words: str) -> Sequence[int]:
    try:
        found = sorted({int(word) for word in words.split(",") if word.strip()})
    except ValueError:
        found = []
    if not found or found[0] < 1:
        raise ConfigError(
            f"--lengths {shortened(words)}: give integers of at least 1, separated by commas"
        )
    if found[-1] > MOST_STEPS:
        raise ConfigError(f"--lengths {quoted(found[-1])}: at most {MOST_STEPS:,} are allowed")
    return found
