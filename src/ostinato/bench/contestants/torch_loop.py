"""The step written by hand in PyTorch, in a Python loop, plain and through `torch.compile`.

Written from the papers and not from Ostinato's text, as someone would who needs a cell that
PyTorch does not have. What depends on the input alone is one product before the loop.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import layer_norm, linear

from ostinato import levels
from ostinato.bench import training
from ostinato.bench.case import BenchCase
from ostinato.bench.contestants import Contestant, Ready
from ostinato.bench.contestants.torch import with_gradients

Weights = dict[str, Tensor]
States = tuple[Tensor, ...]
COMPILING = 90.0
"""Seconds that compiling may take; 200 steps forward and backward want minutes."""


def rnn(z: Tensor, states: States, w: Weights) -> States:
    """z is the input's part of all gates (B, ·)."""
    return (torch.tanh(z + linear(states[0], w["weight_hh"], w["bias_hh"])),)


def lstm(z: Tensor, states: States, w: Weights) -> States:
    """As in `rnn`; gates i, f, g, o."""
    h, c = states
    i, f, g, o = (z + linear(h, w["weight_hh"], w["bias_hh"])).chunk(4, -1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


def gru(z: Tensor, states: States, w: Weights) -> States:
    """As in `rnn`; gates r, z, n."""
    (h,) = states
    (r, u, n), (hr, hu, hn) = (a.chunk(3, -1) for a in (z, linear(h, w["weight_hh"], w["bias_hh"])))
    n = (n + (r + hr).sigmoid() * hn).tanh()
    return (n + (u + hu).sigmoid() * (h - n),)


def layer_norm_lstm(z: Tensor, states: States, w: Weights) -> States:
    """As in `lstm`, each gate's pre-activation normalised, and the cell state at the output."""
    h, c = states
    gates = (z + linear(h, w["weight_hh"])).chunk(4, -1)
    i, f, g, o = (
        layer_norm(a, a.shape[-1:], w[f"gain_{k}"], w[f"shift_{k}"])
        for k, a in zip("ifgo", gates, strict=True)
    )
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * layer_norm(c, c.shape[-1:], w["gain_h"], w["shift_h"]).tanh(), c


STEPS: dict[str, tuple[Callable[[Tensor, States, Weights], States], int]] = {
    "rnn": (rnn, 1),
    "lstm": (lstm, 2),
    "gru": (gru, 1),
    "layer_norm_lstm": (layer_norm_lstm, 2),
}
"""Cell → its step, and how many states it has."""


def loop(case: BenchCase, compiled: str = "") -> Ready | None:
    """A Python loop over the steps.

    Args:
        case: the case.
        compiled: what `torch.compile` gets: the whole `loop`, unrolled, or one `step` of it.
            Only for cells without a fused layer, and once: compiling takes minutes.
    """
    if case.line in ("ragged", "step", *training.JOBS) or case.cell_name not in STEPS:
        return None
    fused = levels.find("aten").supports(case.cell)
    if compiled and (fused or case.line != "dense"):
        return None
    step, count = STEPS[case.cell_name]
    if compiled == "step":
        step = torch.compile(step)
    weights = {name: w.clone().requires_grad_() for name, w in case.weights.items()}
    first = torch.zeros(case.shape.B, case.shape.H)

    def forward(x: Tensor) -> tuple[Tensor, Tensor]:
        states: States = (first,) * count
        outputs = []
        for z in linear(x, weights["weight_ih"], weights.get("bias_ih")).unbind(0):
            states = step(z, states, weights)
            outputs.append(states[0])
        return torch.stack(outputs), states[0]

    if compiled:
        torch.compiler.reset()
    whole: Any = torch.compile(forward) if compiled == "loop" else forward
    return with_gradients(case, whole, weights)


CONTESTANTS = [
    Contestant("torch loop", loop),
    Contestant("compiled step", partial(loop, compiled="step"), limit=COMPILING),
    Contestant("compiled loop", partial(loop, compiled="loop"), limit=COMPILING),
]
