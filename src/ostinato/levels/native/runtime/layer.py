"""One recurrent layer as an operation of PyTorch, forward and backward."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx

from ostinato.equation.graph import Graph
from ostinato.levels.native.plan import layout_of
from ostinato.levels.native.plan.frame import Task
from ostinato.levels.native.plan.parameters import ParameterLayout
from ostinato.levels.native.runtime import by_torch, pool
from ostinato.levels.native.runtime.call import LayerCall
from ostinato.levels.native.runtime.context import Context
from ostinato.levels.native.runtime.rows import Distinct, Order
from ostinato.levels.native.runtime.stock import Lease
from ostinato.torch_internals import (
    addressed,
    has_address,
    has_hooks,
    transformed,
    visits_every_node,
)


def run(
    graph: Graph, x: Tensor, orders: list[Order], states: Sequence[Sequence[Tensor]],
    weights: Sequence[Mapping[str, Tensor]], noise: Sequence[Sequence[Tensor]],
    sizes: Mapping[str, int], distinct: Distinct | None = None,
    table: Tensor | None = None,
) -> tuple[Tensor, list[Sequence[Tensor]]]:  # fmt: skip
    """A layer over rows x (…, D), in one or both directions.

    Args:
        graph: the cell, with noise if there is any.
        x: the caller's rows; rows that no order reads are never accessed.
        orders: for each direction which rows are read when.
        states: for each direction the first states (B, ·), the longest sequence first; an
            empty sequence where all are zero.
        weights: for each direction PyTorch's tensors by name.
        noise: for each direction the graph's noise, (N, ·) or (B, ·).
        sizes: what the size letters stand for.
        distinct: which rows of x are equal, and so need to be projected only once.
        table: the tensor that these rows were looked up in; it can take their gradient whole.

    Returns:
        The outputs (…, directions · H), zero where no token is, and for each direction the states
        (B, ·) after each sequence's last step.

    Raises:
        ValueError: for a tensor that has not the shape or the type that the sizes call for.
    """
    bits = x.element_size() * 8
    layout = layout_of(graph)
    flat: list[Tensor] = []
    for k in range(len(orders)):
        _check(layout, x, orders[k], states[k], weights[k], noise[k], sizes)
        flat += [*states[k], *(_plain(weights[k][n].contiguous()) for n in layout.names)]
        flat += [n.contiguous() for n in noise[k]]
    training = torch.is_grad_enabled() and (x.requires_grad or any(t.requires_grad for t in flat))
    begun = bool(states[0])
    call = LayerCall(graph, dict(sizes), orders, training, bits, layout, distinct, begun)
    if training:
        y, *last = _Layer.apply(call, x, table, *flat)  # type: ignore[no-untyped-call]
    else:
        (y, *last), _, _ = _forward(call, x, flat)
    count = len(graph.states)
    return y, [last[k * count : (k + 1) * count] for k in range(len(orders))]


def takes_rows(graph: Graph) -> bool:
    """Whether the cell reads its input only in products, so that equal rows count once."""
    return layout_of(graph).of_rows


def readable(t: Tensor) -> bool:
    """Whether native code can read a tensor in place."""
    return addressed(t) and t.is_floating_point()


def _check(
    layout: ParameterLayout, x: Tensor, order: Order, states: Sequence[Tensor],
    weights: Mapping[str, Tensor], noise: Sequence[Tensor], sizes: Mapping[str, int],
) -> None:  # fmt: skip
    """Refuses tensors that do not have the sizes which the size letters of a call stand for.

    Raises:
        ValueError: which tensor, and the shape that it needs.
    """
    program, B = layout.memory.program, order.sequences
    letters = [layout.memory.nodes[i] for i in program.inputs[1:]]
    wanted = [("the input", x, (*x.shape[:-1], sizes["D"]))]
    wanted += [(n, weights[n], s) for n, s in layout.shapes(sizes).items()]
    if states:
        every = zip(program.graph.sizes.items(), states, strict=True)
        wanted += [(f"state {name}", s, (B, sizes[letter])) for (name, letter), s in every]
    for leaf, tensor in zip(letters, noise, strict=True):
        rows = order.tokens if leaf.op == "input" else B
        wanted.append((f"noise {leaf.label}", tensor, (rows, sizes[leaf.size])))
    for name, tensor, shape in wanted:
        if tensor.shape != shape or tensor.dtype != x.dtype:
            found = f"{tensor.dtype} {tuple(tensor.shape)}"
            raise ValueError(f"{name} is {found}; native code needs {x.dtype} {shape}")


def _forward(
    call: LayerCall, x: Tensor, flat: Sequence[Tensor]
) -> tuple[tuple[Tensor, ...], list[Lease], int]:
    """The outputs and last states, the leases that hold the tape, and the number of threads."""
    threads, every = call.slices()
    parts = 1 if threads == 1 else 2 * threads
    leases = [Lease(call.graph, call.bits, call.sizes, every, parts) for _ in call.orders]
    contexts = [lease.context for lease in leases]
    rows = read = _rows(x)
    if call.distinct is not None:
        read = rows[torch.from_numpy(call.distinct.first)]
        if not call.distinct.holds(rows, read):  # they were written to
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
    pool.run(contexts[0].work, [packs, lifts, loops], threads)
    return (y, *last), leases, threads


def _rows(x: Tensor) -> Tensor:
    """The rows (R, D) of x (…, D), each without gaps."""
    x = x if x.dim() == 2 else x.flatten(0, -2)
    return _plain(x if x.stride(-1) == 1 else x.contiguous())


def _plain(t: Tensor) -> Tensor:
    """The same values without PyTorch's lazy negation, so that memory holds them as they are."""
    return t.resolve_neg() if t.is_neg() else t


