"""Tagging as the loop sees it: batches, loss, validation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ostinato import data
from ostinato.data import Tagged
from ostinato.tasks.base.batch import Indices
from ostinato.tasks.tag.measures import accuracy_and_f1
from ostinato.tasks.tag.model import TagModel
from ostinato.tasks.tag.network import real
from ostinato.tasks.tag.sequences import TagSequences
from ostinato.train import Judge


class TagLearner:
    """Tagging as the loop sees it.

    Args:
        model: whose network is trained.
        training: the sentences as numbers, and with their tags.
        validation: the sentences held out.
    """

    def __init__(
        self, model: TagModel, training: tuple[TagSequences, Tagged], validation: Tagged
    ) -> None:
        self.tagger, self.network = model, model.network
        self.model: nn.Module = model.network
        self.judged_by = Judge(model.metric, {"f1": "F1"}.get(model.metric, model.metric))
        self.state: tuple[Tensor, ...] = ()  # nothing is carried
        self.settings = model.settings
        self.sequences, given = training
        self.lengths = self.sequences.lengths
        self.sets = [model.labels.sets(tags) for tags in given.tags]
        self.held, self.true = model.sequences(validation.words), validation.tags
        self.held_sets = [model.labels.sets(tags, unknown=True) for tags in self.true]

    def batches(self, epoch: int) -> list[Indices]:
        """Indices of sentences of like length, within the budgets of tokens and sentences."""
        size, seed = self.settings.data, self.settings.seed
        return data.bucketed(self.lengths, size.batch_tokens, seed, epoch, size.batch)

    def loss(self, chosen: Indices) -> tuple[Tensor, int, int]:
        """-ln P(labels) in nats for each word, and the number of words, twice."""
        batch = self.sequences.batch(chosen).to(self.tagger.device)
        tokens = int(batch.lengths.sum())
        allowed = _sets(self.sets, chosen).to(self.tagger.device)
        return self.network.loss(self.model(batch), real(batch), allowed) / tokens, tokens, tokens

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """-ln P(labels) in nats for each word, accuracy, and F1 of entities."""
        tagger, loss = self.tagger, 0.0
        predicted: list[list[str]] = [[] for _ in self.true]
        for chosen, emissions, batch in tagger.outputs(self.held):
            allowed = _sets(self.held_sets, chosen).to(tagger.device)
            loss += self.network.loss(emissions, real(batch), allowed).item()
            for k, tags in zip(chosen, tagger.tags(emissions, batch), strict=True):
                predicted[k] = tags
        words = sum(map(len, self.true))
        judged = accuracy_and_f1(tagger.labels, self.true, predicted)
        return {"validation_loss": loss / words} | judged


def _sets(sets: Sequence[NDArray[np.bool_]], chosen: Indices) -> Tensor:
    """Which labels the words of some sentences may have (T, B, K); behind an end the first one."""
    longest, labels = max(len(sets[i]) for i in chosen), sets[0].shape[1]
    allowed = np.zeros((longest, len(chosen), labels), np.bool_)
    for row, i in enumerate(chosen):
        allowed[: len(sets[i]), row] = sets[i]
        allowed[len(sets[i]) :, row, 0] = True
    return torch.from_numpy(allowed)
