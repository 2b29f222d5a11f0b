"""Greedy: the most probable symbol, always."""

from __future__ import annotations

from torch import Tensor

from ostinato.decode.samplers.top_k import top_k

PLACE = 90


def greedy(logits: Tensor) -> Tensor:
    """Keeps one symbol, argmax_v z_v; the lowest index where several are largest.

    Args:
        logits: (…,V).
    """
    return top_k(logits, 1)
