"""From pairs to all that training a transducer begins with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ostinato.data import Pairs
from ostinato.data.symbols.vocabulary import unknown_share
from ostinato.equation import Cell
from ostinato.errors import DataError
from ostinato.tasks.base import defaults
from ostinato.tasks.base.defaults import Facts
from ostinato.tasks.base.estimator import Prepared
from ostinato.tasks.base.words import Table, begin_with, fitted
from ostinato.tasks.transduce.codec import TextCodec
from ostinato.tasks.transduce.learner import TransduceLearner
from ostinato.tasks.transduce.model import TransduceModel
from ostinato.tasks.transduce.sequences import TransduceSequences
from ostinato.tasks.transduce.settings import TransduceSettings
from ostinato.train import Record


@dataclass
class TransducePrepared(Prepared):
    """What training a transducer begins with.

    Attributes:
        model: the transducer, without a network.
        digests: see `Prepared`.
        training: the pairs to learn from.
        lengths: the tokens of each, source and target together (N,); 0 where they are too many.
        validation: the pairs held out.
        references: pairs that are not trained on because their source is held out.
        tables: what the embeddings of source and target begin with, see `KnownWords`.
    """

    model: TransduceModel
    digests: dict[str, str]
    training: TransduceSequences
    lengths: NDArray[np.int64]
    validation: Pairs
    references: Pairs
    tables: tuple[Table, Table]

    def learner(self) -> TransduceLearner:
        """See `Prepared`."""
        model = self.model
        held_out = model.pairs(self.validation)
        begin_with(self.tables[0], [model.network.encoder.embedding])
        begin_with(self.tables[1], [model.network.decoder.embedding])
        return TransduceLearner(self.model, self.training, self.lengths, held_out)

    def no_better(self, record: Record) -> str | None:
        """See `Prepared`: outputs in which next to no token is right."""
        return "an empty output" if record["error_rate"] >= 1 else None

    def unknown(self) -> float | None:
        """See `Prepared`; of sources."""
        return unknown_share(self.model.source.encode(self.validation.sources))


def prepare(
    settings: TransduceSettings, cell: Cell, pairs: Pairs, validation: Pairs | None, digest: bool
) -> TransducePrepared:
    """Holds pairs out, and learns from the others what their texts are read as.

    Args:
        settings: those of the transducer.
        cell: the recurrence.
        pairs: sources and their targets.
        validation: what chooses the epoch; None holds a part of the pairs out.
        digest: whether to compute the SHA-256 of what is trained on.

    Raises:
        DataError: when all pairs are too long, or no symbol comes often enough to be known.
    """
    digests = {}
    if digest:
        digests["sha256"] = pairs.fingerprint()
        if validation is not None:
            digests["validation_sha256"] = validation.fingerprint()
    if validation is None:
        pairs, validation = pairs.split(settings.data.validation, settings.seed)
    held = set(validation.sources)
    kept = [k for k, source in enumerate(pairs.sources) if source not in held]
    references = pairs.select(sorted(set(range(len(pairs))).difference(kept)))
    pairs = pairs.select(kept)

    settings = defaults.spelling(settings, pairs.sources, pairs.targets)
    network = settings.model
    read, sources, before = TextCodec.learn(
        pairs.sources, settings.source, "source", network.vectors, network.further_words
    )
    written, targets, after = TextCodec.learn(
        pairs.targets, settings.target, "target", network.target_vectors
    )
    lengths, steps = (
        np.fromiter(map(len, rows), np.int64, len(rows)) for rows in (sources, targets)
    )
    settings = fitted(settings, vectors=before, target_vectors=after)
    if digest:
        digests |= before.digests | {f"target_{k}": v for k, v in after.digests.items()}
    fits = np.maximum(lengths, steps) <= settings.data.max_tokens
    if not fits.any():
        raise DataError(f"all pairs are longer than data.max_tokens = {settings.data.max_tokens}")
    lengths = np.where(fits, lengths + steps, 0)
    facts = Facts(lengths[lengths > 0].tolist(), len(validation))
    settings = defaults.transduced(settings, facts, len(written.vocabulary))
    model = TransduceModel(settings=settings, cell=cell, source=read, target=written)
    return TransducePrepared(
        model=model,
        digests=digests,
        training=model.with_targets(sources, targets),
        lengths=lengths,
        validation=validation,
        references=references,
        tables=(before.table, after.table),
    )
