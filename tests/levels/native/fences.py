"""Memory between two pages that nobody may touch: one number too far ends the process."""

import ctypes
import mmap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from unittest import mock

import numpy as np
import torch
from torch import Tensor

from ostinato.levels.native.runtime import buffers, context, rows, stock
from ostinato.nn.noise import Noise

PAGE = mmap.PAGESIZE
FENCES = hasattr(mmap, "PROT_READ")
"""Whether this system lets a process forbid itself a page."""


class Fences:
    """Makes tensors that end at a forbidden page, or begin behind one, full of NaN.

    Args:
        side: "begin" or "end".
    """

    def __init__(self, side: str) -> None:
        self.side, self.made = side, 0
        self.system = ctypes.CDLL(None)

    def new(self, *shape: int, dtype: torch.dtype) -> Tensor:
        shape = torch.Size(shape)
        bytes_ = shape.numel() * dtype.itemsize
        if not bytes_:
            return torch.empty(shape, dtype=dtype)
        inside = -(-bytes_ // PAGE) * PAGE
        area = mmap.mmap(-1, inside + 2 * PAGE)
        begin = ctypes.addressof(ctypes.c_char.from_buffer(area))
        for place in (begin, begin + PAGE + inside):
            assert self.system.mprotect(ctypes.c_void_p(place), ctypes.c_size_t(PAGE), 0) == 0
        skip = PAGE + (inside - bytes_ if self.side == "end" else 0)
        found = torch.frombuffer(area, dtype=dtype, count=shape.numel(), offset=skip).view(shape)
        self.made += 1
        return found.fill_(torch.nan) if dtype.is_floating_point else found.zero_()

    def copy(self, tensor: Tensor) -> Tensor:
        with torch.no_grad():
            held = self.new(*tensor.shape, dtype=tensor.dtype).copy_(tensor)
        return held.requires_grad_(tensor.requires_grad)

    def numbers(self, array: np.ndarray) -> np.ndarray:
        return self.copy(torch.from_numpy(array)).numpy()


@contextmanager
def around(side: str) -> Iterator[Fences]:
    """Native code in memory that is fenced: its buffers, its tables, its results.

    Every buffer but the tape is full of NaN again before a forward and before a backward pass.
    Tensors of the caller are the caller's to fence.
    """
    fences = Fences(side)
    orders, begin, back = rows.Order.of, context.Context.begin, context.Context.begin_backward
    draw = Noise.draw

    def order(batch_sizes, token=None):
        made = orders(batch_sizes, token)
        made = rows.Order(fences.numbers(made.batch_sizes), fences.numbers(made.token))
        if made.previous is not None:
            vars(made)["previous"] = fences.numbers(made.previous)
        return made

    def poisoned(method: Callable, *kept: str) -> Callable:
        def call(self, *args):
            for name, buffer in self.buffers.items():
                if name not in kept and not name.startswith("packed"):
                    buffer.fill_(torch.nan)
            return method(self, *args)

        return call

    def empty(like, *shape, dtype=None):
        return fences.new(*_flat(shape), dtype=dtype or like.dtype)

    def zeros(like, *shape, dtype=None):
        return empty(like, *shape, dtype=dtype).zero_()

    fenced = {
        (stock, "idle"): type(stock.idle)(),
        (buffers, "_fresh"): lambda numbers, dtype: fences.new(numbers, dtype=dtype),
        (rows.Order, "of"): staticmethod(order),
        (context.Context, "begin"): poisoned(begin),
        (context.Context, "begin_backward"): poisoned(back, "tape"),
        (Noise, "draw"): lambda *args: {
            name: fences.copy(noise) for name, noise in draw(*args).items()
        },
        (torch.Tensor, "new_empty"): empty,
        (torch.Tensor, "new_zeros"): zeros,
        (torch, "empty_like"): lambda like: empty(like, like.shape),
        (torch, "zeros_like"): lambda like: zeros(like, like.shape),
    }
    patches = [mock.patch.object(*place, value) for place, value in fenced.items()]
    for patch in patches:
        patch.start()
    try:
        yield fences
    finally:
        for patch in patches:
            patch.stop()


def _flat(shape: tuple) -> tuple:
    return shape if all(isinstance(n, int) for n in shape) else tuple(shape[0])
