"""The network of a tagger: words and their spelling → recurrent stack → labels."""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn

from ostinato.equation import Cell
from ostinato.nn import CRF, CharacterEncoder, Constraints, Dropout, Embedding
from ostinato.tasks.base.stack import Stack


class TagModel(Stack):
    """The network."""

    embedding: int = Field(100, ge=1, le=2**16, description="features of a word")
    hidden: int = Field(100, ge=1, le=2**16, description="hidden units of a direction")
    dropout: float = Field(0.4, ge=0, lt=1, description="on words, outputs, and between layers")
    bidirectional: bool = Field(True, description="read both ways")
    characters: int = Field(
        25, ge=0, le=2**16, description="features of a character; 0 reads no spelling"
    )
    character_hidden: int = Field(
        25, ge=1, le=2**16, description="hidden units of a direction, of spelling"
    )
    word_dropout: float = Field(
        0.25, ge=0, description="a: a word seen n times is not known with the chance a / (a + n)"
    )
    start: Literal["random", "ppmi"] = Field(
        "random", description="embeddings start at random, or say what stands near each word (ppmi)"
    )
    output: Literal["crf", "softmax"] = Field(
        "crf", description="a CRF over the labels of a sentence, or each label for itself"
    )


class TagBatch(NamedTuple):
    """Sentences as the network takes them.

    Attributes:
        words: (B, T) int64.
        lengths: (B,) int64.
        spelt: the characters of the different words (W, C) int64.
        sizes: how many each has (W,) int64.
        which: the row in `spelt` of each word (B, T) int64.
    """

    words: Tensor
    lengths: Tensor
    spelt: Tensor
    sizes: Tensor
    which: Tensor


class TagNetwork(nn.Module):
    """Scores of each label for each word, and the CRF over them.

    Where the output is `softmax` the CRF has no weights but zeros: it only keeps forbidden
    sequences out.

    Args:
        cell: the recurrence, of sentences and of spelling.
        settings: sizes and noise.
        symbols: V, words.
        characters: how many characters there are.
        labels: K.
        constraints: which labels may follow which.
    """

    counts: Tensor

    def __init__(
        self,
        cell: Cell,
        settings: TagModel,
        symbols: int,
        characters: int,
        labels: int,
        constraints: Constraints | None = None,
    ) -> None:
        super().__init__()
        self.embedding = Embedding(symbols, settings.embedding)
        nn.init.normal_(self.embedding.weight, std=0.1)  # a word not yet learnt says little
        self.spelling: CharacterEncoder | None = None
        features = settings.embedding
        if settings.characters:
            units = settings.character_hidden
            self.spelling = CharacterEncoder(
                cell,
                characters,
                settings.characters,
                units,
                proj_size=units // 2 if settings.projection else 0,
                engine=settings.engine,
            )
            features += self.spelling.output_size
        self.word_dropout, self.softmax = settings.word_dropout, settings.output == "softmax"
        # How often each word was seen in training; unknown until it is told.
        self.register_buffer("counts", torch.full((symbols,), torch.inf), persistent=False)
        self.dropout = Dropout(settings.dropout)
        self.recurrent = settings.recurrent(cell, features, bidirectional=settings.bidirectional)
        width = self.recurrent.output_size * (1 + settings.bidirectional)
        self.output = nn.Linear(width, labels)
        self.crf = CRF(labels, constraints=constraints)
        if self.softmax:
            for weight in self.crf.parameters():
                nn.init.zeros_(weight).requires_grad_(False)

    def forward(self, batch: TagBatch) -> Tensor:
        """Emissions (T, B, K)."""
        words = batch.words.T
        if self.training and self.word_dropout:
            chance = self.word_dropout / (self.word_dropout + self.counts)
            words = words * (torch.rand(words.shape) >= chance[words])
        embedded = self.embedding(words)  # (T, B, E)
        if self.spelling is not None:
            spelt = self.spelling(batch.spelt, batch.sizes, batch.which.T)
            embedded = torch.cat([embedded, spelt], -1)
        outputs, _ = self.recurrent(self.dropout(embedded), lengths=batch.lengths)
        emissions: Tensor = self.output(self.dropout(outputs))
        return emissions

    def loss(self, emissions: Tensor, mask: Tensor, allowed: Tensor) -> Tensor:
        """-ln P(labels) of a whole batch, in nats.

        Args:
            emissions: (T, B, K).
            mask: which steps are real (T, B).
            allowed: the labels that each word may have (T, B, K) bool; of most just one.
        """
        emissions = emissions.float()
        if self.softmax:
            right = emissions.masked_fill(~allowed, -torch.inf)
            each = emissions.logsumexp(-1) - right.logsumexp(-1)
            loss: Tensor = each.where(mask, 0).sum()
        else:
            loss = -self.crf(emissions, _numbers(allowed), mask)
        return loss


def real(batch: TagBatch) -> Tensor:
    """Which steps are real (T, B)."""
    return torch.arange(batch.words.shape[1])[:, None] < batch.lengths


def _numbers(allowed: Tensor) -> Tensor:
    """Sets of one label each as numbers (T, B); other sets as they are."""
    single = int(allowed.sum(-1).max()) == 1
    return allowed.int().argmax(-1) if single else allowed
