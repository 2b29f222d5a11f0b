"""Drawing symbols from logits, through a chain of samplers."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeAlias

import torch
from torch import Tensor

from ostinato import registry
from ostinato.decode import samplers

Sampler: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""From logits (…,V) and the symbols seen so far (S,) to logits (…,V)."""

NOTHING = torch.zeros(0, dtype=torch.int64)


def chain(**settings: Any) -> Callable[..., Tensor]:
    """Several samplers as one, in the usual order.

    That is repetition penalty, temperature, top-k, top-p, min-p, typical, greedy: the order of
    their `PLACE`. `chain(temperature=0.7, top_k=None, greedy=True)` leaves out top-k.

    Args:
        settings: samplers by name with their setting; None or False leaves one out, True is for
            one without a setting.

    Returns:
        A function from logits (…,V), and the symbols seen so far (S,), to logits (…,V).

    Raises:
        UnknownName: for a sampler that there is not.
        ConfigError: when a setting is out of range; at once, before anything is drawn.
    """
    steps: list[tuple[int, Sampler]] = []
    for name, setting in settings.items():
        module = registry.find(samplers, "sampler", name)
        if setting is not None and setting is not False:
            function = getattr(module, name.replace("-", "_"))
            steps.append((module.PLACE, _bound(function, setting)))
    steps.sort(key=lambda step: step[0])

    def sampler(logits: Tensor, seen: Tensor = NOTHING) -> Tensor:
        for _, step in steps:
            logits = step(logits, seen)
        return logits

    sampler(torch.zeros(1))  # a wrong setting is refused now, not at the first symbol
    return sampler


def _bound(function: Callable[..., Tensor], setting: Any) -> Sampler:
    """A sampler with its setting; few look at what has been seen."""
    own = () if setting is True else (setting,)
    if "seen" in inspect.signature(function).parameters:
        return lambda logits, seen: function(logits, *own, seen)
    return lambda logits, seen: function(logits, *own)


def draw(logits: Tensor, generator: torch.Generator) -> Tensor:
    """Draws one symbol from each distribution: index v with probability softmax(z)_v.

    Args:
        logits: (…,V); a symbol at -inf is never drawn.
        generator: seeded, on the device of the logits.

    Returns:
        Indices (…) int64.
    """
    # the smallest v with p_0 + … + p_v > u; torch.multinomial takes three times as long
    up_to = logits.softmax(-1, dtype=torch.float64).cumsum(-1)
    uniform = torch.rand((*logits.shape[:-1], 1), generator=generator, dtype=torch.float64)
    whole = up_to[..., -1:]
    below = torch.minimum(uniform * whole, torch.nextafter(whole, torch.zeros_like(whole)))
    return torch.searchsorted(up_to, below, right=True).squeeze(-1)