class _Saved(FunctionCtx):
    """What a forward call saves for the backward call."""

    call: LayerCall
    leases: list[Lease]
    threads: int
    lock: threading.Lock
    x: Tensor | None
    table: Tensor | None
    places: list[int]
    shapes: list[torch.Size]
    saved_tensors: tuple[Tensor, ...]
    needs_input_grad: tuple[bool, ...]


class _Layer(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: _Saved, call: LayerCall, x: Tensor, table: Tensor | None, *flat: Tensor
    ) -> tuple[Tensor, ...]:
        results, ctx.leases, ctx.threads = _forward(call, x, flat)
        ctx.call, ctx.lock, ctx.table = call, threading.Lock(), table
        # A hook or `retain_grad` that is set on x before the backward call is seen through this.
        ctx.x = None if call.distinct is None else x
        ctx.places = [t.data_ptr() for t in (x, *flat)]
        ctx.shapes = [t.shape for t in (x, *flat)]
        ctx.save_for_backward(x, *flat)
        ctx.set_materialize_grads(False)
        return results

    @staticmethod
    def backward(
        ctx: _Saved, dy: Tensor | None, *d_last: Tensor | None
    ) -> tuple[Tensor | None, ...]:
        x, *flat = ctx.saved_tensors
        if (
            torch.is_grad_enabled()
            or transformed()
            or not all(d is None or has_address(d) for d in (dy, *d_last))
        ):
            wanted = (ctx.needs_input_grad[1], *ctx.needs_input_grad[3:])
            dx, *rest = by_torch.gradients(ctx.call, x, flat, (dy, *d_last), wanted)
            return (None, dx, None, *rest)
        with ctx.lock:  # several threads may go back through one graph
            return _backward(ctx, x, flat, dy, d_last)


