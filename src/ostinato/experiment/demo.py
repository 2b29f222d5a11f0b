"""The packaged demonstration: three cells on film reviews, and a generator of Shakespeare."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ostinato import cells, levels
from ostinato.data import Examples, read_labelled, read_text, split_blocks
from ostinato.experiment.parallel import Display, Job, Show, in_parallel
from ostinato.experiment.trial import trial
from ostinato.observe.architecture import counts
from ostinato.tasks.base.summary import progress_in_words
from ostinato.tasks.classify.held_out import ClassifyHeldOut
from ostinato.tasks.classify.settings import ClassifySettings
from ostinato.tasks.generate.estimator import Generator
from ostinato.train import Run

CELLS = ("rnn", "lstm", "gru")
REVIEWS: dict[str, Any] = {
    "data": {"max_tokens": 250, "vocabulary": 20_000, "batch_tokens": 6400},
    "model": {
        "embedding": 64,
        "hidden": 64,
        "bidirectional": False,
        "pooling": "last",
        "dropout": 0.4,
        "forget_bias": 1.0,
    },
    "train": {"epochs": 4, "patience": 3, "lr": 1e-3, "threads": 1},
}
"""The same budget for all cells: 64 units, the last state of the last 250 tokens."""
PLAYS: dict[str, Any] = {
    "data": {"streams": 32, "steps": 64, "validation": 0.1},
    "model": {"embedding": 64, "hidden": 256, "dropout": 0.0, "alone": True},
    "train": {"epochs": 2, "patience": 3, "lr": 2e-3, "threads": 1},
}
CHARACTERS = 1_800_000
TEMPERATURES = (0.5, 0.8, 1.1)
PROMPT = "KING"


def run(folder: Path, part: float, display: Display) -> dict[str, Any]:
    """Trains the classifiers, their baseline and the generator.

    Args:
        folder: where the runs go.
        part: the part of the data that is used, above 0 and at most 1.
        display: where the progress is shown.

    Returns:
        What the report shows of them, as plain data; see `report.demo_page`.
    """
    splits = read_labelled("imdb")
    training, test = (_part(splits[name], part) for name in ("train", "test"))
    held_out = ClassifyHeldOut(test)
    titles = {cell: f"{cell.upper()} on reviews" for cell in CELLS}
    jobs: dict[str, Job[dict[str, Any]]] = {
        titles[cell]: _review_trial(cell, training, held_out, folder)
        for cell in ("gru", "lstm", "rnn")
    }
    jobs["LSTM on Shakespeare"] = (_plays_job, (str(folder / "plays"), part))
    jobs["linear baseline"] = (_baseline_job, (training, held_out))
    done = in_parallel(jobs, os.cpu_count() or 1, display)
    observed = {cell: done[titles[cell]] for cell in CELLS}
    validation = ClassifySettings.parse(REVIEWS, "demo").data.validation
    kept, held = split_blocks(training.labels, float(validation), 0)
    return {
        "data": {
            "source": "imdb",
            "training": len(kept),
            "validation": len(held),
            "test": len(test),
        },
        "classifiers": [
            _classifier(cell, observed[cell], Run(folder / cell).metrics()) for cell in CELLS
        ],
        "baseline": done["linear baseline"],
        "flow": {
            cell: {when: observed[cell]["flow"][when] for when in ("start", "trained")}
            for cell in CELLS
        },
        "generator": done["LSTM on Shakespeare"],
        "equations": {cell: _step_text(cell) for cell in CELLS},
    }


def _review_trial(
    cell: str, training: Examples, held_out: ClassifyHeldOut, folder: Path
) -> Job[dict[str, Any]]:
    settings = ClassifySettings.parse({"cell": cell, **REVIEWS}, "demo")
    return trial, (settings, (training.texts, training.labels), held_out, str(folder / cell), None)


def _classifier(
    cell: str, observed: Mapping[str, Any], history: Sequence[Mapping[str, float]]
) -> dict[str, object]:
    """What the report shows of a classifier."""
    best = max(history, key=lambda record: record["accuracy"])
    return {
        "cell": cell,
        "test_accuracy": observed["test"]["accuracy"],
        "validation_accuracy": best["accuracy"],
        **{name: observed[name] for name in ("parameters", "recurrent_parameters", "level")},
        "seconds": sum(record["seconds"] for record in history),
        "history": history,
    }


def _baseline_job(training: Examples, held_out: ClassifyHeldOut, show: Show) -> dict[str, Any]:
    """Fits the linear baseline on the reviews that the networks are trained on."""
    show(0.2, "tf-idf of words and pairs, logistic regression")
    settings = ClassifySettings.parse(REVIEWS, "demo")
    found = held_out.baseline(settings, (training.texts, training.labels))
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
        show=lambda progress: show(min(progress.done, 0.99), progress_in_words(progress)),
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


def _part(examples: Examples, part: float) -> Examples:
    """Every n-th example: a part of each class, still in file order."""
    count = max(40, round(len(examples) * part))
    return examples.select(range(0, len(examples), max(1, len(examples) // count)))


def _step_text(cell: str) -> str:
    """The forward step of a cell at the NumPy level, alone."""
    text = levels.find("numpy").source(cells.find(cell))
    return str(text[text.index("def step(") : text.index("def forward(")]).rstrip()
