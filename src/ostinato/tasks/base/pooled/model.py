"""A trained model that answers once for a whole text, or series of numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, field
from typing import Self, TypeAlias, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ostinato import data
from ostinato.data import Rows, Symbols, Tokenizer, Vocabulary
from ostinato.data.series.signals import Signal, are_signals
from ostinato.errors import DataError
from ostinato.tasks.base.batch import Indices
from ostinato.tasks.base.model import Model
from ostinato.tasks.base.pooled.network import PooledBatch
from ostinato.tasks.base.pooled.numbers import Numbers
from ostinato.tasks.base.pooled.settings import PooledSettings
from ostinato.tasks.base.stored import from_json
from ostinato.tasks.base.symbols import read_symbols, write_symbols
from ostinato.train import Run

S = TypeVar("S", bound=PooledSettings)
B = TypeVar("B", bound=PooledBatch)
A = TypeVar("A", covariant=True)
EncodedRows: TypeAlias = Sequence[Symbols | Signal] | Rows
"""Symbols (T,), or numbers (T, D) on the scale of training, of each input."""


@dataclass(frozen=True)
class PooledSequences:
    """Texts as symbols, or signals on the scale of training.

    Attributes:
        rows: symbols (T,), or numbers (T, D), of each.
        linear: what a linear model says of them (N, K), if one answers too.
    """

    rows: EncodedRows
    linear: NDArray[np.float32] | None = None

    @property
    def lengths(self) -> list[int]:
        """See `Sequences`."""
        return list(map(len, self.rows))

    def padded(self, chosen: Indices) -> tuple[Tensor, Tensor]:
        """Values and lengths of some of them, as a batch has them."""
        values, lengths = data.pad([self.rows[i] for i in chosen])
        return torch.from_numpy(values), torch.from_numpy(lengths)

    def batch(self, chosen: Indices) -> PooledBatch:
        """See `Sequences`."""
        linear = None if self.linear is None else torch.from_numpy(self.linear[chosen])
        return PooledBatch(*self.padded(chosen), linear)


@dataclass(eq=False, kw_only=True)
class PooledModel(Model[S, "str | Signal", B, Tensor, A]):
    """A trained model that answers once for a whole text, or series of numbers.

    Attributes:
        tokenizer: what splits texts.
        vocabulary: the symbols that are known; none where series of numbers are read.
        numbers: the scale of training, where series of numbers are read in place of texts.
        bigrams: the pairs of symbols that have embeddings of their own (P, 2).
        linear: a linear model that answers with the network, if there is one.
    """

    tokenizer: Tokenizer | None = None
    vocabulary: Vocabulary | None = None
    numbers: Numbers | None = None
    bigrams: NDArray[np.int64] = field(default_factory=lambda: np.zeros((0, 2), np.int64))
    linear: object = None

    @property
    def batch_tokens(self) -> int:
        """See `Model`."""
        return self.settings.data.batch_tokens

    @property
    def symbols(self) -> int:
        """V; 0 where series of numbers are read."""
        return 0 if self.vocabulary is None else len(self.vocabulary)

    @property
    def features(self) -> int:
        """D of series of numbers; 0 where texts are read."""
        return 0 if self.numbers is None else len(self.numbers.mean)

    @property
    def linear_learns_all(self) -> bool:
        """Whether a linear model that answers too learns from the validation part in the end.

        Of series it does, of which there are often few. A validation set of one's own is left for
        whoever gave it to measure by.
        """
        return self.numbers is not None and not isinstance(self.settings.data.validation, str)

    def with_linear(self, member: object) -> Self:
        """The same model, in which another linear model answers with the network."""
        other = copy(self)
        other.linear = member
        return other

    def without_linear(self) -> Self:
        """The same model, in which the network answers alone."""
        return self.with_linear(None)

    def rows(self, inputs: Sequence[str | Signal]) -> EncodedRows:
        """Inputs as numbers; of longer ones the last steps, of an empty text an unknown symbol.

        Raises:
            DataError: for numbers in place of texts, or with another D.
        """
        keep = self.settings.data.max_tokens
        if self.numbers is not None:
            return self.numbers.scaled(inputs, keep)  # type: ignore[arg-type]
        if are_signals(inputs):
            raise DataError("this model was trained on texts, but these are numbers")
        split, known = self.text_codec()
        return [known.encode(split.split(str(text))[-keep:] or [""]) for text in inputs]

    def whole(self, texts: Sequence[str | Signal]) -> list[NDArray[np.int64]]:
        """Texts as symbols, however long they are."""
        split, known = self.text_codec()
        return [known.encode(split.split(str(text))) for text in texts]

    def unknown(self, texts: Sequence[str | Signal]) -> tuple[Counter[str], int]:
        """The tokens that are not known, with their counts, and how many tokens there are.

        Of longer texts those that are read. Nothing where series of numbers are.
        """
        count, total = Counter[str](), 0
        if self.numbers is None:
            split, known = self.text_codec()
            for text in texts:
                tokens = split.split(str(text))[-self.settings.data.max_tokens :]
                total += len(tokens)
                count.update(token for token in tokens if token not in known)
        return count, total

    def text_codec(self) -> tuple[Tokenizer, Vocabulary]:
        """What splits texts, and the symbols.

        Raises:
            DataError: where series of numbers are read.
        """
        if self.tokenizer is None or self.vocabulary is None:
            raise DataError("this model was trained on numbers: it has no vocabulary")
        return self.tokenizer, self.vocabulary

    def read_inputs(self, run: Run) -> None:
        """Reads what `write_inputs` wrote.

        Raises:
            RunError: when it is missing or damaged.
        """
        if run.holds("numbers.json"):
            self.numbers = from_json(run, "numbers.json", Numbers.from_json)
        else:
            self.tokenizer, self.vocabulary = read_symbols(run, self.settings.tokenizer)
        if self.settings.model.bigrams:
            self.bigrams = from_json(run, "bigrams.json", _pairs)

    def write_inputs(self, run: Run) -> None:
        """Writes how inputs become numbers."""
        if self.numbers is not None:
            run.write_json("numbers.json", self.numbers.to_json())
        else:
            write_symbols(run, *self.text_codec())
        if self.settings.model.bigrams:
            run.write_json("bigrams.json", self.bigrams.tolist())


AnyPooled = PooledModel[PooledSettings, PooledBatch, object]


def _pairs(listed: list[list[int]]) -> NDArray[np.int64]:
    return np.array(listed, np.int64).reshape(-1, 2)
