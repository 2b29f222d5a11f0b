"""What the settings of every task have."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Self

from pydantic import Field

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
