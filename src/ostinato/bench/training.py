"""Training from end to end, written as PyTorch's tutorials write it, with either library's LSTM.

Only embedding and recurrent layer differ. They are handed in; head, loss and optimiser are
PyTorch's on both sides, and both start with the same weights and see the same batches.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.nn.utils.rnn import pack_padded_sequence

import ostinato.nn
from ostinato.bench.shape import Shape
from ostinato.data import Vocabulary, pad, read_labelled, read_text, streams, tokenizer

BATCHES = 4
"""Batches in a run."""
REVIEW_TOKENS = 400
"""A longer review is cut; the mean is then near 220."""


Layer = Callable[..., nn.Module]
"""`torch.nn.LSTM`, or what takes its arguments."""


class CharacterModel(nn.Module):
    """Embedding, LSTM of two layers, and a linear map to the next character."""

    def __init__(
        self, embedding: type[nn.Embedding], lstm: Layer, symbols: int, shape: Shape
    ) -> None:
        super().__init__()
        self.embedding = embedding(symbols, shape.D)
        self.lstm = lstm(shape.D, shape.H, num_layers=2)
        self.decoder = nn.Linear(shape.H, symbols)
        self.states: Any = None

    def forward(self, inputs: Tensor) -> Tensor:
        """Scores (T, B, V) of the next symbols; the states are carried to the next window."""
        outputs, states = self.lstm(self.embedding(inputs), self.states)
        self.states = tuple(s.detach() for s in states)
        scores: Tensor = self.decoder(outputs)
        return scores


class Reviews(nn.Module):
    """Embedding, bidirectional LSTM, and a linear map of both directions' last states."""

    def __init__(
        self, embedding: type[nn.Embedding], lstm: Layer, symbols: int, shape: Shape
    ) -> None:
        super().__init__()
        self.embedding = embedding(symbols, shape.D)
        self.lstm = lstm(shape.D, shape.H, batch_first=True, bidirectional=True)
        self.decoder = nn.Linear(2 * shape.H, 2)

    def forward(self, values: Tensor, lengths: Tensor) -> Tensor:
        """Scores (B, 2) of reviews (B, T); PyTorch's layer wants them packed, ours does not."""
        x = self.embedding(values)
        if isinstance(self.lstm, nn.LSTM):
            packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
            _, (h, _) = self.lstm(packed)
        else:
            _, (h, _) = self.lstm(x, lengths=lengths)
        scores: Tensor = self.decoder(torch.cat([h[-2], h[-1]], 1))
        return scores


@dataclass(frozen=True)
class TrainingJob:
    """What is trained, and on which sizes."""

    network: Callable[[type[nn.Embedding], Layer, int, Shape], nn.Module]
    shape: Shape


JOBS = {
    "characters": TrainingJob(CharacterModel, Shape(64, 64, 256, 256)),
    "reviews": TrainingJob(Reviews, Shape(32, REVIEW_TOKENS, 64, 64)),
}
Batch = tuple[tuple[Tensor, ...], Tensor]


@cache
def _data(line: str) -> tuple[int, list[Batch]]:
    """How many symbols there are, and the batches: what the network reads, and the targets."""
    shape = JOBS[line].shape
    batches: list[Batch] = []
    if line == "characters":
        text = read_text("shakespeare")[:1_000_000]
        vocabulary = Vocabulary.build([list(text)])
        windows = streams(vocabulary.encode(text), shape.B, shape.T)
        for inputs, targets in islice(windows, BATCHES):
            batches.append(((torch.from_numpy(inputs),), torch.from_numpy(targets)))
        return len(vocabulary), batches
    reviews, split = read_labelled("imdb")["train"], tokenizer("word").split
    chosen = np.random.default_rng(0).permutation(len(reviews.texts))[: BATCHES * shape.B]
    texts = [split(reviews.texts[i])[: shape.T] for i in chosen]
    labels = torch.tensor([int(reviews.labels[i] == "pos") for i in chosen])
    vocabulary = Vocabulary.build(texts)
    for k in range(0, len(texts), shape.B):
        values, lengths = pad([vocabulary.encode(text) for text in texts[k : k + shape.B]])
        read = (torch.from_numpy(values), torch.from_numpy(lengths))
        batches.append((read, labels[k : k + shape.B]))
    return len(vocabulary), batches


def tokens(line: str) -> int:
    """Tokens that a run reads, padding not counted."""
    _, batches = _data(line)
    return sum(int(read[1].sum()) if len(read) > 1 else read[0].numel() for read, _ in batches)


def job(line: str, engine: str | None) -> Callable[[], list[float]]:
    """A training loop; each call goes over all batches once and gives their losses (nats).

    Args:
        line: `characters` or `reviews`.
        engine: of `ostinato.nn.LSTM`; None takes `torch.nn`'s layers.
    """
    symbols, batches = _data(line)
    work = JOBS[line]

    def lstm(features: int, units: int, **options: Any) -> nn.Module:
        if engine is None:
            return nn.LSTM(features, units, **options)
        return ostinato.nn.LSTM(features, units, **options, engine=engine)

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        start = work.network(nn.Embedding, nn.LSTM, symbols, work.shape).state_dict()
    embedding = nn.Embedding if engine is None else ostinato.nn.Embedding
    network = work.network(embedding, lstm, symbols, work.shape)
    network.load_state_dict(start)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)

    def run() -> list[float]:
        losses = []
        for read, targets in batches:
            optimizer.zero_grad()
            loss = cross_entropy(network(*read).flatten(0, -2), targets.flatten())
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            losses.append(loss.item())
        return losses

    return run
