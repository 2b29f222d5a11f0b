"""Drawing symbols from logits, through a chain of samplers."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ostinato.decode.samplers.greedy import greedy as keep_best
from ostinato.decode.samplers.temperature import temperature as divide
from ostinato.decode.samplers.top_k import top_k as keep_k
from ostinato.decode.samplers.top_p import top_p as keep_p


def chain(
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    greedy: bool = False,
) -> Callable[[Tensor], Tensor]:
    """Several samplers as one, in the usual order: temperature, top-k, top-p, greedy.

    Returns:
        A function from logits (…,V) to logits (…,V).

    Raises:
        ConfigError: when a setting is out of range; at once, before anything is drawn.
    """

    def sampler(logits: Tensor) -> Tensor:
        logits = divide(logits, temperature)
        if top_k is not None:
            logits = keep_k(logits, top_k)
        if top_p is not None:
            logits = keep_p(logits, top_p)
        return keep_best(logits) if greedy else logits

    sampler(torch.zeros(1))  # a wrong setting is refused now, not at the first symbol
    return sampler


def draw(logits: Tensor, generator: torch.Generator) -> Tensor:
    """Draws one symbol from each distribution: index v with probability softmax(z)_v.

    Args:
        logits: (…,V); a symbol at -inf is never drawn.
        generator: seeded, on the device of the logits.

    Returns:
        Indices (…) int64.
    """
    rows = logits.softmax(-1).reshape(-1, logits.shape[-1])
    return torch.multinomial(rows, 1, generator=generator).reshape(logits.shape[:-1])
