"""The working memory of one direction of a layer: its frames and its buffers.

A `Context` is reused from one call to the next. A call leases it from the stock and returns it; a
training call returns it when its graph is freed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ostinato.equation.graph import Graph
from ostinato.levels.native.plan import layout_of
from ostinato.levels.native.plan.frame import LINE, Task, record
from ostinato.levels.native.plan.memory import count
from ostinato.levels.native.runtime.buffers import Buffers
from ostinato.levels.native.runtime.gradients import GradientTasks
from ostinato.levels.native.runtime.kernel import TILE, kernel
from ostinato.levels.native.runtime.rows import Distinct, Order

_BACKWARD = ("at_dy", "row_dy", "base_grads")
"""The words that a backward call sets."""


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
        self.layout, self.memory = layout_of(graph), self.kernel.memory
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
        self.buffers = Buffers(self.dtype)
        self.biases: list[Tensor] = []
        self._held: list[NDArray[np.int32] | NDArray[np.int64]] = []  # what tasks read
        self.rows = 0
        self._indices: dict[tuple[str, ...], list[int]] = {}
        self._forward_words = self._words_of_a_call()
        self._plan_weights()
        self._plan_carry()
        self.gradients = GradientTasks(self.kernel, self.layout, sizes, parts, self.buffers)

    # words and room

    def put(self, names: tuple[str, ...], values: Sequence[int]) -> None:
        """Writes words into all frames."""
        index = self._indices.get(names)
        if index is None:
            index = self._indices[names] = [self.words[name] for name in names]
        self.frames[:, index] = values

    def _work(self, rows: int) -> None:
        """Memory for intermediate results of each frame."""
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
        work = self.buffers.room("work", total * len(self.frames))
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
        """Prepares a forward call; returns the tensors that will hold the last states.

        Without `states` the first states are zero.
        """
        self.buffers.poison(kept="gradient")  # only the backward call uses it
        B, size = order.sequences, self.size
        self.order, self.x = order, x
        self.distinct: Distinct | None = distinct
        self._work(-(-B // self.every))
        row = self.width["new"]
        tape = self.buffers.room("tape", (B + (order.tokens if training else B)) * row)
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
        """Updates the addresses of the call's tensors, where saved tensors came back elsewhere."""
        self.x = x
        values = [x.data_ptr(), x.data_ptr(), x.stride(0)]
        for tensor in noise:
            values += [tensor.data_ptr()] * 2
        names = [name for name in self._forward_words if name.endswith("_x") or "noise" in name]
        self.put(tuple(names), values)
        self._weights(weights)

    def _weights(self, weights: Sequence[Tensor]) -> None:
        """Sets the addresses of matrices and vectors; PyTorch's two biases are added."""
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

    def _words_of_a_call(self) -> tuple[str, ...]:
        """The words that `begin` writes, in the order of its values."""
        names = ["at_x", "base_x", "row_x", "at_y", "row_y", "base_new", "other_new"]
        names += ["batch_sizes", "token", "steps", "tokens", "sequences", "training", "lookup"]
        names += [f"last_{k}" for k in range(len(self.memory.state_sizes))]
        for k in range(len(self.memory.program.inputs) - 1):
            names += [f"at_noise_{k}", f"base_noise_{k}"]
        return tuple(names)

    def _plan_weights(self) -> None:
        """Which words say where matrices and vectors lie, and in which tensor each is."""
        sizes, layout = self.sizes, self.layout
        self._doubled = [
            (t, [(count(r.first, sizes), count(r.rows, sizes), r.other, count(r.there, sizes))
                 for r in runs])
            for t, runs in layout.doubled.items()
        ]  # fmt: skip
        summed = {t: len(layout.names) + k for k, (t, _) in enumerate(self._doubled)}
        held: list[tuple[int, int, int]] = []
        for name, parameter in self.memory.program.graph.parameters.items():
            matrix = len(parameter.shape) == 2
            word = f"{'matrix' if matrix else 'vector'}_{name}"
            if word in self.words:
                tensor, first = layout.holders[name][0]
                rows = count(first, sizes) * (sizes[parameter.shape[1]] if matrix else 1)
                source = tensor if matrix else summed.get(tensor, tensor)
                held.append((self.words[word], source, rows * self.size))
        self._held_words = [word for word, _, _ in held]
        self._held_by = np.array([source for _, source, _ in held], np.int64)
        self._held_at = np.array([at for _, _, at in held], np.int64)

    def _plan_carry(self) -> None:
        """Sets the strides of the rows that each slice has for its own sequences."""
        row = self.every * self.width["carry"]
        self.put(
            ("row_carry_in", "row_carry_out", "row_total"),
            (row, row, self.every * self.width["total"]),
        )
        self._own_rows = np.outer(
            np.arange(self.every) * self.size,
            [self.width[rows] for rows in ("carry", "carry", "total")],
        )
        self._own_words = [self.words[w] for w in ("base_carry", "other_carry", "at_total")]

    def pack(self, which: str) -> Task:
        """The task that packs the weights into panels, at every call, as they are now."""
        if f"packed_{which}" not in self.buffers:
            blocks = self.kernel.packed(self.sizes, which == "backward")
            at = self.buffers.room(f"packed_{which}", sum(blocks.values())).data_ptr()
            ends = np.cumsum(list(blocks.values())) * self.size
            names = tuple(f"packed_{name}" for name in blocks)
            self.put(names, [at, *(at + ends[:-1])][: len(names)])
        return self.kernel.addresses[f"pack_{which}"], self._places[0]

    def slices(self, function: str) -> list[Task]:
        """A task for each slice of the sequences."""
        address = self.kernel.addresses[function]
        return [(address, place) for place in self._places[: self.every]]

    def lift(self) -> list[Task]:
        """Tasks that do the pass `lift` for the distinct rows of the input."""
        if self.distinct is None:
            return []
        known = self.buffers.room("known", self.distinct.rows * self.width["lifted"]).data_ptr()
        self.put(("base_known",), (known,))
        self.frames[self.every :, self.words["base_lifted"]] = known
        return self._ranges("lift", self.distinct.rows)

    def _ranges(self, function: str, rows: int) -> list[Task]:
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
    ) -> list[Task]:
        """Prepares a backward call; returns the tasks of its loop over time."""
        self.buffers.poison(kept="tape")
        self._held = []
        order, size, width = self.order, self.size, self.width
        B = order.sequences
        self.grads = self.buffers.room("grads", order.tokens * width["grads"]).data_ptr()
        carry = self.buffers.room("carry", 2 * B * width["carry"])
        self.carry = carry[: 2 * B * width["carry"]].view(2, B, width["carry"])
        total = self.buffers.room("total", B * width["total"])
        self.total = total.data_ptr()
        if width["total"]:
            total[: B * width["total"]].zero_()
        self.carry.zero_()
        for d, at, n in zip(d_last, self._state_at, self._state_sizes, strict=True):
            if d is not None:
                self.carry[:, :, at : at + n] = d
        if dy is None:
            zeros = self.buffers.room("no_dy", width["dy"]).zero_()
            at_dy, row_dy = zeros.data_ptr(), 0
        else:
            at_dy, row_dy = dy.data_ptr() + column * size, dy.stride(0)
        self.put(_BACKWARD, (at_dy, row_dy, self.grads))
        at = carry.data_ptr()
        both = (at, at + B * width["carry"] * size, self.total)
        self.frames[: self.every, self._own_words] = both + self._own_rows
        return self.slices("backward")

    def d_states(self, wanted: Sequence[bool]) -> list[Tensor | None]:
        """dL/d(first states), where wanted: what the loop left for the step before the first."""
        parts = zip(self._state_at, self._state_sizes, wanted, strict=True)
        return [self.carry[0, :, at : at + n].clone() if want else None for at, n, want in parts]

    def segments(self) -> list[Task]:
        """Tasks that add up the gradients of equal rows of the input."""
        if self.distinct is None:
            return []
        rows, width = self.distinct.rows, self.width["grads"]
        starts, member = self.distinct.segments(self.order)
        self.together = self.buffers.room("together", rows * width).data_ptr()
        words = {
            "starts": starts.ctypes.data, "member": member.ctypes.data, "d": self.grads,
            "d_row": width, "c": self.together,
        }  # fmt: skip
        share = -(-rows // self.parts)
        listed = np.array(
            [
                record("segments_task", {**words, "first": at, "last": min(at + share, rows)})
                for at in range(0, rows, share)
            ],
            np.int64,
        )
        self._held += [starts, member, listed]
        task = self.kernel.shared_addresses["segments_task"]
        at, step = listed.ctypes.data, listed.strides[0]
        return [(task, at + k * step) for k in range(len(listed))]

    def after_loop(
        self, dx: Tensor | None, gradients: Sequence[Tensor | None], together: bool
    ) -> tuple[list[Task], list[Task]]:
        """The tasks of the pass `post`; then those of dL/dx and of the weights' gradients.

        A gradient that is None is not required. With `together` dx has a row for each distinct
        row of the input: the sum of their gradients.
        """
        first: list[Task] = []
        rows, token, grads = self.order.tokens, self.order.addresses[1], self.grads
        if together and self.distinct is not None:
            rows, grads = self.distinct.rows, self.together
            each = np.arange(rows, dtype=np.int32)
            self._held.append(each)
            token = each.ctypes.data
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
        pointers = [0 if g is None else g.data_ptr() for g in gradients]
        self.gradients.fill(self._sources(), pointers)
        return first, last + self.gradients.of(wanted)

    def _sources(self) -> dict[str, int]:
        """What the words of the gradient tasks begin at."""
        order, x, distinct, previous = self.order, self.x, self.distinct, self.order.previous
        return {
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

    def rest(self) -> None:
        """Releases the tensors of the last call, and what was computed for its tokens."""
        self.x = self.order = self.distinct = None  # type: ignore[assignment]
        self._held, self.biases = [], []
