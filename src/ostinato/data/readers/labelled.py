"""Data by name: a packaged source, a file, a folder, or standard input.

Files are CSV, TSV, JSON Lines, Parquet or plain text, as they are or packed by gzip or xz. A name's
end says which, before `.gz` or `.xz`; of another name, and of standard input, the first bytes do.
Errors name the file and the line on which the faulty record starts (in a CSV a record may go over
several lines); a faulty byte is named by its own line.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from ostinato import registry
from ostinato.data import sources
from ostinato.data.files.file import File, flaw, title
from ostinato.data.series import signals
from ostinato.data.sources._problem import Problem
from ostinato.data.tables import folders, formats
from ostinato.data.tables.examples import Examples
from ostinato.data.tables.labels import LabelColumn, each, interned, refuse_measurements
from ostinato.data.tables.rows import Check, Row, Skipped, good, row, two_parts, untouched
from ostinato.data.tables.table import Table
from ostinato.data.tables.texts import Texts
from ostinato.errors import DataError, UnknownName, first_few, quoted

_CHUNK = 2**20  # characters of a text that are given together, where its lines are looked at


def read_labelled(
    where: str,
    text: str = "text",
    label: str | LabelColumn = "label",
    *,
    format: str | None = None,
    classes: Collection[str] | None = None,
    skip_bad_rows: Skipped | None = None,
) -> dict[str, Examples]:
    r"""Labelled examples by split, in file order.

    Args:
        where: a file with columns, `-` for standard input, a folder with a folder of `.txt` files
            for each class, or the name of a packaged source; where a file has a source's name,
            the file is read, and a folder of that name is `./name`. All line ends become `\n`.
        text: the column with the texts; columns not named here are passed over.
        label: the column with the labels, see `label_text`; a `LabelColumn` may have several.
        format: the format's name, where the file does not tell it.
        classes: the only labels that are right; None allows any.
        skip_bad_rows: goes on without bad rows and counts them; None refuses the first.

    Returns:
        The source's splits; for a file all of it as "train".

    Raises:
        DataError: when there is nothing of that name, or something is wrong in it.
    """
    label = LabelColumn(label) if isinstance(label, str) else label
    source = packaged(where)
    if isinstance(source, str | Table):
        kind = "plain text without labels" if isinstance(source, str) else "a table of series"
        raise DataError(f"{where} is {kind}; a labelled source is needed here")
    if source is not None and not isinstance(source["train"], Examples):
        raise DataError(f"{where} holds pairs of texts; a labelled source is needed here")
    if source is not None:
        if label.several:  # a packaged text has one
            return {
                k: Examples(e.texts, [tuple(each(y)) for y in e.labels]) for k, e in source.items()
            }
        return source
    if where.lower().endswith(signals.SUFFIXES):
        return {"train": signals.read_signals(where, label, skip_bad_rows)}
    texts, labels, places = Texts(), [], dict[str, str]()
    rows = table_rows(where, format, "csv", [text, label.name], label)
    known = rows if classes is None else _known(rows, classes)
    for read in good(known, title(where), skip_bad_rows):
        texts.append(read.values[0])
        labels.append(interned(read.values[1]))  # a class has one string, not one for each row
        for name in each(labels[-1]):
            places.setdefault(name, read.place)
    refuse_measurements(places, title(where))
    return {"train": Examples(texts.settled(), labels)}


def read_text(where: str, *, skip_bad_rows: Skipped | None = None) -> str:
    """One plain text; as `read_chunks`, in one piece."""
    return "".join(read_chunks(where, skip_bad_rows=skip_bad_rows))


def read_chunks(where: str, *, skip_bad_rows: Skipped | None = None) -> Iterator[str]:
    r"""One plain text, some million characters at a time.

    Args:
        where: a UTF-8 file, `-` for standard input, or a packaged source. All line ends become
            `\n`.
        skip_bad_rows: goes on without bad lines and counts them; None refuses the first.

    Raises:
        DataError: when there is nothing of that name, or something is wrong in it. What can be
            seen in the first chunk is refused at once, before the iterator is used.
    """
    source = packaged(where)
    if isinstance(source, dict | Table):
        kind = "examples, not one text" if isinstance(source, dict) else "series"
        raise DataError(f"{where} holds {kind}; a plain text is needed here")
    if source is not None:
        return iter([source])
    chunks = _chunks(where, skip_bad_rows)
    first = next(chunks)

    def all_chunks() -> Iterator[str]:
        yield first
        yield from chunks

    return all_chunks()


def read_texts(
    where: str,
    text: str = "text",
    *,
    format: str | None = None,
    skip_bad_rows: Skipped | None = None,
    blank: bool = False,
    numbers: bool = False,
) -> Sequence[Any]:
    """Texts to predict on: a column of a table, else the lines of a file or of `-`.

    Args:
        where: a file, or `-` for standard input.
        text: the column with the texts.
        format: the format's name, where the file does not tell it.
        skip_bad_rows: goes on without bad rows, and says which they were; None refuses the first.
        blank: whether a text may be blank.
        numbers: whether series of numbers are read in place of texts, from a `.ts` file.

    Raises:
        DataError: when the file cannot be read, a text is blank that may not be, or there are
            numbers for texts or texts for numbers.
    """
    if where.lower().endswith(signals.SUFFIXES) != numbers:
        are = ("series of numbers are", "a .ts file") if numbers else ("texts are", "no .ts file")
        raise DataError(f"{title(where)}: {are[0]} needed here, {are[1]}")
    if numbers:
        return signals.read_signals(where, LabelColumn(""), skip_bad_rows).texts
    texts = Texts()
    rows = table_rows(where, format, "text", [text], None, partial(row, blank=blank))
    for read in good(rows, title(where), skip_bad_rows):
        texts.append(read.values[0])
    return texts.settled()


def read_rows(where: str, format: str | None = None) -> Iterator[Row]:
    """All columns of a table, as they stand there: the one value of a row is a dict of them.

    Args:
        where: a file, `-` for standard input, or a packaged source that is a table.
        format: the format's name, where the file does not tell it.

    Raises:
        DataError: when there is nothing of that name, or it is no table.
    """
    source = packaged(where)
    if source is not None and not isinstance(source, Table):
        raise DataError(f"{where} holds texts; a table of numbers is needed here")
    if source is not None:
        return source.rows()
    return table_rows(where, format, "csv", None, None, untouched)


def packaged(where: str) -> dict[str, Any] | str | Table | None:
    """What the packaged source of that name gives; None when `where` is a file, folder or `-`."""
    if where == "-" or (os.path.exists(where) and not os.path.isdir(where)):
        return None
    try:
        source = registry.find(sources, "packaged source", where)
    except UnknownName as unknown:
        if os.path.isdir(where):
            return None
        raise DataError(f"{where}: no such file, and {unknown}") from None
    content: dict[str, Any] | str | Table | Problem = source.read()
    if isinstance(content, Problem):
        raise DataError(f"{where} is a problem that is generated: `ostinato recall {where}`")
    return content


def table_rows(
    where: str,
    given: str | None,
    default: str,
    columns: list[str] | None,
    label: LabelColumn | None,
    check: Check = row,
) -> Iterator[Row]:
    """The rows of a file, good and bad.

    Args:
        where: a file, or `-`; where there is a label, also a folder of folders.
        given: the format's name; None where name or first bytes tell it.
        default: the format where they do not.
        columns: the columns of a table that are wanted.
        label: the column among them with labels.

    Raises:
        DataError: when one column is wanted as two, or the file cannot be read.
    """
    if label and where != "-" and os.path.isdir(where):
        yield from folders.rows(Path(where), label)
        return
    if twice := [name for name in columns or [] if (columns or []).count(name) > 1]:
        raise DataError(f"{title(where)}: {two_parts(twice[0])}")
    with File(where) as file:
        found = _format(where, file, given, default, columns or [])
        yield from found.rows(file, columns, label, check)


def _format(
    where: str, file: File, given: str | None, default: str, columns: list[str]
) -> ModuleType:
    """The format that is given, or that the name tells, or else the first bytes."""
    if given:
        return registry.find(formats, "format", given)
    known = {name: registry.find(formats, "format", name) for name in registry.names(formats)}
    plain = where.lower().removesuffix(".gz").removesuffix(".xz")
    for name, kind in known.items():  # a .txt may be a table too, where a table is needed
        if plain.endswith(kind.SUFFIXES) and (name != "text" or name == default):
            return kind
    return next((kind for kind in known.values() if kind.sniff(file.head, columns)), known[default])


def _known(rows: Iterator[Row], classes: Collection[str]) -> Iterator[Row]:
    """The rows, those with a label that is none of the classes made bad."""
    for read in rows:
        unknown = [] if read.fault else [y for y in each(read.values[1]) if y not in classes]
        if unknown:
            what = f"its label {quoted(unknown[0])} was not in the training data, which had "
            read = Row(read.place, [], what + first_few(classes))
        yield read


def _chunks(where: str, skipped: Skipped | None) -> Iterator[str]:
    with File(where) as file:
        checked = _checked(file) if skipped is None else _without_bad_lines(file, skipped)
        blank: list[str] = []
        for chunk in checked:
            blank.append(chunk)
            if not chunk.isspace():
                yield "".join(blank)
                break
        else:
            raise DataError(f"{file.title}: the file is empty")
        yield from checked


def _checked(file: File) -> Iterator[str]:
    line = 1
    for chunk in file.chunks():
        if found := flaw(chunk):
            raise file.fault(line + chunk.count("\n", 0, found[0]), found[1])
        line += chunk.count("\n")
        yield chunk


def _without_bad_lines(file: File, skipped: Skipped) -> Iterator[str]:
    def rows() -> Iterator[Row]:
        for number, line in file.lines():
            found = flaw(line)
            yield Row(f"line {number}", [line], found and found[1])

    lines = (row.values[0] for row in good(rows(), file.title, skipped))
    chunk: list[str] = []
    size = 0
    for line in lines:
        chunk.append(line)
        size += len(line)
        if size > _CHUNK:
            yield "".join(chunk)
            chunk, size = [], 0
    if chunk:
        yield "".join(chunk)
