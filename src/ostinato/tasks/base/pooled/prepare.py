"""From raw inputs to what a pooled network is trained on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ostinato.data import Examples, Rows, Store, Tokenizer, tokenizer
from ostinato.data.series.signals import are_signals
from ostinato.data.symbols.cooccurrence import ppmi_vectors
from ostinato.errors import ConfigError
from ostinato.nn import Embedding, frequent_pairs
from ostinato.tasks.base import defaults
from ostinato.tasks.base.pooled.model import EncodedRows, PooledModel
from ostinato.tasks.base.pooled.network import PooledNetwork
from ostinato.tasks.base.pooled.numbers import Numbers
from ostinato.tasks.base.pooled.settings import PooledSettings

_CHARACTERS = 2**25  # of texts that are held in memory


@dataclass(frozen=True)
class PooledInputs:
    """The inputs of both parts as numbers.

    Attributes:
        training, validation: the rows of each part.
        near: symbols of the training texts in memory, where something is counted over them; else
            empty.
    """

    training: EncodedRows
    validation: EncodedRows
    near: list[NDArray[np.int64]]


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
        return PooledInputs(model.rows(training), model.rows(validation), [])
    settings = model.settings = defaults.reading(settings, training)
    size = settings.data.vocabulary
    model.tokenizer = tokenizer(settings.tokenizer).train(training, size)
    store = _store(model.tokenizer, training, settings)
    known = model.vocabulary = store.vocabulary(size, settings.data.min_count)
    rows, held = store.rows(known), _store(model.tokenizer, validation, settings).rows(known)
    near = _counted(rows, settings)
    model.bigrams = frequent_pairs(near, len(known), settings.model.bigrams)
    return PooledInputs(rows, held, near)


def start_embeddings(
    model: PooledModel[Any, Any, Any],
    networks: Iterable[PooledNetwork[Any]],
    near: Sequence[NDArray[np.int64]],
) -> None:
    """Gives networks the embeddings that training begins with, where settings ask for PPMI."""
    settings: PooledSettings = model.settings
    if settings.model.start != "ppmi":
        return
    vectors = ppmi_vectors(near, model.symbols, settings.model.embedding, settings.seed)
    table = torch.from_numpy(0.3 * vectors).to(model.device)
    for network in networks:
        if isinstance(network.embedding, Embedding):
            network.embedding.weight.data = table


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
