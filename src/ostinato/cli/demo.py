"""`ostinato demo`: the main job on packaged real data, compared on one page."""

from __future__ import annotations

import json
import os
import time
import webbrowser
from pathlib import Path
from typing import Any

from ostinato import cells, levels
from ostinato.cli.parallel import Job, Show, in_parallel
from ostinato.cli.runs import free_folder
from ostinato.cli.screen import console, duration, facts, machine, table
from ostinato.cli.trial import trial
from ostinato.data import Examples, read_labelled, read_text, split_blocks
from ostinato.errors import ConfigError
from ostinato.observe.architecture import counts
from ostinato.report.demo_page import demo_page
from ostinato.tasks.classify.held_out import ClassifyHeldOut
from ostinato.tasks.classify.settings import ClassifySettings
from ostinato.tasks.generate.estimator import Generator
from ostinato.train import Run

CELLS = ("rnn", "lstm", "gru")
REVIEWS: dict[str, Any] = {
    "data": {"max_tokens": 250, "vocabulary": 20_000},
    "model": {"bidirectional": False, "pooling": "last", "dropout": 0.4, "forget_bias": 1.0},
    "train": {"epochs": 4, "lr": 1e-3, "threads": 1},
}
"""The same budget for all cells: 64 units, the last state of the last 250 tokens."""
PLAYS: dict[str, Any] = {"model": {"hidden": 256}, "train": {"epochs": 2, "lr": 2e-3, "threads": 1}}
CHARACTERS = 1_800_000
TEMPERATURES = (0.5, 0.8, 1.1)
PROMPT = "KING"
NEXT_STEPS = {
    "ostinato show lstm --level python --backward": "the LSTM from scratch, with its backward step",
    "ostinato verify": "the proof that every level computes the same",
    "ostinato fit classify reviews.csv --cell gru": "your own texts: a CSV with text and label",
    "ostinato fit generate book.txt": "your own author",
    'ostinato generate {out}/plays --prompt "JULIET" --temperature 0.7': "more of these plays",
    'echo "a dull, endless film" | ostinato predict {out}/lstm -': "ask the LSTM of this page",
}


def demo(*, out: str | None = None, part: float = 1.0, open_page: bool = False) -> None:
    """RNN, LSTM and GRU on real film reviews, a generator of Shakespeare, and one page on all.

    Example: ostinato demo

    Takes one and a half minutes on two cores that do nothing else; two models are trained at a
    time, on a core each.

    Parameters
    ----------
    out
        The folder for runs and page; runs/demo-1, -2, … unless given.
    part
        The part of the data to use, for a quicker look: 0.1 is a tenth.
    open_page
        Open the page in a browser at the end.
    """
    if not 0 < part <= 1:
        raise ConfigError(f"--part must be above 0 and at most 1, not {part}")
    folder = Run.create(free_folder("demo") if out is None else out).path
    (folder / "checkpoints").rmdir()
    began = time.perf_counter()
    console.print(
        "Training RNN, LSTM and GRU on film reviews, a linear baseline beside them, and a\n"
        "generator of Shakespeare. Two at a time, a core each.\n"
    )
    splits = read_labelled("imdb")
    training, test = (_part(splits[name], part) for name in ("train", "test"))
    exam = ClassifyHeldOut(test)
    titles = {cell: f"{cell.upper()} on reviews" for cell in CELLS}
    jobs: dict[str, Job] = {
        titles[cell]: _review_trial(cell, training, exam, folder) for cell in ("gru", "lstm", "rnn")
    }
    jobs["LSTM on Shakespeare"] = (_plays_job, (str(folder / "plays"), part))
    jobs["linear baseline"] = (_baseline_job, (training, exam))
    done = in_parallel(jobs, os.cpu_count() or 1)
    observed = {cell: done[titles[cell]] for cell in CELLS}
    histories = {cell: Run(folder / cell).metrics() for cell in CELLS}
    validation = ClassifySettings.parse(REVIEWS, "demo").data.validation
    kept, held = split_blocks(training.labels, validation, 0)

    results = {
        "title": "Three recurrent networks read film reviews",
        "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "seconds": time.perf_counter() - began,
        "machine": machine(),
        "data": {
            "source": "imdb",
            "training": len(kept),
            "validation": len(held),
            "test": len(test),
        },
        "classifiers": [_classifier(cell, observed[cell], histories[cell]) for cell in CELLS],
        "baseline": done["linear baseline"],
        "flow": {
            cell: {when: observed[cell]["flow"][when] for when in ("start", "trained")}
            for cell in CELLS
        },
        "generator": done["LSTM on Shakespeare"],
        "equations": {cell: _step_text(cell) for cell in CELLS},
        "next_steps": [
            {"command": command.format(out=folder), "why": why}
            for command, why in NEXT_STEPS.items()
        ],
    }
    page = folder / "report.html"
    (folder / "demo.json").write_text(json.dumps(results, indent=1), "utf-8")
    page.write_text(demo_page(results), "utf-8")
    _print(results, page)
    if open_page:
        webbrowser.open(page.resolve().as_uri())


