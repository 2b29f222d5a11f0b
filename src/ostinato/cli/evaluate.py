"""`ostinato evaluate RUN DATA`: measure a trained model."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from ostinato.cli.screen import console, table
from ostinato.data import read_labelled, read_text
from ostinato.tasks.classify import Classifier
from ostinato.tasks.generate import Generator
from ostinato.train import Run, read_toml


def evaluate(run: str, data: Annotated[str, Parameter(allow_leading_hyphen=True)], /) -> None:
    """Measure a trained model on data it has not seen.

    Example: ostinato evaluate runs/a more.csv

    Parameters
    ----------
    run
        The folder of a run.
    data
        For a classifier a CSV file or `imdb`, for a generator a text; `-` is standard input.
    """
    settings = read_toml(Run.open(run).path / "config.toml")
    if settings.get("task") == "generate":
        for name, value in Generator.load(run).evaluate(read_text(data)).items():
            print(f"{name} {value:.4f}")
        return
    classifier = Classifier.load(run)
    columns = classifier.settings().data
    splits = read_labelled(data, columns.text, columns.label)
    examples = splits.get("test", splits["train"])
    result = classifier.evaluate(examples.texts, examples.labels)
    print(f"accuracy {result.accuracy:.3f}")
    print(f"f1 {result.f1:.3f}")
    print(f"texts {len(examples)}")
    print(f"\n{result.report}")
    confusion = table("true \\ predicted", *result.classes)
    for name, row in zip(result.classes, result.confusion, strict=True):
        confusion.add_row(name, *map(str, row))
    console.print(confusion)
