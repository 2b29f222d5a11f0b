"""A finished comparison: what machine it ran on, and its results as tables.

A report is plain data, as it stands in `bench.json`:

    {"machine": {…}, "settings": {…}, "peaks": {"1": {"torch.mm": GFLOP/s}},
     "results": [{"line", "cell", "shape", "tokens", "flops", "threads", "contestants": […]}]}
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from ostinato.bench.case import LINES, STEPS, TOLERANCE
from ostinato.bench.records import Entry, Machine, Report, Result
from ostinato.bench.training import JOBS

PACKAGES = "ostinato torch llvmlite numpy jax keras tensorflow tensorflow-cpu onnxruntime".split()


def machine() -> Machine:
    """The machine, the versions of everyone installed, and the day (UTC)."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": found,
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
    }


def _cpu() -> str:
    """The processor's name; where it says too little, its family and model."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    facts = {k.strip(): v.strip() for k, _, v in (line.partition(":") for line in lines)}
    name = facts.get("model name", platform.machine())
    if "cpu family" in facts:
        name += f" (family {facts['cpu family']}, model {facts['model']})"
    vectors = [flag for flag in ("avx2", "avx512f") if flag in facts.get("flags", "").split()]
    return ", ".join([name, *vectors])


@dataclass(frozen=True)
class Grid:
    """A table: for each case and number of threads a row, for each contestant a column.

    Attributes:
        title: what was measured, and the unit.
        columns: the contestants.
        gain: what the last column says.
        rows: sizes and threads, an entry for each contestant, and how many times faster the best
            of ours is than the best peer.
    """

    title: str
    columns: list[str]
    gain: str
    rows: list[tuple[str, list[Field], str]]


@dataclass(frozen=True)
class Field:
    """An entry: a number or a mark, what stands beside it, and whether it is the row's best."""

    text: str
    beside: str = ""
    best: bool = False


def grids(results: list[Result]) -> list[Grid]:
    """The results, a table for each line and cell, in the order they were measured."""
    groups: dict[tuple[str, str], list[Result]] = {}
    for result in results:
        groups.setdefault((result["line"], result["cell"]), []).append(result)
    return [_grid(line, cell, group) for (line, cell), group in groups.items()]


def _grid(line: str, cell: str, results: list[Result]) -> Grid:
    flat = (entry for result in results for entry in result["contestants"])
    names = list(dict.fromkeys(e["name"] for e in sorted(flat, key=lambda e: e["ours"])))
    rows = []
    for result in sorted(results, key=lambda r: [*r["shape"].values(), r["threads"]]):
        scores = {e["name"]: _score(result, e) for e in result["contestants"]}
        best = _best(scores.values())
        entries = {
            e["name"]: _field(result, e, scores[e["name"]], best) for e in result["contestants"]
        }
        row = [entries.get(name, Field("")) for name in names]
        rows.append((_sizes(result), row, _faster(faster(result))))
    title = LINES[line] if line in JOBS else f"{cell}: {LINES[line]}"
    gain = "× less" if line == "memory" else "× faster"
    return Grid(f"{title} ({_unit(line)})", names, gain, rows)


def _unit(line: str) -> str:
    if line in JOBS:
        return "tokens/s"
    return {"step": "µs per step", "memory": "MB"}.get(line, "ms, GFLOP/s")


def _sizes(result: Result) -> str:
    threads = f"{result['threads']} thread{'s' * (result['threads'] > 1)}"
    if result["line"] in JOBS:
        return threads
    shape = result["shape"]
    if result["line"] == "step":
        return f"H={shape['H']}, {threads}"
    return f"{'×'.join(str(n) for n in shape.values())}, {threads}"


def _score(result: Result, entry: Entry) -> float | None:
    """What is compared, the smaller the better: milliseconds, or MB; None where there is none."""
    score: float | None = entry["megabytes" if result["line"] == "memory" else "milliseconds"]
    return score


def _best(scores: Iterable[float | None]) -> float | None:
    return min((s for s in scores if s is not None), default=None)


