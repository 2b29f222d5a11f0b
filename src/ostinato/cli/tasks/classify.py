"""Classifying on the command line: `fit classify`, and `evaluate` and `predict` of its runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import numpy as np
from cyclopts import Parameter
from rich.table import Table

from ostinato.cli.runs import Data, Repeated, merge, run_in
from ostinato.cli.screen import aside, console, duration, say_skipped, table
from ostinato.data import Skipped, read_labelled, read_texts
from ostinato.errors import DataError
from ostinato.tasks.classify import Classifier
from ostinato.tasks.classify_settings import ClassifySettings
from ostinato.tasks.evaluation import Evaluation
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
        folder of .txt files for each class, `-` for standard input, or `imdb`; .gz and .xz too. A
        .ts file holds series of numbers instead, as does `japanese_vowels`.
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
    columns = chosen.data.text, chosen.data.labels
    splits = read_labelled(data, *columns, format=format, skip_bad_rows=skipped)
    examples = splits["train"]
    say_skipped(skipped)
    several = chosen.data.labels.several
    if len(set(examples.labels)) < 2 and not several:
        raise DataError(f"{data}: only one class, {examples.labels[0]!r}; a classifier needs two")
    estimator = Classifier.of(chosen)

    def train(run: Run, show: Callable[[Any], None]) -> None:
        estimator.fit(examples, run=run, show=show, resume=resume, skipped=skipped)

    title = f"{chosen.cell} on {data}"
    run = run_in(out, "classify", title, train, resume, data=data, like=repeats)
    measures = {"accuracy": "validation accuracy"}
    if several:
        measures = {"micro_f1": "validation micro F1", "accuracy": "all labels right"}
        best = max(estimator.history_, key=lambda record: record["average_precision"])
    else:
        best = max(estimator.history_, key=lambda record: record["accuracy"])
    network = sum(p.numel() for p in estimator.network_.parameters())
    result = table("", *measures.values(), "parameters", "time")
    spent = duration(sum(record["seconds"] for record in estimator.history_))
    result.add_row(chosen.cell, *(f"{best[k]:.4f}" for k in measures), f"{network:,}", spent)
    baseline = estimator.baseline_
    if baseline:
        its = {k: getattr(estimator, f"baseline_{k}_") for k in measures}
        row = [f"{value:.4f}" for value in its.values()]
        result.add_row(
            "linear baseline", *row, f"{baseline.parameters:,}", duration(baseline.seconds)
        )
    linear = estimator.linear_
    if linear:
        row = [f"{linear.accuracy:.4f}", f"{linear.model.parameters:,}", duration(linear.seconds)]
        result.add_row("linear model of n-grams", *row)
        result.add_row(f"{chosen.cell} and linear model", f"{linear.together:.4f}", "", "")
    console.print(result)
    first = next(iter(measures))
    if baseline and its[first] > best[first]:
        console.print("The linear baseline is better here.")
    if linear and linear.accuracy > best["accuracy"]:
        console.print("The linear model alone is better than the network alone.")
    if several and (without := sum(not label for label in examples.labels)):
        console.print(f"{without:,} of {len(examples):,} texts have no label.")
    _say_decision(estimator)
    if "test" in splits:
        test = splits["test"]
        console.print(f"test accuracy {estimator.evaluate(test.texts, test.labels).accuracy:.4f}")
        if linear:
            alone = estimator.alone(test.texts, test.labels).items()
            console.print(f"alone: {', '.join(f'{part} {right:.4f}' for part, right in alone)}")
    console.print(f"Saved in {run.path}. Next: ostinato evaluate {run.path} DATA", soft_wrap=True)


def _say_decision(classifier: Classifier) -> None:
    """What was fitted after training, on the validation texts."""
    decision, names = classifier.decision_, classifier.class_names
    if classifier.settings().model.calibrate and decision.errors:
        before, after = decision.errors
        console.print(
            f"Calibrated: temperature {decision.temperature:.2f}; on the validation texts the "
            f"calibration error was {before:.3f} and is {after:.3f}.",
            soft_wrap=True,
        )
    if decision.thresholds:
        # two classes have one threshold, that of the second
        pairs = zip(names[-len(decision.thresholds) :], decision.thresholds, strict=True)
        told = ", ".join(f"{name} from {p:.3f}" for name, p in pairs)
        console.print(f"Thresholds: {told}.", soft_wrap=True)


def evaluate(
    run: str,
    data: Data,
    /,
    *,
    threshold: float | None = None,
    format: str | None = None,
    skip_bad_rows: bool = False,
) -> None:
    """Measure a classifier on labelled texts it has not seen: accuracy, F1, confusion, calibration.

    Example: ostinato evaluate runs/a more.csv

    Parameters
    ----------
    run
        The folder of a run.
    data
        Labelled texts as for `fit`; `-` is standard input.
    threshold
        The probability from which on a label is given, in place of the run's own; of two classes
        that of the second.
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
        columns.labels,
        format=format,
        classes=classifier.class_names,
        skip_bad_rows=skipped,
    )
    examples = splits.get("test", splits["train"])
    say_skipped(skipped)
    result = classifier.evaluate(examples, threshold=threshold)
    print(f"accuracy {result.accuracy:.3f}")
    print(f"f1 {result.f1:.3f}")
    if columns.labels.several:
        print(f"micro_f1 {result.micro_f1:.3f}")
    before = ""
    if classifier.decision_.temperature != 1:
        before = f", without its temperature {result.uncalibrated_error:.3f}"
    print(f"calibration error {result.calibration_error:.3f}{before}")
    print(f"texts {len(examples)}")
    print(f"\n{result.report}")
    console.print(_confusion(result, columns.labels.several))


