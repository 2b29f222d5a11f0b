"""`ostinato demo`: the main job on packaged real data, compared on one page."""

from __future__ import annotations

import json
import multiprocessing
import os
import platform
import threading
import time
import webbrowser
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, Future, ProcessPoolExecutor, wait
from pathlib import Path
from typing import Any

import torch
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as Bar
from torch import Tensor, nn

from ostinato import cells, levels
from ostinato.cli.fit import free_folder
from ostinato.cli.screen import aside, console, duration, facts, table
from ostinato.data import read_labelled, read_text, split_blocks, tokenizer
from ostinato.errors import ConfigError
from ostinato.observe.gradient_flow import gradient_flow
from ostinato.report.page import demo_page
from ostinato.tasks.classify import Classifier, ClassifyNetwork, ClassifySettings
from ostinato.tasks.estimator import reproducible
from ostinato.tasks.generate import Generator
from ostinato.tasks.linear import fit_baseline
from ostinato.train import Run

CELLS = ("rnn", "lstm", "gru")
REVIEWS: dict[str, Any] = {
    "data": {"max_tokens": 250, "vocabulary": 20_000},
    "model": {"bidirectional": False, "pooling": "last", "dropout": 0.4, "forget_bias": 1.0},
    "train": {"epochs": 4, "lr": 1e-3, "threads": 1},
}
"""The same budget for all cells: 64 units, the last state of the last 250 tokens."""
PLAYS: dict[str, Any] = {"model": {"hidden": 256}, "train": {"epochs": 2, "threads": 1}}
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

Show = Callable[[str, float, str], None]


