"""A folder with a folder for each class, and in it a file for each text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from ostinato.data.files.bad import Bad
from ostinato.data.files.file import File
from ostinato.data.files.limits import too_long
from ostinato.data.tables.labels import LabelColumn
from ostinato.data.tables.rows import Row, row
from ostinato.errors import DataError

SUFFIXES = (".txt", ".txt.gz", ".txt.xz")


def rows(folder: Path, label: LabelColumn, encoding: str | None = None) -> Iterator[Row | Bad]:
    """Each text and its class, classes and files in alphabetical order; a row is a whole file.

    The name of a folder may contain several labels, if `label` is multi-label.

    Hidden folders and files that do not end in `.txt`, `.txt.gz` or `.txt.xz` are passed over.

    Raises:
        DataError: when the folder cannot be read, or holds no class with a text.
    """
    try:
        classes = sorted(p for p in folder.iterdir() if p.is_dir() and p.name[0] != ".")
        files = {path: sorted(p for p in path.iterdir() if _is_text(p)) for path in classes}
    except OSError as error:
        raise DataError(f"{error.filename}: cannot be read: {error.strerror}") from None
    if not any(files.values()):
        raise DataError(
            f"{folder}: no texts found; a data folder contains a folder for "
            "each class, with a .txt file for each text"
        )
    for path, texts in files.items():
        if not texts:
            raise DataError(f"{path}: no .txt file in the folder of this class")
        for text in texts:
            yield _row(text, path.name, replace(label, name="label"), encoding)


def _is_text(path: Path) -> bool:
    return path.name.lower().endswith(SUFFIXES) and path.name[0] != "."


def _row(path: Path, name: str, label: LabelColumn, encoding: str | None) -> Row | Bad:
    place = f"{name}/{path.name}"
    try:
        with File(str(path), encoding) as file:
            chunks: list[str] = []
            for chunk in file.chunks():
                chunks.append(chunk)
                if sum(map(len, chunks)) > file.limits.row:
                    return Bad(place, too_long("a text", file.limits.row))
        text = "".join(chunks)
    except DataError as error:
        return Bad(place, str(error).removeprefix(f"{path}: "))
    if fault := file.flaw(text):
        line = next(k for k, each in enumerate(text.split("\n"), 1) if file.flaw(each))
        return Bad(f"{place}: line {line}", fault)
    return row(place, {"text": text, "label": name}, label)
