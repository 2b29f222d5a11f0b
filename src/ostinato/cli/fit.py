"""`ostinato fit TASK DATA`: train a model and keep it as a run folder."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

from cyclopts import App, Parameter

from ostinato.cli.screen import console, duration, progress_bar, table
from ostinato.data import read_labelled, read_text
from ostinato.errors import ConfigError, DataError
from ostinato.tasks.classify import Classifier, ClassifySettings
from ostinato.tasks.generate import GenerateSettings, Generator
from ostinato.train import Run, Section, read_toml

fit = App(
    name="fit",
    help="Train a model: classify or generate.\n\n"
    "Example: ostinato fit classify reviews.csv --cell gru --out runs/a",
)
S = TypeVar("S", bound=Section)
Data = Annotated[str, Parameter(allow_leading_hyphen=True)]


@fit.command
def classify(
    data: Data,
    /,
    *,
    config: str | None = None,
    out: str | None = None,
    resume: bool = False,
    settings: Annotated[ClassifySettings | None, Parameter(name="*")] = None,
) -> None:
    """Train a classifier of texts, and a linear baseline beside it.

    Example: ostinato fit classify reviews.csv --cell gru --out runs/a

    Parameters
    ----------
    data
        A CSV file with the columns text and label, `-` for standard input, or `imdb`.
    config
        A TOML file of settings; options given here win over it.
    out
        The folder of the run; runs/classify-1, -2, … unless given.
    resume
        Go on with the run in `out` after its last whole epoch, with its own settings.
    settings
        The settings.
    """
    chosen = merge(ClassifySettings, config, settings, out if resume else None)
    splits = read_labelled(data, chosen.data.text, chosen.data.label)
    examples = splits["train"]
    if len(set(examples.labels)) < 2:
        raise DataError(f"{data}: only one class, {examples.labels[0]!r}; a classifier needs two")
    estimator = Classifier.of(chosen)

    def train(run: Run, show: Callable[[Any], None]) -> None:
        estimator.fit(examples.texts, examples.labels, run=run, show=show, resume=resume)

    run = run_in(out, "classify", f"{chosen.cell} on {data}", train, resume)
    best = max(estimator.history_, key=lambda record: record["accuracy"])
    network = sum(p.numel() for p in estimator.network_.parameters())
    result = table("", "validation accuracy", "parameters", "time")
    spent = duration(sum(record["seconds"] for record in estimator.history_))
    result.add_row(chosen.cell, f"{best['accuracy']:.4f}", f"{network:,}", spent)
    baseline = estimator.baseline_
    if baseline:
        accuracy = estimator.baseline_accuracy_
        row = (f"{accuracy:.4f}", f"{baseline.parameters:,}", duration(baseline.seconds))
        result.add_row("linear baseline", *row)
    console.print(result)
    if baseline and accuracy > best["accuracy"]:
        console.print("The linear baseline is better here.")
    if "test" in splits:
        test = splits["test"]
        console.print(f"test accuracy {estimator.evaluate(test.texts, test.labels).accuracy:.4f}")
    console.print(f"Saved in {run.path}. Next: ostinato evaluate {run.path} DATA", soft_wrap=True)


@fit.command
def generate(
    data: Data,
    /,
    *,
    config: str | None = None,
    out: str | None = None,
    resume: bool = False,
    settings: Annotated[GenerateSettings | None, Parameter(name="*")] = None,
) -> None:
    """Train a model that goes on with a text.

    Example: ostinato fit generate book.txt --tokenizer char --out runs/b

    Parameters
    ----------
    data
        A text file, `-` for standard input, `shakespeare` or `python-docs`.
    config
        A TOML file of settings; options given here win over it.
    out
        The folder of the run; runs/generate-1, -2, … unless given.
    resume
        Go on with the run in `out` after its last whole epoch, with its own settings.
    settings
        The settings.
    """
    chosen = merge(GenerateSettings, config, settings, out if resume else None)
    text = read_text(data)
    estimator = Generator.of(chosen)

    def train(run: Run, show: Callable[[Any], None]) -> None:
        estimator.fit(text, run=run, show=show, resume=resume)

    run = run_in(out, "generate", f"{chosen.cell} on {data}", train, resume)
    best = min(estimator.history_, key=lambda record: record["nats"])
    unit = "character" if chosen.tokenizer == "char" else "word"
    console.print(
        f"Held-out part of the text: {best['nats']:.3f} nats ({best['bits']:.3f} bits) a {unit}, "
        f"perplexity {best['perplexity']:.2f}.",
        soft_wrap=True,
    )
    console.print(f"Saved in {run.path}. Next: ostinato generate {run.path}", soft_wrap=True)


def merge(kind: type[S], config: str | None, given: S | None, resumed: str | None = None) -> S:
    """Settings from a file, and over them those given on the command line.

    Raises:
        ConfigError: for settings given to a run that is resumed, which has its own.
    """
    if resumed:
        if config or given:
            raise ConfigError("--resume goes on with the run's own settings; give no others")
        config = f"{resumed}/config.toml"
    values = read_toml(config) if config else {}
    for name, value in (given.model_dump(exclude_unset=True) if given else {}).items():
        both = isinstance(value, dict) and isinstance(values.get(name), dict)
        values[name] = {**values[name], **value} if both else value
    return kind.parse(values, config or "command line")


def run_in(
    out: str | None,
    task: str,
    title: str,
    train: Callable[[Run, Callable[[Any], None]], None],
    resume: bool = False,
) -> Run:
    """Trains into a run folder; of a new run without a single epoch nothing stays.

    Raises:
        ConfigError: when it is not said what to resume.
    """
    if resume and not out:
        raise ConfigError("--resume needs --out: the folder of the run to go on with")
    run = Run(str(out)) if resume else Run.create(free_folder(task) if out is None else out)
    try:
        with progress_bar(title) as show:
            train(run, show)
    except BaseException:
        if not resume and not (run.path / "metrics.jsonl").exists():
            run.remove()
        raise
    return run


def free_folder(task: str) -> str:
    """The first of runs/task-1, runs/task-2, … that is not there yet."""
    names = (f"runs/{task}-{k}" for k in itertools.count(1))
    return next(name for name in names if not Path(name).exists())
