"""`ostinato predict RUN FILE`: label texts."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from ostinato.data import read_texts
from ostinato.tasks.classify import Classifier


def predict(run: str, file: Annotated[str, Parameter(allow_leading_hyphen=True)] = "-", /) -> None:
    """Label texts with a trained classifier: a label and its probability for each, in order.

    Example: echo "a dull, endless film" | ostinato predict runs/a -

    Parameters
    ----------
    run
        The folder of a run.
    file
        A file with a text on each line, a CSV file with the run's text column, or `-`.
    """
    classifier = Classifier.load(run)
    texts = read_texts(file, classifier.settings().data.text)
    for row in classifier.predict_proba(texts):
        print(f"{classifier.classes_[row.argmax()]}\t{row.max():.4f}")
