"""`ostinato recall`: how far back each cell remembers, on problems that need it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from ostinato.cli.parallel import Job, Show, in_parallel
from ostinato.cli.screen import console, facts, machine, table
from ostinato.errors import ConfigError
from ostinato.observe.recall import PROBLEMS, RecallSettings
from ostinato.observe.recall import recall as tried
from ostinato.report.recall_page import recall_page
from ostinato.train import Run


def recall(
    problem: str = "adding",
    /,
    *,
    cells: str = "rnn,lstm,gru",
    lengths: str = "10,30,100",
    out: str = "recall.html",
    jobs: int = 1,
    settings: Annotated[RecallSettings | None, Parameter(name="*")] = None,
) -> None:
    """Show how far back each cell remembers: train it on a problem, length by length.

    Example: ostinato recall copying --cells lstm,gru --lengths 10,50

    Parameters
    ----------
    problem
        adding: the sum of two marked numbers of many. copying: ten symbols, written again after a
        pause.
    cells
        The cells, with commas between them; path/to/file.py:name for your own.
    lengths
        The lengths, in steps, with commas between them.
    out
        The page to write.
    jobs
        How many networks are trained at a time.
    settings
        The settings, the same for all cells.
    """
    if problem not in PROBLEMS:
        raise ConfigError(f"{problem!r} is neither {' nor '.join(PROBLEMS)}")
    steps = _numbers(lengths)
    names = [name.strip() for name in cells.split(",") if name.strip()]
    if not names or jobs < 1:
        raise ConfigError("--cells needs the name of a cell, and --jobs at least 1")
    chosen, began = settings or RecallSettings(), time.perf_counter()
    work: dict[str, Job] = {
        f"{name}, {length} steps": (_one, (problem, name, length, chosen))
        for name in names
        for length in steps
    }
    found = list(in_parallel(work, jobs).values())
    told = table(f"{problem}: loss", *(f"{length} steps" for length in steps))
    for cell in dict.fromkeys(each["cell"] for each in found):
        told.add_row(cell, *(f"{e['loss']:.4f}" for e in found if e["cell"] == cell))
    told.add_row("remembers nothing", *(f"{e['baseline']:.4f}" for e in found[: len(steps)]))
    console.print(told)
    results = {
        "problem": problem,
        "found": found,
        "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "seconds": time.perf_counter() - began,
        "machine": machine(),
    }
    page = Path(out)
    Run(page.parent).write(page.name, recall_page(results, "ostinato recall"))
    console.print(f"The page: {page}", soft_wrap=True)


def _one(problem: str, cell: str, length: int, settings: RecallSettings, show: Show) -> Any:
    found = tried(problem, cell, length, settings, lambda p: show(min(p.done, 0.99), facts(p)))
    show(1.0, f"loss {found['loss']:.4f}, who remembers nothing {found['baseline']:.4f}")
    return found


def _numbers(words: str) -> list[int]:
    try:
        return sorted({int(word) for word in words.split(",") if word.strip()}) or [10]
    except ValueError:
        raise ConfigError(f"--lengths {words}: whole numbers with commas between them") from None
