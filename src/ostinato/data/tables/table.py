"""A table of a packaged source: columns of one length."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ostinato.data.tables.rows import RawRow


@dataclass(frozen=True)
class Table:
    """Columns by name, all of one length."""

    columns: Mapping[str, Sequence[object]]

    def rows(self) -> Iterator[RawRow]:
        """The rows, numbered from 1."""
        for number, values in enumerate(zip(*self.columns.values(), strict=True), start=1):
            yield RawRow(f"row {number}", dict(zip(self.columns, values, strict=True)))
