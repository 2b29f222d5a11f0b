"""PyTorch: the step in tensor operations, differentiated by autograd.

What depends on the input alone is computed for all tokens at once before the loop; the maps that
read the same state are one matrix product. The weights are laid out as PyTorch's (`weights`).

A batch is packed, as in `torch.nn.utils.rnn`: its tokens (N, ·) stand step by step, and step t
has `batch_sizes[t]` of them, the longest sequences first. No work is done on padding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from types import SimpleNamespace
from typing import Any, TypeAlias

import numpy as np
import torch

from ostinato.equation.graph import Graph, Node
from ostinato.equation.schedule import schedule
from ostinato.equation.trace import Cell
from ostinato.levels._case import Array, Case, Values
from ostinato.levels._stacked import StackedWriter, product
from ostinato.levels._text import (
    ATOM,
    INFIX,
    RESERVED,
    Names,
    further_names,
    indent,
    listed,
    load,
    tuple_of,
)
from ostinato.weights.stack import Stack
from ostinato.weights.torch import gradients_from_torch, to_torch, torch_stacks


class _Torch(StackedWriter):
    operators = INFIX | {
        "sigmoid": ("torch.sigmoid({0})", ATOM),
        "tanh": ("torch.tanh({0})", ATOM),
        "relu": ("torch.relu({0})", ATOM),
        "exp": ("torch.exp({0})", ATOM),
        "log": ("torch.log({0})", ATOM),
        "maximum": ("torch.maximum({0}, {1})", ATOM),
        "normalize": ("layer_norm({0}, {0}.shape[-1:], eps={eps})", ATOM),
    }

    axis = 0
    split = "{0}.chunk({1}, -1)"

    def wants_variable(self, node: Node, argument: int) -> bool:
        return node.op == "normalize"

    def spell(self, index: int, node: Node) -> tuple[str, int]:
        if node.op == "maximum":  # torch.maximum takes tensors only
            args = [self.text[a][0] for a in node.args]
            numbers = [self.nodes[a].op == "constant" for a in node.args]
            if any(numbers):
                vector, number = args if numbers[1] else args[::-1]
                return f"torch.maximum({vector}, torch.full_like({vector}, {number}))", ATOM
        return super().spell(index, node)

    def product(self, operand: str, stack: Stack, part: str) -> str:
        rows = f"[{part}]" if part else ""
        tensors = [f"p.{name}{rows}" for name in (stack.weight, stack.bias) if name]
        return f"linear({', '.join([operand, *tensors])})"


_TEXT = '''"""{name}, in PyTorch; p holds the weights, stacked as torch.nn has them."""

{further_names}import torch
{imports}

def lift({x}, p):
    """What depends on the input alone, for all tokens at once: {x} (N, D)."""
{lift}
    return {lifted}


def step({arguments}, p):
    """One step: the new states (B, ·), and every signal by its name."""
{body}
    return {new}, {signals}


def scan(x, batch_sizes, states, p{noise}, watch=None):
    """All steps of a batch: tokens x (N, D), step t has batch_sizes[t] of them.

    states are those before the first step (B, ·), the longest sequence first. Returns the outputs
    (N, ·) and the states after each sequence's last step. watch(t, signals) sees every step.
    """
    outputs, ended = [], []
    by_step = zip(*(z.split(batch_sizes) for z in {per_token}))
    for t, {now} in enumerate(by_step):
        B = batch_sizes[t]
        if B < len(states[0]):  # some sequences have ended
            ended.append([s[B:] for s in states])
            states = tuple(s[:B] for s in states)
        states, signals = step({call}, p)
        outputs.append(states[0])
        if watch:
            watch(t, signals)
    last = tuple(torch.cat([s, *(e[k] for e in ended[::-1])]) for k, s in enumerate(states))
    return torch.cat(outputs), last
'''


def source(cell: Cell, backward: bool = False) -> str:
    """The cell as a PyTorch module; its backward step is autograd's, so `backward` adds nothing."""
    plan = schedule(cell.graph)
    graph, stacks = plan.graph, torch_stacks(cell.graph)
    products = {product(matrix) for stack in stacks for matrix in stack.matrices}
    names = Names(graph, reserved=RESERVED | products)
    front = _Torch(graph, stacks, names, graph.inputs[:1])
    lift = front.lines(plan.frontier, apart=plan.frontier)
    main = _Torch(graph, stacks, names, (*plan.frontier, *graph.inputs, *graph.states))
    body = main.lines(graph.outputs)

    lifted = [names[i] for i in plan.frontier]
    steps = [names[i] for i in graph.noise if graph.nodes[i].op == "input"]
    still = [names[i] for i in graph.noise if graph.nodes[i].op == "still"]
    signals = [i for i in sorted(graph.names) if i in main.text]
    new = tuple_of(main.read(o) for o in graph.outputs)
    functions = [f for f in ("layer_norm", "linear") if f"{f}(" in f"{lift}{body}{new}"]
    also = [a for a in graph.aliases if a.node in main.text and a.node not in graph.inputs]
    watched = [*((graph.names[i], i) for i in signals), *((a.name, a.node) for a in also)]
    return _TEXT.format(
        name=cell.name,
        further_names=further_names(graph),
        x=names[graph.inputs[0]],
        imports=f"from torch.nn.functional import {', '.join(functions)}\n" if functions else "",
        lift=indent(lift),
        lifted=tuple_of(lifted),
        arguments=", ".join([*lifted, *steps, *still, *(names[s] for s in graph.states)]),
        body=indent(body),
        new=new,
        signals=listed("dict(", (f"{name}={main.read(i)}" for name, i in watched), ")"),
        noise="".join(f", {names[i]}" for i in graph.noise),
        per_token=tuple_of(["x", "*lift(x, p)", *steps]),
        now=tuple_of(["_", *lifted, *steps]),
        call=", ".join([*lifted, *steps, *(f"{m}[:B]" for m in still), "*states"]),
    )


