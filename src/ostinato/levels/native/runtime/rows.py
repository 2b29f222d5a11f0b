"""The caller's rows: which of them is read at which step, and which of them are equal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Int32s = NDArray[np.int32]

MOST = 2**31 - 1
"""Rows of a batch: native code numbers them in 32 bits."""


def refuse_many(rows: int) -> None:
    """Refuses batches whose rows cannot be numbered.

    Raises:
        ValueError: for more than `MOST` rows.
    """
    if rows > MOST:
        raise ValueError(
            f"native code reads at most {MOST:,} rows (steps · sequences) at "
            f"once, not {rows:,}: use smaller batches, or engine='torch'"
        )


@dataclass(frozen=True, eq=False)
class Order:
    """Which rows of the caller are read at which step.

    Attributes:
        batch_sizes: int32 (T + 1,): how many sequences have step t; 0 at the end.
        token: int32 (N,): the caller's row of each token, step by step, the longest sequence
            first.
    """

    batch_sizes: Int32s
    token: Int32s

    @classmethod
    def of(cls, batch_sizes: Sequence[int], token: Int32s | None = None) -> Order:
        """An order; without `token` the rows stand as they are read.

        Raises:
            ValueError: for more rows than 32 bits can number, first states included.
        """
        n = sum(batch_sizes)
        refuse_many(n + batch_sizes[0])
        sizes = np.array([*batch_sizes, 0], np.int32)
        return cls(sizes, np.arange(n, dtype=np.int32) if token is None else token)

    @cached_property
    def steps(self) -> int:
        """T."""
        return len(self.batch_sizes) - 1

    @cached_property
    def tokens(self) -> int:
        """N."""
        return len(self.token)

    @cached_property
    def sequences(self) -> int:
        """B."""
        return int(self.batch_sizes[0])

    @cached_property
    def addresses(self) -> tuple[int, int]:
        """Where `batch_sizes` and `token` lie."""
        return self.batch_sizes.ctypes.data, self.token.ctypes.data

    @cached_property
    def previous(self) -> Int32s | None:
        """int32 (N,): the row of the tape with each token's old states; None where it is row p."""
        sizes = self.batch_sizes[:-1]
        if int(sizes[-1]) == self.sequences:
            return None
        starts = sizes.cumsum() - sizes
        before = np.concatenate([[0], self.sequences + starts[:-1]])
        step = np.repeat(np.arange(self.steps), sizes)
        return (before[step] + np.arange(self.tokens) - starts[step]).astype(np.int32)


@dataclass(frozen=True, eq=False)
class Distinct:
    """Which rows of the caller are equal: row r is the `number[r]`-th of U distinct rows.

    Attributes:
        number: int32 (R,).
        first: int64 (U,): the first row of the caller that equals each.
        origin: int64 (U,): the row of the table that each was looked up in.
    """

    number: Int32s
    first: NDArray[np.int64]
    origin: NDArray[np.int64]

    @property
    def rows(self) -> int:
        """U."""
        return len(self.first)

    def holds(self, rows: Tensor, read: Tensor) -> bool:
        """Whether the caller's rows (R, D) equal the distinct rows `read`, bit for bit."""
        kind = torch.int32 if rows.element_size() == 4 else torch.int64
        number = torch.from_numpy(self.number)
        return torch.equal(rows.view(kind), read.view(kind).index_select(0, number))

    def segments(self, order: Order) -> tuple[Int32s, Int32s]:
        """The tokens of each distinct row, one after the other: int32 (U + 1,) and (N,)."""
        number = self.number[order.token]
        starts = np.zeros(self.rows + 1, np.int32)
        np.cumsum(np.bincount(number, minlength=self.rows), out=starts[1:])
        short = number.astype(np.uint16) if self.rows < 1 << 16 else number  # sorted by counting
        return starts, short.argsort(kind="stable").astype(np.int32)
