"""Turn sequences into others: encoder → bridge → decoder with attention → symbols."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from ostinato import data
from ostinato.data import Pairs, Skipped
from ostinato.data.extra import extra
from ostinato.decode import Hypothesis
from ostinato.equation import Cell
from ostinato.errors import DataError
from ostinato.tasks.base.estimator import reproducible
from ostinato.tasks.base.legacy import LegacyEstimator
from ostinato.tasks.base.stored import from_json
from ostinato.tasks.transduce.codec import LONGEST, Side
from ostinato.tasks.transduce.learner import (
    Batch,
    Encoded,
    TransduceLearner,
    batch_of,
    steps_first,
)
from ostinato.tasks.transduce.measures import EXTRA, Measures, measure
from ostinato.tasks.transduce.network import TransduceNetwork
from ostinato.tasks.transduce.settings import TransduceSettings
from ostinato.train import Progress, ProgressHook, Run, fit

_TIMES = 10  # as long as the longest of training: a source that is still read


@dataclass(frozen=True)
class Transduction:
    """An output that was found.

    Attributes:
        text: the output.
        tokens: its tokens.
        source: the tokens of what it was found for.
        log_probability: of all its symbols, the end included, in nats.
        score: what it was ranked by: the log-probability over the length penalty.
        alignment: how much each token of the source (S) counted for each of the output (T): (T, S),
            rows summing to 1; None without attention.
    """

    text: str
    tokens: list[str]
    source: list[str]
    log_probability: float
    score: float
    alignment: NDArray[np.float32] | None


class Transducer(LegacyEstimator[TransduceSettings]):
    """Turns texts into others: translates, spells out, normalises.

    `Transducer("gru", target={"tokenizer": "white_space"})`: the settings are those of
    `TransduceSettings`.

    Args:
        cell: a cell, its name, or `path/to/file.py:name`.
        seed: fixes everything random.
        source: what is read, see `SourceSettings`.
        target: what is written, see `TargetSettings`.
        data: how pairs are put together, see `TransduceData`.
        model: the network, see `TransduceModel`.
        decoding: how outputs are searched for, see `Decoding`.
        train: the loop, see `Training`.

    After `fit`: `source_` and `target_` (each a `Side`), `network_`, `history_` (a record for each
    epoch), `validation_` (the pairs held out), `references_` (pairs that are not trained on because
    their source is among those held out: further references), and `longer_`, how many are not
    because a side is longer than `data.max_tokens`.
    """

    kind = TransduceSettings

    def __init__(
        self,
        cell: str | Cell = "lstm",
        *,
        seed: int = 0,
        source: dict[str, Any] | None = None,
        target: dict[str, Any] | None = None,
        data: dict[str, Any] | None = None,
        model: dict[str, Any] | None = None,
        decoding: dict[str, Any] | None = None,
        train: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(cell, seed=seed, data=data, model=model, train=train)
        self.source = source
        self.target = target
        self.decoding = decoding

    def fit(
        self,
        sources: Sequence[str] | Pairs,
        targets: Sequence[str] | None = None,
        *,
        validation: Pairs | None = None,
        run: Run | None = None,
        show: Callable[[Progress], None] = lambda progress: None,
        resume: bool = False,
        skipped: Skipped | None = None,
    ) -> Self:
        """Trains on pairs.

        Args:
            sources: the texts to be turned, or `Pairs`.
            targets: what each is turned into; None for `Pairs`.
            validation: pairs that choose the best epoch; None holds a part of the others out.
                Pairs whose source is among these are not trained on.
            run: where to log and save; None saves nothing.
            show: is told of the progress.
            resume: go on from the newest checkpoint of `run`.
            skipped: what was left out of the data, for the manifest of `run`.

        Raises:
            DataError: when a row is empty or no text, all are too long, or jiwer is missing.
        """
        extra("jiwer", EXTRA)  # before training rather than after the first epoch
        settings = self.settings()
        pairs, digests = _pairs(sources, targets), {}
        if run:
            digests["sha256"] = pairs.fingerprint()
            if validation is not None:
                digests["validation_sha256"] = validation.fingerprint()
        self.skipped_ = skipped
        if validation is None:
            pairs, validation = pairs.split(settings.data.validation, settings.seed)
        held = set(validation.sources)
        kept = [k for k, source in enumerate(pairs.sources) if source not in held]
        known = sorted(set(range(len(pairs))).difference(kept))
        self.validation_, self.references_ = validation, pairs.select(known)
        pairs = pairs.select(kept)

        self.source_, source, lengths = Side.learn(pairs.sources, settings.source, "source")
        self.target_, target, steps = Side.learn(pairs.targets, settings.target, "target")
        fits = np.maximum(lengths, steps) <= settings.data.max_tokens
        self.longer_ = len(pairs) - int(fits.sum())
        if not fits.any():
            raise DataError(
                f"all pairs are longer than data.max_tokens = {settings.data.max_tokens}"
            )
        with reproducible(settings.seed, settings.train.threads):
            self.network_ = self._built()
            learner = TransduceLearner(
                self.network_,
                settings,
                (source, target),
                np.where(fits, lengths + steps, 0),
                self._encode(validation),
            )
            if run:
                self._begin(run, self.network_.recurrent, digests, resume)
            self.history_ = fit(learner, settings.train, run, [ProgressHook(show)], resume)
        if run:
            self._finish(run)
        return self

    def search(
        self,
        texts: Sequence[str],
        *,
        beam: int | None = None,
        best: int = 1,
        alpha: float | None = None,
    ) -> list[list[Transduction]]:
        """The most probable outputs for each text that beam search finds, the best first.

        Args:
            texts: the sources.
            beam: hypotheses kept at each step; 1 is greedy. None is `decoding.beam`.
            best: how many are returned for a text, at most `beam`.
            alpha: the length penalty; None is `decoding.alpha`.

        Raises:
            ConfigError: for numbers out of range.
            DataError: for a single text in place of a list, what is no text, or a text that is far
                longer than those of training.
        """
        check_is_fitted(self)
        self.network_.eval()
        settings = self.settings()
        beam = settings.decoding.beam if beam is None else beam
        alpha = settings.decoding.alpha if alpha is None else alpha
        texts = data.texts_of(texts)
        sequences = self.source_.encode(texts)
        found: list[list[Transduction]] = [[] for _ in texts]
        lengths = list(map(len, sequences))
        self._refuse_long(lengths)
        for batch in data.bucketed(lengths, settings.data.batch_tokens, 0, 0):
            for limit, alike in groupby(batch, lambda i: self._limit(lengths[i])):
                rows = list(alike)
                source, steps = steps_first([sequences[i] for i in rows])
                hypotheses = self.network_.search(
                    source, steps, limit, beam=beam, best=best, alpha=alpha
                )
                looks = self._alignments(source, steps, hypotheses)
                for i, own in zip(rows, hypotheses, strict=True):
                    tokens = self.source_.tokens(texts[i])
                    found[i] = [self._transduction(h, tokens, next(looks)) for h in own]
        return found

    def predict(self, texts: Sequence[str], **options: Any) -> list[str]:
        """The best output for each text; options as for `search`."""
        return [found[0].text for found in self.search(texts, **options)]

    def evaluate(
        self,
        sources: Sequence[str] | Pairs,
        targets: Sequence[str] | None = None,
        *,
        more: Pairs | None = None,
        **options: Any,
    ) -> Measures:
        """How near outputs are to their references; see `Measures`.

        Args:
            sources: the texts, or `Pairs`.
            targets: the reference of each; None for `Pairs`.
            more: further references.
            options: as for `search`.
        """
        pairs = _pairs(sources, targets)
        texts = list(dict.fromkeys(pairs.sources))
        return measure(dict(zip(texts, self.predict(texts, **options), strict=True)), pairs, more)

    def score(self, sources: Sequence[str] | Pairs, targets: Sequence[str] | None = None) -> float:
        """The part of texts whose output equals one of their references."""
        return self.evaluate(sources, targets).exact_match

    def unknown(self, texts: Sequence[str]) -> Counter[str]:
        """The tokens of texts that were not in the training data, and how often they come."""
        check_is_fitted(self)
        return self.source_.unknown(texts)

    def encode(self, pairs: Pairs) -> Batch:
        """Pairs as the network takes them."""
        boundary = self.network_.boundary
        return batch_of(*self._encode(pairs), range(len(pairs)), boundary)

    def _network(self, cell: Cell) -> TransduceNetwork:
        sizes = len(self.source_.vocabulary), len(self.target_.vocabulary)
        return TransduceNetwork(cell, self.settings().model, *sizes)

    def _read(self, run: Run) -> None:
        settings = self.settings()
        self.source_ = from_json(run, "source.json", lambda w: Side.from_json(w, settings.source))
        self.target_ = from_json(run, "target.json", lambda w: Side.from_json(w, settings.target))

    def _write(self, run: Run) -> None:
        run.write_json("source.json", self.source_.to_json())
        run.write_json("target.json", self.target_.to_json())

    def _encode(self, pairs: Pairs) -> Encoded:
        return self.source_.encode(pairs.sources), self.target_.encode(pairs.targets)

    def _refuse_long(self, lengths: Sequence[int]) -> None:
        """Refuses what would take time with the square of a length that it knows nothing of."""
        most = _TIMES * max(self.source_.longest, self.settings().data.max_tokens)
        for number, length in enumerate(lengths, start=1):
            if length > most:
                raise DataError(
                    f"text {number} has {length:,} symbols, and at most {most:,} are read, "
                    f"{_TIMES} times as many as in training; cut it into parts"
                )

    def _limit(self, length: int) -> int:
        """The most symbols of an output for a source of this length.

        As many as the longest target that was trained on, or longer by as much as the source is
        longer than any that was.
        """
        longest = self.target_.longest * max(length, self.source_.longest)
        return min(-(-longest // self.source_.longest), LONGEST)

    def _alignments(
        self, source: Tensor, lengths: Tensor, hypotheses: Sequence[Sequence[Hypothesis]]
    ) -> Iterator[NDArray[np.float32] | None]:
        """The weights of attention for each hypothesis of each source, one after the other."""
        rows = [row for row, own in enumerate(hypotheses) for _ in own]
        if self.network_.decoder.attention is None:
            yield from (None for _ in rows)
            return
        begin = self.network_.boundary
        given = [np.array([begin, *h.symbols]) for own in hypotheses for h in own]
        yield from self.network_.alignments(
            source, lengths, steps_first(given)[0], torch.tensor(rows)
        ).numpy()

    def _transduction(
        self, found: Hypothesis, source: list[str], look: NDArray[np.float32] | None
    ) -> Transduction:
        tokens = self.target_.vocabulary.decode(found.symbols)
        return Transduction(
            text=self.target_.tokenizer.join(tokens),
            tokens=tokens,
            source=source,
            log_probability=found.log_probability,
            score=found.score,
            alignment=None if look is None else look[: len(tokens), : max(1, len(source))],
        )


def _pairs(sources: Sequence[str] | Pairs, targets: Sequence[str] | None) -> Pairs:
    if isinstance(sources, Pairs):
        return sources
    if targets is None:
        raise DataError("targets are missing: give them, or Pairs")
    return data.pairs_of(sources, targets)
