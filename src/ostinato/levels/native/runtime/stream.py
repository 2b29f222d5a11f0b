"""One step at a time, for a stream: nothing is allocated, and one call does all layers."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import NoReturn

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from ostinato.equation.graph import Graph
from ostinato.errors import ConfigError, UnknownName
from ostinato.levels.native.kernels import quantized
from ostinato.levels.native.plan import frame
from ostinato.levels.native.plan.frame import WIDEST
from ostinato.levels.native.plan.memory import count
from ostinato.levels.native.runtime import code, pool
from ostinato.levels.native.runtime.context import Context
from ostinato.levels.native.runtime.rows import Order
from ostinato.levels.native.runtime.target import Target, host

Numbers = NDArray[np.float32] | NDArray[np.float64]

WEIGHTS = ("same", *quantized.KINDS)
"""What the weights of a stream can be: as they are, or narrower."""


SHARED = 1 << 16
"""Weights of a layer from which threads share its step: waking them takes about 1 µs."""


@cache
def _narrow(target: Target) -> code.Code:
    """The products of narrow weights."""

    def make() -> str:
        from llvmlite import ir

        module = ir.Module("narrow")
        quantized.define(module, target.lanes(32), target.registers)
        return str(module)

    return code.load("narrow", make, target, "products bf16, int8")


class NativeStream:
    """A stack of recurrent layers that reads one input after the other and keeps its states.

    The weights are copied when the stream is made: later changes of the module are not seen.

    Args:
        graph: the cell.
        layers: each layer's tensors by PyTorch's names.
        noise: what each layer's noise is, (1, ·): its expectation.
        sizes: for each layer what the size letters stand for.
        weights: `same`, or float32 weights kept as `bf16` or `int8`.

    Raises:
        UnknownName: for another kind of weights.
        ConfigError: for narrow weights of a float64 module, or weights that are not finite.
    """

    def __init__(
        self, graph: Graph, layers: Sequence[Mapping[str, Tensor]],
        noise: Sequence[Sequence[Tensor]], sizes: Sequence[Mapping[str, int]], weights: str,
    ) -> None:  # fmt: skip
        if weights not in WEIGHTS:
            raise UnknownName("kind of weights", weights, WEIGHTS)
        first = next(iter(layers[0].values()))
        if weights != "same" and first.dtype != torch.float32:
            raise ConfigError(f"weights as {weights} are converted from float32, not {first.dtype}")
        # The one sequence continues: nothing is copied to its last states.
        self._order = replace(Order.of([1]), batch_sizes=np.ones(2, np.int32))
        self._contexts = [
            Context(graph, first.element_size() * 8, size, every=1, parts=torch.get_num_threads())
            for size in sizes
        ]
        self._held: list[object] = [noise]
        self._input = x = first.new_zeros(1, sizes[0]["D"])
        for context, tensors, noises in zip(self._contexts, layers, noise, strict=True):
            y = first.new_zeros(1, context.width["y"])
            flat = [tensors[name].detach() for name in context.layout.names]
            states = [y.new_zeros(1, context.sizes[s]) for s in context.memory.state_sizes]
            self._held += [y, flat]
            self._held.append(context.begin(self._order, x, y, 0, states, flat, noises, False))
            pool.run(context.work, [[context.pack("forward")]], 1)
            if weights != "same":
                _narrowed(context, weights)
            x = y
        self._output = x
        self._x: Numbers = self._input.numpy()[0]
        self._y: Numbers = self._output.numpy()[0]
        self._shape = self._x.shape
        self._turns = [self._turn(k) for k in range(2)]
        self._chain = pool.function(self._contexts[0].kernel.shared_addresses["chain"])
        self._next = 0

    def _turn(self, turn: int) -> ctypes.c_void_p:
        """What one step calls; steps take turns in which rows are the old states."""
        listed: list[frame.Task] = []
        for context in self._contexts:
            work, words = sum(context.kernel.packed(context.sizes, False).values()), context.words
            parts = context.parts if work >= SHARED and context.memory.by_units else 1
            frames = context.frames[:parts].copy()
            both = [words["base_new"], words["other_new"]]
            frames[:, both] = frames[:, both[:: 1 - 2 * turn]]
            frames[:, words["every"]], frames[:, words["first"]] = 1, 0
            frames[:, words["parts"]], frames[:, words["part"]] = parts, np.arange(parts)
            step, shared = context.kernel.addresses["forward"], context.kernel.shared_addresses
            if parts == 1:
                listed.append((step, self._hold(frames)))
                continue
            tasks = frame.queue([(step, self._hold(one)) for one in frames])
            team = {
                "starter": pool.starter(shared["alone"]), "work": shared["work"],
                "queue": self._hold(np.array(tasks, np.int64)), "threads": parts,
            }  # fmt: skip
            words_of_team = np.array([team[word] for word in frame.TEAM], np.int64)
            listed.append((shared["team"], self._hold(words_of_team)))
        return ctypes.c_void_p(self._hold(np.array(frame.ended(listed), np.int64)))

    def _hold(self, words: NDArray[np.int64]) -> int:
        """The address of some words, which stay as long as the stream."""
        self._held.append(words)
        return int(words.ctypes.data)

    def step(self, x: ArrayLike) -> Numbers:
        """The output (H,) of the last layer after one more input x (D,), NumPy's.

        Raises:
            ValueError: when x has another size.
        """
        # An array's own shape is there at once; of a list `np.shape` has to make an array first.
        if getattr(x, "shape", None) != self._shape and np.shape(x) != self._shape:
            raise ValueError(f"the input is {np.shape(x)}, not {self._shape}")
        self._x[:] = x
        turn = self._next
        self._chain(self._turns[turn])
        self._next = 1 - turn
        return self._y.copy()

    @property
    def states(self) -> list[list[Numbers]]:
        """For each layer its states (·,), the output first."""
        return [[s.copy() for s in states] for states in self._rows()]

    @states.setter
    def states(self, new: Sequence[Sequence[ArrayLike]]) -> None:
        for rows, states in zip(self._rows(), new, strict=True):
            for row, state in zip(rows, states, strict=True):
                if np.shape(state) != row.shape:
                    raise ValueError(f"a state is {np.shape(state)}, not {row.shape}")
                row[:] = state

    def __reduce__(self) -> NoReturn:
        raise TypeError("a stream cannot be copied or pickled; create another one from its layers")

    def reset(self) -> None:
        """Begins anew, with states of zero."""
        for rows in self._rows():
            for row in rows:
                row[:] = 0

    def _rows(self) -> list[list[Numbers]]:
        found = []
        for context in self._contexts:
            row = context.width["new"]
            tape = context.buffers["tape"][self._next * row : (self._next + 1) * row].numpy()
            ends = np.cumsum([context.sizes[s] for s in context.memory.state_sizes]).tolist()
            found.append([tape[a:b] for a, b in zip([0, *ends], ends, strict=False)])
        return found


def _narrowed(context: Context, kind: str) -> None:
    """Makes the packed weights of a context narrow, and its frames call the products for them."""
    kernel, sizes = context.kernel, context.sizes
    packed = context.buffers["packed_forward"].numpy()
    at = 0
    for (name, _, letter), blocks in context.memory.blocks.items():
        for block in blocks if name in ("lift", "loop") else []:
            columns = block.vectors * kernel.lanes
            for _ in range(-(-sizes[letter] // (block.units * kernel.lanes))):
                for term in block.terms:
                    depth = count(term.sizes, sizes)
                    if depth < 2:
                        raise ConfigError(f"weights as {kind} need inputs of at least 2 numbers")
                    panel = packed[at : at + depth * columns].reshape(depth, columns)
                    try:
                        quantized.quantize(panel, kind)
                    except ValueError as error:
                        raise ConfigError(f"weights as {kind}: {error}") from None
                    at += depth * columns
    code = _narrow(host())
    for v in range(1, WIDEST + 1):
        context.frames[:, context.words[f"product_{v}"]] = code.address(f"product_{kind}_{v}")
