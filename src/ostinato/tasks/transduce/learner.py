"""Transduction as the loop sees it: batches, loss, validation."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ostinato import data
from ostinato.data.extra import extra
from ostinato.tasks.base.batch import Indices
from ostinato.tasks.transduce.measures import EXTRA
from ostinato.tasks.transduce.model import TransduceModel
from ostinato.tasks.transduce.network import TransduceOutputs
from ostinato.tasks.transduce.sequences import TransduceSequences
from ostinato.train import Judge


class TransduceLearner:
    """Transduction as the loop sees it.

    Args:
        model: whose network is trained.
        training: pairs.
        lengths: the tokens of each of them, source and target together (N,); 0 leaves a pair out.
        validation: the pairs held out.
    """

    judged_by = Judge("-error_rate", "token error rate", worthless=0.8)
    """Greedy outputs of a half-learnt network are all alike, and say nothing of it."""

    def __init__(
        self,
        model: TransduceModel,
        training: TransduceSequences,
        lengths: NDArray[np.int64],
        validation: TransduceSequences,
    ) -> None:
        self.transducer, self.network = model, model.network
        self.model: nn.Module = model.network
        self.state: tuple[Tensor, ...] = ()  # nothing is carried
        self.settings = model.settings
        self.training, self.lengths, self.validation = training, lengths, validation
        self.forcing = 1.0

    def batches(self, epoch: int) -> list[Indices]:
        """Indices of pairs of like length, within the budgets of tokens and pairs."""
        model, epochs = self.settings.model, self.settings.train.epochs
        done = 1.0 if model.forcing_schedule == "constant" else epoch / max(1, epochs - 1)
        self.forcing = 1 - done * (1 - model.teacher_forcing)
        size, seed, chosen = self.settings.data, self.settings.seed, np.flatnonzero(self.lengths)
        lengths = self.lengths[chosen]
        batches = data.bucketed(lengths, size.batch_tokens, seed, epoch, size.batch)
        return [chosen[b] for b in batches]

    def loss(self, chosen: Indices) -> tuple[Tensor, int, int]:
        """Cross-entropy of a target's symbol in nats, how many there are, and tokens of both sides.

        Targets end with a symbol of their own, which counts.
        """
        smoothing = self.settings.model.label_smoothing
        loss, terms, tokens, _ = self._loss(self.training, chosen, self.forcing, smoothing)
        return loss, terms, tokens

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """On the validation pairs: cross-entropy in nats a symbol, and errors of greedy outputs.

        `error_rate` is the number of symbols to be changed (Levenshtein) over those of the targets,
        `exact_match` the part of outputs without any. Outputs end where the longest target of
        their batch does.
        """
        self.model.eval()
        process = extra("jiwer", EXTRA).process_words
        total = count = edits = exact = 0.0
        pairs, targets = self.validation, self.validation.targets or []
        for chosen in data.bucketed(pairs.lengths, self.settings.data.batch_tokens, 0, 0):
            loss, terms, _, outputs = self._loss(pairs, chosen)
            total, count = total + loss.item() * terms, count + terms
            longest = max(len(targets[i]) for i in chosen)
            for i, (best,) in zip(chosen, self.network.search(outputs, longest), strict=True):
                wanted = np.asarray(targets[i]).tolist()
                words = (" ".join(map(str, symbols)) for symbols in (wanted, best.symbols))
                counts = process(*words)
                edits += counts.substitutions + counts.deletions + counts.insertions
                exact += list(best.symbols) == wanted
        symbols = count - len(targets)
        return {
            "validation_loss": total / count,
            "error_rate": edits / symbols,
            "exact_match": exact / len(targets),
        }

    def _loss(
        self,
        pairs: TransduceSequences,
        chosen: Indices,
        forcing: float = 1.0,
        smoothing: float = 0.0,
    ) -> tuple[Tensor, int, int, TransduceOutputs]:
        batch = pairs.batch(chosen).to(self.transducer.device)
        outputs: TransduceOutputs = self.model(batch, forcing)
        assert outputs.logits is not None
        assert batch.goal is not None
        loss = nn.functional.cross_entropy(outputs.logits, batch.goal, label_smoothing=smoothing)
        terms = len(batch.goal)
        return loss, terms, int(batch.lengths.sum()) + terms, outputs
