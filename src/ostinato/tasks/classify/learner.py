"""Classification as the loop sees it: batches, loss, validation."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ostinato import data
from ostinato.tasks.base.batch import Indices
from ostinato.tasks.base.pooled.model import PooledSequences
from ostinato.tasks.base.pooled.network import PooledBatch
from ostinato.tasks.classify.model import ClassifyModel
from ostinato.train import Judge


class ClassifyLearner:
    """Classification as the loop sees it.

    Args:
        model: whose network is trained.
        training: texts or signals, and their classes (N,), or for multi-label texts 0 and 1 (N,
        K). validation: the same of what is held out. weights: how much each class counts in
        training (K,); None is alike.
    """

    def __init__(
        self,
        model: ClassifyModel,
        training: tuple[PooledSequences, Tensor],
        validation: tuple[PooledSequences, Tensor],
        weights: Tensor | None = None,
    ) -> None:
        device = model.device
        self.classifier = model
        self.model: nn.Module = model.network
        self.state: tuple[Tensor, ...] = ()  # nothing is carried
        self.settings = model.settings
        self.sequences, targets = training
        self.held, held_targets = validation
        self.targets, self.held_targets = targets.to(device), held_targets.to(device)
        self.weights = None if weights is None else weights.to(device)
        self.multi_label = model.multi_label
        self.lengths = self.sequences.lengths
        # For multi-label texts few are over a half at first, and weights move them all: their order
        # distinguishes an epoch that has learned from one that has not.
        self.judged_by = Judge("accuracy", "accuracy")
        if self.multi_label:
            self.judged_by = Judge("average_precision", "average precision")

    def batches(self, epoch: int) -> list[Indices]:
        """Indices of texts of like length, within the budgets of tokens and of texts."""
        size, seed = self.settings.data, self.settings.seed
        return data.bucketed(self.lengths, size.batch_tokens, seed, epoch, size.batch)

    def loss(self, chosen: Indices) -> tuple[Tensor, float, int]:
        """Cross-entropy in nats, the number of texts, and their real tokens.

        Where classes have weights, the loss is the weighted mean, and the sum of the weights stands
        for the number of texts. For multi-label texts, it is the mean over texts and
        labels of the cross-entropy of each, in which a label that is there has its weight.
        """
        batch = self.sequences.batch(chosen)
        target = self.targets[torch.from_numpy(chosen).to(self.targets.device)]
        loss = self._loss(self.model(batch.to(self.classifier.device)), target, True)
        terms: float = len(chosen)
        if self.weights is not None and not self.multi_label:
            terms = self.weights[target].sum().item()
        return loss, terms, int(batch.lengths.sum())

    def validate(self) -> dict[str, float]:
        """Mean cross-entropy in nats and accuracy on the validation texts, without weights.

        For multi-label texts, all labels must be right. With them come, of all texts and labels
        together, F1 and the average precision: Σ (R_n - R_{n-1}) P_n, with precision P and recall
        R of the n most probable.
        """
        from sklearn.metrics import average_precision_score

        logits, targets = torch.from_numpy(self.held_out()), self.held_targets.cpu()
        loss = self._loss(logits, targets, False).item()
        if not self.multi_label:
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

        def answer(outputs: Tensor, batch: PooledBatch) -> NDArray[np.float32]:
            logits: NDArray[np.float32] = outputs.cpu().numpy()
            return logits

        return np.array(self.classifier.over(self.held, answer), np.float32)

    def _loss(self, logits: Tensor, targets: Tensor, training: bool) -> Tensor:
        each = logits if logits.dim() == 3 else logits[None]  # of every member (M, B, K)
        smoothing = self.settings.model.label_smoothing if training else 0.0
        weights = self.weights if training else None
        if self.multi_label:
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
