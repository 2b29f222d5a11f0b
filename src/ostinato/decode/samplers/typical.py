"""Typical: symbols that are about as surprising as the model expects a symbol to be."""

from __future__ import annotations

import math

from torch import Tensor

from ostinato.errors import ConfigError

PLACE = 60


def typical(logits: Tensor, mass: float) -> Tensor:
    """Keeps the most typical symbols whose probability together reaches a mass.

    With p = softmax(z) and its entropy H = -Σ_v p_v ln p_v in nats, symbols are ranked by
    |-ln p_v - H|, the smallest first; the shortest beginning of the ranking with Σ p_v ≥ mass
    stays, outside it z_v becomes -inf. The most probable symbol need not be in it.

    >>> import torch
    >>> typical(torch.tensor([0.5, 0.3, 0.2]).log(), 0.2).softmax(-1)
    tensor([0., 1., 0.])

    Source: Meister, Pimentel, Wiher and Cotterell 2022, "Locally Typical Sampling".

    Args:
        logits: (…,V).
        mass: the probability to keep, 0 < mass ≤ 1; 1 keeps everything.

    Raises:
        ConfigError: when the mass is out of range.
    """
    if not 0 < mass <= 1:
        raise ConfigError(f"typical: {mass} must be greater than 0 and at most 1")
    if mass == 1:  # a rounded sum reaches 1 before the last symbol
        return logits
    surprise = -logits.log_softmax(-1)
    probability = surprise.neg().exp()
    # an excluded symbol adds nothing: 0 · ∞ would be no number
    entropy = (probability * surprise.masked_fill(probability == 0, 0)).sum(-1, keepdim=True)
    ranking = (surprise - entropy).abs().sort(dim=-1, stable=True).indices
    ranked = probability.gather(-1, ranking)
    before = ranked.cumsum(-1) - ranked  # of all that rank above
    kept = logits.gather(-1, ranking).masked_fill(before >= mass, -math.inf)
    return logits.scatter(-1, ranking, kept)