def _backward(
    ctx: _Saved, x: Tensor, flat: Sequence[Tensor], dy: Tensor | None,
    d_last: Sequence[Tensor | None],
) -> tuple[Tensor | None, ...]:  # fmt: skip
    """The gradients of all that `_Layer.apply` was given."""
    call, contexts = ctx.call, [lease.context for lease in ctx.leases]
    read, flat = _read_again(ctx, x, flat, contexts)
    origin = None
    if call.distinct and _only_the_table(ctx):
        origin = torch.from_numpy(call.distinct.origin)
    dy = None if dy is None else _plain(dy.contiguous().flatten(0, -2))
    count, size = len(call.graph.states), contexts[0].width["y"]
    loops: list[Task] = []
    for k, context in enumerate(contexts):
        loops += context.begin_backward(dy, k * size, d_last[k * count : (k + 1) * count])
    packs = [c.pack("backward") for c in contexts]
    sums = [task for context in contexts for task in context.segments()]
    terms: list[Task] = []
    last: list[Task] = []
    dxs: list[Tensor] = []
    found: list[list[Tensor | None]] = []
    wanted = list(call.split(ctx.needs_input_grad[3:]))
    for context, (_, weights, _), (_, asked, _) in zip(
        contexts, call.split(flat), wanted, strict=True
    ):
        found.append(_room_for_gradients(weights, asked, call.layout.blank))
        dx = None
        if ctx.needs_input_grad[1] and context.memory.program.dx is not None:
            rows = x.shape[:-1].numel() if origin is None else len(origin)
            whole = origin is not None or context.order.tokens == rows
            dx = (read.new_empty if whole else read.new_zeros)(rows, read.shape[1])
            dxs.append(dx)
        own_terms, own_last = context.after_loop(dx, found[-1], origin is not None)
        terms += own_terms
        last += own_last
    pool.run(contexts[0].work, [packs, loops, sums, terms, last], ctx.threads)
    flat_gradients: list[Tensor | None] = []
    for context, (states, _, noise), gradients in zip(contexts, wanted, found, strict=True):
        d_states = context.d_states(states) if call.begun else []
        flat_gradients += [*d_states, *gradients, *(None for _ in noise)]
    if ctx.needs_input_grad[1] and not dxs:
        dxs.append(torch.zeros_like(x))
    total = sum(dxs[1:], dxs[0]) if dxs else None
    if origin is None or total is None or ctx.table is None:
        return (None, None if total is None else total.view(x.shape), None, *flat_gradients)
    return (None, None, torch.zeros_like(ctx.table).index_copy_(0, origin, total), *flat_gradients)


def _read_again(
    ctx: _Saved, x: Tensor, flat: Sequence[Tensor], contexts: Sequence[Context]
) -> tuple[Tensor, Sequence[Tensor]]:
    """The rows that are read and the other tensors, as they are now; the contexts follow them."""
    call, rows = ctx.call, _rows(x)
    moved = [t.data_ptr() for t in (rows, *flat)] != ctx.places
    if moved:
        for t, shape in zip((x, *flat), ctx.shapes, strict=True):
            if t.shape != shape or t.element_size() * 8 != call.bits or not readable(t):
                raise RuntimeError(
                    f"a saved tensor {tuple(shape)} was restored as {t.dtype} {tuple(t.shape)}"
                )
        flat = [t.contiguous() for t in flat]
    if call.distinct is not None:
        if call.distinct.holds(rows, contexts[0].x):
            rows = contexts[0].x
        else:  # they were written to since: each row counts for itself, as it is now
            call.distinct, moved = None, True
            for context in contexts:
                context.distinct = None
    if moved:
        for context, (_, weights, noise) in zip(contexts, call.split(flat), strict=True):
            context.point(rows, weights, noise)
    return rows, flat


def _room_for_gradients(
    weights: Sequence[Tensor], asked: Sequence[bool], blank: set[int]
) -> list[Tensor | None]:
    """Memory for the gradients that are required; zeros where some rows have no terms."""
    gradients: list[Tensor | None] = [None] * len(weights)
    for k in (k for k, ask in enumerate(asked) if ask):
        make = torch.zeros_like if k in blank else torch.empty_like
        gradients[k] = make(weights[k])
    return gradients


def _only_the_table(ctx: _Saved) -> bool:
    """Whether the gradient of x is wanted for its table alone, where equal rows are summed.

    It is not when the gradient of x itself is requested: by a hook, by `retain_grad`, or by
    `torch.autograd.grad`, which visits some nodes of the graph and not all.
    """
    x = ctx.x
    if x is None or ctx.table is None or not ctx.needs_input_grad[2] or x.grad_fn is None:
        return False
    if x.retains_grad or has_hooks(x) or x.grad_fn.next_functions[0][0] is None:
        return False
    return visits_every_node()
