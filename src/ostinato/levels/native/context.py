"""The memory that a layer works in, kept from one call to the next.

Fresh memory costs more than it seems: the system clears every page of it when it is first
touched, which for a large tape takes as long as the products. A `Context` holds the buffers and
the frames of one direction of a layer; calls borrow it and hand it back, a training call when
its graph is dropped.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import threading
from collections import Counter, OrderedDict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ostinato.equation.graph import Graph
from ostinato.levels.native import bounds, tasks
from ostinato.levels.native.gradient import gradient_work
from ostinato.levels.native.kernel import LINE, TILE, Kernel, count, kernel
from ostinato.levels.native.memory import Place, phases
from ostinato.weights.torch import torch_stacks, torch_vectors

HUGE = 1 << 22
"""Bytes from which a buffer asks for huge pages: 512 times fewer to clear and to look up."""

IDLE = 1 << 30
"""Bytes that contexts which nobody uses may hold, all together."""


MOST = 2**31 - 1
"""Rows of a batch: native code numbers them in 32 bits."""


def refuse_many(rows: int) -> None:
    """Refuses batches whose rows cannot be numbered.

    Raises:
        ValueError: for more than `MOST` rows.
    """
    if rows > MOST:
        raise ValueError(
            f"native code reads at most {MOST:,} rows (steps · sequences) at once, not {rows:,}: "
            "cut the batch, or take engine='torch'"
        )


@dataclass(frozen=True, eq=False)
class Order:
    """Which rows of the caller are read at which step.

    Attributes:
        batch_sizes: int32 (T + 1,): how many sequences have step t; 0 at the end.
        token: int32 (N,): the caller's row of each token, step by step, the longest sequence
            first.
    """

    batch_sizes: Any
    token: Any

    @classmethod
    def of(cls, batch_sizes: Sequence[int], token: Any = None) -> Order:
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
    def previous(self) -> Any:
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
    """Which rows of the caller are the same: his row r is the `number[r]`-th of U distinct ones.

    Attributes:
        number: int32 (R,).
        first: int64 (U,): the first row of the caller that is so.
        origin: int64 (U,): the row of the table that they all come from.
    """

    number: Any
    first: Any
    origin: Any

    @property
    def rows(self) -> int:
        """U."""
        return len(self.first)

    def holds(self, rows: Tensor, read: Tensor) -> bool:
        """Whether the caller's rows (R, D) are those that are read for them, bit for bit."""
        kind = torch.int32 if rows.element_size() == 4 else torch.int64
        number = torch.from_numpy(self.number)
        return torch.equal(rows.view(kind), read.view(kind).index_select(0, number))

    def segments(self, order: Order) -> tuple[Any, Any]:
        """The tokens of each distinct row, one after the other: int32 (U + 1,) and (N,)."""
        number = self.number[order.token]
        starts = np.zeros(self.rows + 1, np.int32)
        np.cumsum(np.bincount(number, minlength=self.rows), out=starts[1:])
        short = number.astype(np.uint16) if self.rows < 1 << 16 else number  # sorted by counting
        return starts, short.argsort(kind="stable").astype(np.int32)


@dataclass(frozen=True)
class _Product:
    """A task Σ_tokens dz aᵀ: some rows of the gradient of a weight tensor.

    Attributes:
        tensor: the weight tensor, by its number.
        first: its rows before, as letters.
        left: the slots of `grads` before dz, as letters.
        right: where the operand a lies.
        rows: the letters of the rows.
        columns: the letter of the columns.
    """

    tensor: int
    first: tuple[str, ...]
    left: tuple[str, ...]
    right: Place
    rows: tuple[str, ...]
    columns: str


@dataclass(frozen=True)
class _Sum:
    """A task Σ_rows d: some numbers of the gradient of a bias or a vector."""

    tensor: int
    first: tuple[str, ...]
    source: str
    left: tuple[str, ...]
    size: tuple[str, ...]


_BACKWARD = ("at_dy", "row_dy", "base_grads")
"""The words that a backward call sets."""


