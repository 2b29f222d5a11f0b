"""The network of a classifier: embedding → recurrent stack → pooling → logits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, TypeAlias, cast

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, field_validator
from torch import Tensor, nn

from ostinato.data.tables.labels import label_text
from ostinato.equation import Cell
from ostinato.nn import BigramEmbedding, Embedding, Recurrent, pooling
from ostinato.tasks.base.batch import Batch
from ostinato.tasks.base.network import Network
from ostinato.tasks.base.parts import (
    Part,
    embedding_part,
    in_words,
    layer_parts,
    linear_part,
    parameters_of,
    side_by_side,
)
from ostinato.tasks.base.stack import Stack

Weight: TypeAlias = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Threshold: TypeAlias = Annotated[float, Field(ge=0, le=1)]


class ClassifyNetworkSettings(Stack):
    """The network, what its loss counts, and how its answers become labels."""

    dropout: float = Field(0.3, ge=0, lt=1, description="dropout of embeddings and pooled features")
    bidirectional: bool = Field(True, description="whether the network is bidirectional")
    pooling: str = Field(
        "max_mean", description="pooling: last, max, mean, attention, first_last, max_mean"
    )
    start: Literal["random", "ppmi"] = Field(
        "random", description="initial embeddings: random, or from word co-occurrence (ppmi)"
    )
    bigrams: int = Field(
        0, ge=0, le=10**7, description="maximum number of bigrams with their own embeddings"
    )
    word_dropout: float = Field(
        0.0, ge=0, lt=1, description="probability that a word is replaced by the unknown word"
    )
    embedding_dropout: float | None = Field(
        None, ge=0, lt=1, description="dropout of embeddings; default: dropout"
    )
    label_smoothing: float = Field(0.0, ge=0, lt=1, description="label smoothing")
    members: int = Field(
        1,
        ge=1,
        le=64,
        description="number of networks in the ensemble, whose predictions are averaged",
    )
    linear: int = Field(
        0,
        ge=0,
        le=62,
        description="maximum length of the n-grams of a linear model that is combined "
        "with the network; 0: none",
    )
    class_weight: Literal["balanced"] | dict[str, Weight] | None = Field(
        None, description="class weights in training: balanced, or a number for each class"
    )
    calibrate: bool = Field(
        True, description="calibrate probabilities on the held-out set (temperature scaling)"
    )
    threshold: Threshold | Literal["f1", "accuracy"] | None = Field(
        None,
        description="probability threshold of a label, or the measure (f1, accuracy) "
        "that chooses it on the held-out set; for two classes, that of the "
        "second",
    )

    @field_validator("class_weight", mode="before")
    @classmethod
    def _by_name(cls, chosen: object) -> object:
        """Classes may be numbers in Python, where their names are text here."""
        if isinstance(chosen, dict):
            return {label_text(name): weight for name, weight in chosen.items()}
        return chosen


@dataclass(frozen=True)
class ClassifyBatch(Batch):
    """Texts, or signals, as the network takes them.

    Attributes:
        values: symbols (B, T) int64, or signals (B, T, D) float32.
        lengths: (B,) int64.
        linear: the log-probabilities of a linear model that answers too (B, K), if there is one.
    """

    values: Tensor
    lengths: Tensor
    linear: Tensor | None = None


class ClassifyNetwork(Network[ClassifyBatch, Tensor]):
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
        settings: ClassifyNetworkSettings,
        symbols: int,
        classes: int,
        pairs: NDArray[np.int64] | None = None,
        features: int = 0,
    ) -> None:
        super().__init__()
        self.embedding: Embedding | nn.Linear
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

    def embed(self, batch: ClassifyBatch) -> Tensor:
        """Embedded tokens or signals (T, B, E)."""
        tokens = batch.values.transpose(0, 1)
        if self.training and self.word_dropout:
            known = torch.rand(tokens.shape[:2], device=tokens.device) >= self.word_dropout
            tokens = tokens * (known if tokens.dim() == 2 else known[..., None])
        embedded: Tensor = self.embedding(tokens)
        return embedded if self.bigrams is None else embedded + self.bigrams(tokens)

    def run(self, embedded: Tensor, batch: ClassifyBatch) -> Tensor:
        """Embedded steps (T, B, E) → logits (B, K)."""
        lengths = batch.lengths
        outputs, states = self.recurrent(self.embedding_dropout(embedded), lengths=lengths)
        top = states if isinstance(states, Tensor) else states[0]
        last = top[-len(self.recurrent.directions) :].transpose(0, 1).flatten(1)  # (B, H)
        logits: Tensor = self.output(self.dropout(self.pooling(outputs, lengths, last)))
        return logits

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
        return [
            *parts,
            *layer_parts(self.recurrent),
            Part("pooling", "pooling", inside, pooled, parameters_of(self.pooling)),
            linear_part(self.output, "output", "output", f"B × {self.output.out_features} logits"),
        ]


class ClassifyEnsemble(Network[ClassifyBatch, Tensor]):
    """Networks that begin differently; the probability of a class is the mean of theirs.

    They see the same batches, each with dropout of its own, and learn in one loop.

    Args:
        members: the networks.
        multi_label: whether texts are multi-label.
    """

    def __init__(self, members: Sequence[ClassifyNetwork], multi_label: bool = False) -> None:
        super().__init__()
        self.multi_label = multi_label
        self.members = nn.ModuleList(members)
        self.rates = {
            f"members.{k}.{part}": rate
            for k, member in enumerate(members)
            for part, rate in member.rates.items()
        }

    def forward(self, batch: ClassifyBatch) -> Tensor:
        """Logits (B, K); in training each member's, (M, B, K)."""
        return self._together([member(batch) for member in self._members()])

    def embed(self, batch: ClassifyBatch) -> Tensor:
        """Embedded tokens or signals of each member (M, T, B, E)."""
        return torch.stack([member.embed(batch) for member in self._members()])

    def run(self, embedded: Tensor, batch: ClassifyBatch) -> Tensor:
        """Embedded steps (M, T, B, E) → logits, as `forward` gives them."""
        pairs = zip(self._members(), embedded, strict=True)
        return self._together([member.run(own, batch) for member, own in pairs])

    def parts(self) -> list[Part]:
        """See `Network`."""
        return side_by_side([member.parts() for member in self._members()])

    @property
    def recurrent(self) -> Recurrent:  # type: ignore[override]
        """The first member's."""
        return self._members()[0].recurrent

    def _together(self, each: Sequence[Tensor]) -> Tensor:
        logits = torch.stack(list(each))
        if self.training:
            return logits
        if self.multi_label:  # ln(p / (1 - p)) of the mean p, without rounding p to 0 or 1
            yes, no = (nn.functional.logsigmoid(x).logsumexp(0) for x in (logits, -logits))
            return yes - no
        return logits.softmax(-1).mean(0).log()

    def _members(self) -> list[ClassifyNetwork]:
        return [cast(ClassifyNetwork, member) for member in self.members]


def members_of(network: ClassifyNetwork | ClassifyEnsemble) -> list[ClassifyNetwork]:
    """The network, or those of an ensemble."""
    if isinstance(network, ClassifyEnsemble):
        return [cast(ClassifyNetwork, member) for member in network.members]
    return [network]
