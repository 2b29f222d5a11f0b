"""Sequence to sequence: encoder → bridge → decoder with attention → symbols."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Self, TypedDict, Unpack

from sklearn.utils.validation import check_is_fitted

from ostinato import data
from ostinato.data import Pairs
from ostinato.data.extra import extra
from ostinato.equation import Cell
from ostinato.errors import DataError
from ostinato.tasks.base.estimator import Estimator, Fitting
from ostinato.tasks.transduce.codec import TextCodec
from ostinato.tasks.transduce.measures import EXTRA, Measures, measure
from ostinato.tasks.transduce.model import TransduceModel, Transduction
from ostinato.tasks.transduce.prepare import prepare
from ostinato.tasks.transduce.settings import TransduceSettings


class Search(TypedDict, total=False):
    """How outputs are searched for; see `TransduceModel.search`."""

    beam: int | None
    alpha: float | None


class Transducer(Estimator[TransduceSettings]):
    """A sequence-to-sequence model of texts, for example for translation.

    `Transducer("gru", target={"tokenizer": "white_space"})`: the settings are those of
    `TransduceSettings`.

    Args:
        cell: a cell, its name, or `path/to/file.py:name`.
        seed: the seed of all random numbers.
        source: settings of the source, see `SourceSettings`.
        target: settings of the target, see `TargetSettings`.
        data: settings of the data, see `TransduceData`.
        model: settings of the network, see `TransduceModel`.
        decoding: settings of beam search, see `Decoding`.
        train: settings of training, see `Training`.
        baseline: has no effect; there is no baseline beside a transducer.

    After `fit`: `model_`, the trained `TransduceModel`, and of its parts `source_` and `target_`
    (each a `TextCodec`) and `network_`; `history_` (a record for each epoch), `validation_` (the
    pairs held out), `references_` (pairs that are not trained on because their source is among
    those held out: further references), and `longer_`, how many are not because source or target
    is longer than `data.max_tokens`.
    """

    kind = TransduceSettings
    model_type = TransduceModel
    model_: TransduceModel

    def __init__(
        self,
        cell: str | Cell = "lstm",
        *,
        seed: int = 0,
        source: Mapping[str, object] | None = None,
        target: Mapping[str, object] | None = None,
        data: Mapping[str, object] | None = None,
        model: Mapping[str, object] | None = None,
        decoding: Mapping[str, object] | None = None,
        train: Mapping[str, object] | None = None,
        baseline: bool = True,
    ) -> None:
        super().__init__(cell, seed=seed, data=data, model=model, train=train, baseline=baseline)
        self.source = source
        self.target = target
        self.decoding = decoding

    def fit(
        self,
        sources: Sequence[str] | Pairs,
        targets: Sequence[str] | None = None,
        *,
        validation: Pairs | None = None,
        **options: Unpack[Fitting],
    ) -> Self:
        """Trains on pairs.

        Args:
            sources: the source texts, or `Pairs`.
            targets: the target texts; None for `Pairs`.
            validation: the validation set, which chooses the best epoch; None: hold out a part.
            Pairs whose source is in it are not used for training. options: see `Fitting`.

        Raises:
            DataError: when a row is empty or not a text, all are too long, or jiwer is missing.
        """
        extra("jiwer", EXTRA)  # before training rather than after the first epoch
        settings, digest = self._settings(options), options.get("run") is not None
        pairs = _pairs(sources, targets)
        prepared = prepare(settings, self._cell(), pairs, validation, digest)
        self.validation_, self.references_ = prepared.validation, prepared.references
        self.longer_ = int((prepared.lengths == 0).sum())
        return self._train(prepared, **options)

    def search(
        self,
        texts: Sequence[str],
        *,
        beam: int | None = None,
        best: int = 1,
        alpha: float | None = None,
    ) -> list[list[Transduction]]:
        """The most probable outputs for each text found by beam search, the best first.

        Args:
            texts: the sources.
            beam: the number of hypotheses; 1 is greedy. None: `decoding.beam`.
            best: the number of outputs per text, at most `beam`.
            alpha: the length penalty; None: `decoding.alpha`.

        Raises:
            ConfigError: for numbers out of range.
            DataError: for a single text instead of a list, an entry that is not a text, or a text
            that is far longer than those of training.
        """
        check_is_fitted(self, "model_")
        return self.model_.search(data.texts_of(texts), beam=beam, best=best, alpha=alpha)

    def predict(self, texts: Sequence[str], **options: Unpack[Search]) -> list[str]:
        """The best output for each text; options as for `search`."""
        return [found[0].text for found in self.search(texts, **options)]

    def evaluate(
        self,
        sources: Sequence[str] | Pairs,
        targets: Sequence[str] | None = None,
        *,
        more: Pairs | None = None,
        **options: Unpack[Search],
    ) -> Measures:
        """Evaluates the outputs; see `Measures`.

        Args:
            sources: the texts, or `Pairs`.
            targets: the reference of each; None for `Pairs`.
            more: additional references.
            options: as for `search`.
        """
        pairs = _pairs(sources, targets)
        texts = list(dict.fromkeys(pairs.sources))
        return measure(dict(zip(texts, self.predict(texts, **options), strict=True)), pairs, more)

    def score(self, sources: Sequence[str] | Pairs, targets: Sequence[str] | None = None) -> float:
        """Exact match: the fraction of texts whose output equals one of their references."""
        return self.evaluate(sources, targets).exact_match

    def unknown(self, texts: Sequence[str]) -> Counter[str]:
        """The unknown tokens of texts, and their counts."""
        check_is_fitted(self, "model_")
        return self.source_.unknown(texts)

    @property
    def source_(self) -> TextCodec:
        """The codec of what is read."""
        return self.model_.source

    @property
    def target_(self) -> TextCodec:
        """The codec of what is written."""
        return self.model_.target


def _pairs(sources: Sequence[str] | Pairs, targets: Sequence[str] | None) -> Pairs:
    if isinstance(sources, Pairs):
        return sources
    if targets is None:
        raise DataError("targets are missing: give targets, or Pairs")
    return data.pairs_of(sources, targets)
