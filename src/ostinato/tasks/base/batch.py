"""Batches: named tensors with lengths, and the sequences that they are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import ClassVar, Protocol, Self, TypeAlias, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

Indices: TypeAlias = NDArray[np.intp]
"""Which of many sequences."""


@dataclass(frozen=True)
class Batch:
    """Named tensors; a task's batch says which, and their shapes. None is a tensor left out.

    Tensors of lengths are always on the CPU, where they say how steps are packed.
    """

    on_cpu: ClassVar[frozenset[str]] = frozenset({"lengths"})

    def to(self, device: torch.device | str) -> Self:
        """The same batch on a device, but for lengths."""
        names = {field.name for field in fields(self)} - self.on_cpu
        tensors = {name: getattr(self, name) for name in names}
        return replace(self, **{name: t.to(device) for name, t in tensors.items() if t is not None})


B = TypeVar("B", bound=Batch, covariant=True)


class Sequences(Protocol[B]):
    """Inputs as numbers, each of its own length."""

    @property
    def lengths(self) -> Sequence[int]:
        """Of each sequence, in steps."""
        ...

    def batch(self, chosen: Indices) -> B:
        """Some of the sequences side by side, on the CPU."""
        ...
