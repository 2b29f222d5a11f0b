"""How a table is written, where a user says it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Dialect:
    """How a table is written; None is found out from the file.

    Attributes:
        delimiter: the character between two fields of a row.
        decimal: the decimal mark of numbers, a point or a comma.
        encoding: the encoding of text, as Python names it.
        header: whether the first row names the columns; without, they are numbered from 1.
        times: the format of times, as `datetime.strptime` reads it.
        missing: further values that stand for missing numbers.
    """

    delimiter: str | None = None
    decimal: str | None = None
    encoding: str | None = None
    header: bool | None = None
    times: str | None = None
    missing: tuple[str, ...] = ()

    def names(self, first: list[str]) -> list[str]:
        """The names of the columns of a table with this first row.

        >>> Dialect(header=False).names(["a good film", "pos"])
        ['1', '2']
        """
        return [str(k) for k in range(1, len(first) + 1)] if self.header is False else first


DETECTED = Dialect()
"""All of it is found out."""
