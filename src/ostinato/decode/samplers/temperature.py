"""Temperature: flatter or sharper, nothing excluded."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ostinato.decode.samplers.greedy import greedy
from ostinato.errors import ConfigError

PLACE = 20


def temperature(logits: Tensor, value: float) -> Tensor:
    """Divides logits by a temperature: below 1 sharper, above 1 flatter; 0 is `greedy`.

    softmax(z / τ), computed as softmax((z - max z) / τ), which is the same distribution and
    does not overflow for small τ. Its limit for τ → 0 is the most probable symbol.

    >>> temperature(torch.tensor([1.0, 3.0]), 0.5)
    tensor([-4.,  0.])

    Source: Ackley, Hinton and Sejnowski 1985, "A Learning Algorithm for Boltzmann Machines".

    Args:
        logits: (…,V).
        value: the temperature τ ≥ 0.

    Raises:
        ConfigError: when the temperature is negative or not finite.
    """
    if not 0 <= value < math.inf:
        raise ConfigError(f"temperature: {value} must be at least 0 and finite")
    if value == 0:
        return greedy(logits)
    # 0 / 0 where the temperature is too small a number for the type of the logits
    value = max(value, torch.finfo(logits.dtype).tiny)
    return (logits - logits.amax(-1, keepdim=True)) / value