def faster(result: Result) -> float | None:
    """How many times faster the best of ours is than the best peer; None if one is missing."""

    def best(ours: bool) -> float | None:
        entries = (e for e in result["contestants"] if e["ours"] == ours and not e.get("narrow"))
        return _best(_score(result, e) for e in entries)

    peer, own = best(False), best(True)
    return peer / own if peer and own else None


def _faster(ratio: float | None) -> str:
    return "–" if ratio is None else f"{ratio:.2f}"


def _field(result: Result, entry: Entry, score: float | None, best: float | None) -> Field:
    if score is None:
        return Field("wrong" if (entry["note"] or "").startswith("wrong") else "–")
    if result["line"] in JOBS:
        text = f"{result['tokens'] / score * 1e3:,.0f}"
    elif result["line"] == "step":
        text = _digits(score / STEPS * 1e3)
    else:
        text = _digits(score)
    beside = f"{entry['gflops']:.0f}" if entry.get("gflops") and result["line"] != "step" else ""
    return Field(text, beside, score == best)


def _digits(number: float) -> str:
    """Three digits that count.

    >>> [_digits(n) for n in (0.1234, 12.34, 1234.5)]
    ['0.123', '12.3', '1234']
    """
    return f"{number:.{0 if number >= 100 else 1 if number >= 10 else 2 if number >= 1 else 3}f}"


def notes(results: list[Result]) -> list[str]:
    """Why a contestant has no result, one line each."""
    return [
        f"{result['line']} {result['cell']} {_sizes(result)}: {entry['name']} {entry['note']}"
        for result in results
        for entry in result["contestants"]
        if entry["note"]
    ]


def facts(report: Report) -> list[str]:
    """The machine, the software and the settings, a line each."""
    at, settings = report["machine"], report["settings"]
    versions = ", ".join(f"{name} {version}" for name, version in at["versions"].items())
    lines = [
        f"{at['cpu']}; {at['cores']} cores; {at['system']}",
        f"Python {at['python']}, {versions}",
    ]
    for threads, peak in report["peaks"].items():
        reached = ", ".join(f"{who} {gflops:.0f}" for who, gflops in peak.items())
        many = "s" * (threads != "1")
        lines.append(f"peak of matrix products, {threads} thread{many}: {reached} GFLOP/s")
    lines.append(
        f"{at['date']}; fastest of {settings['rounds']} interleaved "
        "measurements; one process for each number of threads, bound to as "
        "many cores"
    )
    return lines


def markdown(report: Report) -> str:
    """The report as a page."""
    parts = [
        "# Speed compared with other libraries",
        "\n".join(f"- {fact}" for fact in facts(report)),
    ]
    parts.append(
        "Sizes are B×T×D×H: sequences, steps, input features, hidden units; "
        "float32. Milliseconds per run, and in brackets the GFLOP/s of its "
        "matrix products. “× faster” is the time of the fastest other "
        "library divided by that of the fastest Ostinato entry: above 1 "
        "Ostinato is faster; weights of 16 or 8 bits are not counted. Every "
        "result was checked before it was timed: outputs and gradients agree "
        f"with float64 within {TOLERANCE:g}, relative to the largest number "
        "of each tensor. Bold is the fastest; a dash is explained below; an "
        "empty field is a case that the library does not support."
    )
    for grid in grids(report["results"]):
        parts.append(f"## {grid.title}")
        head = ["sizes and threads", *grid.columns, grid.gain]
        lines = [_row(head), _row(["---", *["---:"] * (len(head) - 1)])]
        for sizes, cells, ratio in grid.rows:
            lines.append(_row([sizes, *map(_marked, cells), ratio]))
        parts.append("\n".join(lines))
    if missing := notes(report["results"]):
        parts += ["## Without a result", "\n".join(f"- {note}" for note in missing)]
    return "\n\n".join(parts) + "\n"


def _row(fields: Iterable[str]) -> str:
    return f"| {' | '.join(fields)} |"


def _marked(cell: Field) -> str:
    text = f"**{cell.text}**" if cell.best else cell.text
    return f"{text} ({cell.beside})" if cell.beside else text
