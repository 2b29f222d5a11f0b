"""What a format of files is, and which one a file is of.

The formats of a kind of data are the modules of a package: adding one is adding a file.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from types import ModuleType
from typing import Protocol, TypeVar, cast

from ostinato import registry
from ostinato.data.files.file import File

W = TypeVar("W")
R = TypeVar("R")
Wanted = TypeVar("Wanted", contravariant=True)
Record = TypeVar("Record", covariant=True)


class Format(Protocol[Wanted, Record]):
    """A format of files: of tables, of tagged sentences, of signals.

    A reader says what is wanted of a file, such as some columns; the format gives it record by
    record, bad ones too, so that a reader can leave them out. What concerns the whole file,
    such as a missing column, is an error.
    """

    @property
    def SUFFIXES(self) -> tuple[str, ...]:  # noqa: N802, a constant of a module
        """The ends of names by which it is known, without those of packing."""

    def sniff(self, head: bytes, wanted: Wanted) -> bool:
        """Whether the first bytes of a file are of it."""

    def read(self, file: File, wanted: Wanted) -> Iterator[Record]:
        """What is wanted of each record of the file.

        Raises:
            DataError: for what concerns the whole file.
        """


def formats(package: ModuleType) -> dict[str, Format[W, R]]:
    """The formats of a package by name, in alphabetical order."""
    return {name: named(package, name) for name in registry.names(package)}


def named(package: ModuleType, name: str) -> Format[W, R]:
    """The format of that name.

    Raises:
        UnknownName: when there is none; the nearest right name is given.
    """
    return cast("Format[W, R]", registry.find(package, "format", name))


def by_name(where: str, known: Mapping[str, Format[W, R]], but: Collection[str] = ()) -> str | None:
    """The format detected from the end of a file's name, without `.gz` and `.xz`; None if none is.

    Args:
        where: the file.
        known: the formats.
        but: those whose names mean nothing: a `.txt` may hold a table.
    """
    plain = without_packing(where)
    ending = (k for k, kind in known.items() if k not in but and plain.endswith(kind.SUFFIXES))
    return next(ending, None)


def by_content(head: bytes, wanted: W, known: Mapping[str, Format[W, R]]) -> str | None:
    """The format detected from the first bytes of a file; None if none is."""
    return next((name for name, kind in known.items() if kind.sniff(head, wanted)), None)


def without_packing(where: str) -> str:
    """The name of a file in lower case, without the ends that say how it is packed.

    >>> without_packing("Reviews.CSV.gz")
    'reviews.csv'
    """
    return where.lower().removesuffix(".gz").removesuffix(".xz")
