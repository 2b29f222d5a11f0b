"""A text whose every symbol is asked for."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ostinato import cells
from ostinato.data import Store, Tokenizer, Vocabulary, read_text, streams
from ostinato.errors import DataError
from ostinato.tasks.base.held_out import REACH, SEQUENCES, Given, HeldOut, Judged
from ostinato.tasks.base.network import AnyNetwork
from ostinato.tasks.generate.baseline import MOST, fit_ngram
from ostinato.tasks.generate.estimator import Generator
from ostinato.tasks.generate.measures import nats_of, of_nats
from ostinato.tasks.generate.network import GenerateBatch
from ostinato.tasks.generate.ngrams import NGrams
from ostinato.tasks.generate.prepare import prepare
from ostinato.tasks.generate.settings import GenerateSettings
from ostinato.train import Run

BLOCKS = 64
"""The pieces into which a held-out text is cut."""
TEMPERATURES, LENGTH = (0.5, 0.8), 400
"""How samples are drawn, and the symbols of each."""


@dataclass(frozen=True)
class GenerateHeldOut(HeldOut):
    """A text that is read in blocks side by side; each has its nats for a symbol.

    Where it stands at the end of the text of training, `before` is what was learned from. N-grams
    that answer with the network, which counted both, are then counted anew without it.
    """

    text: str
    biased: bool = False
    before: str | None = None
    kind = Generator
    metric = "nats"
    lower = True

    @classmethod
    def read(cls, data: str, estimator: Generator, run: Run) -> Self:
        """The whole text; of that of training the last part, which was held out.

        Raises:
            DataError: when the run was trained on all of it.
        """
        own = estimator.settings().data
        text = read_text(data, encoding=own.encoding)
        if cls.trained_on((text,)) != run.manifest.data.get("sha256"):
            return cls(text)
        store = Store(estimator.tokenizer_)
        store.add_long([text])
        held = store.characters(len(store) - round(len(store) * own.validation))
        if not held:
            raise DataError(f"{data}: the run was trained on all of it; give another text")
        return cls(text[-held:], True, text[:-held])

    def __len__(self) -> int:
        return len(self.text)

    def fingerprint(self) -> str:
        """See the class."""
        return self.trained_on((self.text,))

    @classmethod
    def trained_on(cls, training: Given) -> str:
        """That of the text."""
        return hashlib.sha256(training[0].encode()).hexdigest()

    def judge(self, estimator: Generator) -> Judged:
        """Nats, bits and perplexity; every block begins without a state."""
        read = estimator.tokenizer_, estimator.vocabulary_
        symbols, member = _symbols(self.text, *read), estimator.model_.ngrams
        if member and self.before:
            member = member.counted_anew(_symbols(self.before, *read))
        windows = nats_of(estimator.model_.network, symbols, self._blocks(symbols), 256, member)
        sums = [(nats.sum(2, dtype=np.float64), nats.shape[2]) for nats in windows]
        count = sum(steps for _, steps in sums)
        answer, *each = sum(total for total, _ in sums) / count
        alone = [float(nats.mean()) for nats in each]
        beside = {"alone": dict(zip(("network", "n-grams"), alone, strict=True))} if alone else {}
        return _scored(answer.tolist()) | beside

    def baseline(self, settings: GenerateSettings, training: Given) -> Judged:
        """Interpolated Kneser-Ney, its order chosen on the validation text; see `fit_ngram`."""
        began = time.perf_counter()
        split, known, kept, held = symbols_of(settings, training[0])
        symbols = _symbols(self.text, split, known)
        best, _ = fit_ngram(kept, held, len(known))
        before = np.concatenate([kept, held])[-MOST:]
        ngrams = NGrams.counted(before, len(known), best.order)
        p = ngrams.of_text(np.concatenate([before, symbols])[-len(symbols) - best.order :])
        blocks = self._blocks(symbols)
        length = (len(symbols) - 1) // blocks
        nats = -np.log(p[1 - len(symbols) :][: blocks * length])
        return {
            "name": f"{best.order}-gram baseline",
            **_scored(nats.reshape(blocks, length).mean(1).tolist()),
            "seconds": time.perf_counter() - began,
        }

    def loss(self, estimator: Generator, network: AnyNetwork) -> Callable[[], Tensor]:
        """Over pieces of the text; the loss is that of the symbol after each."""
        symbols = _symbols(self.text, estimator.tokenizer_, estimator.vocabulary_)
        count = min(SEQUENCES, self._blocks(symbols))
        length = min(REACH + 1, (len(symbols) - 1) // count)
        inputs, targets = streams(symbols, count, length)[0]
        device = estimator.model_.device
        batch, last = _batch(inputs, device), torch.from_numpy(targets[-1]).to(device)

        def of_batch() -> Tensor:
            return nn.functional.cross_entropy(network(batch).logits[-1], last, reduction="sum")

        return of_batch

    def shown(self, estimator: Generator) -> Judged:
        """`samples` at some temperatures."""
        return {
            "samples": [
                {"temperature": t, "text": estimator.sample("", LENGTH, temperature=t)}
                for t in TEMPERATURES
            ]
        }

    def _blocks(self, symbols: NDArray[np.int64]) -> int:
        """As many as wanted, fewer where each would have less than 32 symbols."""
        return max(1, min(BLOCKS, len(symbols) // 32))


def symbols_of(
    settings: GenerateSettings, text: str
) -> tuple[Tokenizer, Vocabulary, NDArray[np.int64], NDArray[np.int64]]:
    """A text as a generator reads it: tokenizer, vocabulary, training and validation symbols."""
    found = prepare(settings, cells.find(settings.cell), text)
    symbols = np.asarray(found.training), np.asarray(found.validation)
    return found.model.tokenizer, found.model.vocabulary, *symbols


def _symbols(text: str, split: Tokenizer, known: Vocabulary) -> NDArray[np.int64]:
    store = Store(split)
    store.add_long([text])
    if len(store) < 3:
        raise DataError(f"a held-out text of {len(store)} tokens is too short for evaluation")
    return np.asarray(store.tokens(known))


def _batch(symbols: NDArray[np.int64], device: torch.device) -> GenerateBatch:
    return GenerateBatch(torch.from_numpy(symbols).to(device))


def _scored(scores: list[float]) -> Judged:
    """The measures of blocks of these nats each."""
    return {**of_nats(math.fsum(scores) / len(scores)), "scores": scores}