def _review_trial(cell: str, training: Examples, exam: ClassifyHeldOut, folder: Path) -> Job:
    settings = ClassifySettings.parse({"cell": cell, **REVIEWS}, "demo")
    return trial, (settings, (training.texts, training.labels), exam, str(folder / cell))


def _classifier(cell: str, observed: dict[str, Any], history: list[dict[str, Any]]) -> Any:
    """What the page tells of a classifier."""
    best = max(history, key=lambda record: record["accuracy"])
    return {
        "cell": cell,
        "test_accuracy": observed["test"]["accuracy"],
        "validation_accuracy": best["accuracy"],
        **{name: observed[name] for name in ("parameters", "recurrent_parameters", "level")},
        "seconds": sum(record["seconds"] for record in history),
        "history": history,
    }


def _baseline_job(training: Examples, exam: ClassifyHeldOut, show: Show) -> dict[str, Any]:
    """Fits the linear baseline on the reviews that the networks are trained on."""
    show(0.2, "tf-idf of words and pairs, logistic regression")
    settings = ClassifySettings.parse(REVIEWS, "demo")
    found = exam.baseline(settings, (training.texts, training.labels))
    show(1.0, f"test accuracy {found['accuracy']:.4f}")
    return {
        "test_accuracy": found["accuracy"],
        "parameters": found["parameters"],
        "seconds": found["seconds"],
    }


def _plays_job(folder: str, part: float, show: Show) -> dict[str, Any]:
    """Trains a generator of Shakespeare and draws from it."""
    text = read_text("shakespeare")[: int(CHARACTERS * part)]
    generator = Generator(**PLAYS)
    generator.fit(
        text,
        run=Run.create(folder),
        show=lambda progress: show(min(progress.done, 0.99), facts(progress)),
    )
    last = generator.history_[-1]
    samples = [
        {"temperature": t, "text": generator.sample(PROMPT, 400, temperature=t)}
        for t in TEMPERATURES
    ]
    after = next(generator.stream(PROMPT, 1)).probabilities
    best = after.argsort()[::-1][:10]
    show(1.0, f"{last['nats']:.3f} nats/character")
    return {
        "source": "shakespeare",
        "cell": "lstm",
        "characters": len(text),
        "parameters": counts(generator.network_)["parameters"],
        "seconds": sum(r["seconds"] for r in generator.history_),
        **{name: last[name] for name in ("nats", "bits", "perplexity")},
        "history": generator.history_,
        "prompt": PROMPT,
        "samples": samples,
        "next": [
            {"symbol": generator.vocabulary_.symbols[k], "probability": float(after[k])}
            for k in best
        ],
    }


def _part(examples: Any, part: float) -> Any:
    """Every n-th example: a part of each class, still in file order."""
    count = max(40, round(len(examples) * part))
    return examples.select(range(0, len(examples), max(1, len(examples) // count)))


def _step_text(cell: str) -> str:
    """The forward step of a cell at the NumPy level, alone."""
    text = levels.find("numpy").source(cells.find(cell))
    return str(text[text.index("def step(") : text.index("def forward(")]).rstrip()


def _print(results: dict[str, Any], page: Path) -> None:
    """What the page says, in short, on the terminal."""
    data, baseline, plays = results["data"], results["baseline"], results["generator"]
    title = f"{data['test']:,} film reviews held out before anything was chosen"
    rows = table("", "accuracy", "parameters", "of these recurrent", "time", title=f"\n{title}")
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

    distances = (0, 10, 50, 100)
    title = "Size of dL/dh_t by distance from the last word, trained"
    sizes = table("", *(f"{k} steps" for k in distances), title=f"\n{title}")
    for cell, flow in results["flow"].items():
        for state, at in flow["trained"].items():
            name = cell.upper() if state == "h" else f"{cell.upper()}, dL/d{state}_t"
            sizes.add_row(name, *(f"{at[k]:.1e}" if k < len(at) else "–" for k in distances))
    console.print(sizes)

    title = f"Shakespeare, character by character: {plays['nats']:.3f} nats held out"
    console.print(f"\n{title}", style="bold")
    for sample in plays["samples"]:
        console.print(f"\ntemperature {sample['temperature']}", style="cyan")
        console.print(sample["text"][:240])

    console.print("\nTry next", style="bold")
    for step in results["next_steps"]:
        console.print(f"  {step['command']}", soft_wrap=True)
        console.print(f"      {step['why']}", style="dim")
    console.print(f"\n{duration(results['seconds'])}. The page: {page}", soft_wrap=True)
