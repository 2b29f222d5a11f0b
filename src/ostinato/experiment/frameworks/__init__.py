"""One classifier, trained by several frameworks: one file for each.

A framework's file has `train(plan, show) -> TrainingResult`; `missing()`, which says what has to be
installed first, or None; `APART`, whether it needs a process of its own; its `TITLE`; and perhaps
`shaken(plan, show) -> TrainingResult`, which trains once more with roundings of its own making.

Everything that decides what is learned lies in the plan: first weights, batches and their order,
learning rates. What differs is what frameworks are compared for: how each computes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from ostinato import cells, data, registry
from ostinato.data import Examples, Store, tokenizer
from ostinato.errors import DataError, quoted
from ostinato.tasks.classify.network import ClassifyNetwork
from ostinato.tasks.classify.settings import ClassifySettings
from ostinato.train.random_state import reproducible
from ostinato.train.schedule import rate
from ostinato.weights.torch import from_torch, to_torch

Weights = dict[str, NDArray[np.float32]]
"""Weights by the names that they have in a `ClassifyNetwork`."""
Show = Callable[[float, str], None]
"""Called with the fraction that is done, and the state in words."""
EPSILON = 1e-8
"""Adam's ε̂: what is added to √v, without the correction of v's beginning.

Keras adds it so (Kingma & Ba 2015, the form at the end of section 2), PyTorch after the correction
(their algorithm 1): ε̂ / √(1 - β₂^t) in PyTorch at step t is ε̂ in Keras.
"""


@dataclass(frozen=True)
class TrainingPlan:
    """What is to be learned, and all that decides how.

    Attributes:
        settings: sizes, batches, the optimiser; without noise.
        symbols: V.
        classes: the labels, K of them.
        training: texts as symbols (T,) int64, and their classes (N,).
        held: the same of what is held out.
        weights: those to begin with, see `canonical`.
    """

    settings: ClassifySettings
    symbols: int
    classes: list[str]
    training: tuple[list[NDArray[np.int64]], NDArray[np.int64]]
    held: tuple[list[NDArray[np.int64]], NDArray[np.int64]]
    weights: Weights = field(repr=False)

    @cached_property
    def epochs(self) -> list[list[NDArray[np.intp]]]:
        """For each epoch its batches, for each batch its texts."""
        lengths, seed = list(map(len, self.training[0])), self.settings.seed
        size, epochs = self.settings.data, self.settings.train.epochs
        return [
            data.bucketed(lengths, size.batch_tokens, seed, epoch, size.batch)
            for epoch in range(epochs)
        ]

    @property
    def rates(self) -> list[float]:
        """The learning rate of each step."""
        train, count = self.settings.train, sum(map(len, self.epochs))
        return [train.lr * rate(k / count, train) for k in range(count)]

    def batch(
        self, texts: NDArray[np.intp]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Texts of the training part: symbols (B, T), lengths (B,), classes (B,)."""
        sequences, classes = self.training
        return *_padded([sequences[i] for i in texts]), classes[texts]

    def asked(self) -> Iterator[tuple[NDArray[np.intp], NDArray[np.int64], NDArray[np.int64]]]:
        """What is held out, in batches: which texts, symbols (B, T), lengths (B,)."""
        sequences, _ = self.held
        lengths = list(map(len, sequences))
        for texts in data.bucketed(lengths, self.settings.data.batch_tokens, 0, 0):
            yield texts, *_padded([sequences[i] for i in texts])


@dataclass(frozen=True)
class TrainingResult:
    """What came of a plan.

    Attributes:
        software: what computed, with versions, in words.
        losses: the loss of each step before it, in nats.
        seconds: the time of each step, from texts to changed weights.
        tokens: the real tokens of each step.
        ready: seconds from first weights to the first step: building the model.
        asking: seconds for all that is held out.
        logits: (N, K) of what is held out.
        weights: those after the last step, see `canonical`.
    """

    software: str
    losses: list[float]
    seconds: list[float]
    tokens: list[int]
    ready: float
    asking: float
    logits: NDArray[np.float32] = field(repr=False)
    weights: Weights = field(repr=False)


def names() -> list[str]:
    """The frameworks."""
    return registry.names(sys.modules[__name__])


def find(name: str) -> ModuleType:
    """The file of a framework; what it needs is imported when it trains.

    Raises:
        UnknownName: when there is none of that name; the nearest right one is given.
    """
    return registry.find(sys.modules[__name__], "framework", name)


def plan(settings: ClassifySettings, training: Examples, held: Examples) -> TrainingPlan:
    """The plan of settings and texts; the vocabulary is that of the training texts.

    Raises:
        DataError: for a label that is held out and never trained.
    """
    size, classes = settings.data.vocabulary, sorted(set(training.labels))
    split = tokenizer(settings.tokenizer).train(training.texts, size)
    stores = [Store(split, keep=settings.data.max_tokens) for _ in range(2)]
    for store, examples in zip(stores, (training, held), strict=True):
        for text in examples.texts:
            store.add(text)
    known = stores[0].vocabulary(size, settings.data.min_count)
    rows = [[np.asarray(row) for row in store.rows(known)] for store in stores]
    if unknown := set(held.labels) - set(classes):
        raise DataError(
            f"the held-out set has the label {quoted(min(unknown))}, which is not "
            "in the training set"
        )
    targets = [np.array([classes.index(y) for y in e.labels]) for e in (training, held)]
    with reproducible(settings.seed, None):
        cell = cells.find(settings.cell)
        network = ClassifyNetwork(cell, settings.model, len(known), len(classes))
    first = {name: weight.detach().numpy() for name, weight in network.named_parameters()}
    return TrainingPlan(
        settings,
        len(known),
        classes,
        (rows[0], targets[0]),
        (rows[1], targets[1]),
        canonical(settings, first),
    )


def _padded(texts: list[NDArray[np.int64]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    values, lengths = data.pad(texts)
    return np.asarray(values, np.int64), lengths


def canonical(settings: ClassifySettings, weights: Weights) -> Weights:
    """The weights, of two biases that only count by their sum the first one holding it.

    So the weights of two frameworks can be distinguished by what they do alone.
    """
    graph = cells.find(settings.cell).graph
    found = dict(weights)
    for suffix in suffixes(settings):
        own = of_layer(weights, suffix)
        own = to_torch(graph, from_torch(graph, own))
        found |= {f"recurrent.{name}{suffix}": w.astype(np.float32) for name, w in own.items()}
    return found


def suffixes(settings: ClassifySettings) -> list[str]:
    """The endings of the weights of each layer and direction: `_l0`, `_l0_reverse`, …."""
    directions = ("", "_reverse")[: 1 + settings.model.bidirectional]
    return [f"_l{k}{way}" for k in range(settings.model.layers) for way in directions]


def of_layer(weights: Weights, suffix: str) -> Weights:
    """The weights of one layer and direction, by the names that PyTorch has for them."""
    return {
        name.removeprefix("recurrent.").removesuffix(suffix): weight
        for name, weight in weights.items()
        if name.startswith("recurrent.") and name.endswith(suffix)
    }
