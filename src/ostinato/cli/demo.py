"""`ostinato demo`: the main job on packaged real data, compared on one page."""

from __future__ import annotations

import json
import time
import webbrowser
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ostinato.cli.bars import Bars
from ostinato.cli.runs import free_folder
from ostinato.cli.screen import console, table
from ostinato.data import sources
from ostinato.data.sources import imdb, shakespeare
from ostinato.errors import ConfigError
from ostinato.tasks.base.summary import duration
from ostinato.train import Run

NEXT_STEPS = {
    "ostinato show lstm --level python --backward": "the LSTM from scratch, with its backward step",
    "ostinato verify": "the proof that every level computes the same",
    "ostinato fit classify reviews.csv --cell gru": "your own CSV with the columns text and label",
    "ostinato fit generate book.txt": "train on your own author",
    'ostinato generate {out}/plays --prompt "JULIET" --temperature 0.7': "more of these plays",
    'echo "a dull, endless film" | ostinato predict {out}/lstm -': "predict with this LSTM",
}


def demo(*, out: str | None = None, part: float = 1.0, open_page: bool = False) -> None:
    """Train RNN, LSTM and GRU on film reviews, generate Shakespeare, and write one report.

    Example: ostinato demo

    Takes one and a half minutes on two idle cores; two models are trained at a time, on one core
    each.

    Parameters
    ----------
    out
        The folder for the runs and the report. Default: runs/demo-1, -2, …
    part
        The fraction of the data to use, for a quick look: 0.1 is a tenth.
    open_page
        Open the report in a browser at the end.
    """
    from ostinato.experiment.demo import run
    from ostinato.experiment.stamp import stamp
    from ostinato.report.demo_page import demo_page

    if not 0 < part <= 1:
        raise ConfigError(f"--part must be above 0 and at most 1, not {part}")
    sources.check_installed(imdb, shakespeare)
    folder = Run.create(free_folder("demo") if out is None else out).path
    (folder / "checkpoints").rmdir()
    began = time.perf_counter()
    console.print(
        "Training RNN, LSTM, GRU and a linear baseline on film reviews, and "
        "a generator on\nShakespeare. Two at a time, one core each.\n"
    )
    found = run(folder, part, Bars())
    steps = {command.format(out=folder): why for command, why in NEXT_STEPS.items()}
    results: dict[str, Any] = {
        "title": "Three recurrent networks on film reviews",
        **stamp(began),
        **found,
        "next_steps": [{"command": command, "why": why} for command, why in steps.items()],
    }
    page = folder / "report.html"
    (folder / "demo.json").write_text(json.dumps(results, indent=1), "utf-8")
    page.write_text(demo_page(results), "utf-8")
    _print(results, page)
    if open_page:
        webbrowser.open(page.resolve().as_uri())


def _print(results: Mapping[str, Any], page: Path) -> None:
    """What the page says, in short, on the terminal."""
    _print_classifiers(results)
    _print_gradients(results["flow"])
    plays = results["generator"]
    title = f"Shakespeare: {plays['nats']:.3f} nats per character on the held-out text"
    console.print(f"\n{title}", style="bold")
    for sample in plays["samples"]:
        console.print(f"\ntemperature {sample['temperature']}", style="cyan")
        console.print(sample["text"][:240])

    console.print("\nTry next", style="bold")
    for step in results["next_steps"]:
        console.print(f"  {step['command']}", soft_wrap=True)
        console.print(f"      {step['why']}", style="dim")
    console.print(f"\n{duration(results['seconds'])}. Report: {page}", soft_wrap=True)


def _print_classifiers(results: Mapping[str, Any]) -> None:
    data, baseline = results["data"], results["baseline"]
    title = f"{data['test']:,} film reviews in the held-out test set"
    rows = table("", "accuracy", "parameters", "recurrent", "time", title=f"\n{title}")
    for row in results["classifiers"]:
        rows.add_row(
            row["cell"].upper(),
            f"{row['test_accuracy']:.2%}",
            f"{row['parameters']:,}",
            f"{row['recurrent_parameters']:,}",
            duration(row["seconds"]),
        )
    cost = f"{baseline['parameters']:,}", "–", duration(baseline["seconds"])
    rows.add_row("linear baseline", f"{baseline['test_accuracy']:.2%}", *cost)
    console.print(rows)
    best = max(results["classifiers"], key=lambda row: row["test_accuracy"])
    if baseline["test_accuracy"] > best["test_accuracy"]:
        console.print("The linear baseline is better than every network here.")


def _print_gradients(flows: Mapping[str, Any]) -> None:
    distances = (0, 10, 50, 100)
    title = "Size of dL/dh_t by distance from the last word, after training"
    sizes = table("", *(f"{k} steps" for k in distances), title=f"\n{title}")
    for cell, flow in flows.items():
        for state, at in flow["trained"].items():
            name = cell.upper() if state == "h" else f"{cell.upper()}, dL/d{state}_t"
            sizes.add_row(name, *(f"{at[k]:.1e}" if k < len(at) else "–" for k in distances))
    console.print(sizes)
