"""Top-k: only the k most probable symbols."""

from __future__ import annotations

import math

from torch import Tensor

from ostinato.errors import ConfigError

PLACE = 30


def top_k(logits: Tensor, k: int) -> Tensor:
    """Keeps exactly the k largest logits; all of them where k ≥ V.

    z_v stays if rank(v) ≤ k, else -inf.

    >>> import torch
    >>> top_k(torch.tensor([1.0, 3.0, 2.0]), 2)
    tensor([-inf, 3., 2.])

    Source: Fan, Lewis and Dauphin 2018, "Hierarchical Neural Story Generation".

    Args:
        logits: (…,V).
        k: how many symbols to keep, at least 1.

    Raises:
        ConfigError: when k is less than 1.
    """
    if k < 1:
        raise ConfigError(f"top_k: {k} must be at least 1")
    ranking = logits.sort(dim=-1, descending=True, stable=True).indices
    return logits.scatter(-1, ranking[..., k:], -math.inf)
