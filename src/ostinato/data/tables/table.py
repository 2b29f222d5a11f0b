"""A table of a packaged source: columns of one length."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ostinato.data.tables.rows import Row


@dataclass(frozen=True)
class Table:
    """Columns by name, all of one length."""

    columns: Mapping[str, Sequence[Any]]

    def rows(self) -> Iterator[Row]:
        """The rows; the one value of each is a dict of its columns."""
        for number, values in enumerate(zip(*self.columns.values(), strict=True), start=1):
            yield Row(f"row {number}", [dict(zip(self.columns, values, strict=True))])
