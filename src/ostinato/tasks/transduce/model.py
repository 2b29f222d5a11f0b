"""A trained transducer: texts into the most probable other texts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import groupby

import numpy as np
import torch
from numpy.typing import NDArray

from ostinato import data
from ostinato.data import Pairs
from ostinato.decode import Hypothesis
from ostinato.equation import Cell
from ostinato.errors import DataError
from ostinato.tasks.base.batch import Indices
from ostinato.tasks.base.model import Model, check_inputs
from ostinato.tasks.base.stored import from_json
from ostinato.tasks.transduce.codec import LONGEST, TextCodec
from ostinato.tasks.transduce.network import TransduceBatch, TransduceNetwork, TransduceOutputs
from ostinato.tasks.transduce.sequences import TransduceSequences, steps_first
from ostinato.tasks.transduce.settings import TransduceSettings
from ostinato.train import Run

_TIMES = 10  # as long as the longest of training: a source that is still read


@dataclass(frozen=True)
class Transduction:
    """An output of beam search.

    Attributes:
        text: the output.
        tokens: its tokens.
        source: the tokens of the source.
        log_probability: of all symbols, including the end, in nats.
        score: the log-probability divided by the length penalty.
        alignment: the attention weights of the source tokens (S) for each output token (T): (T,
        S), rows sum to 1; None without attention.
    """

    text: str
    tokens: list[str]
    source: list[str]
    log_probability: float
    score: float
    alignment: NDArray[np.float32] | None

    def to_json(self) -> dict[str, object]:
        """Plain data."""
        look = self.alignment
        return {
            "text": self.text,
            "tokens": self.tokens,
            "source": self.source,
            "log_probability": self.log_probability,
            "score": self.score,
            "alignment": None if look is None else look.tolist(),
        }


@dataclass(eq=False, kw_only=True)
class TransduceModel(Model[TransduceSettings, str, TransduceBatch, TransduceOutputs, Transduction]):
    """A trained transducer.

    Attributes:
        source: the codec of what is read.
        target: the codec of what is written.
    """

    kind = TransduceSettings

    network: TransduceNetwork = field(init=False)
    source: TextCodec
    target: TextCodec

    @property
    def batch_tokens(self) -> int:
        """See `Model`."""
        return self.settings.data.batch_tokens

    def sequences(self, inputs: Sequence[str]) -> TransduceSequences:
        """See `Model`.

        Raises:
            DataError: for a text that is far longer than those of training.
        """
        sources = self.source.encode(inputs)
        self._refuse_long(list(map(len, sources)))
        return TransduceSequences(sources)

    def pairs(self, pairs: Pairs) -> TransduceSequences:
        """Pairs as numbers."""
        return self.with_targets(
            self.source.encode(pairs.sources), self.target.encode(pairs.targets)
        )

    def with_targets(
        self, sources: Sequence[data.Symbols], targets: Sequence[data.Symbols]
    ) -> TransduceSequences:
        """Sources with their targets, which begin and end with the symbol after the last one."""
        return TransduceSequences(sources, targets, len(self.target.vocabulary))

    def batches(self, lengths: Sequence[int]) -> Sequence[Indices]:
        """See `Model`: sources whose outputs may be as long, too."""
        return [
            np.array(list(alike))
            for batch in super().batches(lengths)
            for _, alike in groupby(batch, lambda i: self.limit(lengths[i]))
        ]

    def decode(self, outputs: TransduceOutputs, batch: TransduceBatch) -> list[Transduction]:
        """See `Model`; what is not known of a source reads `<unk>`."""
        return [best for best, *_ in self.best(outputs, batch)]

    def predict(self, inputs: Sequence[str]) -> list[Transduction]:
        """See `Model`."""
        check_inputs(inputs)
        return [best for best, *_ in self.search(inputs)]

    def search(
        self,
        inputs: Sequence[str],
        *,
        beam: int | None = None,
        best: int = 1,
        alpha: float | None = None,
    ) -> list[list[Transduction]]:
        """The most probable outputs for each text found by beam search, the best first.

        Args:
            inputs: the sources.
            beam: the number of hypotheses; 1 is greedy. None: `decoding.beam`.
            best: the number of outputs per text, at most `beam`.
            alpha: the length penalty; None: `decoding.alpha`.

        Raises:
            ConfigError: for numbers out of range.
            DataError: for a text that is far longer than those of training.
        """
        if not inputs:
            return []
        answer = partial(self.best, beam=beam, best=best, alpha=alpha)
        return [
            [replace(each, source=self.source.tokens(text)) for each in own]
            for text, own in zip(inputs, self.over(self.sequences(inputs), answer), strict=True)
        ]

    def best(
        self,
        outputs: TransduceOutputs,
        batch: TransduceBatch,
        *,
        beam: int | None = None,
        best: int = 1,
        alpha: float | None = None,
    ) -> list[list[Transduction]]:
        """The most probable outputs for each source of a batch; see `search`."""
        decoding, lengths = self.settings.decoding, batch.lengths.tolist()
        found = self.network.search(
            outputs,
            self.limit(max(lengths)),
            beam=decoding.beam if beam is None else beam,
            best=best,
            alpha=decoding.alpha if alpha is None else alpha,
        )
        looks = self._alignments(outputs, found)
        sources = [s[:n].tolist() for s, n in zip(batch.source.T, lengths, strict=True)]
        return [
            [self._transduction(h, source, next(looks)) for h in own]
            for own, source in zip(found, sources, strict=True)
        ]

    def limit(self, length: int) -> int:
        """The most symbols of an output for a source of this length.

        As many as the longest target that was trained on, or longer by as much as the source is
        longer than any that was.
        """
        longest = self.target.longest * max(length, self.source.longest)
        return min(-(-longest // self.source.longest), LONGEST)

    def new_network(self) -> TransduceNetwork:
        """See `Model`."""
        sizes = len(self.source.vocabulary), len(self.target.vocabulary)
        return TransduceNetwork(self.cell, self.settings.model, *sizes)

    @classmethod
    def read_parts(cls, run: Run, settings: TransduceSettings, cell: Cell) -> TransduceModel:
        """See `Model`."""
        source = from_json(run, "source.json", lambda w: TextCodec.from_json(w, settings.source))
        target = from_json(run, "target.json", lambda w: TextCodec.from_json(w, settings.target))
        return cls(settings=settings, cell=cell, source=source, target=target)

    def write_parts(self, run: Run) -> None:
        """See `Model`."""
        run.write_json("source.json", self.source.to_json())
        run.write_json("target.json", self.target.to_json())

    def _refuse_long(self, lengths: Sequence[int]) -> None:
        """Refuses what would take time with the square of a length that it knows nothing of."""
        most = _TIMES * max(self.source.longest, self.settings.data.max_tokens)
        for number, length in enumerate(lengths, start=1):
            if length > most:
                raise DataError(
                    f"text {number} has {length:,} tokens, more than the "
                    f"limit of {most:,}, which is {_TIMES} times the longest "
                    "one in training; split it"
                )

    def _alignments(
        self, outputs: TransduceOutputs, hypotheses: Sequence[Sequence[Hypothesis]]
    ) -> Iterator[NDArray[np.float32] | None]:
        """The weights of attention for each hypothesis of each source, one after the other."""
        rows = [row for row, own in enumerate(hypotheses) for _ in own]
        begin, device = self.network.boundary, self.device
        targets = [np.array([begin, *h.symbols]) for own in hypotheses for h in own]
        given = steps_first(targets)[0].to(device)
        looks = self.network.alignments(outputs, given, torch.tensor(rows, device=device))
        yield from [None] * len(rows) if looks is None else looks.cpu().numpy()

    def _transduction(
        self, found: Hypothesis, source: list[int], look: NDArray[np.float32] | None
    ) -> Transduction:
        tokens = self.target.vocabulary.decode(found.symbols)
        return Transduction(
            text=self.target.tokenizer.join(tokens),
            tokens=tokens,
            source=self.source.vocabulary.decode(source),
            log_probability=found.log_probability,
            score=found.score,
            alignment=None if look is None else look[: len(tokens), : len(source)],
        )
