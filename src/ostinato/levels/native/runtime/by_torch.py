"""A layer by the level torch, where its gradients are to be differentiated again."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace

import torch
from torch import Tensor

from ostinato.equation.trace import Cell
from ostinato.levels.native.runtime.call import LayerCall


def gradients(
    call: LayerCall, x: Tensor, flat: Sequence[Tensor], d: Sequence[Tensor | None],
    wanted: Sequence[bool],
) -> list[Tensor | None]:  # fmt: skip
    """The gradients of x and of `flat` that are wanted, which can be differentiated again.

    Args:
        call: what is called.
        x: the caller's rows (…, D).
        flat: states, weights and noise of each direction.
        d: the gradients of the outputs and of the last states; None where there is none.
        wanted: for x and each tensor of `flat` whether its gradient is.
    """
    again = torch.is_grad_enabled()
    with torch.enable_grad():
        y, last = _outputs(call, x.flatten(0, -2), flat)
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
    return [next(found) if want else None for want in wanted]


def _outputs(
    call: LayerCall, x: Tensor, flat: Sequence[Tensor]
) -> tuple[Tensor, list[Sequence[Tensor]]]:
    """The outputs of all directions, and the last states of each."""
    from ostinato.levels.torch import scan

    steps = scan(Cell(call.graph.name, call.graph))
    outputs: list[Tensor] = []
    last: list[Sequence[Tensor]] = []
    for order, (states, weights, noise) in zip(call.orders, call.split(flat), strict=True):
        token = torch.from_numpy(order.token).long()
        if not call.begun:
            sizes = (call.sizes[letter] for letter in call.graph.sizes.values())
            states = [x.new_zeros(order.sequences, size) for size in sizes]
        p = SimpleNamespace(**dict(zip(call.layout.names, weights, strict=True)))
        labels = (call.graph.nodes[i].label for i in call.graph.noise)
        options = dict(zip(labels, noise, strict=True))
        y, ends = steps(x[token], order.batch_sizes[:-1].tolist(), tuple(states), p, **options)
        outputs.append(y.new_zeros(len(x), y.shape[1]).index_copy(0, token, y))
        last.append(ends)
    return torch.cat(outputs, 1), last
