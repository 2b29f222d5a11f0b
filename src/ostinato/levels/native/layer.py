"""One recurrent layer as an operation of PyTorch, forward and backward."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ostinato.equation.graph import Graph
from ostinato.levels.native import bounds, tasks
from ostinato.levels.native.context import Context, Distinct, Layout, Lease, Order, layout_of
from ostinato.levels.native.kernel import kernel
from ostinato.torch_internals import (
    addressed,
    has_address,
    has_hooks,
    transformed,
    visits_every_node,
)

ROWS = 8
"""The fewest sequences that are worth a thread of their own."""

WORK = 4_000_000
"""The fewest multiplications that are worth waking another thread: about 50 µs."""


@dataclass
class _Call:
    """What a call needs besides tensors."""

    graph: Graph
    sizes: dict[str, int]
    orders: list[Order]
    training: bool
    bits: int
    layout: Layout
    distinct: Distinct | None
    begun: bool  # whether first states are given; else they are zero

    def slices(self) -> tuple[int, int]:
        """How many threads work, and into how many slices each direction's sequences are cut."""
        order, threads = self.orders[0], torch.get_num_threads()
        work = self.layout.numbers(self.sizes) * order.tokens * len(self.orders)
        if threads == 1 or work < WORK:
            return 1, 1
        return threads, max(1, min(-(-threads // len(self.orders)), order.sequences // ROWS))

    @property
    def given(self) -> int:
        """How many first states each direction has."""
        return len(self.graph.states) if self.begun else 0

    def split(self, flat: Sequence[Any]) -> Iterator[tuple[Any, Any, Any]]:
        """States, weights and noise of each direction."""
        states, weights = self.given, len(self.layout.names)
        each = len(flat) // len(self.orders)
        for at in (k * each for k in range(len(self.orders))):
            middle = at + states + weights
            yield flat[at : at + states], flat[at + states : middle], flat[middle : at + each]


def _forward(
    call: _Call, x: Tensor, flat: Sequence[Tensor]
) -> tuple[tuple[Tensor, ...], list[Lease], int]:
    """The outputs and last states, what holds the tape, and how many threads worked."""
    threads, every = call.slices()
    parts = 1 if threads == 1 else 2 * threads
    leases = [Lease(call.graph, call.bits, call.sizes, every, parts) for _ in call.orders]
    contexts = [lease.context for lease in leases]
    rows = read = _rows(x)
    if call.distinct is not None:
        read = rows[torch.from_numpy(call.distinct.first)]
        if not call.distinct.holds(rows, read):  # someone has written into them
            call.distinct, read = None, rows
    size = contexts[0].width["y"]
    whole = all(order.tokens == len(rows) for order in call.orders)
    y = (x.new_empty if whole else x.new_zeros)(*x.shape[:-1], len(contexts) * size)
    outputs = _rows(y)
    last: list[Tensor] = []
    for k, (states, weights, noise) in enumerate(call.split(flat)):
        order, context = call.orders[k], contexts[k]
        last += context.begin(
            order, read, outputs, k * size, states, weights, noise, call.training, call.distinct
        )
    packs = [context.pack("forward") for context in contexts]
    loops = [task for context in contexts for task in context.slices("forward")]
    lifts = [task for context in contexts for task in context.lift()]
    tasks.run(contexts[0].work, [packs, lifts, loops], threads)
    return (y, *last), leases, threads


def _rows(x: Tensor) -> Tensor:
    """The rows (R, D) of x (…, D), each without gaps."""
    x = x if x.dim() == 2 else x.flatten(0, -2)
    return _plain(x if x.stride(-1) == 1 else x.contiguous())


def _plain(t: Tensor) -> Tensor:
    """The same numbers as they are in memory, not as ones that PyTorch negates when it reads."""
    return t.resolve_neg() if t.is_neg() else t


class _Layer(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, call: _Call, x: Tensor, table: Tensor | None, *flat: Tensor) -> Any:
        results, ctx.leases, ctx.threads = _forward(call, x, flat)
        ctx.call, ctx.lock, ctx.table = call, threading.Lock(), table
        # Whoever wants the gradient of x itself makes himself known here until the way back.
        ctx.x = None if call.distinct is None else x
        ctx.places = [t.data_ptr() for t in (x, *flat)]
        ctx.shapes = [t.shape for t in (x, *flat)]
        ctx.save_for_backward(x, *flat)
        ctx.set_materialize_grads(False)
        return results

    @staticmethod
    def backward(ctx: Any, dy: Tensor | None, *d_last: Tensor | None) -> Any:
        x, *flat = ctx.saved_tensors
        if torch.is_grad_enabled() or transformed() or not all(map(_in_memory, (dy, *d_last))):
            return _again(
                ctx.call,
                x,
                flat,
                (dy, *d_last),
                (ctx.needs_input_grad[1], *ctx.needs_input_grad[3:]),
            )
        with ctx.lock:  # several threads may go back through one graph
            return _backward(ctx, x, flat, dy, d_last)


def _backward(
    ctx: Any, x: Tensor, flat: Sequence[Tensor], dy: Tensor | None, d_last: Sequence[Tensor | None]
) -> Any:
    call: _Call = ctx.call
    whole_x, x = x, _rows(x)
    rows = x.shape[0]
    contexts: list[Context] = [lease.context for lease in ctx.leases]
    moved = [t.data_ptr() for t in (x, *flat)] != ctx.places
    if moved:
        for t, shape in zip((whole_x, *flat), ctx.shapes, strict=True):
            if t.shape != shape or t.element_size() * 8 != call.bits or not readable(t):
                raise RuntimeError(
                    f"a saved tensor {tuple(shape)} came back as {t.dtype} {tuple(t.shape)}"
                )
        flat = [t.contiguous() for t in flat]
    if call.distinct is not None:
        if call.distinct.holds(x, contexts[0].x):
            x = contexts[0].x
        else:  # someone has written into them since: each counts for itself, as it is now
            call.distinct, moved = None, True
            for context in contexts:
                context.distinct = None
    if moved:
        for context, (_, weights, noise) in zip(contexts, call.split(flat), strict=True):
            context.point(x, weights, noise)
    origin = (
        torch.from_numpy(call.distinct.origin) if call.distinct and _only_the_table(ctx) else None
    )
    together = origin is not None
    dy = None if dy is None else _plain(dy.contiguous().flatten(0, -2))
    count, size = len(call.graph.states), contexts[0].width["y"]
    loops: list[tasks.Task] = []
    for k, context in enumerate(contexts):
        loops += context.begin_backward(dy, k * size, d_last[k * count : (k + 1) * count])
    packs = [c.pack("backward") for c in contexts]
    sums = [task for context in contexts for task in context.segments()]
    terms: list[tasks.Task] = []
    last: list[tasks.Task] = []
    dxs: list[Tensor] = []
    found: list[list[Tensor | None]] = []
    wanted = list(call.split(ctx.needs_input_grad[3:]))
    for context, (_, weights, _), (_, asked, _) in zip(
        contexts, call.split(flat), wanted, strict=True
    ):
        gradients: list[Tensor | None] = [None] * len(weights)
        for k in (k for k, ask in enumerate(asked) if ask):
            make = torch.zeros_like if k in call.layout.blank else torch.empty_like
            gradients[k] = make(weights[k])
        found.append(gradients)
        dx = None
        if ctx.needs_input_grad[1] and context.memory.program.dx is not None:
            whole = together or context.order.tokens == rows
            shape = (rows if origin is None else len(origin), x.shape[1])
            dx = (x.new_empty if whole else x.new_zeros)(shape)
            dxs.append(dx)
        own_terms, own_last = context.after_loop(dx, gradients, together)
        terms += own_terms
        last += own_last
    tasks.run(contexts[0].work, [packs, loops, sums, terms, last], ctx.threads)
    flat_gradients: list[Tensor | None] = []
    for context, (states, _, noise), gradients in zip(contexts, wanted, found, strict=True):
        d_states = context.d_states(states) if call.begun else []
        flat_gradients += [*d_states, *gradients, *(None for _ in noise)]
    if ctx.needs_input_grad[1] and not dxs:
        dxs.append(torch.zeros_like(whole_x))
    total = sum(dxs[1:], dxs[0]) if dxs else None
    if origin is None or total is None:
        total = None if total is None else total.view(whole_x.shape)
        return (None, total, None, *flat_gradients)
    return (None, None, torch.zeros_like(ctx.table).index_copy_(0, origin, total), *flat_gradients)


def _only_the_table(ctx: Any) -> bool:
    """Whether the gradient of x is wanted for its table alone, where equal rows are summed.

    It is not when someone asks for that of x: by a hook, by `retain_grad`, or by
    `torch.autograd.grad`, in which the engine goes to some nodes and not to all.
    """
    x, table = ctx.x, ctx.table
    if x is None or table is None or not ctx.needs_input_grad[2] or x.grad_fn is None:
        return False
    if x.retains_grad or has_hooks(x) or x.grad_fn.next_functions[0][0] is None:
        return False
    return visits_every_node()


def _again(
    call: _Call, x: Tensor, flat: Sequence[Tensor], d: Sequence[Tensor | None], wanted: Any
) -> Any:
    """The same gradients by the level torch, which can be differentiated again."""
    again = torch.is_grad_enabled()
    with torch.enable_grad():
        y, last = by_torch(call, x.flatten(0, -2), flat)
        y = y.view(*x.shape[:-1], -1)
    results = [y, *(s for states in last for s in states)]
    pairs = [(r, g) for r, g in zip(results, d, strict=True) if g is not None and r.requires_grad]
    inputs = [t for t, want in zip((x, *flat), wanted, strict=True) if want]
    found = iter(
        torch.autograd.grad(
            [r for r, _ in pairs],
            inputs,
            [g for _, g in pairs],
            create_graph=again,
            allow_unused=True,
        )
    )
    dx, *rest = (next(found) if want else None for want in wanted)
    return (None, dx, None, *rest)


def readable(t: Tensor) -> bool:
    """Whether native code can read a tensor where it lies."""
    return addressed(t) and t.is_floating_point()


def _in_memory(d: Tensor | None) -> bool:
    """Whether a gradient is numbers in memory, or there is none."""
    return d is None or has_address(d)


def by_torch(
    call: _Call, x: Tensor, flat: Sequence[Tensor]
) -> tuple[Tensor, list[Sequence[Tensor]]]:
    """The layer by the level torch."""
    from types import SimpleNamespace

    from ostinato import levels
    from ostinato.equation.trace import Cell

    scan = levels.find("torch").scan(Cell(call.graph.name, call.graph))
    outputs, last = [], []
    for order, (states, weights, noise) in zip(call.orders, call.split(flat), strict=True):
        token = torch.from_numpy(order.token).long()
        if not call.begun:
            sizes = (call.sizes[letter] for letter in call.graph.sizes.values())
            states = [x.new_zeros(order.sequences, size) for size in sizes]
        p = SimpleNamespace(**dict(zip(call.layout.names, weights, strict=True)))
        labels = (call.graph.nodes[i].label for i in call.graph.noise)
        options = dict(zip(labels, noise, strict=True))
        y, ends = scan(x[token], order.batch_sizes[:-1].tolist(), tuple(states), p, **options)
        outputs.append(y.new_zeros(len(x), y.shape[1]).index_copy(0, token, y))
        last.append(ends)
    return torch.cat(outputs, 1), last


def takes_rows(graph: Graph, x: Tensor) -> bool:
    """Whether the cell reads its input only in products, so that equal rows count once."""
    return layout_of(kernel(graph, x.element_size() * 8)).of_rows


def run(
    graph: Graph, x: Tensor, orders: list[Order], states: Sequence[Sequence[Tensor]],
    weights: Sequence[Mapping[str, Tensor]], noise: Sequence[Sequence[Tensor]],
    sizes: Mapping[str, int], distinct: Distinct | None = None,
    table: Tensor | None = None,
) -> tuple[Tensor, list[Sequence[Tensor]]]:  # fmt: skip
    """A layer over rows x (…, D), in one or both directions.

    Args:
        graph: the cell, with noise if there is any.
        x: the caller's rows; what no order reads is never touched.
        orders: for each direction which rows are read when.
        states: for each direction the first states (B, ·), the longest sequence first; none of
            them where all are zero.
        weights: for each direction PyTorch's tensors by name.
        noise: for each direction the graph's noise, (N, ·) or (B, ·).
        sizes: what the size letters stand for.
        distinct: which rows of x are equal, and so need to be projected only once.
        table: the tensor that these rows were looked up in; it can take their gradient whole.

    Returns:
        The outputs (…, directions · H), zero where no token is, and for each direction the states
        (B, ·) after each sequence's last step.
    """
    bits = x.element_size() * 8
    layout = layout_of(kernel(graph, bits))
    flat: list[Tensor] = []
    for k in range(len(orders)):
        bounds.check_call(layout, x, orders[k], states[k], weights[k], noise[k], sizes)
        flat += [*states[k], *(_plain(weights[k][n].contiguous()) for n in layout.names)]
        flat += [n.contiguous() for n in noise[k]]
    training = torch.is_grad_enabled() and (x.requires_grad or any(t.requires_grad for t in flat))
    begun = bool(states[0])
    call = _Call(graph, dict(sizes), orders, training, bits, layout, distinct, begun)
    if training:
        y, *last = _Layer.apply(call, x, table, *flat)  # type: ignore[no-untyped-call]
    else:
        (y, *last), _, _ = _forward(call, x, flat)
    count = len(graph.states)
    return y, [last[k * count : (k + 1) * count] for k in range(len(orders))]
