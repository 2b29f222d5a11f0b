"""`ostinato fit TASK DATA`: train a model and keep it as a run folder."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar, cast

from cyclopts import App, Parameter

from ostinato.cli.screen import console, duration, progress_bar, say_skipped, table
from ostinato.data import Skipped, read_chunks, read_labelled
from ostinato.errors import ConfigError, DataError, RunError
from ostinato.tasks.classify import Classifier, ClassifySettings
from ostinato.tasks.generate import GenerateSettings, Generator
from ostinato.tasks.ngram import NGram
from ostinato.train import Run, Section, read_toml

fit = App(
    name="fit",
    help="Train a model: classify or generate.\n\n"
    "Example: ostinato fit classify reviews.csv --cell gru --out runs/a",
)
Repeated = Annotated[str | None, Parameter(parse=False)]
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
    format: str | None = None,
    skip_bad_rows: bool = False,
    settings: Annotated[ClassifySettings | None, Parameter(name="*")] = None,
    repeats: Repeated = None,
) -> None:
    """Train a classifier of texts, and a linear baseline beside it.

    Example: ostinato fit classify reviews.csv --cell gru --out runs/a

    Parameters
    ----------
    data
        A CSV, TSV, JSON Lines or Parquet file with the columns text and label, a folder with a
        folder of .txt files for each class, `-` for standard input, or `imdb`; .gz and .xz too.
    config
        A TOML file of settings; options given here win over it.
    out
        The folder of the run; runs/classify-1, -2, … unless given.
    resume
        Go on with the run in `out` from its newest checkpoint, with its own settings.
    format
        csv, tsv, jsonl or parquet, where neither the name of the file nor its beginning tells.
    skip_bad_rows
        Leave bad rows out and say how many they are; without it the first one is an error.
    settings
        The settings.
    repeats
        The folder of a run that this one repeats.
    """
    chosen = merge(ClassifySettings, config, settings, out if resume else repeats)
    skipped = Skipped() if skip_bad_rows else None
    columns = chosen.data.text, chosen.data.label
    splits = read_labelled(data, *columns, format=format, skip_bad_rows=skipped)
    examples = splits["train"]
    say_skipped(skipped)
    if len(set(examples.labels)) < 2:
        raise DataError(f"{data}: only one class, {examples.labels[0]!r}; a classifier needs two")
    estimator = Classifier.of(chosen)

    def train(run: Run, show: Callable[[Any], None]) -> None:
        estimator.fit(examples, run=run, show=show, resume=resume, skipped=skipped)

    title = f"{chosen.cell} on {data}"
    run = run_in(out, "classify", title, train, resume, data=data, like=repeats)
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
    skip_bad_rows: bool = False,
    settings: Annotated[GenerateSettings | None, Parameter(name="*")] = None,
    repeats: Repeated = None,
) -> None:
    """Train a model that goes on with a text, and an n-gram baseline beside it.

    Example: ostinato fit generate book.txt --tokenizer char --out runs/b

    Parameters
    ----------
    data
        A text file of any size, also .gz or .xz, `-` for standard input, `shakespeare` or
        `python-docs`.
    config
        A TOML file of settings; options given here win over it.
    out
        The folder of the run; runs/generate-1, -2, … unless given.
    resume
        Go on with the run in `out` from its newest checkpoint, with its own settings.
    skip_bad_rows
        Leave bad lines out and say how many they are; without it the first one is an error.
    settings
        The settings.
    repeats
        The folder of a run that this one repeats.
    """
    chosen = merge(GenerateSettings, config, settings, out if resume else repeats)
    skipped = Skipped() if skip_bad_rows else None
    text = read_chunks(data, skip_bad_rows=skipped)
    estimator = Generator.of(chosen)

    def train(run: Run, show: Callable[[Any], None]) -> None:
        estimator.fit(text, run=run, show=show, resume=resume, skipped=skipped)

    title = f"{chosen.cell} on {data}"
    run = run_in(out, "generate", title, train, resume, data=data, like=repeats)
    say_skipped(skipped)
    best = min(estimator.history_, key=lambda record: record["nats"])
    for line in told(best, estimator.baseline_, chosen.tokenizer):
        console.print(line, soft_wrap=True)
    console.print(f"Saved in {run.path}. Next: ostinato generate {run.path}", soft_wrap=True)


def told(best: dict[str, float], baseline: NGram | None, tokenizer: str) -> list[str]:
    """What a generator's best epoch came to on the held-out part, and the baseline beside it."""
    unit = {"char": "character", "bpe": "token"}.get(tokenizer, "word")
    lines = [
        f"Held-out part of the text: {best['nats']:.3f} nats ({best['bits']:.3f} bits) a {unit}, "
        f"perplexity {best['perplexity']:.2f}."
    ]
    if unit != "character":
        lines.append(
            f"That is {best['bits_per_character']:.3f} bits a character. {best['unknown']:.1%} of "
            f"the {unit}s are unknown: each counts as one symbol, and spelling it costs nothing."
        )
    if baseline:
        better = "; it is better here" if baseline.nats < best["nats"] else ""
        lines.append(
            f"{baseline.order}-gram baseline (Kneser-Ney): {baseline.nats:.3f} nats a {unit}, "
            f"counted in {duration(baseline.seconds)}{better}."
        )
    return lines


