"""Rows of a file of word vectors: a word and its numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ostinato.data.files.file import File
from ostinato.errors import DataError, quoted

MOST = 2**16
"""Numbers that a vector may have."""
LARGEST = 1e6
"""A larger number is no part of a word vector: the file is damaged, or in another format."""

Needed: TypeAlias = Callable[[bytes], bool]
"""Whether the vector of a word, as its file writes it, is needed."""


class VectorRow(NamedTuple):
    """A word and its vector.

    Attributes:
        place: where it is, for errors.
        word: in UTF-8, or not, as the file has it.
        numbers: the vector (D,).
    """

    place: str
    word: bytes
    numbers: NDArray[np.float64]


def checked_size(file: File, line: int, size: int) -> int:
    """A number of dimensions that vectors can have.

    Raises:
        DataError: for another.
    """
    if not 1 <= size <= MOST:
        raise file.fault(line, f"vectors of {size:,} numbers; from 1 to {MOST:,} are allowed")
    return size


def checked(title: str, row: VectorRow) -> VectorRow:
    """A row of finite numbers.

    Raises:
        DataError: when one is not finite, or too large.
    """
    if not bool((np.abs(row.numbers) <= LARGEST).all()):
        word = quoted(row.word.decode("utf-8", "replace"))
        raise DataError(
            f"{title}, {row.place}: the vector of {word} has a number that is not finite, or "
            f"larger than {LARGEST:,.0f}"
        )
    return row
