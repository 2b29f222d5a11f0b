"""PyTorch's own fused layers, for the cells that have one.

A cell is recognised by its graph, not by its name: whoever writes the same text, under whatever
names, runs the same fused code.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import SimpleNamespace

import torch

from ostinato import cells
from ostinato.equation.rewrite import without_bias
from ostinato.equation.trace import Cell
from ostinato.errors import CellError
from ostinato.levels._case import Case, Values
from ostinato.levels._text import load
from ostinato.levels.torch import Scan, run_packed

__all__ = ["HEEDS", "run", "scan", "source", "supports", "torch_layer"]

HEEDS = ("x", "first", "frozen")
"""The fields of `Asked` that it heeds: it computes no other gradients than those asked for."""

_FUSED = {
    "rnn": "rnn_tanh",
    "relu_rnn": "rnn_relu",
    "lstm": "lstm",
    "gru": "gru",
    "projected_lstm": "lstm",
}

_TEXT = '''"""{name}, by PyTorch's fused torch.{function}."""

from itertools import groupby

import torch


def scan(x, batch_sizes, states, p):
    """All steps of a batch: tokens x (N, D), step t has batch_sizes[t] of them.

    states are those before the first step (B, ·), the longest sequence first. Returns the outputs
    (N, ·) and the states after each sequence's last step.

    The steps between two ends of sequences are one dense call: PyTorch's own packed call takes
    time that grows with the square of the steps, because its backward pass fills a tensor of the
    whole sequence with zeros at each of them.
    """
    weights = [{weights}]
    options = dict(has_biases={biased}, num_layers=1, dropout=0.0, train=True)
    stretches = [(B, len(list(steps))) for B, steps in groupby(batch_sizes)]
    outputs, ended = [], []
    for (B, T), tokens in zip(stretches, x.split([B * T for B, T in stretches])):
        if B < len(states[0]):  # some sequences have ended
            ended.append([s[B:] for s in states])
            states = [s[:B] for s in states]
        y, *states = torch.{function}(
            tokens.view(T, B, -1), {first}, weights, **options,
            bidirectional=False, batch_first=False,
        )
        states = [s[0] for s in states]
        outputs.append(y.flatten(0, 1))
    last = tuple(torch.cat([s, *(e[k] for e in ended[::-1])]) for k, s in enumerate(states))
    return torch.cat(outputs), last
'''


@cache
def _known() -> dict[str, tuple[str, list[str], bool]]:
    """Fingerprint of a graph → the function that computes it, its weights, whether biased."""
    known = {}
    for name, function in _FUSED.items():
        graph = cells.find(name).graph
        projection = ["weight_hr"] * (name == "projected_lstm")
        both = ["weight_ih", "weight_hh"]
        biases = ["bias_ih", "bias_hh"]
        known[graph.fingerprint()] = function, both + biases + projection, True
        known[without_bias(graph).fingerprint()] = function, both + projection, False
    return known


@cache
def supports(cell: Cell) -> bool:
    """Whether PyTorch has a fused layer for these equations."""
    return cell.graph.fingerprint() in _known()


@cache
def is_lstm(cell: Cell) -> bool:
    """Whether these are the equations of PyTorch's LSTM without a projection."""
    function, weights, _ = _known().get(cell.graph.fingerprint(), ("", [], False))
    return function == "lstm" and "weight_hr" not in weights


def torch_layer(cell: Cell, sizes: Mapping[str, int]) -> torch.nn.Module:
    """PyTorch's own layer for these equations, with its own weights: the peer to prove against."""
    function, weights, biased = _known()[cell.graph.fingerprint()]
    options: dict[str, bool | int | str] = {"bias": biased}
    if function.startswith("rnn_"):
        options["nonlinearity"] = function.removeprefix("rnn_")
    if "weight_hr" in weights:
        options["proj_size"] = sizes["R"]
    layer = getattr(torch.nn, function.partition("_")[0].upper())
    made: torch.nn.Module = layer(sizes["D"], sizes["H"], **options)
    return made


def source(cell: Cell, backward: bool = False) -> str:
    """The call of the fused layer; its backward step is PyTorch's own.

    Raises:
        CellError: when PyTorch has no fused layer for these equations.
    """
    if not supports(cell):
        raise CellError(
            f"PyTorch has no fused layer for cell {cell.name!r}; "
            f"it has one for {', '.join(sorted(_FUSED))}: use the level torch"
        )
    function, weights, biased = _known()[cell.graph.fingerprint()]
    return _TEXT.format(
        name=cell.name,
        function=function,
        weights=", ".join(f"p.{w}" for w in weights),
        first="[s[None] for s in states]" if function == "lstm" else "states[0][None]",
        biased=biased,
    )


@cache
def _module(cell: Cell) -> SimpleNamespace:
    return load(source(cell), "aten level")


def scan(cell: Cell) -> Scan:
    """All steps of a packed batch."""
    function: Scan = _module(cell).scan
    return function


def run(cell: Cell, case: Case) -> Values:
    """A ragged batch forward and backward."""
    return run_packed(scan(cell), cell.graph, case)
