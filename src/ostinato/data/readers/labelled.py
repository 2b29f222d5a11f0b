"""Labelled examples: of a packaged source, a table, a folder, a `.ts` file, or in memory."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from ostinato.data.files.bad import Bad, Skipped, good
from ostinato.data.files.file import title
from ostinato.data.files.numerals import Numerals
from ostinato.data.readers.named import Content, are_examples, packaged, table_rows
from ostinato.data.readers.signals import are_in, read_signals
from ostinato.data.series.signals import are_signals, checked
from ostinato.data.tables import folders
from ostinato.data.tables.dialect import DETECTED, Dialect
from ostinato.data.tables.examples import Examples
from ostinato.data.tables.frames import column, columns
from ostinato.data.tables.labels import (
    Label,
    LabelColumn,
    each,
    interned,
    label_text,
    refuse_measurements,
)
from ostinato.data.tables.rows import Row, Wanted, row, target_text
from ostinato.data.tables.table import Table
from ostinato.data.tables.texts import Chosen, Texts
from ostinato.errors import DataError, first_few, quoted


def read_labelled(
    where: str,
    text: str = "text",
    label: str | LabelColumn = "label",
    *,
    format: str | None = None,
    classes: Collection[str] | None = None,
    skip_bad_rows: Skipped | None = None,
    dialect: Dialect = DETECTED,
) -> dict[str, Examples]:
    r"""Labelled examples by split, in file order.

    Args:
        where: a file with columns, `-` for standard input, a folder with a folder of `.txt` files
            for each class, or the name of a packaged source; where a file has a source's name,
            the file is read, and a folder of that name is `./name`. All line ends become `\n`.
        text: the column with the texts; columns not named here are passed over.
        label: the column with the labels, see `label_text`; a `LabelColumn` may have several, or
            numbers.
        format: the format's name, where the file does not say it.
        classes: the only labels that are right; None allows any.
        skip_bad_rows: leaves out bad rows and counts them; None refuses the first.
        dialect: how a table is written, and the texts of a folder are encoded.

    Returns:
        The source's splits; for a file all of it as "train".

    Raises:
        DataError: when there is nothing of that name, or something is wrong in it.
    """
    label = LabelColumn(label) if isinstance(label, str) else label
    content = packaged(where)
    if content is not None:
        return _labelled(where, content, label)
    if are_in(where):
        return {"train": read_signals(where, label, skip_bad_rows)}
    if where != "-" and os.path.isdir(where):
        rows = folders.rows(Path(where), label, dialect.encoding)
    else:
        check = partial(row, label=label, numerals=Numerals(dialect.decimal))
        wanted = Wanted([text, label.name], check, dialect)
        rows = table_rows(where, wanted, format)
    if classes is not None:
        rows = _known(rows, classes)
    texts, labels, places = Texts(), list[Label](), dict[str, str]()
    for read in good(rows, title(where), skip_bad_rows):
        texts.append(read.texts[0])
        labels.append(interned(read.label))  # a class has one string, not one for each row
        for name in each(labels[-1]):
            places.setdefault(name, read.place)
    if not label.numeric:
        refuse_measurements(places, title(where))
    return {"train": Examples(texts.settled(), labels)}


def examples_of(
    texts: Any,
    labels: Any = None,
    text: str = "text",
    label: str | LabelColumn = "label",
    split: str = "train",
) -> Examples:
    """Labelled examples, each checked.

    Args:
        texts: the texts, as a list, an array or a Series; signals, as a list of arrays (T, D) or
            an array (N, T, D); or a table with both columns.
        labels: the label of each text, of any type `label_text` knows, or a list of several; None
            for a table.
        text: the column with the texts.
        label: the column with the labels; class numbers of a `Dataset` become their names. A
            `LabelColumn` may have several, or numbers.
        split: which part of a `DatasetDict`; its first where there is none of that name.

    Raises:
        DataError: for a row that is missing, empty or of a wrong type, a column that is not
            there, or labels that are measurements.
        ValueError: when there are not as many labels as texts.
    """
    if isinstance(texts, Examples):
        return texts
    label = LabelColumn(label) if isinstance(label, str) else label
    if labels is None:
        both = columns(texts, [text, label.name], split)
    else:
        both = [column(texts, text, split), column(labels, label.name, split)]
    size = [len(values) for values in both]
    if size[0] != size[1]:
        raise ValueError(f"{size[0]} texts but {size[1]} labels")
    numeric = are_signals(both[0])
    if numeric:
        both[0] = checked(both[0])
    same = numeric or isinstance(both[0], Texts | Chosen)  # already in a file, or points into one
    kept, names, own = Texts(), list[Label](), dict[str, object]()
    named = replace(label, name="target" if label.numeric else "label")
    for k, (given, value) in enumerate(zip(*both, strict=True), start=1):
        text_of = {} if numeric else {"text": given}
        read = row(f"row {k}", text_of | {named.name: value}, named)
        if isinstance(read, Bad):
            raise DataError(str(read))
        if not same:
            kept.append(str(given))
        names.append(interned(read.label))
        for part in () if label.numeric else named.parts(value):
            own.setdefault(label_text(part), part)
    if not label.numeric:
        refuse_measurements(list(dict.fromkeys(n for name in names for n in each(name))), "labels")
    numbers = not any(isinstance(value, str) for value in own.values())
    return Examples(both[0] if same else kept.settled(), names, own if numbers else {})


def _labelled(where: str, content: Content, label: LabelColumn) -> dict[str, Examples]:
    """The examples of a packaged source; each has one label.

    Raises:
        DataError: when it holds something else.
    """
    if not are_examples(content):
        kinds = {str: "is plain text without labels", Table: "is a table of series"}
        kind = kinds.get(type(content), "contains pairs of texts")
        raise DataError(f"{where} {kind}, but a labelled source is required")
    if label.numeric:
        try:
            return {
                split: Examples(each.texts, [target_text("label", y) for y in each.labels])
                for split, each in content.items()
            }
        except ValueError as fault:
            raise DataError(f"{where}: {fault}") from None
    if not label.multi_label:
        return content
    return {
        split: Examples(examples.texts, [tuple(each(name)) for name in examples.labels])
        for split, examples in content.items()
    }


def _known(rows: Iterator[Row | Bad], classes: Collection[str]) -> Iterator[Row | Bad]:
    """The rows, those with a label that is none of the classes made bad."""
    for read in rows:
        unknown = [] if isinstance(read, Bad) else [y for y in each(read.label) if y not in classes]
        if unknown:
            what = f"its label {quoted(unknown[0])} is not in the training data, which has "
            read = Bad(read.place, what + first_few(classes))
        yield read
