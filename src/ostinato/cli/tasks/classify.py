"""Classifying on the command line: what `fit`, `evaluate`, `predict` and `compare` do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import chain
from typing import Annotated

import numpy as np
from cyclopts import Parameter
from rich.table import Table

from ostinato.cells import find
from ostinato.cli.runs import Data, LinesFormat, RunOptions, SkipBadRows, TableFormat, bad_rows
from ostinato.cli.screen import answer, aside, console, duration, say_skipped, table
from ostinato.cli.trials import HELD_OUT, Trials, named_cells, title_of
from ostinato.data import Examples, Skipped, read_labelled, read_texts, split_blocks
from ostinato.errors import ConfigError, DataError, quoted
from ostinato.observe.architecture import counts
from ostinato.tasks.classify.estimator import Classifier
from ostinato.tasks.classify.held_out import ClassifyHeldOut
from ostinato.tasks.classify.measures import ClassifyMeasures
from ostinato.tasks.classify.network import ClassifyNetwork
from ostinato.tasks.classify.settings import ClassifySettings


def fit(
    data: Data,
    /,
    *,
    options: RunOptions = RunOptions(),
    format: TableFormat = None,
    settings: Annotated[ClassifySettings | None, Parameter(name="*")] = None,
) -> None:
    """Train a classifier of texts, and a linear baseline beside it.

    Example: ostinato fit classify reviews.csv --cell gru --out runs/a

    Parameters
    ----------
    data
        A CSV, TSV, JSON Lines or Parquet file with the columns text and label, a folder with a
        folder of .txt files for each class, `-` for standard input, or `imdb`; .gz and .xz too. A
        .ts file holds series of numbers instead, as does `japanese_vowels`.
    settings
        The settings.
    """
    chosen = options.settings(ClassifySettings, settings)
    columns = chosen.data.text, chosen.data.labels
    with bad_rows(options.skip_bad_rows) as skipped:
        splits = read_labelled(data, *columns, format=format, skip_bad_rows=skipped)
    examples = splits["train"]
    several = chosen.data.labels.several
    if len(set(examples.labels)) < 2 and not several:
        raise DataError(
            f"{data}: only one class, {quoted(examples.labels[0])}; a classifier needs two"
        )
    estimator = options.estimator(Classifier, chosen)
    run = options.train(estimator, [data], examples, named={"format": format}, skipped=skipped)
    _tell(estimator)
    if several and (without := sum(not label for label in examples.labels)):
        console.print(f"{without:,} of {len(examples):,} texts have no label.")
    _say_decision(estimator)
    if "test" in splits:
        test = splits["test"]
        console.print(f"test accuracy {estimator.evaluate(test.texts, test.labels).accuracy:.4f}")
        if estimator.linear_:
            alone = estimator.alone(test.texts, test.labels).items()
            console.print(f"alone: {', '.join(f'{part} {right:.4f}' for part, right in alone)}")
    console.print(f"Saved in {run.path}. Next: ostinato evaluate {run.path} DATA", soft_wrap=True)


def _tell(estimator: Classifier) -> None:
    """The table of what was trained, on the validation texts, and which of it is best."""
    measures, chief = {"accuracy": "validation accuracy"}, "accuracy"
    if estimator.settings().data.labels.several:
        measures = {"micro_f1": "validation micro F1", "accuracy": "all labels right"}
        chief = "average_precision"
    best = max(estimator.history_, key=lambda record: record[chief])
    cell = estimator.network_.recurrent.cell.name
    weights = counts(estimator.network_)["parameters"]
    spent = sum(record["seconds"] for record in estimator.history_)
    result = table("", *measures.values(), "parameters", "time")

    def row(name: str, values: Iterable[float], count: int, seconds: float) -> None:
        result.add_row(name, *(f"{v:.4f}" for v in values), f"{count:,}", duration(seconds))

    row(cell, (best[k] for k in measures), weights, spent)
    its: list[float] = []
    if baseline := estimator.baseline_:
        its = [getattr(estimator, f"baseline_{k}_") for k in measures]
        row("linear baseline", its, baseline.parameters, baseline.seconds)
    if linear := estimator.linear_:
        model = "linear model of n-grams"
        row(model, [linear.accuracy], linear.model.parameters, linear.seconds)
        both = weights + linear.model.parameters, spent + linear.seconds
        row(f"{cell} and linear model", [linear.together], *both)
    console.print(result)
    if its and its[0] > best[next(iter(measures))]:
        console.print("The linear baseline is better here.")
    if linear and linear.accuracy > best["accuracy"]:
        console.print("The linear model alone is better than the network alone.")


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
    format: TableFormat = None,
    skip_bad_rows: SkipBadRows = False,
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
    """
    classifier = Classifier.load(run)
    columns = classifier.settings().data
    with bad_rows(skip_bad_rows) as skipped:
        splits = read_labelled(
            data,
            columns.text,
            columns.labels,
            format=format,
            classes=classifier.class_names,
            skip_bad_rows=skipped,
        )
    examples = splits.get("test", splits["train"])
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