_SOURCES = (
    "x", "x row", "x index", "x tokens", "x grads", "old", "old index", "new", "grads", "total",
    "tokens", "sequences",
)  # fmt: skip
"""What the words of the gradient tasks begin at in a call; its gradients follow."""


class Layout:
    """How a cell's parameters lie in PyTorch's tensors, and which tasks make their gradients."""

    def __init__(self, kernel: Kernel) -> None:
        self.memory, graph = kernel.memory, kernel.graph
        self.stacks = torch_stacks(graph)
        vectors = torch_vectors(graph)
        self.names = [name for s in self.stacks for name in (s.weight, s.bias) if name] + vectors
        number = {name: k for k, name in enumerate(self.names)}
        self.holders: dict[str, list[tuple[int, tuple[str, ...]]]] = {
            name: [(number[name], ())] for name in vectors
        }
        for stack in self.stacks:
            for tensor, names in ((stack.weight, stack.matrices), (stack.bias, stack.biases)):
                for k, name in enumerate(names):
                    place = (number[str(tensor)], (stack.shape[0],) * k)
                    self.holders.setdefault(name, []).append(place)
        self.products: list[_Product] = []
        self.sums: list[_Sum] = []
        for name in graph.parameters:
            self._tasks(name)
        self.products = self._joined()
        self.sums = self._joined_sums()
        covered = {
            (t.tensor, t.first + t.rows[:k]) for t in self.products for k in range(len(t.rows))
        }
        covered |= {(t.tensor, t.first + t.size[:k]) for t in self.sums for k in range(len(t.size))}
        self.late = {n for name in self.memory.plan.late for n, _ in self.holders[name]}
        self.blank = {
            tensor for name in graph.parameters for tensor, first in self.holders[name]
            if (tensor, first) not in covered
        }  # fmt: skip

    def shapes(self, sizes: Mapping[str, int]) -> dict[str, tuple[int, ...]]:
        """The shapes of PyTorch's tensors, in the order of `names`."""
        found: dict[str, tuple[int, ...]] = {}
        for stack in self.stacks:
            rows, columns = (sizes[letter] for letter in stack.shape)
            found[stack.weight] = (len(stack.matrices) * rows, columns)
            if stack.bias:
                found[stack.bias] = (len(stack.biases) * rows,)
        parameters = self.memory.program.graph.parameters
        vectors = [name for name in self.names if name not in found]
        return found | {v: tuple(sizes[k] for k in parameters[v].shape) for v in vectors}

    @cached_property
    def doubled(self) -> dict[int, list[tuple[tuple[str, ...], int, tuple[str, ...], list[str]]]]:
        """Biases that PyTorch keeps twice, as runs of neighbours.

        For a tensor: (its rows before, the other tensor, the rows before there, the rows).
        """
        found: dict[int, list[tuple[tuple[str, ...], int, tuple[str, ...], list[str]]]] = {}
        for name, parameter in self.memory.program.graph.parameters.items():
            (tensor, first), *more = self.holders[name]
            for other, there in more:
                runs = found.setdefault(tensor, [])
                if runs:
                    start, to, at, rows = runs[-1]
                    if (start + tuple(rows), to, at + tuple(rows)) == (first, other, there):
                        rows.extend(parameter.shape)
                        continue
                runs.append((first, other, there, list(parameter.shape)))
        return found

    @cached_property
    def of_rows(self) -> bool:
        """Whether the input is read by lifted products alone, so that equal rows count once."""
        memory, x = self.memory, self.memory.program.inputs[0]
        for name, _, phase in phases(memory.plan):
            for unit in [phase.numbers, *phase.vectors]:
                read = {a for i in unit.nodes for a in memory.nodes[i].args}
                read |= {i for _, i in unit.stores} | {i for _, i in unit.sums}
                if x in read and name != "lift":
                    return False
        # What is computed of a sum must be linear: of gradients alone, and no weight's terms.
        own = {i for p in memory.plan.passes["dx"] for unit in p.vectors for i in unit.nodes}
        reads = {a for i in own for a in memory.nodes[i].args} - own
        linear = all(memory.plan.places.get(("dx", a)) == "grads" for a in reads)
        return bool(memory.plan.passes["dx"]) and linear and not self.late

    def numbers(self, sizes: Mapping[str, int]) -> int:
        """The numbers in all matrices: the multiplications of a token."""
        return sum(sizes[a] * sizes[b] * times for (a, b), times in self._shapes)

    @cached_property
    def _shapes(self) -> list[tuple[tuple[str, ...], int]]:
        shapes = (p.shape for p in self.memory.program.graph.parameters.values())
        return list(Counter(s for s in shapes if len(s) == 2).items())

    def _tasks(self, name: str) -> None:
        memory = self.memory
        share = memory.program.shares.get(name)
        if share is None:
            return
        grads, nodes = memory.plan.slots["grads"], memory.nodes
        size = nodes[share.left].size
        if share.right is not None:
            ((tensor, first),) = self.holders[name]
            self.products.append(
                _Product(
                    tensor, first, self._before(share.left), memory.place("gradient", share.right),
                    (size,), nodes[share.right].size,
                )
            )  # fmt: skip
            return
        for tensor, first in self.holders[name]:
            if memory.plan.left[name] == "grads":
                self.sums.append(_Sum(tensor, first, "grads", self._before(share.left), (size,)))
            else:
                slot = memory.summed.index((name, share.left))
                before = tuple(memory.rows["total"][:slot])
                self.sums.append(_Sum(tensor, first, "total", before, (size,)))
        assert share.left in grads or memory.plan.left[name] == "sums"

    def _before(self, node: int) -> tuple[str, ...]:
        slot = self.memory.plan.slots["grads"].index(node)
        return tuple(self.memory.rows["grads"][:slot])

    def _joined_sums(self) -> list[_Sum]:
        joined: list[_Sum] = []
        for one in sorted(self.sums, key=lambda s: (s.tensor, len(s.first))):
            if joined:
                last = joined[-1]
                follows = (last.first + last.size, last.left + last.size) == (one.first, one.left)
                if follows and (last.tensor, last.source) == (one.tensor, one.source):
                    joined[-1] = replace(last, size=last.size + one.size)
                    continue
            joined.append(one)
        return joined

    def _joined(self) -> list[_Product]:
        """Neighbours in `grads` and in the gradient, with the same operand, become one task."""
        joined: list[_Product] = []
        for one in sorted(self.products, key=lambda p: (p.tensor, len(p.first))):
            if joined:
                last = joined[-1]
                follows = (last.first + last.rows, last.left + last.rows) == (one.first, one.left)
                if follows and (last.tensor, last.right) == (one.tensor, one.right):
                    joined[-1] = replace(last, rows=last.rows + one.rows)
                    continue
            joined.append(one)
        return joined