def demo(*, out: str | None = None, part: float = 1.0, open_page: bool = False) -> None:
    """RNN, LSTM and GRU on real film reviews, a generator of Shakespeare, and one page on all.

    Example: ostinato demo

    Takes about four minutes on two cores; two models are trained at a time, on a core each.

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
    jobs: dict[str, tuple[Callable[..., dict[str, Any]], tuple[Any, ...]]] = {
        cell: (_review_job, (cell, str(folder / cell), part)) for cell in ("gru", "lstm", "rnn")
    }
    jobs["plays"] = (_plays_job, (str(folder / "plays"), part))
    jobs["linear baseline"] = (_baseline_job, (part,))
    done = _in_parallel(jobs)

    results = {
        "title": "Three recurrent networks read film reviews",
        "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "seconds": time.perf_counter() - began,
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, "
        f"torch {torch.__version__}",
        "data": done["linear baseline"].pop("data"),
        "classifiers": [done[cell]["classifier"] for cell in CELLS],
        "baseline": done["linear baseline"],
        "flow": {cell: done[cell]["flow"] for cell in CELLS},
        "generator": done["plays"],
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


def _review_job(cell: str, folder: str, part: float, show: Show) -> dict[str, Any]:
    """Trains a classifier of reviews, tests it, and measures its gradients."""
    splits = read_labelled("imdb")
    training, test = (_part(splits[name], part) for name in ("train", "test"))
    classifier = Classifier.of(
        ClassifySettings.parse({"cell": cell, **REVIEWS}, "demo"), baseline=False
    )
    run = Run.create(folder)
    title = f"{cell.upper()} on reviews"
    classifier.fit(
        training.texts,
        training.labels,
        run=run,
        show=lambda progress: show(title, progress.done, facts(progress)),
    )
    show(title, 1.0, "testing")
    settings, network = classifier.settings(), classifier.network_
    with reproducible(settings.seed, 1):
        accuracy = classifier.evaluate(test.texts, test.labels).accuracy
        untrained = ClassifyNetwork(
            cells.find(cell), settings.model, len(classifier.vocabulary_), len(classifier.classes_)
        ).eval()
        long = [i for i, text in enumerate(test.texts) if len(text) > 1500][:64]
        texts, labels = [test.texts[i] for i in long], [test.labels[i] for i in long]
        flow = {
            name: _flow(classifier, net, texts, labels)
            for name, net in (("start", untrained), ("trained", network))
        }
    best = max(classifier.history_, key=lambda record: record["accuracy"])
    record = {
        "cell": cell,
        "test_accuracy": accuracy,
        "validation_accuracy": best["accuracy"],
        "parameters": sum(p.numel() for p in network.parameters()),
        "recurrent_parameters": sum(p.numel() for p in network.recurrent.parameters()),
        "seconds": sum(r["seconds"] for r in classifier.history_),
        "level": network.recurrent.level(True),
        "history": classifier.history_,
    }
    show(title, 1.0, f"test accuracy {accuracy:.4f}")
    return {"classifier": record, "flow": flow}


def _flow(
    classifier: Classifier, network: ClassifyNetwork, texts: list[str], labels: list[str]
) -> dict[str, list[float]]:
    """Gradient sizes over the last 150 steps of some reviews, the loss at their last token."""
    values, lengths, targets = classifier.encode(texts, labels)

    def loss() -> Tensor:
        return nn.functional.cross_entropy(network(values, lengths), targets, reduction="sum")

    flow = gradient_flow(network, network.recurrent, loss)
    return {state: sizes[:150] for state, sizes in flow.items()}


def _baseline_job(part: float, show: Show) -> dict[str, Any]:
    """Fits the linear baseline on the reviews that the networks are trained on."""
    title = "linear baseline"
    show(title, 0.0, "reading")
    splits = read_labelled("imdb")
    training, test = (_part(splits[name], part) for name in ("train", "test"))
    settings = ClassifySettings.parse(REVIEWS, "demo")
    kept, held = split_blocks(training.labels, settings.data.validation, settings.seed)
    chosen = training.select(kept)
    show(title, 0.2, "tf-idf of words and pairs, logistic regression")
    baseline = fit_baseline(chosen.texts, chosen.labels, tokenizer(settings.tokenizer))
    accuracy = baseline.accuracy(test.texts, test.labels)
    show(title, 1.0, f"test accuracy {accuracy:.4f}")
    return {
        "test_accuracy": accuracy,
        "parameters": baseline.parameters,
        "seconds": baseline.seconds,
        "data": {
            "source": "imdb",
            "training": len(kept),
            "validation": len(held),
            "test": len(test),
        },
    }


def _plays_job(folder: str, part: float, show: Show) -> dict[str, Any]:
    """Trains a generator of Shakespeare and draws from it."""
    text = read_text("shakespeare")[: int(CHARACTERS * part)]
    generator, title = Generator(**PLAYS), "LSTM on Shakespeare"
    generator.fit(
        text,
        run=Run.create(folder),
        show=lambda progress: show(title, progress.done, facts(progress)),
    )
    last = generator.history_[-1]
    samples = [
        {"temperature": t, "text": generator.sample(PROMPT, 400, temperature=t)}
        for t in TEMPERATURES
    ]
    after = next(generator.stream(PROMPT, 1)).probabilities
    best = after.argsort()[::-1][:10]
    show(title, 1.0, f"{last['nats']:.3f} nats/character")
    return {
        "source": "shakespeare",
        "cell": "lstm",
        "characters": len(text),
        "parameters": sum(p.numel() for p in generator.network_.parameters()),
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


def _in_parallel(
    jobs: dict[str, tuple[Callable[..., dict[str, Any]], tuple[Any, ...]]],
) -> dict[str, dict[str, Any]]:
    """Runs jobs in processes, as many at a time as there are cores, with a bar for each."""
    context = multiprocessing.get_context("spawn")
    columns = (
        TextColumn("{task.description:<20}"),
        BarColumn(bar_width=20),
        TextColumn("{task.fields[facts]}"),
    )
    with context.Manager() as manager, Bar(*columns, console=aside) as bars:
        news = manager.Queue()
        pool = ProcessPoolExecutor(min(len(jobs), os.cpu_count() or 1), mp_context=context)
        listener = threading.Thread(target=_listen, args=(news, bars), daemon=True)
        listener.start()
        try:
            futures: dict[str, Future[dict[str, Any]]] = {
                name: pool.submit(_job, job, arguments, news)
                for name, (job, arguments) in jobs.items()
            }
            wait(futures.values(), return_when=FIRST_EXCEPTION)
            for future in futures.values():
                if future.done() and (error := future.exception()):
                    raise error
            return {name: future.result() for name, future in futures.items()}
        finally:
            news.put(None)
            listener.join()
            for process in list((pool._processes or {}).values()):
                process.terminate()
            pool.shutdown(wait=True, cancel_futures=True)


def _job(job: Callable[..., dict[str, Any]], arguments: tuple[Any, ...], news: Any) -> Any:
    """A job in a process of its own: one thread, and news of it at most five times a second."""
    torch.set_num_threads(1)
    told = 0.0

    def show(title: str, done: float, words: str) -> None:
        nonlocal told
        if done >= 1 or time.monotonic() - told > 0.2:
            told = time.monotonic()
            news.put((title, done, words))

    return job(*arguments, show)


def _listen(news: Any, bars: Bar) -> None:
    tasks: dict[str, Any] = {}
    while (item := news.get()) is not None:
        title, done, words = item
        if title not in tasks:
            tasks[title] = bars.add_task(title, total=1.0, facts="")
        bars.update(tasks[title], completed=done, facts=words)


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
