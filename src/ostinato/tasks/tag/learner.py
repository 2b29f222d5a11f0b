"""Tagging as the loop sees it: batches, loss, validation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ostinato import data
from ostinato.data import Tagged
from ostinato.tasks.tag.network import real
from ostinato.tasks.tag.sentences import Chosen, Read

if TYPE_CHECKING:
    from ostinato.tasks.tag.estimator import Tagger


class TagLearner:
    """Tagging as the loop sees it.

    Args:
        tagger: whose network is trained.
        training: the sentences as numbers, and with their tags.
        validation: the sentences held out.
    """

    def __init__(self, tagger: Tagger, training: tuple[Read, Tagged], validation: Tagged) -> None:
        self.model: nn.Module = tagger.network_
        self.judged_by = tagger.metric
        self.state: tuple[Tensor, ...] = ()  # nothing is carried
        self.tagger, self.settings = tagger, tagger.settings().data
        self.seed = tagger.seed
        self.read, given = training
        self.sets = [tagger.labels_.sets(tags) for tags in given.tags]
        self.held, self.true = tagger.read(validation.words), validation.tags
        self.held_sets = [tagger.labels_.sets(tags, strangers=True) for tags in self.true]

    def batches(self, epoch: int) -> list[Chosen]:
        """Indices of sentences of like length, within the budget of tokens."""
        lengths = list(map(len, self.read.words))
        return data.bucketed(lengths, self.settings.batch_tokens, self.seed, epoch)

    def loss(self, batch: Chosen) -> tuple[Tensor, int, int]:
        """-ln P(labels) in nats for each word, and the number of words, twice."""
        read = self.read.batch(batch)
        tokens, mask = int(read.lengths.sum()), real(read)
        network = self.tagger.network_
        loss = network.loss(network(read), mask, _sets(self.sets, batch))
        return loss / tokens, tokens, tokens

    def validate(self) -> dict[str, float]:
        """-ln P(labels) in nats for each word, accuracy, and F1 of entities."""
        network, loss = self.tagger.network_, 0.0

        def answers(emissions: Tensor, mask: Tensor, chosen: Chosen) -> Iterator[list[str]]:
            nonlocal loss
            loss += network.loss(emissions, mask, _sets(self.held_sets, chosen)).item()
            return map(self.tagger.labels_.tags, network.crf.decode(emissions, mask))

        predicted = self.tagger.each(self.held, answers)
        words = sum(map(len, self.true))
        return {"validation_loss": loss / words} | self.tagger.judged(self.true, predicted)


def _sets(sets: Sequence[NDArray[np.bool_]], chosen: Chosen) -> Tensor:
    """Which labels the words of some sentences may have (T, B, K); behind an end the first one."""
    longest, labels = max(len(sets[i]) for i in chosen), sets[0].shape[1]
    allowed = np.zeros((longest, len(chosen), labels), np.bool_)
    for row, i in enumerate(chosen):
        allowed[: len(sets[i]), row] = sets[i]
        allowed[len(sets[i]) :, row, 0] = True
    return torch.from_numpy(allowed)