@fit.command(name="--like")
def like(run: str, /, *, out: str | None = None) -> None:
    """Repeat a run: its data, settings, seed and threads, in a new folder.

    Example: ostinato fit --like runs/a --out runs/b

    Parameters
    ----------
    run
        The run's folder. Its data are read again from where they were, and must be the same.
    out
        The folder of the new run; runs/classify-1, -2, … unless given.
    """
    data = Run.open(run).read_json("manifest.json")["data"].get("given")
    if data is None:
        raise RunError(f"{run}: was not trained by `ostinato fit`; where its data are is not known")
    task = read_toml(f"{run}/config.toml")["task"]
    command = cast("Callable[..., None]", fit[task].default_command)
    command(data, out=out, repeats=run)


def merge(kind: type[S], config: str | None, given: S | None, run: str | None = None) -> S:
    """Settings from a file, and over them those given on the command line; or those of a run.

    Raises:
        ConfigError: for settings given to a run that is resumed, which has its own.
    """
    if run:
        if config or given:
            raise ConfigError("--resume goes on with the run's own settings; give no others")
        return kind.parse(as_it_ran(run), f"{run}/config.toml")
    values = read_toml(config) if config else {}
    for name, value in (given.model_dump(exclude_unset=True) if given else {}).items():
        both = isinstance(value, dict) and isinstance(values.get(name), dict)
        values[name] = {**values[name], **value} if both else value
    return kind.parse(values, config or "command line")


def as_it_ran(run: str) -> dict[str, Any]:
    """The settings of a run, and as many threads as it had: another number, other last bits.

    Raises:
        RunError: when there is no run, or it was stopped before training began.
    """
    config = Path(run, "config.toml")
    if not config.exists():
        raise RunError(f"{run}: no run there that has begun; train without --resume")
    values = read_toml(config)
    threads = Run(run).read_json("manifest.json")["threads"]
    values["train"] = {**values.get("train", {}), "threads": threads}
    return values


def run_in(
    out: str | None,
    task: str,
    title: str,
    train: Callable[[Run, Callable[[Any], None]], None],
    resume: bool = False,
    data: str | None = None,
    like: str | None = None,
) -> Run:
    """Trains into a run folder; of a new run without a single checkpoint nothing stays.

    Raises:
        ConfigError: when it is not said what to resume.
    """
    if resume and not out:
        raise ConfigError("--resume needs --out: the folder of the run to go on with")
    run = Run(str(out)) if resume else Run.create(free_folder(task) if out is None else out)
    run.data, run.like = data, Run(like) if like else None
    try:
        with progress_bar(title) as show:
            train(run, show)
    except BaseException:
        if not resume and not run.checkpoints():
            run.remove()
        raise
    test = run.path / "learning_rate.json"
    if test.exists():
        lr = run.read_json(test.name)["lr"]
        console.print(f"Learning rate {lr:.1e}, from the range test in {test}.", soft_wrap=True)
    return run


def free_folder(task: str) -> str:
    """The first of runs/task-1, runs/task-2, … that is not there yet."""
    names = (f"runs/{task}-{k}" for k in itertools.count(1))
    return next(name for name in names if not Path(name).exists())
