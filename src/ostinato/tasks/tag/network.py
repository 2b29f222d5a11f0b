"""The network of a tagger: words and their spelling → recurrent stack → labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from ostinato.equation import Cell
from ostinato.nn import CRF, CharacterEncoder, Constraints, Dropout, Embedding
from ostinato.tasks.base.batch import Batch
from ostinato.tasks.base.network import Network
from ostinato.tasks.base.parts import Part, embedding_part, layer_parts, linear_part, parameters_of
from ostinato.tasks.tag.indicators import IndicatorScores
from ostinato.tasks.tag.settings import TagNetworkSettings


@dataclass(frozen=True)
class TagBatch(Batch):
    """Sentences as the network takes them.

    Attributes:
        words: (B, T) int64.
        lengths: (B,) int64.
        spelt: the characters of the different words (W, C) int64.
        sizes: how many each has (W,) int64.
        which: the row in `spelt` of each word (B, T) int64.
        context: states of language models at each word (B, T, F), if there are some.
        indicators: the features of the different words (W, F) int64, if there are some.
    """

    on_cpu: ClassVar[frozenset[str]] = frozenset({"lengths", "sizes"})

    words: Tensor
    lengths: Tensor
    spelt: Tensor
    sizes: Tensor
    which: Tensor
    context: Tensor | None = None
    indicators: Tensor | None = None


class TagNetwork(Network[TagBatch, Tensor]):
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
        context: F, the features of a word's context.
    """

    counts: Tensor

    def __init__(
        self,
        cell: Cell,
        settings: TagNetworkSettings,
        symbols: int,
        characters: int,
        labels: int,
        constraints: Constraints | None = None,
        context: int = 0,
    ) -> None:
        super().__init__()
        self.embedding = Embedding(symbols, settings.embedding)
        nn.init.normal_(self.embedding.weight, std=0.1)  # a word not yet learned says little
        if settings.vectors is not None:
            self.rates = settings.rates(embedding=self.embedding)
        self.spelling: CharacterEncoder | None = None
        self.context = context
        features = settings.embedding + context
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
        # How often each word was seen in training; unknown until training sets it.
        self.register_buffer("counts", torch.full((symbols,), torch.inf), persistent=False)
        self.dropout = Dropout(settings.dropout)
        self.recurrent = settings.recurrent(cell, features, bidirectional=settings.bidirectional)
        width = self.recurrent.output_size * (1 + settings.bidirectional)
        self.output = nn.Linear(width, labels)
        self.indicators: IndicatorScores | None = None
        if settings.indicators:
            self.indicators = IndicatorScores(settings.indicators, labels, settings.dropout)
        self.crf = CRF(labels, constraints=constraints)
        if self.softmax:
            for weight in self.crf.parameters():
                nn.init.zeros_(weight).requires_grad_(False)

    def embed(self, batch: TagBatch) -> Tensor:
        """Words, and beside them their spelling and context (T, B, E)."""
        words = batch.words.T
        if self.training and self.word_dropout:
            chance = self.word_dropout / (self.word_dropout + self.counts)
            words = words * (torch.rand(words.shape, device=words.device) >= chance[words])
        embedded: Tensor = self.embedding(words)
        beside = []
        if self.spelling is not None:
            beside.append(self.spelling(batch.spelt, batch.sizes, batch.which.T))
        if batch.context is not None:
            beside.append(batch.context.transpose(0, 1))
        return torch.cat([embedded, *beside], -1) if beside else embedded

    def run(self, embedded: Tensor, batch: TagBatch) -> Tensor:
        """Words as vectors (T, B, E) → emissions (T, B, K)."""
        outputs, _ = self.recurrent(self.dropout(embedded), lengths=batch.lengths)
        emissions: Tensor = self.output(self.dropout(outputs))
        if self.indicators is not None:
            emissions = emissions + self.indicators(batch.indicators, batch.which.T, real(batch))
        return emissions

    def parts(self) -> list[Part]:
        """See `Network`."""
        parts, spelling = [embedding_part(self.embedding)], self.spelling
        if spelling is not None:
            symbols, _ = spelling.embedding.weight.shape
            units = f"{spelling.recurrent.hidden_size} units, both directions"
            parts.append(
                Part(
                    kind="spelling",
                    name="spelling",
                    inside=f"{symbols:,} characters, {units}",
                    gives=f"B × T × {spelling.output_size}, beside the embedding",
                    parameters=parameters_of(spelling),
                )
            )
        if self.context:
            gives = f"B × T × {self.context}, beside the embedding"
            inside = "states of language models of characters, which do not learn"
            parts.append(Part("context", "context", inside, gives))
        learned = "scores of neighbouring labels"
        inside = "allowed transitions; all scores are 0" if self.softmax else learned
        gives = f"B × T × {self.output.out_features} logits"
        return [
            *parts,
            *layer_parts(self.recurrent),
            linear_part(self.output, "output", "output", gives),
            *self._linear(gives),
            Part("crf", "CRF", inside, "B × T labels", parameters_of(self.crf)),
        ]

    def _linear(self, gives: str) -> list[Part]:
        if self.indicators is None:
            return []
        inside = "each word, its shape and affixes, and the words around it"
        parameters = parameters_of(self.indicators)
        return [Part("indicators", "linear tagger", inside, f"{gives}, added", parameters)]

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
    words = batch.words
    steps = torch.arange(words.shape[1], device=words.device)
    return steps[:, None] < batch.lengths.to(words.device)


def _numbers(allowed: Tensor) -> Tensor:
    """Sets of one label each as numbers (T, B); other sets as they are."""
    single = int(allowed.sum(-1).max()) == 1
    return allowed.int().argmax(-1) if single else allowed
