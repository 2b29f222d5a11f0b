"""Buffers that are reused from call to call, aligned to cache lines, large ones on huge pages.

Fresh memory is expensive: the system clears every page of it when it is first accessed, which for
a large tape takes as long as the matrix products.
"""

from __future__ import annotations

import contextlib
import mmap

import torch
from torch import Tensor

from ostinato.levels.native.plan.frame import LINE

HUGE = 1 << 22
"""Bytes from which a buffer requests huge pages: 512 times fewer to clear and to look up."""


class Buffers(dict[str, Tensor]):
    """Buffers by name, each as large as the largest request so far.

    Attributes:
        dtype: of their numbers.
        bytes: of all of them together.
    """

    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        self.dtype, self.bytes = dtype, 0

    def room(self, name: str, numbers: int) -> Tensor:
        """A buffer for some numbers, aligned to a cache line."""
        held = self.get(name)
        if held is None or held.numel() < numbers:
            self.pop(name, None)  # freed before the larger one is requested
            held = self[name] = _fresh(numbers, self.dtype)
            self.bytes = sum(b.untyped_storage().nbytes() for b in self.values())
        return held

    def poison(self, kept: str) -> None:
        """Fills all buffers but one with NaN, where PyTorch fills fresh memory too."""
        if _filling():
            for name, buffer in self.items():
                if name != kept:
                    buffer.fill_(torch.nan)


def _filling() -> bool:
    """Whether fresh memory is to be filled with NaN, as PyTorch fills its own.

    PyTorch's switch is `torch.utils.deterministic.fill_uninitialized_memory`.
    """
    if not torch.are_deterministic_algorithms_enabled():
        return False
    return bool(torch.utils.deterministic.fill_uninitialized_memory)  # type: ignore[attr-defined]


@torch.inference_mode(False)  # a buffer made in that mode may be used outside of it
def _fresh(numbers: int, dtype: torch.dtype) -> Tensor:
    """Fresh memory, aligned to a cache line; on huge pages if large, where the system has them."""
    size = 8 if dtype == torch.float64 else 4
    bytes_ = max(numbers, 1) * size
    if bytes_ < HUGE or not hasattr(mmap, "MADV_HUGEPAGE"):
        whole = torch.empty(numbers + LINE // size, dtype=dtype)
        skip = -whole.data_ptr() % LINE // size
        return whole[skip : skip + numbers]
    pages = mmap.mmap(-1, -(-bytes_ // (1 << 21)) << 21)
    with contextlib.suppress(OSError):  # ordinary pages serve as well
        pages.madvise(mmap.MADV_HUGEPAGE)
    room = torch.frombuffer(pages, dtype=dtype)[:numbers]
    return room.fill_(torch.nan) if _filling() else room
