"""`ostinato bench`: speed beside the peers that are installed."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from rich.text import Text

from ostinato.bench.records import Job, Report
from ostinato.bench.shape import Shape
from ostinato.bench.worker import cores, measured
from ostinato.cli.runs import free_folder
from ostinato.cli.screen import aside, console, table
from ostinato.errors import ConfigError, RunError

if TYPE_CHECKING:
    from ostinato.bench.case import BenchCase
    from ostinato.bench.tables import Field

CELLS = ("lstm", "gru", "rnn", "layer_norm_lstm")
QUICK = (Shape(8, 10, 16, 16),)
LONG = ("characters", "reviews", "memory")
"""Lines that --quick leaves out."""
Words = Annotated[tuple[str, ...], Parameter(consume_multiple=True, negative=())]


def bench(
    *cell: str,
    sizes: Words = (),
    threads: Words = (),
    repeat: int | None = None,
    lines: Words = (),
    peers: Words = (),
    out: str | None = None,
    quick: bool = False,
) -> None:
    """Measure the speed compared with other installed libraries, after checking the results.

    Example: ostinato bench lstm gru --lines dense,ragged --threads 1

    All libraries compute the same; outputs and gradients are checked first, then times are
    measured in turns. The whole comparison takes most of an hour with all libraries; --quick takes
    a minute. Writes bench.json and bench.md to the folder.

    Parameters
    ----------
    cell
        Names of cells, or path/to/file.py:name. Default: lstm, gru, rnn and layer_norm_lstm.
    sizes
        BxTxDxH: sequences, steps, input features, hidden units; separated by commas or spaces.
    threads
        Numbers of threads, each measured in a separate process. Default: 1 and 2.
    repeat
        Measurements of each library, of which the fastest counts. Default: 7.
    lines
        The benchmarks: dense, ragged, inference, short, step, characters, reviews, memory.
    peers
        The other libraries: torch, torch_loop, jax, keras, onnxruntime. Default: all installed.
    out
        The folder for the results. Default: runs/bench-1, -2, …
    quick
        Small sizes, few measurements, no training.
    """
    from ostinato.bench import contestants
    from ostinato.bench.case import LINES, SIZES, plan

    wanted = [Shape.parse(word) for word in _split(sizes)]
    shapes = wanted or (QUICK if quick else SIZES)
    chosen = _split(lines) or [name for name in LINES if not quick or name not in LONG]
    cases = plan(cell or CELLS, chosen, shapes, not wanted and not quick)
    counts = [_threads(word) for word in _split(threads) or _usual()]
    rounds = (2 if quick else 7) if repeat is None else repeat
    if rounds < 1:
        raise ConfigError(f"--repeat must be at least 1, not {rounds}")
    named = _split(peers)
    contestants.known(named)  # refuses an unknown one before anything is measured
    folder = _folder(free_folder("bench") if out is None else out)

    _print(_measured(cases, counts, chosen, named, rounds, folder))
    console.print(f"Written: {folder / 'bench.md'}, {folder / 'bench.json'}", soft_wrap=True)


def _split(words: Iterable[str]) -> list[str]:
    """Words that stand with commas or spaces between them."""
    return [part for word in words for part in word.split(",") if part]


def _usual() -> list[str]:
    return [str(n) for n in (1, 2) if n <= len(cores())]


def _threads(word: str) -> int:
    if not word.isdecimal() or not 1 <= int(word) <= len(cores()):
        raise ConfigError(
            f"--threads must be from 1 to {len(cores())}, the number of cores, not {word}"
        )
    return int(word)


def _folder(out: str) -> Path:
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise RunError(f"{out}: the folder is not empty; choose another with --out")
    return folder


def _words(cases: list[BenchCase]) -> list[tuple[str, str, str]]:
    return [(case.line, case.cell_name, str(case.shape)) for case in cases]


def _measured(
    cases: list[BenchCase],
    counts: list[int],
    lines: list[str],
    peers: list[str],
    rounds: int,
    folder: Path,
) -> Report:
    """Measures all cases with each number of threads."""
    from ostinato.bench.tables import machine

    report: Report = {
        "machine": machine(),
        "settings": {"rounds": rounds, "threads": counts, "lines": lines},
        "peaks": {},
        "results": [],
    }
    for count in counts:
        job = Job(threads=count, rounds=rounds, peers=peers or None, cases=_words(cases))
        _measure(job, report, folder)
    return report


def _measure(job: Job, report: Report, folder: Path) -> None:
    """Runs a job; the files are written after each case, so that a stopped comparison stays."""
    from ostinato.bench.tables import markdown

    count, done = job["threads"], 0
    with aside.status("") as status:
        for record in measured(job):
            if "peaks" in record:
                report["peaks"][str(count)] = record["peaks"]
            elif "at" in record:
                done += 1
                where = f"{done} of {len(job['cases'])}, threads {count}"
                status.update(f"{where}: {record['at']}")
            else:
                report["results"].append(record)
                (folder / "bench.json").write_text(json.dumps(report, indent=1), "utf-8")
                (folder / "bench.md").write_text(markdown(report), "utf-8", "backslashreplace")


def _print(report: Report) -> None:
    from ostinato.bench.tables import facts, grids, notes

    for grid in grids(report["results"]):
        names = [name.replace(" ", "\n", 1) for name in (*grid.columns, grid.gain)]
        result = table("", *map(Text, names))
        for sizes, fields, ratio in grid.rows:
            result.add_row(Text(sizes.replace(", ", "\n")), *map(_shown, fields), ratio)
        console.print(grid.title, style="bold", soft_wrap=True)
        console.print(result)
    for line in (*facts(report), *notes(report["results"])):
        console.print(line)


def _shown(field: Field) -> Text:
    """A number, under it its GFLOP/s; the best of a row stands out."""
    style = "red" if field.text == "wrong" else "bold green" if field.best else ""
    text = Text(field.text, style=style)
    return text.append(f"\n{field.beside}", style="dim") if field.beside else text
