"""Transduction as the loop sees it: batches, loss, validation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ostinato import data
from ostinato.data import Symbols
from ostinato.data.extra import extra
from ostinato.nn.pooling import real_steps
from ostinato.tasks.transduce.measures import EXTRA
from ostinato.tasks.transduce.network import TransduceNetwork
from ostinato.tasks.transduce.settings import TransduceSettings

Encoded: TypeAlias = tuple[Sequence[Symbols], Sequence[Symbols]]
"""The symbols of sources, and of their targets."""
Batch: TypeAlias = tuple[Tensor, Tensor, Tensor, Tensor, Tensor]
"""What `batch_of` gives."""


class TransduceLearner:
    """Transduction as the loop sees it.

    Args:
        network: what is trained.
        settings: those of the transducer.
        training: pairs as symbols.
        lengths: the tokens of each of them, both sides together (N,); 0 leaves a pair out.
        validation: the pairs held out.
    """

    judged_by = "-error_rate"

    def __init__(
        self,
        network: TransduceNetwork,
        settings: TransduceSettings,
        training: Encoded,
        lengths: NDArray[np.int64],
        validation: Encoded,
    ) -> None:
        self.model: nn.Module = network
        self.state: tuple[Tensor, ...] = ()  # nothing is carried
        self.network, self.settings = network, settings
        self.training, self.lengths, self.validation = training, lengths, validation
        self.forcing = 1.0

    def batches(self, epoch: int) -> list[NDArray[np.intp]]:
        """Indices of pairs of like length, within the budget of tokens."""
        model, epochs = self.settings.model, self.settings.train.epochs
        done = 1.0 if model.forcing_schedule == "constant" else epoch / max(1, epochs - 1)
        self.forcing = 1 - done * (1 - model.teacher_forcing)
        tokens, seed = self.settings.data.batch_tokens, self.settings.seed
        chosen = np.flatnonzero(self.lengths)
        return [chosen[b] for b in data.bucketed(self.lengths[chosen], tokens, seed, epoch)]

    def loss(self, batch: NDArray[np.intp]) -> tuple[Tensor, int, int]:
        """Cross-entropy of a target's symbol in nats, how many there are, and tokens of both sides.

        Targets end with a symbol of their own, which counts.
        """
        smoothing = self.settings.model.label_smoothing
        loss, terms, tokens = self._loss(self.training, batch, self.forcing, smoothing)
        return loss, terms, tokens

    @torch.inference_mode()
    def validate(self) -> dict[str, float]:
        """On the validation pairs: cross-entropy in nats a symbol, and errors of greedy outputs.

        `error_rate` is the number of symbols to be changed (Levenshtein) over those of the targets,
        `exact_match` the part of outputs without any. Outputs end where the longest target of
        their batch does.
        """
        self.model.eval()
        process = extra("jiwer", EXTRA).process_words
        total = count = edits = exact = 0.0
        sources, targets = self.validation
        lengths = [len(s) + len(t) for s, t in zip(sources, targets, strict=True)]
        for batch in data.bucketed(lengths, self.settings.data.batch_tokens, 0, 0):
            loss, terms, _ = self._loss(self.validation, batch)
            total, count = total + loss.item() * terms, count + terms
            source, steps = steps_first([sources[i] for i in batch])
            longest = max(len(targets[i]) for i in batch)
            for i, (best,) in zip(batch, self.network.search(source, steps, longest), strict=True):
                wanted = targets[i].tolist()
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
        self, pairs: Encoded, batch: NDArray[np.intp], forcing: float = 1.0, smoothing: float = 0.0
    ) -> tuple[Tensor, int, int]:
        source, lengths, given, steps, goal = batch_of(*pairs, batch, self.network.boundary)
        logits = self.model(source, lengths, given, steps, forcing)
        loss = nn.functional.cross_entropy(logits, goal, label_smoothing=smoothing)
        return loss, len(goal), int(lengths.sum()) + len(goal)


def batch_of(
    sources: Sequence[Symbols], targets: Sequence[Symbols], rows: Iterable[int], boundary: int
) -> Batch:
    """Some pairs as the network takes them.

    Args:
        sources: the symbols of all sources.
        targets: and of all targets.
        rows: which of them (B).
        boundary: the symbol that begins and ends a target.

    Returns:
        Sources (S, B) and their lengths (B,); targets after a boundary (T, B), and their lengths
        (B,); and the N symbols that are to follow at their real steps (N,), the boundary at last.
    """
    rows, end = list(rows), np.array([boundary])
    source, lengths = steps_first([sources[i] for i in rows])
    chosen = [np.asarray(targets[i]) for i in rows]
    given, steps = steps_first([np.concatenate([end, target]) for target in chosen])
    goal, _ = steps_first([np.concatenate([target, end]) for target in chosen])
    return source, lengths, given, steps, goal[real_steps(goal, steps).squeeze(-1)]


def steps_first(sequences: Sequence[Symbols]) -> tuple[Tensor, Tensor]:
    """Sequences as networks take them: symbols (T, B) and lengths (B,)."""
    values, lengths = data.pad(sequences)
    return torch.from_numpy(values.T.copy()), torch.from_numpy(lengths)
