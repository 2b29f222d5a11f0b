"""Texts in order, in a file where they are more than memory should hold."""

from __future__ import annotations

import os
import tempfile
import weakref
from array import array
from collections.abc import Sequence
from typing import IO, TypeVar, final, overload

from ostinato.errors import DataError

T = TypeVar("T")

MEMORY = 2**28  # bytes
_EACH = 64  # bytes that a text takes in memory besides its characters


@final
class Texts(Sequence[str]):
    """Texts that are added one after the other.

    Beyond a bound they all lie in a file without a name, which is gone when nobody uses it.
    """

    def __init__(self) -> None:
        self._list: list[str] = []
        self._held = 0
        self._file: IO[bytes] | None = None
        self._ends = array("q", [0])

    def append(self, text: str) -> None:
        """Adds a text.

        Raises:
            DataError: when there is no place for it.
        """
        try:
            if self._file is None:
                self._list.append(text)
                self._held += len(text) + _EACH
                if self._held > MEMORY:
                    self._file = tempfile.TemporaryFile(buffering=2**20)  # noqa: SIM115
                    weakref.finalize(self, self._file.close)
                    for each in self._list:
                        self._write(each)
                    self._list = []
            else:
                self._write(text)
        except OSError as error:
            folder = tempfile.gettempdir()
            raise DataError(
                f"{folder}: no space for large data: {error.strerror}; set TMPDIR to another folder"
            ) from None

    def settled(self) -> Sequence[str]:
        """The texts, none of which will follow: a plain list where they are few."""
        if self._file is None:
            return self._list
        self._file.flush()
        return self

    def __len__(self) -> int:
        return len(self._list) if self._file is None else len(self._ends) - 1

    @overload
    def __getitem__(self, k: int) -> str: ...
    @overload
    def __getitem__(self, k: slice) -> Sequence[str]: ...
    def __getitem__(self, k: int | slice) -> str | Sequence[str]:
        if self._file is None:
            return self._list[k]
        if isinstance(k, slice):
            return [self[i] for i in range(*k.indices(len(self)))]
        k = range(len(self))[k]
        start, end = self._ends[k : k + 2]
        return os.pread(self._file.fileno(), end - start, start).decode("utf-8")

    def _write(self, text: str) -> None:
        assert self._file is not None
        self._ends.append(self._ends[-1] + self._file.write(text.encode("utf-8")))


@final
class Chosen(Sequence[T]):
    """Some texts of a sequence in another order, each read when it is asked for."""

    def __init__(self, texts: Sequence[T], places: Sequence[int]) -> None:
        self._texts, self._places = texts, places

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, k: int) -> T: ...
    @overload
    def __getitem__(self, k: slice) -> Chosen[T]: ...
    def __getitem__(self, k: int | slice) -> T | Chosen[T]:
        if isinstance(k, slice):
            return Chosen(self._texts, self._places[k])
        return self._texts[self._places[k]]


def select(texts: Sequence[T], places: Sequence[int]) -> Sequence[T]:
    """The texts at these places: a list of a list, else each read when it is asked for."""
    if isinstance(texts, list):
        return [texts[k] for k in places]
    return Chosen(texts, places)
