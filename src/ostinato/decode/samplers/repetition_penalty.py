"""Repetition penalty: what was just written becomes less probable."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ostinato.errors import ConfigError

PLACE = 10
WINDOW = 64
"""Symbols that are looked back on. The paper looks at the whole text, in which a model of
characters has soon written every character."""


def repetition_penalty(logits: Tensor, factor: float, seen: Tensor) -> Tensor:
    """Makes symbols seen among the last 64 less probable: by a factor on their logits.

    z_v becomes z_v / θ if v was seen and z_v > 0, and z_v · θ if it was seen and z_v < 0. The
    paper divides only, which would reward a symbol whose logit is negative; multiplying there
    is what those who use it have settled on.

    >>> repetition_penalty(torch.tensor([2.0, -2.0, 1.0]), 2.0, torch.tensor([0, 1]))
    tensor([ 1., -4.,  1.])

    Source: Keskar, McCann, Varshney, Xiong and Socher 2019, "CTRL: A Conditional Transformer
    Language Model for Controllable Generation".

    Args:
        logits: (…,V).
        factor: θ > 0; 1 changes nothing, and 1.2 is the paper's.
        seen: the symbols so far (S,) int64, the newest last.

    Raises:
        ConfigError: when the factor is not positive and finite.
    """
    if not 0 < factor < math.inf:
        raise ConfigError(f"repetition_penalty: {factor} must be greater than 0 and finite")
    recent = seen[-WINDOW:]
    chosen = logits[..., recent]
    lowered = torch.where(chosen > 0, chosen / factor, chosen * factor)
    return logits.index_copy(-1, recent, lowered)
