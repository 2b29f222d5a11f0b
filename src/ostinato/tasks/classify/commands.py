"""What `fit`, `compare`, `evaluate` and `predict` do of this task."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Generator, Iterator
from functools import partial
from typing import TYPE_CHECKING

from ostinato.data import Examples, Skipped, readers
from ostinato.errors import ConfigError, DataError, first_few, quoted
from ostinato.tasks.base.reading import (
    HELD_OUT,
    Comparison,
    LinesFormat,
    SkipBadRows,
    TableFormat,
    TrainingSet,
)
from ostinato.tasks.base.settings import TextColumns, said_of
from ostinato.tasks.base.summary import Note, Shown, given_back, learned_from, left_out, not_known
from ostinato.tasks.classify.settings import ClassifyColumns, ClassifyData, ClassifySettings
from ostinato.tasks.classify.summary import alone, answers, measured, trained
from ostinato.train import Run

if TYPE_CHECKING:
    from ostinato.tasks.classify.estimator import Classifier
    from ostinato.tasks.classify.model import ClassifyModel


def training(
    data: str, /, *, format: TableFormat = None, settings: ClassifySettings, skip_bad_rows: bool
) -> Generator[Shown, None, TrainingSet]:
    """Train a classifier of texts and a linear baseline.

    Example: ostinato fit classify reviews.csv --cell gru --out runs/a

    Parameters
    ----------
    data
        A CSV, TSV, JSON Lines or Parquet file with the columns text and label, a folder with one
        folder of .txt files for each class, `-` for standard input, or `imdb`; may be compressed
        (.gz, .xz). For time series, a .ts file or `japanese_vowels`.
    settings
        The settings.
    """
    skipped = Skipped() if skip_bad_rows else None
    splits = _read(data, settings.data, format, skip_bad_rows=skipped)
    yield from left_out(skipped)
    examples = splits["train"]
    if len(set(examples.labels)) < 2 and not settings.data.labels.multi_label:
        raise DataError(
            f"{data}: only one class, {quoted(examples.labels[0])}; a classifier needs two classes"
        )
    counts = {} if settings.data.labels.multi_label else Counter(examples.labels)
    alone = [name for name, count in counts.items() if count == 1]
    if alone and len(counts) - len(alone) >= max(2, len(alone)):  # else they are refused
        named = first_few(map(quoted, alone))
        yield Note(f"ostinato: classes of a single text are learnt but not measured: {named}")
    summary = partial(trained, examples=examples, test=splits.get("test"))
    return TrainingSet((examples,), {"skipped": skipped}, summary)


def comparison(
    data: str, /, *, format: TableFormat = None, settings: ClassifySettings
) -> Generator[Shown, None, Comparison]:
    """Compare cells as classifiers of texts, and with a linear baseline.

    Example: ostinato compare classify reviews.csv --cells rnn,lstm,gru --seeds 3 --out runs/c

    Example: ostinato compare classify imdb --frameworks torch,keras

    Every cell is trained with every seed on the same texts in the same batches, and evaluated on
    the same held-out set: the test set of a packaged source, or a fifth of a file, in whole blocks
    of neighbouring texts. To continue an interrupted comparison, use the same --out.

    With --frameworks each cell is trained in each framework instead, with the same initial
    weights, on the same batches in the same order, without dropout; the report compares loss
    curves, predictions and speed.

    Parameters
    ----------
    data
        A table with the columns text and label, a folder, `-` for standard input, or `imdb`; as
        for `fit`.
    settings
        The settings, the same for all cells.
    """
    import numpy as np

    from ostinato.cells import find
    from ostinato.data import split_blocks
    from ostinato.tasks.classify.held_out import ClassifyHeldOut
    from ostinato.tasks.classify.network import ClassifyNetwork

    if settings.data.labels.multi_label:
        raise ConfigError(
            "multi-label texts (data.multi_label, data.separator) cannot be "
            "compared yet; train each cell with `ostinato fit classify` and "
            "evaluate it with `ostinato evaluate`"
        )
    yield from ()
    splits = _read(data, settings.data, format)
    kept, held = splits["train"], splits.get("test")
    if sum(count > 2 for count in Counter(kept.labels).values()) < 2:
        raise DataError(f"{data}: a comparison needs at least two classes with three texts each")
    if held is None:
        parts = split_blocks(kept.labels, HELD_OUT, 0)
        kept, held = (kept.select(np.sort(part)) for part in parts)
    classes = len(set(kept.labels))

    def network(own: ClassifySettings) -> ClassifyNetwork:
        # the embedding is as large for every cell
        return ClassifyNetwork(find(own.cell), own.model, 2, classes)

    # in memory: they go into processes
    examples, test = list(kept.texts), Examples(list(held.texts), held.labels)
    sizes = len(examples), len(test)
    return Comparison((examples, kept.labels), ClassifyHeldOut(test), network, sizes)


def evaluation(
    classifier: Classifier,
    run: Run,
    data: str,
    /,
    *,
    threshold: float | None = None,
    columns: ClassifyColumns | None = None,
    format: TableFormat = None,
    skip_bad_rows: SkipBadRows = False,
) -> Iterator[Shown]:
    """Evaluate a classifier on labelled texts: accuracy, F1, confusion matrix, calibration.

    Example: ostinato evaluate runs/a more.csv

    Parameters
    ----------
    data
        Labelled texts as for `fit`; `-` is standard input.
    threshold
        The probability threshold of a label, instead of that of the run; for two classes, that of
        the second class.
    columns
        The columns of this file and how it is written, where that is not as in training.
    """
    skipped = Skipped() if skip_bad_rows else None
    known, own = classifier.class_names, said_of(classifier.settings().data, columns)
    splits = _read(data, own, format, classes=known, skip_bad_rows=skipped)
    yield from left_out(skipped)
    examples = splits.get("test", splits["train"])
    found = classifier.evaluate(examples, threshold=threshold)
    yield from learned_from(run, examples.fingerprint())
    yield from measured(classifier, found, len(examples))
    if classifier.linear_:
        yield alone(classifier, examples)
    unknown, tokens = classifier.model_.unknown(examples.texts)
    yield from not_known({"token": unknown}, of=tokens)


def prediction(
    model: ClassifyModel,
    file: str = "-",
    /,
    *,
    best: int | None = None,
    probabilities: bool = False,
    threshold: float | None = None,
    columns: TextColumns | None = None,
    format: LinesFormat = None,
    skip_bad_rows: bool = False,
) -> Iterator[Shown]:
    """Predict a label and its probability for each text, in order.

    A table is given back with the columns prediction and confidence. Otherwise prints one line for
    each text; for a skipped bad row it is a tab without label and probability. For multi-label
    texts the line has all predicted labels, the most probable first, each followed by a tab and
    its probability; it is empty if there are none. A tab or a line break in a label is written
    \\t or \\n. Lines of a pipe are answered as they come.

    Example: echo "a dull, endless film" | ostinato predict runs/a -

    Parameters
    ----------
    file
        A file with one text per line, a table with the run's text column, or `-`.
    best
        Print this many labels for each text, the most probable first, each with its probability.
    probabilities
        Print the probabilities of all labels.
    threshold
        The probability threshold of a label, instead of that of the run; for two classes, that of
        the second class.
    columns
        The columns of this file and how it is written, where that is not as in training.
    skip_bad_rows
        Predict no label for bad rows and print how many there are. Default: the first is an error.
    """
    own = said_of(model.settings.data, columns)
    if best is not None and not 1 <= best <= len(model.classes):
        raise ConfigError(f"--best {best}: from 1 to {len(model.classes)}, the number of labels")
    skipped, unknown, empty, texts, tokens = Skipped(), Counter[str](), 0, 0, 0
    reading = partial(readers.asked, format=format, dialect=own.dialect, skipped=skipped)
    numbers = model.numbers is not None
    table, batches = reading(file, own.text, skip_bad_rows=skip_bad_rows, numbers=numbers)
    yield from given_back(table)
    for batch in batches:
        count = len(model.classes) if probabilities else best
        for answer in answers(model, batch, threshold, count):
            empty += not answer.values
            yield answer
        known = [each for each in batch if each is not None]
        texts += len(known)
        more, size = model.unknown(known)
        unknown, tokens = unknown + more, tokens + size
    yield from left_out(skipped)
    yield from not_known({"token": unknown}, of=tokens)
    if empty:
        yield Note(f"ostinato: {empty:,} of {texts:,} texts have no predicted label")


def _read(
    data: str,
    columns: ClassifyData,
    format: str | None,
    *,
    classes: Collection[str] | None = None,
    skip_bad_rows: Skipped | None = None,
) -> dict[str, Examples]:
    return readers.read_labelled(
        data,
        columns.text,
        columns.labels,
        format=format,
        classes=classes,
        skip_bad_rows=skip_bad_rows,
        dialect=columns.dialect,
    )
