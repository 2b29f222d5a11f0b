"""PyTorch's own fused layers: dense, packed, and `LSTMCell` and its kin for streams."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from ostinato import levels
from ostinato.bench import training
from ostinato.bench.case import BenchCase
from ostinato.bench.contestants import Contestant, Ready
from ostinato.bench.records import Arrays

States: TypeAlias = Tensor | tuple[Tensor, ...] | None
"""States as PyTorch's layers hand them on; None before the first step."""


def with_gradients(
    case: BenchCase,
    forward: Callable[[Tensor], tuple[Tensor, Tensor]],
    weights: Mapping[str, Tensor],
) -> Ready:
    """Forward, and backward where the case has it, by autograd.

    Args:
        case: the case.
        forward: inputs (T, B, D) → outputs (T, B, ·) and the last output state (B, ·).
        weights: what the gradients are of, by PyTorch's names.
    """
    x = case.x.clone().requires_grad_(case.backward)
    leaves = (x, *weights.values())
    given = (case.d_outputs, case.d_last) if case.backward else ()

    def run() -> tuple[Tensor, ...]:
        if not case.backward:
            with torch.inference_mode():
                return forward(x)
        found = forward(x)
        return *found, *torch.autograd.grad(found, leaves, given)

    names = ["outputs", "last", "d_x", *(f"d_{name}" for name in weights)]

    def values(found: tuple[Tensor, ...]) -> Arrays:
        return {k: v.detach().numpy() for k, v in zip(names, found, strict=False)}

    return Ready(run, values)


def stepping(case: BenchCase, one: Callable[[Tensor, States], tuple[Tensor, States]]) -> Ready:
    """A stream, one call for each step.

    Args:
        case: the case, of batch 1.
        one: input (1, D) and the states, None before the first step → output (1, ·), states.
    """
    xs = list(case.x)

    def run() -> list[Tensor]:
        states: States = None
        outputs = []
        with torch.inference_mode():
            for x in xs:
                output, states = one(x, states)
                outputs.append(output)
        return outputs

    def values(outputs: list[Tensor]) -> Arrays:
        whole = torch.stack(outputs).numpy()
        return {"outputs": whole, "last": whole[-1]}

    return Ready(run, values)


def _layer(case: BenchCase) -> nn.Module | None:
    aten = levels.find("aten")
    if case.line in ("step", *training.JOBS) or not aten.supports(case.cell):
        return None
    sizes = {"D": case.shape.D, "H": case.shape.H, "R": case.shape.R}
    layer: nn.Module = aten.torch_layer(case.cell, sizes)
    layer.load_state_dict({f"{name}_l0": w for name, w in case.weights.items()})
    return layer


def _weights(layer: nn.Module) -> dict[str, Tensor]:
    return {name.removesuffix("_l0"): w for name, w in layer.named_parameters()}


def dense(case: BenchCase) -> Ready | None:
    """`torch.nn.LSTM`, `GRU`, `RNN` on sequences of one length."""
    layer = _layer(case)
    if layer is None or case.line == "ragged":
        return None

    def forward(x: Tensor) -> tuple[Tensor, Tensor]:
        outputs, states = layer(x)
        return outputs, (states if isinstance(states, Tensor) else states[0])[0]

    return with_gradients(case, forward, _weights(layer))


def packed(case: BenchCase) -> Ready | None:
    """The same on a `PackedSequence`, padded before and after as its documentation does."""
    layer = _layer(case)
    if layer is None or case.line != "ragged":
        return None
    lengths = torch.tensor(case.lengths)

    def forward(x: Tensor) -> tuple[Tensor, Tensor]:
        outputs, states = layer(pack_padded_sequence(x, lengths))
        padded, _ = pad_packed_sequence(outputs)
        return padded, (states if isinstance(states, Tensor) else states[0])[0]

    return with_gradients(case, forward, _weights(layer))


def step(case: BenchCase) -> Ready | None:
    """`torch.nn.LSTMCell`, `GRUCell` or `RNNCell`, under `inference_mode`."""
    kinds: dict[str, type[nn.Module]] = {
        "lstm": nn.LSTMCell,
        "gru": nn.GRUCell,
        "rnn": nn.RNNCell,
    }
    if case.line != "step" or case.cell_name not in kinds:
        return None
    cell = kinds[case.cell_name](case.shape.D, case.shape.H)
    cell.load_state_dict(case.weights)

    def one(x: Tensor, states: States) -> tuple[Tensor, States]:
        states = cell(x, states)
        return (states if isinstance(states, Tensor) else states[0]), states

    return stepping(case, one)


CONTESTANTS = [
    Contestant("torch.nn", dense),
    Contestant("torch packed", packed),
    Contestant("torch cell", step),
]
