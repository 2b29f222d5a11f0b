"""Min-p: only symbols whose probability is a share of the largest one."""

from __future__ import annotations

import math

from torch import Tensor

from ostinato.errors import ConfigError

PLACE = 50


def min_p(logits: Tensor, share: float) -> Tensor:
    """Keeps symbols at least `share` times as probable as the most probable one.

    z_v stays if softmax(z)_v ≥ share · max_u softmax(z)_u, that is z_v ≥ max_u z_u + ln share,
    else -inf. Where the model is sure, few symbols stay; where it is not, many.

    >>> import torch
    >>> min_p(torch.tensor([0.1, 0.6, 0.3]).log(), 0.4).softmax(-1)
    tensor([0.0000, 0.6667, 0.3333])

    Source: Nguyen et al. 2024, "Turning Up the Heat: Min-p Sampling for Creative and Coherent
    LLM Outputs".

    Args:
        logits: (…,V).
        share: of the largest probability, 0 ≤ share ≤ 1; 0 keeps everything.

    Raises:
        ConfigError: when the share is out of range.
    """
    if not 0 <= share <= 1:
        raise ConfigError(f"min_p: {share} must be at least 0 and at most 1")
    if share == 0:
        return logits
    least = logits.amax(-1, keepdim=True) + math.log(share)
    return logits.masked_fill(logits < least, -math.inf)
