"""How well a text is predicted: nats, bits, perplexity."""

from __future__ import annotations

import math

import torch
from torch import nn

from ostinato import data
from ostinato.data import Symbols
from ostinato.errors import check_finite
from ostinato.tasks.generate.network import GenerateBatch, GenerateNetwork
from ostinato.tasks.generate.settings import GenerateData

MEASURED = 8192
"""The fewest symbols of a stream of a text that is measured: its first ones, predicted without
what stands before them, cost more than they should, characters about ten nats in all."""


def of_nats(nats: float) -> dict[str, float]:
    """The mean of -ln P of a symbol as `nats`, as `bits`, and as `perplexity`, e to its power."""
    return {"nats": nats, "bits": nats / math.log(2), "perplexity": math.exp(min(nats, 700.0))}


@torch.no_grad()
def measure(
    network: GenerateNetwork, symbols: Symbols, characters: int, shape: GenerateData
) -> dict[str, float]:
    """Cross-entropy of a text.

    The unknown symbol is one like the others: that some unknown word or character comes is
    predicted, how it is spelled is not. The more unknown symbols a text has, the better are these
    measures.

    Args:
        network: the language model, which is put into evaluation.
        symbols: the text (N,).
        characters: how many characters it has.
        shape: how much of it is read at once, which does not change the result but for rounding.

    Returns:
        `nats`, `bits` and `perplexity` of a symbol, see `of_nats`; `bits_per_character`: the bits
        of all symbols over the characters that they are made of, those of unknown symbols and
        white space included; `unknown`: the part of the symbols that are.

    Raises:
        DataError: when there are fewer than two symbols.
        NotFinite: when a logit is not a number.
    """
    network.eval()
    device = network.output.weight.device
    total, count, unknown, states = 0.0, 0, 0, None
    streams = max(1, min(shape.streams, len(symbols) // MEASURED))
    for inputs, targets in data.streams(symbols, streams, 4 * shape.steps):
        logits, states = network(GenerateBatch(torch.from_numpy(inputs).to(device)), states)
        check_finite(logits)
        goal = torch.from_numpy(targets).flatten().to(device)
        total += nn.functional.cross_entropy(logits.flatten(0, 1), goal, reduction="sum").item()
        count += goal.numel()
        unknown += int((goal == 0).sum())
    found = of_nats(total / count)
    per_character = found["bits"] * len(symbols) / characters
    return {**found, "bits_per_character": per_character, "unknown": unknown / count}
