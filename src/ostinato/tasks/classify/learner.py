"""Classification as the loop sees it: batches, loss, validation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ostinato import data
from ostinato.data import Rows, Symbols
from ostinato.tasks.classify.network import ClassifyEnsemble, ClassifyNetwork
from ostinato.tasks.classify.settings import ClassifySettings


class ClassifyLearner:
    """Classification as the loop sees it.

    Args:
        network: what is trained.
        settings: those of the classifier.
        training: texts as symbols, or signals, and their classes (N,), or of several labels 0 and
            1 (N, K).
        validation: the same of the texts held out.
        weights: how much each class counts in training (K,); None is alike.
    """

    def __init__(
        self,
        network: ClassifyNetwork | ClassifyEnsemble,
        settings: ClassifySettings,
        training: tuple[Sequence[Any], Tensor],
        validation: tuple[Sequence[Any], Tensor],
        weights: Tensor | None = None,
    ) -> None:
        self.model: nn.Module = network
        self.state: tuple[Tensor, ...] = ()  # nothing is carried
        self.settings, self.training, self.validation = settings, training, validation
        self.weights = weights
        self.several = settings.data.labels.several
        # Of several labels few are over a half at first, and weights move them all: their order
        # tells an epoch that has learnt from one that has not.
        self.judged_by = "average_precision" if self.several else "accuracy"

    def batches(self, epoch: int) -> list[NDArray[np.intp]]:
        """Indices of texts of like length, within the budget of tokens."""
        lengths = list(map(len, self.training[0]))
        return data.bucketed(lengths, self.settings.data.batch_tokens, self.settings.seed, epoch)

    def loss(self, batch: NDArray[np.intp]) -> tuple[Tensor, float, int]:
        """Cross-entropy in nats, the number of texts, and their real tokens.

        Where classes have weights, the loss is the weighted mean, and the sum of the weights stands
        for the number of texts. Where a text may have several labels, it is the mean over texts and
        labels of the cross-entropy of each, in which a label that is there has its weight.
        """
        sequences, targets = self.training
        values, lengths = pad_batch([sequences[i] for i in batch])
        target = targets[torch.from_numpy(batch)]
        loss = self._loss(self.model(values, lengths), target, True)
        terms: float = len(batch)
        if self.weights is not None and not self.several:
            terms = self.weights[target].sum().item()
        return loss, terms, int(lengths.sum())

    def validate(self) -> dict[str, float]:
        """Mean cross-entropy in nats and accuracy on the validation texts, without weights.

        Of several labels all must be right. With them come, of all texts and labels together, F1
        and the average precision: Σ (R_n - R_{n-1}) P_n, with precision P and recall R of the n
        most probable.
        """
        from sklearn.metrics import average_precision_score

        logits, targets = torch.from_numpy(self.held_out()), self.validation[1]
        loss = self._loss(logits, targets, False).item()
        if not self.several:
            right = (logits.argmax(-1) == targets).sum().item()
            return {"validation_loss": loss, "accuracy": right / len(targets)}
        given, wanted = logits >= 0, targets > 0
        found = (given & wanted).sum().item(), (given.sum() + wanted.sum()).item()
        exact = (given == wanted).all(1).sum().item() / len(targets)
        micro_f1 = 2 * found[0] / max(found[1], 1)
        precision = 0.0
        if wanted.any():
            precision = float(average_precision_score(wanted.flatten(), logits.flatten()))
        return {
            "validation_loss": loss,
            "accuracy": exact,
            "micro_f1": micro_f1,
            "average_precision": precision,
        }

    def held_out(self) -> NDArray[np.float32]:
        """Logits (N, K) of the validation texts."""
        return logits_of(self.model, self.validation[0], self.settings.data.batch_tokens)

    def _loss(self, logits: Tensor, targets: Tensor, training: bool) -> Tensor:
        each = logits if logits.dim() == 3 else logits[None]  # of every member (M, B, K)
        smoothing = self.settings.model.label_smoothing if training else 0.0
        weights = self.weights if training else None
        if self.several:
            soft = targets * (1 - smoothing) + smoothing / 2
            return nn.functional.binary_cross_entropy_with_logits(
                each, soft.expand_as(each), pos_weight=weights
            )
        return nn.functional.cross_entropy(
            each.flatten(0, 1),
            targets.repeat(len(each)),
            weight=weights,
            label_smoothing=smoothing,
        )


@torch.inference_mode()
def logits_of(
    network: nn.Module, sequences: Sequence[Symbols] | Rows, batch_tokens: int
) -> NDArray[np.float32]:
    """Logits (N, K) of texts as symbols, in their order; nothing random is drawn."""
    network.eval()
    found: list[tuple[NDArray[np.intp], NDArray[np.float32]]] = []
    for batch in data.bucketed(list(map(len, sequences)), batch_tokens, 0, 0):
        found.append((batch, network(*pad_batch([sequences[i] for i in batch])).numpy()))
    order = np.concatenate([batch for batch, _ in found]).argsort()
    together: NDArray[np.float32] = np.concatenate([logits for _, logits in found])[order]
    return together


def pad_batch(sequences: Sequence[Symbols]) -> tuple[Tensor, Tensor]:
    """Sequences of symbols → values (B, T) and lengths (B,)."""
    values, lengths = data.pad(sequences)
    return torch.from_numpy(values), torch.from_numpy(lengths)