__all__ = ["HEEDS", "run", "run_packed", "scan", "source", "step", "unwritten_is_nan"]

HEEDS = ("x", "first", "frozen")
"""The fields of `Asked` that it heeds: it computes no other gradients than those asked for."""


Step: TypeAlias = Callable[..., tuple[tuple[torch.Tensor, ...], dict[str, torch.Tensor]]]
"""`step(*lifted (B, ·), *states (B, ·), p) -> new states, signals`."""

Scan: TypeAlias = Callable[..., tuple[torch.Tensor, tuple[torch.Tensor, ...]]]
"""`scan(x (N, D), batch_sizes, states (B, ·), p) -> outputs (N, ·), last states (B, ·)`."""


@cache
def _module(cell: Cell) -> SimpleNamespace:
    return load(source(cell), "torch level")


def step(cell: Cell) -> Step:
    """One step of a cell."""
    function: Step = _module(cell).step
    return function


def scan(cell: Cell) -> Scan:
    """All steps of a packed batch."""
    function: Scan = _module(cell).scan
    return function


def run(cell: Cell, case: Case) -> Values:
    """A ragged batch forward and, by autograd, backward."""
    return run_packed(scan(cell), cell.graph, case)


@contextmanager
def unwritten_is_nan() -> Iterator[None]:
    """Memory holds NaN until it is written: PyTorch's, and native code's own before each pass.

    So a number that is read and that nobody has computed is seen.
    """
    switch: Any = torch.utils.deterministic  # a module with a property
    on, filling = torch.are_deterministic_algorithms_enabled(), switch.fill_uninitialized_memory
    warning = torch.is_deterministic_algorithms_warn_only_enabled()
    torch.use_deterministic_algorithms(True, warn_only=not on or warning)
    switch.fill_uninitialized_memory = True
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(on, warn_only=warning)
        switch.fill_uninitialized_memory = filling


def run_packed(scan: Scan, graph: Graph, case: Case, dtype: torch.dtype | None = None) -> Values:
    """A case through a level that takes packed tensors and is differentiated by autograd.

    Memory that nobody has written is NaN meanwhile. `dtype` is that of the tensors; by default
    that of the case's arrays.
    """
    with unwritten_is_nan():
        return _run_packed(scan, graph, case, dtype)


def _run_packed(scan: Scan, graph: Graph, case: Case, dtype: torch.dtype | None) -> Values:
    order = np.argsort(-case.lengths, kind="stable")
    batch_sizes = [int(n) for n in (case.lengths[:, None] > np.arange(max(case.lengths))).sum(0)]
    tokens = [(t, b) for t, n in enumerate(batch_sizes) for b in order[:n]]

    def pack(sequences: list[Array]) -> torch.Tensor:
        return torch.tensor(np.array([sequences[b][t] for t, b in tokens]), dtype=dtype)

    def unpack(packed: torch.Tensor) -> list[Array]:
        sequences = [np.empty((n, packed.shape[1])) for n in case.lengths]
        for (t, b), token in zip(tokens, packed.detach().numpy(), strict=True):
            sequences[b][t] = token
        return sequences

    def by_length(array: Array) -> torch.Tensor:
        return torch.tensor(array[order], dtype=dtype)

    def by_number(tensor: torch.Tensor) -> Array:
        numbers: Array = tensor.detach().numpy()[np.argsort(order)]
        return numbers

    asked = case.asked
    x = pack(case.x).requires_grad_(asked.x)
    states = [by_length(s).requires_grad_(asked.first == "learned") for s in case.states]
    weights = {
        name: torch.tensor(w, dtype=dtype).requires_grad_(name not in asked.frozen)
        for name, w in to_torch(graph, case.parameters).items()
    }
    outputs, last = scan(x, batch_sizes, states, SimpleNamespace(**weights))
    loss = (outputs * pack(case.d_outputs)).sum()
    for s, d in zip(last, case.d_states, strict=True):
        loss = loss + (s * by_length(d)).sum()
    leaves = [t for t in (x, *states, *weights.values()) if t.requires_grad]
    if loss.requires_grad:
        found = torch.autograd.grad(loss, leaves, allow_unused=True, materialize_grads=True)
    else:  # nothing that needs a gradient has a part in it
        found = tuple(map(torch.zeros_like, leaves))
    gradient = dict(zip(leaves, found, strict=True))
    return Values(
        unpack(outputs),
        tuple(by_number(s) for s in last),
        unpack(gradient[x]) if asked.x else [],
        tuple(by_number(gradient[s]) for s in states if s.requires_grad),
        gradients_from_torch(
            graph, {name: gradient[w].numpy() for name, w in weights.items() if w.requires_grad}
        ),
    )
