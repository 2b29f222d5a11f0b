"""How well a text is predicted: nats, bits, perplexity."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ostinato import data
from ostinato.data import Symbols
from ostinato.data.symbols.batches import frequencies
from ostinato.errors import check_finite
from ostinato.tasks.generate.ensemble import NGramMember
from ostinato.tasks.generate.network import GenerateBatch, GenerateNetwork
from ostinato.tasks.generate.settings import GenerateData

MEASURED = 8192
"""The fewest symbols of a stream of a text that is measured: its first ones, predicted without
what stands before them, cost more than they should, characters about ten nats in all."""

ALONE = "network_nats", "ngram_nats"
"""What the members of an answer say alone."""


def of_nats(nats: float) -> dict[str, float]:
    """The mean of -ln P of a symbol as `nats`, as `bits`, and as `perplexity`, e to its power."""
    return {"nats": nats, "bits": nats / math.log(2), "perplexity": math.exp(min(nats, 700.0))}


@torch.no_grad()
def nats_of(
    network: GenerateNetwork,
    symbols: Symbols,
    streams: int,
    steps: int,
    member: NGramMember | None = None,
) -> Iterator[NDArray[np.float32]]:
    """-ln P of the symbols of a text, given those before them, window by window.

    Each window is (M, S, T): what is answered, and where n-grams answer with the network, what the
    network and they say alone.

    Args:
        network: the language model, which is put into evaluation.
        symbols: the text, cut into S streams as in `data.streams`; every stream begins without
            what stands before it.
        streams: S.
        steps: the most steps T that are read at once.
        member: n-grams that answer with the network; their histories reach across streams.

    Raises:
        DataError: when the text is too short.
        NotFinite: when a logit is not a number.
    """
    network.eval()
    device, states, reach = network.output.weight.device, None, 0
    length = (len(symbols) - 1) // streams
    for inputs, targets in data.streams(symbols, streams, steps):
        logits, states = network(GenerateBatch(torch.from_numpy(inputs).to(device)), states)
        check_finite(logits)
        goal = torch.from_numpy(targets).to(device).flatten()
        losses = nn.functional.cross_entropy(logits.flatten(0, 1), goal, reduction="none")
        nats: NDArray[np.float32] = losses.view(targets.shape).T.cpu().numpy()
        if member is None:
            yield nats[None]
        else:
            starts = [stream * length + reach + 1 for stream in range(streams)]
            yield member.join(nats, _pieces(symbols, starts, member.reach, nats.shape[1]))
        reach += nats.shape[1]


def _pieces(symbols: Symbols, starts: list[int], before: int, count: int) -> NDArray[np.int64]:
    """So many symbols from each start, and those before them; -1 before the beginning."""
    found = np.full((len(starts), before + count), -1)
    for row, start in zip(found, starts, strict=True):
        first = max(start - before, 0)
        row[first - start + before :] = np.asarray(symbols[first : start + count])
    return found


def measure(
    network: GenerateNetwork,
    symbols: Symbols,
    characters: int,
    shape: GenerateData,
    member: NGramMember | None = None,
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
        member: n-grams that answer with the network.

    Returns:
        `nats`, `bits` and `perplexity` of a symbol, see `of_nats`; `bits_per_character`: the bits
        of all symbols over the characters that they are made of, those of unknown symbols and
        white space included; `unknown`: the part of the symbols that are; and where both answer,
        `network_nats` and `ngram_nats`: what each says alone.

    Raises:
        DataError: when there are fewer than two symbols.
        NotFinite: when a logit is not a number.
    """
    streams = stream_count(symbols, shape)
    totals, count = np.zeros(3 if member else 1), 0
    for nats in nats_of(network, symbols, streams, 4 * shape.steps, member):
        totals, count = totals + nats.sum((1, 2), dtype=np.float64), count + nats[0].size
    unknown = frequencies(symbols[1 : count + 1], len(network.output.weight))[0]
    nats_, *alone = (totals / count).tolist()
    found = of_nats(nats_)
    per_character = found["bits"] * len(symbols) / characters
    found |= {"bits_per_character": per_character, "unknown": int(unknown) / count}
    return found | dict(zip(ALONE, alone, strict=False))


def stream_count(symbols: Symbols, shape: GenerateData) -> int:
    """How many parts of a text are measured side by side."""
    return max(1, min(shape.streams, len(symbols) // MEASURED))
