"""A language model, n-grams and a cache that answer together: the mean of their probabilities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ostinato.data import Symbols
from ostinato.errors import RunError
from ostinato.tasks.base.pooled.together import folds
from ostinato.tasks.base.stored import from_json
from ostinato.tasks.generate.baseline import MOST
from ostinato.tasks.generate.ngrams import NGrams, Numbers, P
from ostinato.train import Run

TENSORS, FACTS = "ngrams.safetensors", "ngrams.json"
"""The files of n-grams that answer too; where they do not, there are none."""
GAIN = 0.01
"""The part of its nats that a member must save the others; for less it is not kept."""
RECENT = 200
"""The symbols that a cache holds, the last ones."""
_FIGURES = "network", "alone", "together"
_STEPS = 100  # of expectation maximisation
_LARGEST = 2**31  # bytes that the counts may have


@dataclass(frozen=True)
class NGramMember:
    """N-grams, and perhaps a cache, that answer together with a network.

        P(w | h) = a₁ P_network(w | h) + a₂ P_n-grams(w | h) + a₃ c(w) / R

    c counts the last R = 200 symbols: a word that came a moment ago is likely to come again.

    Source: Jelinek and Mercer 1980, "Interpolated estimation of Markov source parameters from
    sparse data"; Kuhn and De Mori 1990, "A cache-based natural language model for speech
    recognition".

    Attributes:
        ngrams: the counts, of training and validation text.
        weights: a (3,), which sum to 1; a₃ is 0 where there is no cache.
        network: the mean of -ln P of a symbol of the validation text by the network; of a long one
            its first `WEIGHED` symbols count.
        alone: the same by n-grams of the training text alone.
        together: the same by all, where the weights were not fitted to the symbol.
    """

    ngrams: NGrams
    weights: P
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
        """The n-grams as a member, where they and the network are better than the network alone.

        Their order is the lowest whose loss is within `GAIN` of the best, because every order
        needs as much memory as all below it. Once the weights are found, the validation text is
        counted, too: texts that no choice is left to make with may teach.

        Args:
            training: the symbols of the training text (N,).
            validation: those of the text that follows it (M,).
            network: what the network says of its first symbols: -ln P (S, L), of S pieces of L + 1
                symbols each, that of the first left out, side by side as in `data.streams`.
            said: P of its symbols but the first by n-grams, of each order, see `fit_ngram`.
            symbols: V.

        Returns:
            The member; None where the network answers alone.
        """
        count, known = network.size, np.asarray(training[-RECENT:])
        losses = [float(-np.log(p[:count]).mean()) for p in said]
        order = 1 + int(np.argmax(np.array(losses) <= (1 + GAIN) * min(losses)))
        text = np.concatenate([known, np.asarray(validation[: count + 1])])
        every = np.stack(
            [
                np.exp(-network.astype(np.float64).ravel()),
                said[order - 1][:count],
                recent(text, len(known) + 1, symbols),
            ]
        )
        alone = float(network.mean(dtype=np.float64))
        both, three = (_left_out(every[:members]) for members in (2, 3))
        members = 3 if three <= (1 - GAIN) * both else 2
        together = three if members == 3 else both
        if not together <= (1 - GAIN) * alone:
            return None
        weights = np.zeros(3)
        weights[:members] = _weights(every[:members])
        whole = np.concatenate([np.asarray(part[-MOST:]) for part in (training, validation)])
        ngrams = NGrams.counted(whole[-MOST:], symbols, order)
        return cls(ngrams, weights, alone, losses[order - 1], together)

    @property
    def reach(self) -> int:
        """How many of the symbols before one it looks at."""
        return max(self.ngrams.order, RECENT)

    def counted_anew(self, text: Symbols) -> Self:
        """The same with the counts of another text, such as what the network learned from."""
        old = self.ngrams
        return replace(
            self, ngrams=NGrams.counted(np.asarray(text[-MOST:]), old.symbols, old.order)
        )

    def join(self, nats: NDArray[np.float32], text: Numbers) -> NDArray[np.float32]:
        """-ln P of symbols by all together, by the network and by n-grams (3, …, N).

        Args:
            nats: of the network (…, N).
            text: the symbols, those before them included; -1 before the beginning of a text.
        """
        given = text.shape[-1] - nats.shape[-1]
        theirs = self.ngrams.of_text(text, given)
        others = self.weights[1] * theirs
        if self.weights[2]:
            others = others + self.weights[2] * recent(text, given, self.ngrams.symbols)
        together = -np.logaddexp(np.log(self.weights[0]) - nats, np.log(others))
        return np.stack([together, nats, -np.log(theirs)]).astype(np.float32)

    def next(self, logits: Tensor, history: Numbers) -> Tensor:
        """ln P of all symbols that may come next (V,) by all together.

        Args:
            logits: of the network (V,).
            history: see `read`.
        """
        grams, last = np.split(history, [self.ngrams.order])
        others = self.weights[1] * self.ngrams.after(grams)
        if self.weights[2]:
            last, symbols = last[last >= 0], self.ngrams.symbols
            held = np.bincount(last, minlength=symbols) / len(last) if len(last) else 1 / symbols
            others = others + self.weights[2] * held
        ours = logits.double().log_softmax(-1) + np.log(self.weights[0])
        return torch.logaddexp(ours, torch.from_numpy(np.log(others))).to(logits.dtype)

    def read(self, text: Sequence[int], before: Numbers | None = None) -> Numbers:
        """What `next` needs of the symbols that were read (order + R,).

        Args:
            text: the symbols.
            before: the same of those before them; None where there are none.
        """
        order, start = self.ngrams.order, np.full(RECENT, -1)
        grams, last = (self.ngrams.start(), start) if before is None else np.split(before, [order])
        for symbol in text[-order:]:
            grams = self.ngrams.read(grams, symbol)
        return np.concatenate(
            [grams, np.concatenate([last, np.array(text[-RECENT:], int)])[-RECENT:]]
        )

    def write(self, run: Run) -> None:
        """Keeps it in a run folder."""
        run.write_tensors(TENSORS, self.ngrams.to_tensors())
        figures = {name: getattr(self, name) for name in _FIGURES}
        run.write_json(FACTS, {"weights": self.weights.tolist(), **figures})

    @classmethod
    def of_run(cls, run: Run, symbols: int) -> Self:
        """What `write` kept.

        Args:
            run: the run.
            symbols: V.

        Raises:
            RunError: when it is missing or damaged.
        """
        weights, figures = from_json(run, FACTS, _facts)
        try:
            ngrams = NGrams.of_tensors(run.read_tensors(TENSORS, _LARGEST), symbols)
        except (KeyError, ValueError, TypeError) as error:
            raise RunError(f"{run.path / TENSORS}: damaged ({error})") from None
        return cls(ngrams, weights, *figures)


def _facts(read: Mapping[str, Any]) -> tuple[P, list[float]]:
    weights = np.array(read["weights"], np.float64)
    if weights.shape != (3,) or not (weights[:2] > 0).all() or not 0 <= weights[2] < 1:
        raise ValueError("no weights")
    return weights, [float(read[name]) for name in _FIGURES]


def recent(text: Numbers, given: int, symbols: int) -> P:
    """c(w) / R of each symbol of texts (…, N - given): how much of the last R it is; 1 / V of none.

    Args:
        text: symbols (…, N); -1 before the beginning of a text.
        given: how many at the beginning are not asked for.
        symbols: V.
    """
    padded = np.concatenate([np.full((*text.shape[:-1], RECENT), -1), text], axis=-1)
    asked, first = text[..., given:], RECENT + given
    found = np.zeros(asked.shape)
    for back in range(1, RECENT + 1):
        found += padded[..., first - back : padded.shape[-1] - back] == asked
    # nothing is missing but at the beginning
    held = np.minimum(np.cumsum(padded >= 0, -1)[..., first - 1 : -1], RECENT)
    return np.where(held > 0, found / np.maximum(held, 1), 1 / symbols)


def _weights(said: P) -> P:
    """a (M,) with the least -ln P of symbols of these probabilities (M, N); all above 0, sum 1.

    By expectation maximisation, as if one symbol more came from each.
    """
    weights = np.full(len(said), 1 / len(said))
    for _ in range(_STEPS):
        parts = weights[:, None] * said
        weights = (parts / parts.sum(0)).sum(1) + 1
        weights /= weights.sum()
    return weights


def _left_out(said: P) -> float:
    """-ln P of each fifth of symbols by weights that were found on the others; the mean."""
    parts = [np.log(_weights(said[:, ~out]) @ said[:, out]) for out in folds(said.shape[1])]
    return -float(np.concatenate(parts).mean())
