"""ONNX's layout: the inputs W, R and B of its operators LSTM, GRU and RNN."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from ostinato.weights import torch
from ostinato.weights.stack import Array, Float, Tensors, reordered

GATES = torch.GATES | {"lstm": "iofg", "gru": "zrn", "cho_gru": "zrn"}
"""Cell → its gates in the order of their rows."""


@dataclass(frozen=True)
class Operator:
    """An operator of ONNX, and the attributes that ask for a cell's equations."""

    name: str
    attributes: dict[str, int] = field(default_factory=dict)


OPERATORS = {
    "lstm": Operator("LSTM"),
    "gru": Operator("GRU", {"linear_before_reset": 1}),
    "rnn": Operator("RNN"),
}
"""Cell → ONNX's operator that computes it."""


def to_onnx(cell: str, tensors: Mapping[str, Array[Float]]) -> Tensors[Float]:
    """PyTorch's tensors of a cell in `OPERATORS` as W (1, G·H, D), R (1, G·H, H), B (1, 2·G·H)."""
    w = {
        name: reordered(tensor, torch.GATES[cell], GATES[cell]) for name, tensor in tensors.items()
    }
    return {
        "W": w["weight_ih"][None],
        "R": w["weight_hh"][None],
        "B": np.concatenate([w["bias_ih"], w["bias_hh"]])[None],
    }
