"""`ostinato evaluate RUN DATA`: measure a trained model."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from ostinato.cli.screen import console, say_skipped, table
from ostinato.data import Skipped, read_chunks, read_labelled
from ostinato.tasks.classify import Classifier
from ostinato.tasks.generate import Generator
from ostinato.train import Run, read_toml


def evaluate(
    run: str,
    data: Annotated[str, Parameter(allow_leading_hyphen=True)],
    /,
    *,
    format: str | None = None,
    skip_bad_rows: bool = False,
) -> None:
    """Measure a trained model on data it has not seen.

    Example: ostinato evaluate runs/a more.csv

    Parameters
    ----------
    run
        The folder of a run.
    data
        Data as for `fit`: for a classifier a table, a folder or `imdb`, for a generator a text;
        `-` is standard input.
    format
        csv, tsv, jsonl or parquet, where neither the name of the file nor its beginning tells.
    skip_bad_rows
        Leave bad rows out and say how many they are; without it the first one is an error.
    """
    skipped = Skipped() if skip_bad_rows else None
    settings = read_toml(Run.open(run).path / "config.toml")
    if settings.get("task") == "generate":
        text = read_chunks(data, skip_bad_rows=skipped)
        measured = Generator.load(run).evaluate(text)
        say_skipped(skipped)
        for name, value in measured.items():
            print(f"{name} {value:.4f}")
        return
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
