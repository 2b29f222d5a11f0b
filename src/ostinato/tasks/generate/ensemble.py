"""A language model and n-grams that answer together: a weighted mean of their probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ostinato.data import Symbols
from ostinato.errors import RunError
from ostinato.tasks.base.pooled.together import folds
from ostinato.tasks.base.stored import from_json
from ostinato.tasks.generate.baseline import MOST
from ostinato.tasks.generate.ngrams import NGrams, Numbers, P, orders
from ostinato.train import Run

TENSORS, FACTS = "ngrams.safetensors", "ngrams.json"
"""The files of n-grams that answer too; where they do not, there are none."""
GAIN = 0.01
"""The part of its nats that n-grams must save a network; for less they are not kept."""
_FIGURES = "weight", "network", "alone", "together"
_STEPS = 50  # of expectation maximisation
_LARGEST = 2**31  # bytes that the counts may have


@dataclass(frozen=True)
class NGramMember:
    """N-grams that answer together with a network.

        P(w | h) = a P_network(w | h) + (1 - a) P_n-grams(w | h)

    Source: Jelinek and Mercer 1980, "Interpolated estimation of Markov source parameters from
    sparse data".

    Attributes:
        ngrams: the counts, of training and validation text.
        weight: a, of the network.
        network: the mean of -ln P of a symbol of the validation text by the network.
        alone: the same by n-grams of the training text alone.
        together: the same by both, where the weight was not fitted to the symbol.
    """

    ngrams: NGrams
    weight: float
    network: float
    alone: float
    together: float

    @classmethod
    def fit(
        cls,
        training: Symbols,
        validation: Symbols,
        network: NDArray[np.float32],
        said: Sequence[P],
        symbols: int,
    ) -> Self | None:
        """The n-grams as a member, where both together are better than the network alone.

        Their order is the lowest whose loss is within `GAIN` of the best, because every order
        needs as much memory as all below it. Once the weight is found, the validation text is
        counted, too: texts that no choice is left to make with may teach.

        Args:
            training: the symbols of the training text (N,).
            validation: those of the text that follows it (M,).
            network: what the network says of its symbols: -ln P (S, L), of S pieces of L + 1
                symbols each, that of the first left out, side by side as in `data.streams`.
            said: P of its symbols but the first by n-grams, of each order, see `fit_ngram`.
            symbols: V.

        Returns:
            The member; None where the network answers alone.
        """
        ours, count = np.exp(-network.astype(np.float64).ravel()), network.size
        losses = [float(-np.log(p[:count]).mean()) for p in said]
        order = 1 + int(np.argmax(np.array(losses) <= (1 + GAIN) * min(losses)))
        theirs = said[order - 1][:count]
        weight, together = _weight(ours, theirs), 0.0
        for out in folds(count):
            found = _weight(ours[~out], theirs[~out])
            together -= float(np.log(found * ours[out] + (1 - found) * theirs[out]).sum()) / count
        alone = float(network.mean(dtype=np.float64))
        if not together <= (1 - GAIN) * alone:
            return None
        text = np.concatenate([np.asarray(part[-MOST:]) for part in (training, validation)])
        *_, ngrams = orders(text[-MOST:], symbols, order)
        return cls(ngrams, weight, alone, losses[order - 1], together)

    def join(self, nats: NDArray[np.float32], text: Numbers) -> NDArray[np.float32]:
        """-ln P of symbols by both together, by the network and by n-grams (3, …, N).

        Args:
            nats: of the network (…, N).
            text: the symbols, those before them included; -1 before the beginning of a text.
        """
        theirs = -np.log(self.ngrams.of_text(text, text.shape[-1] - nats.shape[-1]))
        both = -np.logaddexp(np.log(self.weight) - nats, np.log(1 - self.weight) - theirs)
        return np.stack([both, nats, theirs]).astype(np.float32)

    def next(self, logits: Tensor, history: Numbers) -> Tensor:
        """ln P of all symbols that may come next (V,) by both together.

        Args:
            logits: of the network (V,).
            history: see `NGrams.read`.
        """
        theirs = torch.from_numpy(np.log((1 - self.weight) * self.ngrams.after(history)))
        ours = logits.double().log_softmax(-1) + np.log(self.weight)
        return torch.logaddexp(ours, theirs).to(logits.dtype)

    def history(self, text: Sequence[int], before: Numbers | None = None) -> Numbers:
        """What `next` needs of the symbols that were read.

        Args:
            text: the symbols.
            before: the history before them; None where they are the first.
        """
        found = self.ngrams.start() if before is None else before
        for symbol in text[-self.ngrams.order :]:
            found = self.ngrams.read(found, symbol)
        return found

    def write(self, run: Run) -> None:
        """Keeps it in a run folder."""
        run.write_tensors(TENSORS, self.ngrams.to_tensors())
        run.write_json(FACTS, {name: getattr(self, name) for name in _FIGURES})

    @classmethod
    def read(cls, run: Run, symbols: int) -> Self:
        """What `write` kept.

        Args:
            run: the run.
            symbols: V.

        Raises:
            RunError: when it is missing or damaged.
        """
        facts = from_json(run, FACTS, lambda read: [float(read[name]) for name in _FIGURES])
        if not 0 < facts[0] < 1:
            raise RunError(f"{run.path / FACTS}: damaged (a weight of {facts[0]})")
        try:
            ngrams = NGrams.of_tensors(run.read_tensors(TENSORS, _LARGEST), symbols)
        except (KeyError, ValueError, TypeError) as error:
            raise RunError(f"{run.path / TENSORS}: damaged ({error})") from None
        return cls(ngrams, *facts)


def _weight(ours: P, theirs: P) -> float:
    """a with the least -ln P of symbols of these probabilities (N,) each; strictly between 0 and 1.

    By expectation maximisation, as if one symbol more came from each.
    """
    weight = 0.5
    for _ in range(_STEPS):
        from_ours = weight * ours
        share = from_ours / (from_ours + (1 - weight) * theirs)
        weight = float((share.sum() + 1) / (len(ours) + 2))
    return weight
