"""From a text to all that training a generator begins with."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ostinato.data import Store, Symbols, tokenizer, train_on_beginning
from ostinato.data.symbols.batches import frequencies
from ostinato.equation import Cell
from ostinato.errors import DataError
from ostinato.nn import SampledSoftmax
from ostinato.tasks.base import defaults
from ostinato.tasks.base.estimator import Prepared
from ostinato.tasks.generate.baseline import WEIGHED, NGram, fit_ngram
from ostinato.tasks.generate.ensemble import NGramMember
from ostinato.tasks.generate.learner import GenerateLearner
from ostinato.tasks.generate.model import GenerateModel
from ostinato.tasks.generate.ngrams import P
from ostinato.tasks.generate.settings import GenerateSettings
from ostinato.train import Record, Run


@dataclass
class GeneratePrepared(Prepared):
    """What training a generator begins with.

    Attributes:
        model: the generator, without a network.
        digests: see `Prepared`.
        training, validation: the symbols of both parts of the text.
        characters: how many characters the validation text has.
        baseline: the n-gram model, once it is counted.
    """

    model: GenerateModel
    digests: dict[str, str]
    training: Symbols
    validation: Symbols
    characters: int
    baseline: NGram | None = None
    _learner: GenerateLearner = field(init=False)
    _said: list[P] = field(init=False)  # by n-grams, of the validation text

    def learner(self) -> GenerateLearner:
        """See `Prepared`."""
        model, samples = self.model, self.model.settings.model.sampled_softmax
        sampled = None
        if samples:
            sampled = SampledSoftmax(torch.from_numpy(self.frequencies), samples).to(model.device)
        self._learner = GenerateLearner(
            model, self.training, self.validation, self.characters, sampled
        )
        return self._learner

    def finish(self) -> None:
        """Finds who answers: the network, or n-grams too."""
        model = self.model
        if self.baseline and not model.settings.model.alone:
            network, symbols = self._learner.held_out(WEIGHED), len(model.vocabulary)
            model.ngrams = NGramMember.fit(
                self.training, self.validation, network, self._said, symbols
            )

    @cached_property
    def frequencies(self) -> NDArray[np.int64]:
        """How often each token comes in the training text (V,)."""
        return frequencies(self.training, len(self.model.vocabulary))

    def no_better(self, record: Record) -> str | None:
        """See `Prepared`: how frequent each token is in training."""
        p = (self.frequencies + 1.0) / (self.frequencies + 1.0).sum()
        held = frequencies(self.validation, len(p))
        nats = -(held @ np.log(p)) / held.sum()
        found = f"how frequent each token is ({nats:.3f} nats per token)"
        return found if record["nats"] >= nats else None

    def fit_baseline(self, run: Run | None) -> None:
        """Counts n-grams of the training text, and measures them on the validation text."""
        found = fit_ngram(self.training, self.validation, len(self.model.vocabulary))
        self.baseline, self._said = found
        if run:
            run.write_json("baseline.json", self.baseline.record())


def prepare(
    settings: GenerateSettings, cell: Cell, text: str | Iterable[str], folder: Path | None = None
) -> GeneratePrepared:
    """Splits a text into symbols, and holds its last part out.

    Args:
        settings: those of the generator.
        cell: the recurrence.
        text: the text, whole or in chunks; what is longer than memory should hold is kept as
            numbers in a file.
        folder: where that file lies; None is the system's folder for such files.

    Raises:
        DataError: when no symbol comes often enough to be known.
    """
    size = settings.data.vocabulary
    digest = hashlib.sha256()
    chunks = hashed([text] if isinstance(text, str) else text, digest)
    kept = 1 - max(settings.data.validation, 0.1)  # surely of the training part
    split, chunks = train_on_beginning(tokenizer(settings.tokenizer), chunks, size, kept)
    store = Store(split, folder)
    store.add_long(chunks)
    settings = defaults.held_out(settings, len(store))
    end = len(store) - round(len(store) * settings.data.validation)
    known = store.vocabulary(size, settings.data.min_count, end)
    if end and len(known) < 2:
        raise DataError(f"no token occurs data.min_count = {settings.data.min_count} times")
    symbols = store.tokens(known)
    settings = defaults.generated(settings, end, len(known))
    return GeneratePrepared(
        model=GenerateModel(settings=settings, cell=cell, tokenizer=split, vocabulary=known),
        digests={"sha256": digest.hexdigest()},
        training=symbols[:end],
        validation=symbols[end:],
        characters=store.characters(end),
    )


def hashed(chunks: Iterable[str], digest: hashlib._Hash) -> Iterator[str]:
    """The chunks, one after the other, once they are part of a digest."""
    for chunk in chunks:
        digest.update(chunk.encode())
        yield chunk
