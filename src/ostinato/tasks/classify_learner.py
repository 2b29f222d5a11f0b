"""Classification as the loop sees it: batches, loss, validation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ostinato import data
from ostinato.data import Rows, Symbols
from ostinato.tasks.classify_network import ClassifyEnsemble, ClassifyNetwork
from ostinato.tasks.classify_settings import ClassifySettings


class ClassifyLearner:
    """Classification as the loop sees it."""

    judged_by = "accuracy"

    def __init__(
        self,
        network: ClassifyNetwork | ClassifyEnsemble,
        settings: ClassifySettings,
        training: tuple[Rows, Tensor],
        validation: tuple[Rows, Tensor],
    ) -> None:
        self.model: nn.Module = network
        self.state: tuple[Tensor, ...] = ()  # nothing is carried
        self.settings, self.training, self.validation = settings, training, validation

    def batches(self, epoch: int) -> list[NDArray[np.intp]]:
        """Indices of texts of like length, within the budget of tokens."""
        lengths = list(map(len, self.training[0]))
        return data.bucketed(lengths, self.settings.data.batch_tokens, self.settings.seed, epoch)

    def loss(self, batch: NDArray[np.intp]) -> tuple[Tensor, int, int]:
        """Cross-entropy in nats, the number of texts, and their real tokens."""
        loss, tokens, _ = self._judge(self.training, batch)
        return loss, len(batch), tokens

    @torch.inference_mode()
    def validate(self) -> dict[str, float]:
        """Mean cross-entropy in nats and accuracy on the validation texts."""
        self.model.eval()
        sequences, targets = self.validation
        total, hits = 0.0, 0
        for batch in data.bucketed(
            list(map(len, sequences)), self.settings.data.batch_tokens, 0, 0
        ):
            loss, _, right = self._judge(self.validation, batch)
            total, hits = total + loss.item() * len(batch), hits + right
        return {"validation_loss": total / len(targets), "accuracy": hits / len(targets)}

    def _judge(
        self, texts: tuple[Rows, Tensor], batch: NDArray[np.intp]
    ) -> tuple[Tensor, int, int]:
        sequences, targets = texts
        values, lengths = pad_batch([sequences[i] for i in batch])
        logits, target = self.model(values, lengths), targets[torch.from_numpy(batch)]
        each = logits if logits.dim() == 3 else logits[None]  # of every member
        right = int((each.mean(0).argmax(-1) == target).sum())
        smoothing = self.settings.model.label_smoothing if self.model.training else 0.0
        loss = nn.functional.cross_entropy(
            each.flatten(0, 1), target.repeat(len(each)), label_smoothing=smoothing
        )
        return loss, int(lengths.sum()), right


def pad_batch(sequences: Sequence[Symbols]) -> tuple[Tensor, Tensor]:
    """Sequences of symbols → values (B, T) and lengths (B,)."""
    values, lengths = data.pad(sequences)
    return torch.from_numpy(values), torch.from_numpy(lengths)
