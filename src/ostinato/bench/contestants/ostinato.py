"""Ostinato's own: one contestant for each engine, and whatever steps a stream.

The engine `native` is the one that is compared with the peers; while there is none, what `auto`
takes stands for it. PyTorch's fused layers over dense stretches (`aten`) are then one peer more,
and for ragged batches a stronger one than PyTorch's own packed call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ostinato import levels
from ostinato.bench import training
from ostinato.bench.case import BenchCase
from ostinato.bench.contestants import Contestant, Ready
from ostinato.bench.contestants.torch import States, stepping, with_gradients
from ostinato.bench.records import Arrays
from ostinato.levels.torch import unwritten_is_nan
from ostinato.nn import engines

NATIVE = "native" in engines.names()
BEST = "native" if NATIVE else "auto"


def layer(case: BenchCase, engine: str) -> Ready | None:
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
    ready = with_gradients(case, forward, names)
    return replace(ready, fewer=partial(_fewer, case, forward, names)) if case.backward else ready


def _fewer(
    case: BenchCase,
    forward: Callable[[Tensor], tuple[Tensor, Tensor]],
    weights: Mapping[str, Tensor],
) -> Iterator[tuple[frozenset[str], Arrays]]:
    """Of an input that needs no gradient, as data do; then each weight is frozen in turn."""
    for frozen in ("x", *weights):
        kept = {name: w for name, w in weights.items() if name != frozen}
        if not kept:
            continue
        for name, w in weights.items():
            w.requires_grad_(name in kept)
        with unwritten_is_nan():
            found = forward(case.x)
            d = torch.autograd.grad(found, list(kept.values()), (case.d_outputs, case.d_last))
        names = ["outputs", "last", *(f"d_{name}" for name in kept)]
        pairs = zip(names, (*found, *d), strict=True)
        yield frozenset({"d_x", f"d_{frozen}"}), {n: v.detach().numpy() for n, v in pairs}
    for w in weights.values():
        w.requires_grad_()


def step(case: BenchCase) -> Ready | None:
    """A call of `nn.Recurrent` for each step, with the states handed on."""
    if case.line != "step":
        return None
    module = case.recurrent(BEST).eval()

    def one(x: Tensor, states: States) -> tuple[Tensor, States]:
        outputs, states = module(x[None], states)
        return outputs[0], states

    return stepping(case, one)


def stream(case: BenchCase, weights: str) -> Ready | None:
    """`Recurrent.stream`: one native call for each step."""
    if case.line != "step" or not NATIVE:
        return None
    stepper = case.recurrent(BEST).stream(weights)
    xs = [x[0].numpy() for x in case.x]

    def run() -> list[NDArray[np.floating]]:
        stepper.reset()
        return [stepper.step(x) for x in xs]

    def values(outputs: list[NDArray[np.floating]]) -> Arrays:
        whole = np.stack(outputs)[:, None]
        return {"outputs": whole, "last": whole[-1]}

    return Ready(run, values)


CONTESTANTS = [
    Contestant("ostinato aten", partial(layer, engine="aten"), ours=not NATIVE),
    Contestant("ostinato torch", partial(layer, engine="torch"), ours=not NATIVE),
    *([Contestant("ostinato native", partial(layer, engine="native"), ours=True)] * NATIVE),
    Contestant("ostinato layer", step, ours=True),
    Contestant("ostinato stream", partial(stream, weights="same"), ours=True),
    Contestant("ostinato stream, bf16", partial(stream, weights="bf16"), ours=True, off=0.02),
    Contestant("ostinato stream, int8", partial(stream, weights="int8"), ours=True, off=0.03),
]
