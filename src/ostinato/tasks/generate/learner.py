"""Language modelling as the loop sees it: truncated backpropagation, the state carried."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ostinato import data
from ostinato.data import Symbols
from ostinato.errors import DataError
from ostinato.nn import SampledSoftmax
from ostinato.tasks.generate.measures import measure, nats_of, stream_count
from ostinato.tasks.generate.model import GenerateModel
from ostinato.tasks.generate.network import GenerateBatch
from ostinato.train import Judge

Window: TypeAlias = tuple[NDArray[np.int64], NDArray[np.int64]]
"""Symbols (T, B), and those that follow them (T, B)."""


class GenerateLearner:
    """Language modelling as the loop sees it.

    Args:
        model: whose network is trained.
        training: the symbols of the training text.
        validation: those of the text that follows it.
        characters: how many characters the validation text has.
        sampled: what estimates the loss of training; None computes it from all symbols.

    Raises:
        DataError: when a text has fewer than two symbols.
    """

    judged_by = Judge("-nats", "nats per token", loss="nats")

    def __init__(
        self,
        model: GenerateModel,
        training: Symbols,
        validation: Symbols,
        characters: int,
        sampled: SampledSoftmax | None = None,
    ) -> None:
        self.generator, self.network = model, model.network
        self.model: nn.Module = model.network
        self.state: tuple[Tensor, ...] = ()
        self.settings, self.training, self.validation = model.settings, training, validation
        self.characters, self.sampled = characters, sampled
        if min(len(training), len(validation)) < 2:
            raise DataError(
                f"a text of {len(training) + len(validation)} tokens is too short for training"
            )

    def batches(self, epoch: int) -> Sequence[Window]:
        """Windows of the text, each following the one before it.

        The text begins at another place in each epoch, so that windows do not always end alike.
        """
        shape = self.settings.data
        random = np.random.default_rng((self.settings.seed, epoch))
        length = len(self.training)  # fewer streams where each would have less than two windows
        streams = max(1, min(shape.streams, length // (2 * shape.steps)))
        skip = int(random.integers(min(shape.steps, length // streams - 1)))
        return data.streams(self.training[skip:], streams, shape.steps)

    def loss(self, batch: Window) -> tuple[Tensor, int, int]:
        """Cross-entropy in nats, and the number of symbols, twice: each is a term."""
        inputs, targets = (torch.as_tensor(b).to(self.generator.device) for b in batch)
        network, text = self.network, GenerateBatch(inputs)
        outputs, states = network.read(network.embed(text), text, self.state or None)
        self.state = tuple(state.detach() for state in states)
        if self.sampled:
            loss = self.sampled(outputs, targets, network.output.weight, network.output.bias)
        else:
            logits = network.head(outputs).flatten(0, 1)
            loss = nn.functional.cross_entropy(logits, targets.flatten())
        return loss, targets.numel(), targets.numel()

    def validate(self) -> dict[str, float]:
        """See `measure`."""
        return measure(self.network, self.validation, self.characters, self.settings.data)

    def held_out(self, most: int) -> NDArray[np.float32]:
        """-ln P of the symbols of the validation text (S, L), at most so many; see `nats_of`."""
        shape, text = self.settings.data, self.validation[:most]
        windows = nats_of(self.network, text, stream_count(text, shape), 4 * shape.steps)
        return np.concatenate([nats for (nats,) in windows], axis=1)
