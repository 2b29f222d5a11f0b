"""`ostinato predict RUN FILE`: label texts."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from ostinato.cli.screen import say_skipped
from ostinato.data import Skipped, read_texts
from ostinato.tasks.classify import Classifier


def predict(
    run: str,
    file: Annotated[str, Parameter(allow_leading_hyphen=True)] = "-",
    /,
    *,
    format: str | None = None,
    skip_bad_rows: bool = False,
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
