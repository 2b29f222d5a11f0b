"""Ostinato's own: one contestant for each engine, and whatever steps a stream.

The engine `native` is the one that is compared with the peers; while there is none, what `auto`
takes stands for it. PyTorch's fused layers over dense stretches (`aten`) are then one peer more,
and for ragged batches a stronger one than PyTorch's own packed call.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor

from ostinato import levels
from ostinato.bench import training
from ostinato.bench.case import Case
from ostinato.bench.contestants import Contestant, Ready
from ostinato.bench.contestants.torch import stepping, with_gradients
from ostinato.nn.recurrent import ENGINES

NATIVE = "native" in ENGINES
BEST = "native" if NATIVE else "auto"


def layer(case: Case, engine: str) -> Ready | None:
    """`nn.Recurrent` on that engine, over a whole batch."""
    fused = levels.find("aten").supports(case.cell)
    if case.line in ("step", *training.JOBS) or (engine == "aten" and not fused):
        return None
    if engine == "torch" and fused:
        return None  # the step under autograd is there for cells that have nothing faster
    module = case.recurrent(engine)
    lengths = torch.tensor(case.lengths) if case.line == "ragged" else None

    def forward(x: Tensor) -> tuple[Tensor, Tensor]:
        outputs, states = module(x, lengths=lengths)
        return outputs, (states if isinstance(states, Tensor) else states[0])[0]

    names = {name.removesuffix("_l0"): w for name, w in module.named_parameters()}
    return with_gradients(case, forward, names)


def step(case: Case) -> Ready | None:
    """A call of `nn.Recurrent` for each step, with the states handed on."""
    if case.line != "step":
        return None
    module = case.recurrent(BEST).eval()

    def one(x: Tensor, states: Any) -> tuple[Tensor, Any]:
        outputs, states = module(x[None], states)
        return outputs[0], states

    return stepping(case, one)


CONTESTANTS = [
    Contestant("ostinato aten", partial(layer, engine="aten"), ours=not NATIVE),
    Contestant("ostinato torch", partial(layer, engine="torch"), ours=not NATIVE),
    *([Contestant("ostinato native", partial(layer, engine="native"), ours=True)] * NATIVE),
    Contestant("ostinato layer", step, ours=True),
    # A stepper of its own goes here: Contestant("ostinato stepper", …, ours=True), whose
    # function gives None unless case.line == "step", and else
    # `stepping(case, one)` with one(x (1, D), states or None) -> output (1, H), states.
]
