"""A network that answers once for a whole sequence: embedding → recurrent stack → pooling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ostinato.equation import Cell
from ostinato.nn import BigramEmbedding, Embedding, pooling
from ostinato.tasks.base.batch import Batch
from ostinato.tasks.base.network import Network
from ostinato.tasks.base.parts import (
    Part,
    embedding_part,
    in_words,
    layer_parts,
    linear_part,
    parameters_of,
)
from ostinato.tasks.base.pooled.settings import PooledStackSettings
from ostinato.tasks.base.pretrained import layer_rates


@dataclass(frozen=True)
class PooledBatch(Batch):
    """Texts, or signals, as the network takes them.

    Attributes:
        values: symbols (B, T) int64, or signals (B, T, D) float32.
        lengths: (B,) int64.
        linear: what a linear model says that answers too (B, K) float32, if there is one.
    """

    values: Tensor
    lengths: Tensor
    linear: Tensor | None = None


B = TypeVar("B", bound=PooledBatch)


class PooledNetwork(Network[B, Tensor]):
    """Outputs (B, K) for a batch of token sequences.

    Args:
        cell: the recurrence.
        settings: sizes and noise.
        symbols: V.
        outputs: K.
        pairs: the pairs of symbols (P, 2) with embeddings of their own; None is as many as the
            settings allow, for whoever only counts weights.
        features: D of signals, which are read in place of symbols; 0 for texts.
    """

    gives: ClassVar[str]
    """What the outputs are, in words."""

    def __init__(
        self,
        cell: Cell,
        settings: PooledStackSettings,
        symbols: int,
        outputs: int,
        pairs: NDArray[np.int64] | None = None,
        features: int = 0,
    ) -> None:
        super().__init__()
        self.embedding: Embedding | nn.Linear
        if features:
            self.embedding = nn.Linear(features, settings.embedding)
        else:
            self.embedding = Embedding(symbols, settings.embedding)
            nn.init.normal_(self.embedding.weight, std=0.1)  # a word not yet learned says little
        self.rates: dict[str, float] = {}
        if settings.vectors is not None:
            self.rates = settings.rates(embedding=self.embedding)
        self.bigrams: BigramEmbedding | None = None
        if settings.bigrams:
            if pairs is None:
                pairs = np.stack([np.zeros(settings.bigrams, int), np.arange(settings.bigrams)], 1)
            self.bigrams = BigramEmbedding(pairs, symbols, settings.embedding)
            self.rates["bigrams"] = 0.5  # most pairs are rare: they had better learn slowly
        self.word_dropout = settings.word_dropout
        on_embeddings = settings.embedding_dropout
        self.embedding_dropout = nn.Dropout(
            settings.dropout if on_embeddings is None else on_embeddings
        )
        self.dropout = nn.Dropout(settings.dropout)
        self.recurrent = settings.recurrent(cell, bidirectional=settings.bidirectional)
        if settings.pretrained is not None:
            layers = dict(self.recurrent.named_parameters())
            self.rates |= layer_rates(layers, settings.pretrained_rate)
        features = self.recurrent.output_size * (1 + settings.bidirectional)
        self.pooling = pooling(settings.pooling, features)
        self.output = nn.Linear(self.pooling.output_size, outputs)

    def embed(self, batch: B) -> Tensor:
        """Embedded tokens or signals (T, B, E)."""
        tokens = batch.values.transpose(0, 1)
        if self.training and self.word_dropout:
            known = torch.rand(tokens.shape[:2], device=tokens.device) >= self.word_dropout
            tokens = tokens * (known if tokens.dim() == 2 else known[..., None])
        embedded: Tensor = self.embedding(tokens)
        return embedded if self.bigrams is None else embedded + self.bigrams(tokens)

    def run(self, embedded: Tensor, batch: B) -> Tensor:
        """Embedded steps (T, B, E) → outputs (B, K)."""
        lengths = batch.lengths
        outputs, states = self.recurrent(self.embedding_dropout(embedded), lengths=lengths)
        top = states if isinstance(states, Tensor) else states[0]
        last = top[-len(self.recurrent.directions) :].transpose(0, 1).flatten(1)  # (B, H)
        found: Tensor = self.output(self.dropout(self.pooling(outputs, lengths, last)))
        return found

    def parts(self) -> list[Part]:
        """See `Network`."""
        embedding = self.embedding
        if isinstance(embedding, nn.Linear):
            gives = f"B × T × {embedding.out_features}"
            parts = [linear_part(embedding, "embedding", "numbers", gives)]
        else:
            parts = [embedding_part(embedding)]
        if self.bigrams is not None:
            pairs, features = self.bigrams.weight.shape
            inside = f"{pairs:,} pairs of symbols × {features}"
            gives = f"B × T × {features}, added to the embedding"
            count = parameters_of(self.bigrams)
            parts.append(Part("bigrams", "bigrams", inside, gives, count))
        pooled, inside = f"B × {self.pooling.output_size}", in_words(self.pooling)
        gives = f"B × {self.output.out_features} {self.gives}"
        return [
            *parts,
            *layer_parts(self.recurrent),
            Part("pooling", "pooling", inside, pooled, parameters_of(self.pooling)),
            linear_part(self.output, "output", "output", gives),
        ]