def _confusion(result: ClassifyMeasures, several: bool) -> Table:
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
    format: LinesFormat = None,
    skip_bad_rows: bool = False,
) -> None:
    """Label texts with a trained classifier: a label and its probability for each, in order.

    There is a line for each row of the file, also for a bad one that is left out: it has no
    label and no probability, only the tab between them. Where a text may have several labels, the
    line has all that are given, the most probable first, each with its probability after a tab; a
    text without any has an empty line. A tab or a line end in a label is written \\t or \\n.

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
    skip_bad_rows
        Give bad rows no label and say how many they are; without it the first one is an error.
    """
    classifier = Classifier.load(run)
    skipped = Skipped()
    chosen = skipped if skip_bad_rows else None
    column = classifier.settings().data.text
    numbers = classifier.numbers_ is not None
    texts = read_texts(file, column, format=format, skip_bad_rows=chosen, numbers=numbers)
    say_skipped(skipped)
    probabilities = classifier.predict_proba(texts)
    given, names = classifier.given(probabilities, threshold), classifier.class_names
    rows = zip(probabilities, given, strict=True)
    empty = 0
    for read in skipped.merged(rows):
        if read is None:
            print("\t")
            continue
        row, chosen_here = read
        best = sorted(np.flatnonzero(chosen_here), key=lambda k: -row[k])
        empty += not best
        answer(*chain.from_iterable((names[k], f"{row[k]:.4f}") for k in best))
    if empty:
        aside.print(f"ostinato: {empty:,} of {len(texts):,} texts were given no label")


def compare(
    data: Data,
    /,
    *,
    trials: Trials = Trials(),
    frameworks: str | None = None,
    texts: int | None = None,
    format: TableFormat = None,
    settings: Annotated[ClassifySettings | None, Parameter(name="*")] = None,
) -> None:
    """Compare cells as classifiers of texts, with a linear baseline beside them.

    Example: ostinato compare classify reviews.csv --cells rnn,lstm,gru --seeds 3 --out runs/c

    Example: ostinato compare classify imdb --frameworks torch,keras

    Every cell is trained with every seed on the same texts in the same batches, and judged by
    the same texts held out: the test part of a packaged source, else a fifth of a file, in whole
    blocks of neighbours. Given again with the same --out, it goes on where it was stopped.

    With --frameworks each cell is trained in each framework instead, from the same first weights,
    on the same batches in the same order, without dropout: do the loss curves coincide, do the
    trained models agree, and which is faster?

    Parameters
    ----------
    data
        A table with the columns text and label, a folder, `-` for standard input, or `imdb`; as
        for `fit`.
    frameworks
        `torch`, `keras` or both, with commas between them; KERAS_BACKEND says what Keras runs on.
        The folder is runs/frameworks-1, -2, … unless given.
    texts
        With --frameworks: how many texts are trained on, drawn at random, and at most asked
        about; 2000 unless given. So that Keras is done in minutes, --data.max-tokens is 200 then,
        and --train.epochs 3, unless given.
    settings
        The settings, the same for all cells.
    """
    chosen = trials.settings(ClassifySettings, settings)
    if chosen.data.labels.several:
        raise ConfigError(
            "several labels of a text (data.multi_label, data.separator) cannot be compared yet; "
            "train each cell with `ostinato fit classify`, and judge it with `ostinato evaluate`"
        )
    if frameworks is None:
        if texts is not None:
            raise ConfigError("--texts is for --frameworks, which is not given")
        training, test = _parts(data, chosen, format)
        classes = len(set(training.labels))

        def network(own: ClassifySettings) -> ClassifyNetwork:
            # the embedding is as large for every cell
            return ClassifyNetwork(find(own.cell), own.model, 2, classes)

        pairs = list(training.texts), training.labels  # in memory: they go into processes
        exam = ClassifyHeldOut(Examples(list(test.texts), test.labels))
        trials.run(title_of(data), chosen, pairs, exam, network)
        return
    # its page needs plotly, which those who train or predict can do without
    from ostinato.cli.frameworks import TEXTS, compare_frameworks, few, named, plain

    for option in ("seeds", "equal", "jobs"):
        if getattr(trials, option) is not None:
            raise ConfigError(f"--{option} is for comparing cells; leave it or --frameworks out")
    if texts is not None and texts < 2:
        raise ConfigError(f"--texts {texts}: there must be two at least")
    chosen, words = plain(chosen), named_cells(trials.cells)
    named(frameworks)
    count = TEXTS if texts is None else texts
    training, test = (few(part, count, chosen.seed) for part in _parts(data, chosen, format))
    about, out, show = title_of(data), trials.out, trials.open_page
    compare_frameworks(about, chosen, frameworks, words, training, test, out, show)


def _parts(data: str, settings: ClassifySettings, format: str | None) -> tuple[Examples, Examples]:
    """What is trained on, and judged by, in a comparison."""
    columns = settings.data.text, settings.data.label
    splits = read_labelled(data, *columns, format=format)
    training, test = splits["train"], splits.get("test")
    if min(Counter(training.labels).values()) < 3 or len(set(training.labels)) < 2:
        raise DataError(f"{data}: a comparison needs two classes with three texts each")
    if test is not None:
        return training, test
    kept, held = split_blocks(training.labels, HELD_OUT, 0)
    return training.select(np.sort(kept)), training.select(np.sort(held))
