"""The words of the tasks that make the gradients of a context's weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ostinato.levels.native.kernels.gradients import gradient_work
from ostinato.levels.native.plan.frame import LINE, Task, record
from ostinato.levels.native.plan.memory import count
from ostinato.levels.native.runtime.buffers import Buffers
from ostinato.levels.native.runtime.kernel import Kernel

if TYPE_CHECKING:
    from ostinato.levels.native.plan.parameters import ParameterLayout

SOURCES = (
    "x", "x row", "x index", "x tokens", "x grads", "old", "old index", "new", "grads", "total",
    "tokens", "sequences",
)  # fmt: skip
"""What the words begin at in a call; its gradients follow."""

_Sourced = tuple[int, int]
"""A word that depends on the call: the number of its source, and the numbers behind it."""

_Words = Mapping[str, int | _Sourced]


class GradientTasks:
    """The tasks Σ dz aᵀ and Σ d of a context; `fill` adds the addresses of a call.

    Args:
        kernel: of the cell.
        layout: of its parameters.
        sizes: the numbers that the size letters stand for.
        parts: into how many parts a gradient is cut.
        buffers: where they work.
    """

    def __init__(
        self, kernel: Kernel, layout: ParameterLayout, sizes: Mapping[str, int], parts: int,
        buffers: Buffers,
    ) -> None:  # fmt: skip
        self._width = {rows: kernel.width(rows, sizes) for rows in kernel.memory.rows}
        products, sums = self._products(layout, sizes, parts), self._sums(layout, sizes)
        line = LINE // kernel.size
        needs = (gradient_work(m, n, kernel.lanes) for _, m, n, _ in products)
        most = -(-max(needs, default=0) // line) * line
        work = buffers.room("gradient", most * len(products)).data_ptr()
        listed: list[tuple[str, int, _Words]] = []
        for k, (tensor, _, _, words) in enumerate(products):
            own = {"work": work + k * most * kernel.size}
            listed.append(("gradient_task", tensor, {**words, **own}))
        listed += [("sums_task", tensor, words) for tensor, words in sums]
        every: list[int | _Sourced] = []
        starts: list[int] = []
        for name, _, words in listed:
            starts.append(len(every))
            every += record(name, words)
        self._every = np.array([0 if isinstance(w, tuple) else w for w in every], np.int64)
        sourced = [(k, *w) for k, w in enumerate(every) if isinstance(w, tuple)]
        self._filled, self._filled_by, ahead = np.array(sourced, np.int64).reshape(-1, 3).T
        self._filled_at = ahead * kernel.size
        at, addresses = self._every.ctypes.data, kernel.shared_addresses
        self._tasks = [
            (tensor, (addresses[name], at + start * self._every.itemsize))
            for start, (name, tensor, _) in zip(starts, listed, strict=True)
        ]

    def fill(self, sources: Mapping[str, int], gradients: Sequence[int]) -> None:
        """Sets what depends on the call: its sources, and where each tensor's gradient goes."""
        found = np.array([*map(sources.__getitem__, SOURCES), *gradients], np.int64)
        self._every[self._filled] = found[self._filled_by] + self._filled_at

    def of(self, tensors: set[int]) -> list[Task]:
        """The tasks that make the gradients of some tensors."""
        return [task for tensor, task in self._tasks if tensor in tensors]

    def _products(
        self, layout: ParameterLayout, sizes: Mapping[str, int], parts: int
    ) -> list[tuple[int, int, int, _Words]]:
        """Tensor, rows, columns and words of each task Σ dz aᵀ."""
        of = SOURCES.index
        found: list[tuple[int, int, int, _Words]] = []
        for one in layout.products:
            m, n, kind = count(one.rows, sizes), sizes[one.columns], one.right.rows
            share = m if parts == 1 else -(-m // (parts * 16)) * 16
            left = count(one.left.before, sizes)
            for at in range(0, m, share):
                x, some = kind == "x", min(share, m - at)
                words: _Words = {
                    "m": some, "n": n, "c_row": n, "d_row": self._width["grads"],
                    "tokens": (of("x tokens" if x else "tokens"), 0),
                    "d": (of("x grads" if x else "grads"), left + at),
                    "a": (of(kind), count(one.right.before, sizes)),
                    "a_row": (of("x row"), 0) if x else self._width[kind],
                    "a_index": (of(f"{kind} index"), 0) if kind in ("x", "old") else 0,
                    "c": (len(SOURCES) + one.tensor, (count(one.first, sizes) + at) * n),
                }  # fmt: skip
                found.append((one.tensor, some, n, words))
        return found

    def _sums(self, layout: ParameterLayout, sizes: Mapping[str, int]) -> list[tuple[int, _Words]]:
        """Tensor and words of each task Σ d."""
        of = SOURCES.index
        found: list[tuple[int, _Words]] = []
        for one in layout.sums:
            source = one.left.rows
            words: _Words = {
                "m": count(one.rows, sizes), "d_row": self._width[source],
                "tokens": (of("tokens" if source == "grads" else "sequences"), 0),
                "d": (of(source), count(one.left.before, sizes)),
                "c": (len(SOURCES) + one.tensor, count(one.first, sizes)),
            }  # fmt: skip
            found.append((one.tensor, words))
        return found
