"""Top-p, or nucleus: only the most probable symbols that make up a share p of probability."""

from __future__ import annotations

import math

from torch import Tensor

from ostinato.errors import ConfigError

PLACE = 40


def top_p(logits: Tensor, p: float) -> Tensor:
    """Keeps the smallest set of most probable symbols whose probability reaches p.

    V⁽ᵖ⁾ = the smallest set with Σ_{v ∈ V⁽ᵖ⁾} softmax(z)_v ≥ p; outside it z_v becomes -inf.
    The most probable symbol is always in it.

    >>> import torch
    >>> top_p(torch.tensor([0.25, 0.5, 0.25]).log(), 0.6).softmax(-1)
    tensor([0.3333, 0.6667, 0.0000])

    Source: Holtzman, Buys, Du, Forbes and Choi 2020, "The Curious Case of Neural Text
    Degeneration".

    Args:
        logits: (…,V).
        p: the share of probability to keep, 0 < p ≤ 1; 1 keeps everything.

    Raises:
        ConfigError: when p is out of range.
    """
    if not 0 < p <= 1:
        raise ConfigError(f"top_p: {p} must be greater than 0 and at most 1")
    if p == 1:  # a rounded sum reaches 1 before the last symbol
        return logits
    ranked, ranking = logits.sort(dim=-1, descending=True, stable=True)
    probability = ranked.softmax(-1)
    before = probability.cumsum(-1) - probability  # of all that rank above
    return logits.scatter(-1, ranking, ranked.masked_fill(before >= p, -math.inf))
