"""What the settings of every task have."""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self, TypeAlias, TypeVar

from pydantic import AfterValidator, Field

from ostinato.data import Dialect
from ostinato.errors import ConfigError, quoted
from ostinato.tasks.base.stack import StackSettings
from ostinato.train import Section, Training, read_toml


def refuse_code(values: Mapping[str, object], source: str) -> None:
    """Refuses settings from a file that name a file of code, which the user alone may name.

    Raises:
        ConfigError: for a cell that is `path/to/file.py:name`.
    """
    cell = values.get("cell")
    if isinstance(cell, str) and ":" in cell:
        raise ConfigError(
            f"{source}: cell = {quoted(cell)} names a Python file, which a settings "
            "file must not; if you trust it, remove the line and use --cell "
            f"{cell}"
        )


def _text_encoding(name: str | None) -> str | None:
    try:
        known = name is None or codecs.lookup(name)._is_text_encoding
    except (LookupError, ValueError):
        known = False
    if not known:
        raise ValueError("no such encoding; give a name such as cp1252, latin-1 or utf-16")
    return name


def _one_character(delimiter: str | None) -> str | None:
    names = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";"}
    delimiter = names.get(delimiter or "", delimiter)
    if delimiter is not None and (len(delimiter) != 1 or delimiter in '\r\n"'):
        raise ValueError("give one character, or tab")
    return delimiter


def _part_or_file(value: float | str) -> float | str:
    try:
        part = float(value)
    except ValueError:
        return value
    if not 0 < part < 1:
        raise ValueError("give a fraction between 0 and 1, or the name of a file")
    return part


PartOrFile: TypeAlias = Annotated[float | str, AfterValidator(_part_or_file)]
"""A part between 0 and 1, which the command line gives as text; or a file."""


def _decimal_mark(mark: str | None) -> str | None:
    mark = {"point": ".", "comma": ","}.get(mark or "", mark)
    if mark not in (None, ".", ","):
        raise ValueError("give a point or a comma")
    return mark


class FileSettings(Section):
    """How a file of text is written."""

    encoding: Annotated[str | None, AfterValidator(_text_encoding)] = Field(
        None,
        description="encoding of the text, such as cp1252; default: UTF-8, or UTF-16 with its mark",
    )

    @property
    def dialect(self) -> Dialect:
        """The same for a reader."""
        return Dialect(encoding=self.encoding)


class TableSettings(FileSettings):
    """How a table is written."""

    delimiter: Annotated[str | None, AfterValidator(_one_character)] = Field(
        None,
        description="character between the fields of a table; default: the comma, semicolon, tab "
        "or | that its first rows have",
    )
    decimal: Annotated[str | None, AfterValidator(_decimal_mark)] = Field(
        None, description="decimal mark of numbers, a point or a comma; default: what they show"
    )
    header: Literal["yes", "no"] | None = Field(
        None,
        description="whether the first row of a table names its columns; no: they are numbered "
        "from 1; default: yes, if it is not all numbers",
    )

    @property
    def dialect(self) -> Dialect:
        """The same for a reader."""
        header = None if self.header is None else self.header == "yes"
        return Dialect(self.delimiter, self.decimal, self.encoding, header)


class TextColumns(TableSettings):
    """The column of a table with the texts, and how it is written."""

    text: str = Field("text", description="column with the texts")


S = TypeVar("S", bound=Section)


def said_of(settings: S, given: Section | None) -> S:
    """Settings of the data of a run, and over them what is said of another file."""
    said = given.model_dump(exclude_unset=True) if given else {}
    return settings.model_copy(update=said)


class TaskSettings(Section):
    """Settings of a run: each task says what its data and its network are."""

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Settings from a TOML file, which may not name a file of code.

        Raises:
            ConfigError: when the file cannot be read, or holds what is refused.
        """
        values = read_toml(path)
        refuse_code(values, str(path))
        return cls.parse(values, str(path))

    cell: str = Field("lstm", description="name of a cell, or path/to/file.py:name")
    seed: int = Field(0, ge=0, lt=2**63, description="the seed of all random numbers")
    data: Section = Section()
    model: StackSettings = StackSettings()
    train: Training = Training()
