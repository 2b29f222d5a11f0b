"""From raw inputs to what a pooled network is trained on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ostinato.data import Examples, Rows, Store, Tokenizer, tokenizer
from ostinato.data.series.signals import are_signals
from ostinato.errors import ConfigError
from ostinato.nn import frequent_pairs
from ostinato.tasks.base import defaults
from ostinato.tasks.base.pooled.model import EncodedRows, PooledModel
from ostinato.tasks.base.pooled.network import PooledNetwork
from ostinato.tasks.base.pooled.numbers import Numbers
from ostinato.tasks.base.pooled.settings import PooledSettings
from ostinato.tasks.base.pretrained import LanguageModel
from ostinato.tasks.base.words import Table, begin_with, fitted, known_words, neighbours, token_of

_CHARACTERS = 2**25  # of texts that are held in memory


@dataclass(frozen=True)
class PooledInputs:
    """The inputs of both parts as numbers.

    Attributes:
        training, validation: the rows of each part.
        table: what the embeddings begin with (V, E); None is at random.
        layers: the weights that the recurrent layers begin with; where none are, they are at
            random.
        digests: the SHA-256 of what was read besides, by its name in the manifest.
    """

    training: EncodedRows
    validation: EncodedRows
    table: Table = None
    layers: Mapping[str, Tensor] = field(default_factory=dict)
    digests: Mapping[str, str] = field(default_factory=dict)

    def begin(self, networks: Iterable[PooledNetwork[Any]]) -> None:
        """Gives networks the weights that they begin with."""
        for network in networks:
            begin_with(self.table, [network.embedding])
            if self.layers:
                network.recurrent.load_state_dict(dict(self.layers))


def learn_inputs(
    model: PooledModel[Any, Any, Any], training: Sequence[Any], validation: Sequence[Any]
) -> PooledInputs:
    """Learns from the training part how inputs become numbers, and reads both parts.

    Gives the model its tokenizer, vocabulary and bigrams, or for series of numbers their scale.

    Raises:
        ConfigError: for settings that only texts can have, and series of numbers.
    """
    settings: PooledSettings = model.settings
    if are_signals(training):
        named = settings.model.for_texts()
        if any(named.values()):
            *names, last = named
            what = f"{', '.join(names)} and {last}"
            raise ConfigError(f"{what} are for texts, but these are numbers")
        model.numbers = Numbers.of(training)
        return PooledInputs(model.rows(training), model.rows(validation))
    before = _language_model(model)
    settings = model.settings
    if settings.model.vectors is None:  # which are of words
        settings = model.settings = defaults.reading(settings, training)
    size, least = settings.data.vocabulary, settings.data.min_count
    split = before.tokenizer if before else tokenizer(settings.tokenizer).train(training, size)
    model.tokenizer, store = split, _store(split, training, settings)
    frequent, seen = store.vocabulary(size, least), store.vocabulary(size, 1)
    table: Table
    if before:
        digests, (known, table) = before.digests, before.extended(frequent)
    else:
        chosen = settings.model
        words = known_words(chosen.vectors, chosen.further_words, frequent, seen, token_of(split))
        digests, known, table = words.digests, words.vocabulary, words.table
        model.settings = fitted(settings, vectors=words)
    model.vocabulary = known
    rows, held = store.rows(known), _store(split, validation, settings).rows(known)
    near = _counted(rows, settings)
    model.bigrams = frequent_pairs(near, len(known), settings.model.bigrams)
    if table is None:
        table = neighbours(settings, settings.model.start, near, len(known))
    return PooledInputs(rows, held, table, before.layers if before else {}, digests)


def _language_model(model: PooledModel[Any, Any, Any]) -> LanguageModel | None:
    """The language model that the network begins with, to which its settings are fitted."""
    settings: PooledSettings = model.settings
    if settings.model.pretrained is None:
        return None
    found = LanguageModel.read(settings.model.pretrained)
    model.settings = found.fitted(settings, model.cell)
    return found


def in_memory(examples: Examples) -> Examples:
    """All examples, or where they lie in a file every n-th, so that memory can hold them."""
    if isinstance(examples.texts, list):
        return examples
    step = -(-sum(map(len, examples.texts)) // _CHARACTERS)
    part = examples.select(range(0, len(examples), step))
    return Examples(list(part.texts), part.labels)


def _counted(rows: Rows, settings: PooledSettings) -> list[NDArray[np.int64]]:
    """Texts that fit into memory, where something is counted over them; else none."""
    if settings.model.start == "ppmi" or settings.model.bigrams:
        return [np.asarray(row) for row in rows]
    return []


def _store(split: Tokenizer, texts: Sequence[str], settings: PooledSettings) -> Store:
    store = Store(split, keep=settings.data.max_tokens)
    for text in texts:
        store.add(text)
    return store