def _confusion(result: Evaluation, several: bool) -> Table:
    if several:  # of each label for itself, the cells of its own two by two
        counts = table("label", "rightly given", "wrongly given", "missed", "rightly not given")
        for name, ((no, wrong), (missed, yes)) in zip(
            result.classes, result.confusion.tolist(), strict=True
        ):
            counts.add_row(name, *map(str, (yes, wrong, missed, no)))
        return counts
    confusion = table("true \\ predicted", *result.classes)
    for name, row in zip(result.classes, result.confusion, strict=True):
        confusion.add_row(name, *map(str, row))
    return confusion


def predict(
    run: str,
    file: Data = "-",
    /,
    *,
    threshold: float | None = None,
    format: str | None = None,
    skip_bad_rows: bool = False,
) -> None:
    """Label texts with a trained classifier: a label and its probability for each, in order.

    There is a line for each row of the file, also for a bad one that is left out: it has no
    label and no probability, only the tab between them. Where a text may have several labels, the
    line has all that are given, the most probable first, each with its probability after a tab; a
    text without any has an empty line.

    Example: echo "a dull, endless film" | ostinato predict runs/a -

    Parameters
    ----------
    run
        The folder of a run.
    file
        A file with a text on each line, a table with the run's text column, or `-`.
    threshold
        The probability from which on a label is given, in place of the run's own; of two classes
        that of the second.
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
    probabilities = classifier.predict_proba(texts)
    given, names = classifier.given(probabilities, threshold), classifier.class_names
    rows = zip(probabilities, given, strict=True)
    bad, empty = set(skipped.rows), 0
    for number in range(len(texts) + len(bad)):
        if number in bad:
            print("\t")
            continue
        row, chosen_here = next(rows)
        best = sorted(np.flatnonzero(chosen_here), key=lambda k: -row[k])
        empty += not best
        print("\t".join(f"{names[k]}\t{row[k]:.4f}" for k in best))
    if empty:
        aside.print(f"ostinato: {empty:,} of {len(texts):,} texts were given no label")
