"""Classifying on the command line: `fit classify`, and `evaluate` and `predict` of its runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from cyclopts import Parameter

from ostinato.cli.runs import Data, Repeated, merge, run_in
from ostinato.cli.screen import console, duration, say_skipped, table
from ostinato.data import Skipped, read_labelled, read_texts
from ostinato.errors import DataError
from ostinato.tasks.classify import Classifier
from ostinato.tasks.classify_settings import ClassifySettings
from ostinato.train import Run


def fit(
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


def evaluate(
    run: str, data: Data, /, *, format: str | None = None, skip_bad_rows: bool = False
) -> None:
    """Measure a classifier on labelled texts it has not seen: accuracy, F1, confusion.

    Example: ostinato evaluate runs/a more.csv

    Parameters
    ----------
    run
        The folder of a run.
    data
        Labelled texts as for `fit`; `-` is standard input.
    format
        csv, tsv, jsonl or parquet, where neither the name of the file nor its beginning tells.
    skip_bad_rows
        Leave bad rows out and say how many they are; without it the first one is an error.
    """
    skipped = Skipped() if skip_bad_rows else None
    classifier = Classifier.load(run)
    columns = classifier.settings().data
    splits = read_labelled(
        data,
        columns.text,
        columns.label,
        format=format,
        classes=classifier.classes_,
        skip_bad_rows=skipped,
    )
    examples = splits.get("test", splits["train"])
    say_skipped(skipped)
    result = classifier.evaluate(examples)
    print(f"accuracy {result.accuracy:.3f}")
    print(f"f1 {result.f1:.3f}")
    print(f"texts {len(examples)}")
    print(f"\n{result.report}")
    confusion = table("true \\ predicted", *result.classes)
    for name, row in zip(result.classes, result.confusion, strict=True):
        confusion.add_row(name, *map(str, row))
    console.print(confusion)


def predict(
    run: str, file: Data = "-", /, *, format: str | None = None, skip_bad_rows: bool = False
) -> None:
    """Label texts with a trained classifier: a label and its probability for each, in order.

    There is a line for each row of the file, also for a bad one that is left out: it has no
    label and no probability, only the tab between them.

    Example: echo "a dull, endless film" | ostinato predict runs/a -

    Parameters
    ----------
    run
        The folder of a run.
    file
        A file with a text on each line, a table with the run's text column, or `-`.
    format
        csv, tsv, jsonl, parquet or text, where neither the file's name nor its beginning tells.
    skip_bad_rows
        Give bad rows no label and say how many they are; without it the first one is an error.
    """
    classifier = Classifier.load(run)
    skipped = Skipped()
    chosen = skipped if skip_bad_rows else None
    column = classifier.settings().data.text
    texts = read_texts(file, column, format=format, skip_bad_rows=chosen)
    say_skipped(skipped)
    probabilities = iter(classifier.predict_proba(texts))
    bad = set(skipped.rows)
    for number in range(len(texts) + len(bad)):
        if number in bad:
            print("\t")
        else:
            row = next(probabilities)
            print(f"{classifier.classes_[row.argmax()]}\t{row.max():.4f}")