@cache
def layout_of(kernel: Kernel) -> Layout:
    """The layout of a kernel's cell; see `bounds.check_layout`."""
    layout = Layout(kernel)
    bounds.check_layout(layout)
    return layout


class Context:
    """Buffers and frames of one direction.

    Args:
        graph: the cell's graph.
        bits: of a number.
        sizes: the numbers that the size letters stand for.
        every: into how many slices the sequences are cut.
        parts: into how many parts the work after the loop is cut.
    """

    def __init__(
        self, graph: Graph, bits: int, sizes: Mapping[str, int], every: int, parts: int
    ) -> None:
        self.kernel, self.sizes, self.every, self.parts = kernel(graph, bits), sizes, every, parts
        self.dtype = torch.float32 if bits == 32 else torch.float64
        self.layout, self.memory = layout_of(self.kernel), self.kernel.memory
        self.words, self.size = self.kernel.words, bits // 8
        self.work = self.kernel.shared_addresses["work"]
        self.width = {rows: self.kernel.width(rows, sizes) for rows in self.memory.rows}
        frame = self.kernel.frame(sizes)
        self.frames = np.tile(frame, (every + parts, 1))
        self._places = [self.frames.ctypes.data + k * frame.nbytes for k in range(every + parts)]
        self._state_sizes = [sizes[letter] for letter in self.memory.state_sizes]
        self._state_at = [sum(self._state_sizes[:k]) for k in range(len(self._state_sizes))]
        self.frames[:every, self.words["first"]] = np.arange(every)
        self.frames[:every, self.words["every"]] = every
        self.buffers: dict[str, Tensor] = {}
        self.biases: list[Tensor] = []
        self._starts_and_members: Any = None
        self._segments: Any = None
        self._each: Any = None
        self.bytes = 0
        self.rows = 0
        self._indices: dict[tuple[str, ...], list[int]] = {}
        self._plan_words()
        self._gradient_words()

    # buffers

    def buffer(self, name: str, numbers: int) -> Tensor:
        """Room for some numbers on a cache line."""
        held = self.buffers.get(name)
        if held is None or held.numel() < numbers:
            self.buffers.pop(name, None)  # freed before the larger one is asked for
            held = self.buffers[name] = _room(numbers, self.dtype)
            self.bytes = sum(b.untyped_storage().nbytes() for b in self.buffers.values())
        return held

    def _poison(self, kept: str) -> None:
        """Forgets what the last call has left, where PyTorch fills fresh memory too."""
        if _filling():
            for name, buffer in self.buffers.items():
                if name != kept:
                    buffer.fill_(torch.nan)

    def put(self, names: tuple[str, ...], values: Sequence[int]) -> None:
        """Writes words into all frames."""
        index = self._indices.get(names)
        if index is None:
            index = self._indices[names] = [self.words[name] for name in names]
        self.frames[:, index] = values

    def _work(self, rows: int) -> None:
        """Room for what a slice computes in passing."""
        if rows <= self.rows:
            return
        self.rows = rows
        tile = max(TILE, rows)
        needs = {kind: tile * self.width[kind] for kind in ("gathered", "lifted")}
        needs |= {k: tile * w for k, w in self.width.items() if k.startswith("scratch")}
        needs["means"] = tile * int(self.frames[0, self.words["row_means"]])
        needs["panel"] = tile * int(self.frames[0, self.words["row_panel"]])
        line = LINE // self.size
        needs = {kind: -(-n // line) * line for kind, n in needs.items()}
        total = sum(needs.values())
        work = self.buffer("work", total * len(self.frames))
        at = work.data_ptr() + np.arange(len(self.frames)) * total * self.size
        for kind, numbers in needs.items():
            for word in (f"at_{kind}", f"base_{kind}"):
                if word in self.words:
                    self.frames[:, self.words[word]] = at
            at += numbers * self.size

    # forward

    def begin(
        self, order: Order, x: Tensor, y: Tensor, column: int, states: Sequence[Tensor],
        weights: Sequence[Tensor], noise: Sequence[Tensor], training: bool,
        distinct: Distinct | None = None,
    ) -> list[Tensor]:  # fmt: skip
        """Everything a forward call needs; returns the tensors that will hold the last states.

        Without `states` the first ones are zero.
        """
        self._poison(kept="gradient")  # only the way back has a use for it
        B, size = order.sequences, self.size
        self.order, self.x = order, x
        self.distinct: Distinct | None = distinct
        self._work(-(-B // self.every))
        row = self.width["new"]
        tape = self.buffer("tape", (B + (order.tokens if training else B)) * row)
        self.tape = tape.data_ptr()
        first = tape[: B * row]
        if states:
            first = first.view(B, row)
            for state, at, n in zip(states, self._state_at, self._state_sizes, strict=True):
                first[:, at : at + n] = state
        else:
            first.zero_()
        last = [x.new_empty(B, n) for n in self._state_sizes]
        batch_sizes, token = order.addresses
        at_x = x.data_ptr()
        values = [
            at_x, at_x, x.stride(0), y.data_ptr() + column * size, y.stride(0), self.tape,
            self.tape + B * row * size, batch_sizes, token, order.steps, order.tokens, B, training,
            0 if distinct is None else distinct.number.ctypes.data,
        ]  # fmt: skip
        values += [tensor.data_ptr() for tensor in last]
        for tensor in noise:
            values += [tensor.data_ptr()] * 2
        self.put(self._forward_words, values)
        self._weights(weights)
        return last

    def point(self, x: Tensor, weights: Sequence[Tensor], noise: Sequence[Tensor]) -> None:
        """Follows the tensors of the call to another place, if they were kept elsewhere since."""
        self.x = x
        values = [x.data_ptr(), x.data_ptr(), x.stride(0)]
        for tensor in noise:
            values += [tensor.data_ptr()] * 2
        names = [name for name in self._forward_words if name.endswith("_x") or "noise" in name]
        self.put(tuple(names), values)
        self._weights(weights)

    def _weights(self, weights: Sequence[Tensor]) -> None:
        """Where matrices and vectors lie; PyTorch's two biases are added."""
        pointers = [w.data_ptr() for w in weights]
        self.biases = []
        for tensor, runs in self._doubled:
            bias = weights[tensor]
            start, n, other, there = runs[0]
            if n == bias.shape[0] == weights[other].shape[0]:
                whole = bias + weights[other]
            else:
                whole = bias.clone()
                for start, n, other, there in runs:
                    whole[start : start + n] += weights[other][there : there + n]
            self.biases.append(whole)
            pointers.append(whole.data_ptr())
        places = np.array(pointers, np.int64)[self._held_by] + self._held_at
        self.frames[:, self._held_words] = places

    def _plan_words(self) -> None:
        """What `begin` needs to know of words and weights."""
        memory, sizes, size = self.memory, self.sizes, self.size
        names = ["at_x", "base_x", "row_x", "at_y", "row_y", "base_new", "other_new"]
        names += ["batch_sizes", "token", "steps", "tokens", "sequences", "training", "lookup"]
        names += [f"last_{k}" for k in range(len(memory.state_sizes))]
        for k in range(len(memory.program.inputs) - 1):
            names += [f"at_noise_{k}", f"base_noise_{k}"]
        self._forward_words = tuple(names)
        self._doubled = [
            (t, [(count(a, sizes), count(n, sizes), o, count(b, sizes)) for a, o, b, n in runs])
            for t, runs in self.layout.doubled.items()
        ]
        summed = {t: len(self.layout.names) + k for k, (t, _) in enumerate(self._doubled)}
        held: list[tuple[int, int, int]] = []
        for name, parameter in memory.program.graph.parameters.items():
            matrix = len(parameter.shape) == 2
            word = f"{'matrix' if matrix else 'vector'}_{name}"
            if word in self.words:
                tensor, first = self.layout.holders[name][0]
                rows = count(first, sizes) * (sizes[parameter.shape[1]] if matrix else 1)
                source = tensor if matrix else summed.get(tensor, tensor)
                held.append((self.words[word], source, rows * size))
        row = self.every * self.width["carry"]
        self.put(
            ("row_carry_in", "row_carry_out", "row_total"),
            (row, row, self.every * self.width["total"]),
        )
        self._own_rows = np.outer(
            np.arange(self.every) * size, [self.width[w] for w in ("carry", "carry", "total")]
        )
        self._own_words = [self.words[w] for w in ("base_carry", "other_carry", "at_total")]
        self._held_words = [word for word, _, _ in held]
        self._held_by = np.array([source for _, source, _ in held], np.int64)
        self._held_at = np.array([at for _, _, at in held], np.int64)

    def pack(self, which: str) -> tasks.Task:
        """The task that lays out the weights for products: at every call, as they are now."""
        if f"packed_{which}" not in self.buffers:
            blocks = self.kernel.packed(self.sizes, which == "backward")
            at = self.buffer(f"packed_{which}", sum(blocks.values())).data_ptr()
            ends = np.cumsum(list(blocks.values())) * self.size
            names = tuple(f"packed_{name}" for name in blocks)
            self.put(names, [at, *(at + ends[:-1])][: len(names)])
        return self.kernel.addresses[f"pack_{which}"], self._places[0]

    def slices(self, function: str) -> list[tasks.Task]:
        """A task for each slice of the sequences."""
        address = self.kernel.addresses[function]
        return [(address, place) for place in self._places[: self.every]]

    def lift(self) -> list[tasks.Task]:
        """Tasks that do the pass `lift` for the distinct rows of the input."""
        if self.distinct is None:
            return []
        known = self.buffer("known", self.distinct.rows * self.width["lifted"]).data_ptr()
        self.put(("base_known",), (known,))
        self.frames[self.every :, self.words["base_lifted"]] = known
        return self._ranges("lift", self.distinct.rows)

    def _ranges(self, function: str, rows: int) -> list[tasks.Task]:
        """Tasks for parts of some rows."""
        share = -(-rows // self.parts)
        share = -(-share // TILE) * TILE
        words, listed = self.words, []
        for k, at in enumerate(range(0, rows, share)):
            frame = self.frames[self.every + k]
            frame[words["first"]], frame[words["steps"]] = at, min(share, rows - at)
            listed.append((self.kernel.addresses[function], self._places[self.every + k]))
        return listed

    # backward

    def begin_backward(
        self, dy: Tensor | None, column: int, d_last: Sequence[Tensor | None]
    ) -> list[tasks.Task]:
        """Everything the loop back in time needs, and its tasks."""
        self._poison(kept="tape")
        order, size, width = self.order, self.size, self.width
        B = order.sequences
        self.grads = self.buffer("grads", order.tokens * width["grads"]).data_ptr()
        carry = self.buffer("carry", 2 * B * width["carry"])
        self.carry = carry[: 2 * B * width["carry"]].view(2, B, width["carry"])
        total = self.buffer("total", B * width["total"])
        self.total = total.data_ptr()
        if width["total"]:
            total[: B * width["total"]].zero_()
        self.carry.zero_()
        for d, at, n in zip(d_last, self._state_at, self._state_sizes, strict=True):
            if d is not None:
                self.carry[:, :, at : at + n] = d
        if dy is None:
            zeros = self.buffer("no_dy", width["dy"]).zero_()
            at_dy, row_dy = zeros.data_ptr(), 0
        else:
            at_dy, row_dy = dy.data_ptr() + column * size, dy.stride(0)
        self.put(_BACKWARD, (at_dy, row_dy, self.grads))
        at = carry.data_ptr()
        both = (at, at + B * width["carry"] * size, self.total)
        self.frames[: self.every, self._own_words] = both + self._own_rows
        return self.slices("backward")

    def d_states(self, wanted: Sequence[bool]) -> list[Tensor | None]:
        """dL/d(first states): what the loop handed to the step before the first."""
        parts = zip(self._state_at, self._state_sizes, wanted, strict=True)
        return [self.carry[0, :, at : at + n].clone() if want else None for at, n, want in parts]

    def segments(self) -> list[tasks.Task]:
        """Tasks that add up the gradients of equal rows of the input."""
        if self.distinct is None:
            return []
        rows, width = self.distinct.rows, self.width["grads"]
        self._starts_and_members = self.distinct.segments(self.order)
        starts, member = (a.ctypes.data for a in self._starts_and_members)
        self.together = self.buffer("together", rows * width).data_ptr()
        share = -(-rows // self.parts)
        self._segments = np.array(
            [
                (at, min(at + share, rows), starts, member, self.grads, width, self.together)
                for at in range(0, rows, share)
            ],
            np.int64,
        )
        task = self.kernel.shared_addresses["segments_task"]
        at, step = self._segments.ctypes.data, self._segments.strides[0]
        return [(task, at + k * step) for k in range(len(self._segments))]

    def after_loop(
        self, dx: Tensor | None, gradients: Sequence[Tensor | None], together: bool
    ) -> tuple[list[tasks.Task], list[tasks.Task]]:
        """The tasks of the pass `post`; then those of dL/dx and of the weights' gradients.

        What is None nobody asks for. With `together` dx has a row for each distinct row of the
        input: the sum of their gradients.
        """
        first: list[tasks.Task] = []
        rows, token, grads = self.order.tokens, self.order.addresses[1], self.grads
        if together and self.distinct is not None:
            rows, grads = self.distinct.rows, self.together
            self._each = np.arange(rows, dtype=np.int32)
            token = self._each.ctypes.data
        words = [self.words["token"], self.words["base_grads"]]
        self.frames[self.every :, words] = (token, grads)
        wanted = {tensor for tensor, g in enumerate(gradients) if g is not None}
        late = self.layout.late
        if late and (dx is not None or not late.isdisjoint(wanted)):
            first = self._ranges("post", rows)
        last = []
        if dx is not None:
            self.put(("at_dx", "row_dx"), (dx.data_ptr(), dx.stride(0)))
            last = self._ranges("dx", rows)
        self._fill_gradients([0 if g is None else g.data_ptr() for g in gradients])
        return first, last + [task for tensor, task in self._tasks if tensor in wanted]

    def _gradient_words(self) -> None:
        """The words of the gradient tasks; `_fill_gradients` adds the addresses of a call."""
        sizes, size, layout, of = self.sizes, self.size, self.layout, _SOURCES.index
        products: list[dict[str, Any]] = []  # a number, or a source and what is added to it
        for one in layout.products:
            m, n, kind = count(one.rows, sizes), sizes[one.columns], one.right.rows
            share = m if self.parts == 1 else -(-m // (self.parts * 16)) * 16
            for at in range(0, m, share):
                x, some = kind == "x", min(share, m - at)
                products.append(
                    {
                        "m": some, "n": n, "c_row": n, "d_row": self.width["grads"],
                        "tokens": (of("x tokens" if x else "tokens"), 0),
                        "d": (of("x grads" if x else "grads"), count(one.left, sizes) + at),
                        "a": (of(kind), count(one.right.before, sizes)),
                        "a_row": (of("x row"), 0) if x else self.width[kind],
                        "a_index": (of(f"{kind} index"), 0) if kind in ("x", "old") else 0,
                        "c": (len(_SOURCES) + one.tensor, (count(one.first, sizes) + at) * n),
                    }
                )  # fmt: skip
        sums: list[dict[str, Any]] = [
            {
                "m": count(one.size, sizes), "d_row": self.width[one.source],
                "tokens": (of("tokens" if one.source == "grads" else "sequences"), 0),
                "d": (of(one.source), count(one.left, sizes)),
                "c": (len(_SOURCES) + one.tensor, count(one.first, sizes)),
            }
            for one in layout.sums
        ]  # fmt: skip
        lanes, line = self.kernel.lanes, LINE // size
        most = max((gradient_work(p["m"], p["n"], lanes) for p in products), default=0)
        most = -(-most // line) * line
        work = self.buffer("gradient", most * len(products)).data_ptr()
        for k, words in enumerate(products):
            words["work"] = work + k * most * size
        every = [words.get(w, 0) for words in products for w in tasks.GRADIENT]
        every += [words.get(w, 0) for words in sums for w in tasks.SUMS]
        self._gradients = np.array([0 if isinstance(w, tuple) else w for w in every], np.int64)
        sourced = [(k, *w) for k, w in enumerate(every) if isinstance(w, tuple)]
        self._filled, self._filled_by, ahead = np.array(sourced, np.int64).reshape(-1, 3).T
        self._filled_at = ahead * size
        addresses, at = self.kernel.shared_addresses, self._gradients.ctypes.data
        self._tasks: list[tuple[int, tasks.Task]] = []  # and the tensor that each is for
        for name, several, width in (
            ("gradient_task", products, len(tasks.GRADIENT)), ("sums_task", sums, len(tasks.SUMS)),
        ):  # fmt: skip
            for words in several:
                self._tasks.append((words["c"][0] - len(_SOURCES), (addresses[name], at)))
                at += 8 * width

    def _fill_gradients(self, pointers: Sequence[int]) -> None:
        order, x, distinct, previous = self.order, self.x, self.distinct, self.order.previous
        sources = {
            "x": x.data_ptr(),
            "x row": x.stride(0),
            "x index": order.addresses[1] if distinct is None else 0,
            "x tokens": order.tokens if distinct is None else distinct.rows,
            "x grads": self.grads if distinct is None else self.together,
            "old": self.tape,
            "old index": 0 if previous is None else previous.ctypes.data,
            "new": self.tape + order.sequences * self.width["new"] * self.size,
            "grads": self.grads,
            "total": self.total,
            "tokens": order.tokens,
            "sequences": order.sequences,
        }
        found = np.array([*map(sources.__getitem__, _SOURCES), *pointers], np.int64)
        self._gradients[self._filled] = found[self._filled_by] + self._filled_at

    def rest(self) -> None:
        """Forgets the tensors of the last call, and what was worked out for its tokens."""
        self.x = self.order = self.distinct = None  # type: ignore[assignment]
        self._starts_and_members = self._segments = self._each = None
        self.biases = []


def _filling() -> bool:
    """Whether memory that nobody has written yet is NaN, as PyTorch's own is then.

    PyTorch's switch for it is `torch.utils.deterministic.fill_uninitialized_memory`.
    """
    switch: Any = torch.utils.deterministic
    return torch.are_deterministic_algorithms_enabled() and switch.fill_uninitialized_memory


@torch.inference_mode(False)  # what a call in that mode has made may serve one outside of it
def _room(numbers: int, dtype: torch.dtype) -> Tensor:
    """Fresh memory on a cache line; huge pages for large buffers, where the system has them."""
    size = 8 if dtype == torch.float64 else 4
    bytes_ = max(numbers, 1) * size
    if bytes_ < HUGE or not hasattr(mmap, "MADV_HUGEPAGE"):
        whole = torch.empty(numbers + LINE // size, dtype=dtype)
        skip = -whole.data_ptr() % LINE // size
        return whole[skip : skip + numbers]
    pages = mmap.mmap(-1, -(-bytes_ // (1 << 21)) << 21)
    with contextlib.suppress(OSError):  # a kernel without them: ordinary pages do
        pages.madvise(mmap.MADV_HUGEPAGE)
    room = torch.frombuffer(pages, dtype=dtype)[:numbers]
    return room.fill_(torch.nan) if _filling() else room


class _Idle:
    """Contexts that nobody uses, the latest used last; together they hold no more than `IDLE`.

    A context may come back anywhere, for the garbage collector may drop a lease at any moment, in
    this very class too. So whoever brings one lays it down and goes; who has the lock puts away
    what has been laid down, and looks once more when he has given the lock back.
    """

    def __init__(self) -> None:
        self.free: OrderedDict[Any, deque[Context]] = OrderedDict()
        self.returned: deque[tuple[Any, Context]] = deque()
        self.bytes = 0
        self.lock = threading.Lock()

    def take(self, key: Any) -> Context | None:
        """A context of this key, if there is one."""
        with self.lock:
            context = self._pop(key, -1) if key in self.free else None
        self._put_away()
        return context

    def give(self, key: Any, context: Context) -> None:
        """Keeps a context; those that were used longest ago make room for it."""
        self.returned.append((key, context))
        self._put_away()

    def trim(self) -> int:
        """Forgets all of them; the bytes that they held."""
        self._put_away()
        with self.lock:
            freed, self.bytes = self.bytes, 0
            self.free.clear()
        self._put_away()
        return freed

    def _put_away(self) -> None:
        while self.returned and self.lock.acquire(blocking=False):
            try:
                while self.returned:
                    key, context = self.returned.popleft()
                    self.free.setdefault(key, deque()).append(context)
                    self.free.move_to_end(key)
                    self.bytes += context.bytes
                    while self.bytes > IDLE:
                        self._pop(next(iter(self.free)), 0)
            finally:
                self.lock.release()

    def _pop(self, key: Any, place: int) -> Context:
        """The first (0) or the last (-1) context of a key, which is ours no longer."""
        several = self.free[key]
        context = several[place]
        del several[place]
        self.bytes -= context.bytes
        if not several:
            del self.free[key]
        return context

    def forget(self) -> None:
        """Begins anew: in a forked process another thread may have held the lock for ever."""
        self.__init__()  # type: ignore[misc]


idle = _Idle()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=idle.forget)


class Lease:
    """A context that is ours until the lease is dropped."""

    def __init__(
        self, graph: Graph, bits: int, sizes: Mapping[str, int], every: int, parts: int
    ) -> None:
        self.key = (graph, bits, tuple(sizes.items()), every, parts)
        self.context = idle.take(self.key) or Context(graph, bits, sizes, every, parts)

    def __del__(self) -> None:
        context = getattr(self, "context", None)
        if context is not None:
            context.rest()
            idle.give(self.key, context)
