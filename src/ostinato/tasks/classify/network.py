"""The network of a classifier: embedding → recurrent stack → pooling → logits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, TypeAlias, cast

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, field_validator
from torch import Tensor, nn

from ostinato.data.tables.labels import label_text
from ostinato.equation import Cell
from ostinato.nn import BigramEmbedding, Embedding, Recurrent, pooling
from ostinato.tasks.base.stack import Stack

Weight: TypeAlias = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Threshold: TypeAlias = Annotated[float, Field(ge=0, le=1)]


class ClassifyModel(Stack):
    """The network, what its loss counts, and how its answers become labels."""

    dropout: float = Field(0.3, ge=0, lt=1, description="on embeddings and pooled features")
    bidirectional: bool = Field(True, description="read both ways")
    pooling: str = Field("max_mean", description="last, max, mean, attention, first_last, max_mean")
    start: Literal["random", "ppmi"] = Field(
        "random", description="embeddings start at random, or say what stands near each word (ppmi)"
    )
    bigrams: int = Field(
        0, ge=0, le=10**7, description="the most pairs of words with embeddings of their own"
    )
    word_dropout: float = Field(0.0, ge=0, lt=1, description="chance that a word is not known")
    embedding_dropout: float | None = Field(
        None, ge=0, lt=1, description="on embeddings; as `dropout` unless given"
    )
    label_smoothing: float = Field(0.0, ge=0, lt=1, description="the part of each label shared out")
    members: int = Field(1, ge=1, le=64, description="networks trained side by side and averaged")
    linear: int = Field(
        0,
        ge=0,
        le=62,
        description="a linear model of n-grams this long answers with the network; 0: none",
    )
    class_weight: Literal["balanced"] | dict[str, Weight] | None = Field(
        None, description="how much each class counts in training: balanced, or a number for each"
    )
    calibrate: bool = Field(
        True, description="make probabilities softer or sharper by what was held out"
    )
    threshold: Threshold | Literal["f1", "accuracy"] | None = Field(
        None,
        description="probability from which on a label is given, or what it is to be best for on "
        "what was held out (f1, accuracy); for two classes that of the second",
    )

    @field_validator("class_weight", mode="before")
    @classmethod
    def _by_name(cls, chosen: Any) -> Any:
        """Classes may be numbers in Python, where their names are text here."""
        if isinstance(chosen, dict):
            return {label_text(name): weight for name, weight in chosen.items()}
        return chosen


class ClassifyNetwork(nn.Module):
    """Logits of each class for a batch of token sequences.

    Args:
        cell: the recurrence.
        settings: sizes and noise.
        symbols: V.
        classes: K.
        pairs: the pairs of symbols (P, 2) with embeddings of their own; None is as many as the
            settings allow, for whoever only counts weights.
        features: D of signals, which are read in place of symbols; 0 for texts.
    """

    def __init__(
        self,
        cell: Cell,
        settings: ClassifyModel,
        symbols: int,
        classes: int,
        pairs: NDArray[np.int64] | None = None,
        features: int = 0,
    ) -> None:
        super().__init__()
        self.embedding: nn.Module
        if features:
            self.embedding = nn.Linear(features, settings.embedding)
        else:
            self.embedding = Embedding(symbols, settings.embedding)
            nn.init.normal_(self.embedding.weight, std=0.1)  # a word not yet learnt says little
        self.bigrams: BigramEmbedding | None = None
        self.rates: dict[str, float] = {}
        if settings.bigrams:
            if pairs is None:
                pairs = np.stack([np.zeros(settings.bigrams, int), np.arange(settings.bigrams)], 1)
            self.bigrams = BigramEmbedding(pairs, symbols, settings.embedding)
            self.rates = {"bigrams": 0.5}  # most pairs are rare: they had better learn slowly
        self.word_dropout = settings.word_dropout
        on_embeddings = settings.embedding_dropout
        self.embedding_dropout = nn.Dropout(
            settings.dropout if on_embeddings is None else on_embeddings
        )
        self.dropout = nn.Dropout(settings.dropout)
        self.recurrent = settings.recurrent(cell, bidirectional=settings.bidirectional)
        features = self.recurrent.output_size * (1 + settings.bidirectional)
        self.pooling = pooling(settings.pooling, features)
        self.output = nn.Linear(self.pooling.output_size, classes)

    def forward(self, values: Tensor, lengths: Tensor) -> Tensor:
        """Tokens (B, T), or signals (B, T, D), and lengths (B,) → logits (B, K)."""
        tokens = values.transpose(0, 1)
        if self.training and self.word_dropout:
            known = torch.rand(tokens.shape[:2]) >= self.word_dropout
            tokens = tokens * (known if tokens.dim() == 2 else known[..., None])
        embedded = self.embedding(tokens)  # (T, B, E)
        if self.bigrams is not None:
            embedded = embedded + self.bigrams(tokens)
        embedded = self.embedding_dropout(embedded)
        outputs, states = self.recurrent(embedded, lengths=lengths)  # (T, B, H)
        top = states if isinstance(states, Tensor) else states[0]
        last = top[-len(self.recurrent.directions) :].transpose(0, 1).flatten(1)  # (B, H)
        logits: Tensor = self.output(self.dropout(self.pooling(outputs, lengths, last)))
        return logits


class ClassifyEnsemble(nn.Module):
    """Networks that begin differently; the probability of a class is the mean of theirs.

    They see the same batches, each with dropout of its own, and learn in one loop.

    Args:
        members: the networks.
        several: whether a text may have several labels.
    """

    def __init__(self, members: Sequence[ClassifyNetwork], several: bool = False) -> None:
        super().__init__()
        self.several = several
        self.members = nn.ModuleList(members)
        self.rates = {
            f"members.{k}.{part}": rate
            for k, member in enumerate(members)
            for part, rate in member.rates.items()
        }

    def forward(self, values: Tensor, lengths: Tensor) -> Tensor:
        """Tokens (B, T), lengths (B,) → logits (B, K); in training each member's, (M, B, K)."""
        logits = torch.stack([member(values, lengths) for member in self.members])
        if self.training:
            return logits
        if self.several:  # ln(p / (1 - p)) of the mean p, without rounding p to 0 or 1
            yes, no = (nn.functional.logsigmoid(x).logsumexp(0) for x in (logits, -logits))
            return yes - no
        return logits.softmax(-1).mean(0).log()

    @property
    def embedding(self) -> nn.Module:
        """The first member's, as for whoever looks inside all of them are alike."""
        return self._first.embedding

    @property
    def recurrent(self) -> Recurrent:
        """The first member's."""
        return self._first.recurrent

    @property
    def pooling(self) -> nn.Module:
        """The first member's."""
        return self._first.pooling

    @property
    def output(self) -> nn.Linear:
        """The first member's."""
        return self._first.output

    @property
    def _first(self) -> ClassifyNetwork:
        return cast(ClassifyNetwork, self.members[0])
