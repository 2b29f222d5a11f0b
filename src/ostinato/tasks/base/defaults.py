"""Defaults that go by the data: the values of the settings that nobody chose.

A setting that is named, in a file, on the command line or as an argument, always has the value
that it is given. The rules below give values to the others, from a few facts about the training
part. A task asks for them once, as it prepares training; from there on its settings are complete,
`config.toml` holds them, and a run that is continued or repeated takes them from there.

The rules count in updates of the weights, because that is what learning needs: a batch is small
enough that an epoch has some dozens of them, and there are as many epochs as give enough updates
in all, but no more than the time allows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import chain
from typing import Any, TypeVar, cast

from pydantic import BaseModel

from ostinato.data import tokenizer
from ostinato.tasks.base.settings import TaskSettings
from ostinato.train.config import ENDLESS

S = TypeVar("S", bound=TaskSettings)
M = TypeVar("M", bound=BaseModel)

UPDATES = 2000
"""The updates that training should have, at least."""
EPOCHS = 20
"""The epochs that it should have, at least, where a task does not say otherwise."""
MOST_EPOCHS = 400
"""The epochs that it has at most, however few updates those are."""
FEW = 100
"""Of fewer examples a metric moves by chance, so that the loss chooses the best epoch; nor is a
temperature fitted on them."""
MUCH = 1_000_000
"""Words, of which a network does not soon know each text by heart."""
FEW_WORDS = 100_000
"""Tagged words, of which a network learns less by itself than a linear tagger knows."""
LINEAR = 2**22
"""The weights that a linear tagger has at most."""
FEW_SYMBOLS = 300
"""More are subwords or words, not characters or phones."""
OFTEN = 8
"""Epochs from which on a language model would learn its text by heart without dropout."""
HELD_OUT = 50_000
"""Tokens of a long text that are held out: enough to tell epochs apart, and the rest teaches."""
SAMPLES = 1000
"""Symbols that are drawn for a step of a language model that has many."""
_LOOKED_AT = 5000  # texts
SECONDS = 240.0
"""What training may take, about, on two cores."""
_PER_UPDATE, _PER_WEIGHT = 4e-3, 5e-11  # seconds: of an update; of a weight at each token


@dataclass(frozen=True)
class Facts:
    """What is known of a training part.

    Attributes:
        lengths: of each sequence (N,), in tokens or steps.
        held: what the validation part has of what the metric is counted over: texts, words, ….
        signals: whether steps are numbers, not symbols.
    """

    lengths: Sequence[int]
    held: int
    signals: bool = False

    @property
    def sequences(self) -> int:
        """How many there are."""
        return len(self.lengths)

    @property
    def tokens(self) -> int:
        """The tokens or steps of all of them."""
        return int(sum(self.lengths))


def is_chosen(settings: BaseModel, path: str) -> bool:
    """Whether somebody chose a setting, such as `train.epochs`."""
    name, _, rest = path.partition(".")
    if name not in settings.model_fields_set:
        return False
    return not rest or is_chosen(getattr(settings, name), rest)


def filled(settings: M, values: Mapping[str, object]) -> M:
    """Settings in which those that nobody chose have these values.

    Args:
        settings: with what was chosen.
        values: by path, such as `train.epochs`.
    """
    for path, value in values.items():
        if not is_chosen(settings, path):
            settings = _with(settings, path, value)
    return settings


def course(settings: S, updates: float, tokens: int, weights: int, epochs: int = EPOCHS) -> S:
    """Settings with as many epochs as give enough updates, and patience to match.

    There are at least three epochs, otherwise no more than `MOST_EPOCHS` or than there is time for.
    Where time is limited (`train.seconds`) the clock alone ends training, unless epochs or patience
    are chosen.

    Args:
        settings: with what was chosen.
        updates: those of an epoch.
        tokens: those of an epoch.
        weights: of the network that are used at each token.
        epochs: those that there should be, at least.
    """
    if settings.train.seconds:
        return filled(settings, {"train.epochs": ENDLESS, "train.patience": ENDLESS})
    updates = max(updates, 1.0)
    possible = SECONDS / _seconds(updates, tokens, weights)
    wanted = min(max(UPDATES / updates, epochs), possible, MOST_EPOCHS)
    settings = filled(settings, {"train.epochs": max(math.ceil(wanted), 3)})
    return filled(settings, {"train.patience": max(math.ceil(settings.train.epochs / 3), 3)})


def _seconds(updates: float, tokens: int, weights: int) -> float:
    """What an epoch takes, about, on two cores."""
    return _PER_UPDATE * updates + _PER_WEIGHT * weights * tokens


def batch_size(sequences: int) -> int:
    """How many sequences a batch has at most, so that also few give some dozens of updates.

    >>> batch_size(300), batch_size(3_000), batch_size(30_000)
    (8, 30, 64)
    """
    return min(max(sequences // 100, 8), 64)


def reading(settings: S, texts: Sequence[str]) -> S:
    """Settings with the tokenizer for these texts: characters for names and the like."""
    return filled(settings, {"tokenizer": "char"}) if are_names(texts) else settings


def are_names(texts: Sequence[str]) -> bool:
    """Whether texts are so short, and their words so rare, that only their spelling says something.

    Half of them have three words at most, and of the words of every tenth more than a third is in
    none of the others. Of fewer than a hundred texts it cannot be told.
    """
    split = tokenizer("word").train(texts, 0).split
    words = [split(text) for text in _some(texts)]
    if len(words) < FEW or sorted(map(len, words))[len(words) // 2] > 3:
        return False
    known = {word for i, own in enumerate(words) if i % 10 for word in own}
    asked = [word for own in words[::10] for word in own]
    return sum(word not in known for word in asked) > len(asked) / 3


def pooled(settings: S, facts: Facts, epochs: int = EPOCHS) -> S:
    """Those of a network that answers once for a whole sequence."""
    settings = filled(settings, {"data.batch": _batch(settings, facts)})
    if facts.signals:
        return _course(settings, facts, epochs)
    if getattr(settings, "tokenizer", "") == "char":
        settings = filled(settings, {"model.hidden": 128, "train.lr": 3e-3})
    elif facts.tokens < MUCH:
        settings = filled(settings, {"model.dropout": 0.5})
    return _course(settings, facts, epochs)


def classified(settings: S, facts: Facts) -> S:
    """Those of a classifier, whose probabilities are calibrated where enough texts are held out."""
    return pooled(filled(settings, {"model.calibrate": facts.held >= FEW}), facts)


def regressed(settings: S, facts: Facts) -> S:
    """Those of a regressor, whose targets take longer to learn than classes do."""
    return pooled(settings, facts, epochs=40)


def tagged(settings: S, facts: Facts, labels: int) -> S:
    """Those of a tagger, which learns from every word of a sentence.

    Weights are averaged over about an epoch. Of few words a linear tagger and what stands near each
    word help.

    Args:
        settings: with what was chosen.
        facts: of the sentences.
        labels: how many different ones there are.
    """
    settings = filled(settings, {"data.batch": _batch(settings, facts)})
    updates = _updates(settings, facts)
    settings = filled(settings, {"train.average": round(1 - 1 / max(updates, 50), 4)})
    if facts.tokens < FEW_WORDS:
        linear = _buckets(facts.tokens, labels)
        settings = filled(settings, {"model.indicators": linear, "model.dropout": 0.5})
        if getattr(settings.model, "vectors", None) is None:
            settings = filled(settings, {"model.start": "ppmi"})
    return _course(settings, facts, epochs=10)


def _buckets(words: int, labels: int) -> int:
    """Weights of each label of a linear tagger: about two for each word of training.

    A power of two; fewer where there are many labels, and none where more than eight features
    would share a weight.

    >>> _buckets(60, 5), _buckets(15_000, 17), _buckets(15_000, 200), _buckets(15_000, 2_000)
    (256, 32768, 4096, 0)
    """
    wanted = 1 << min(max(words.bit_length() + 1, 8), 15)
    room = 1 << (LINEAR // (5 * labels)).bit_length() >> 1  # five places: a word and four around it
    return min(wanted, room) if 8 * room >= wanted else 0


def spelling(settings: S, sources: Sequence[str], targets: Sequence[str]) -> S:
    """Settings with the tokenizers of a transducer.

    Sentences are read in subwords, where the package `tokenizers` is installed; a few symbols with
    spaces between, such as phones, symbol by symbol; and anything else by characters.
    """
    looked_at = {"source": _some(sources), "target": _some(targets)}
    pieces = {side: [text.split() for text in texts] for side, texts in looked_at.items()}
    many = {side: sorted(map(len, own))[len(own) // 2] >= 3 for side, own in pieces.items()}
    for side, own in pieces.items():
        kinds, count = len(set(chain.from_iterable(own))), sum(map(len, own))
        if many[side] and count > 20 * kinds and kinds <= 200:
            settings = filled(settings, {f"{side}.tokenizer": "white_space"})
        elif all(many.values()) and find_spec("tokenizers"):
            words = count * len({"source": sources, "target": targets}[side]) // len(own)
            vocabulary = min(max(words // 25, 500), 8000)
            subwords = {"tokenizer": "bpe", "vocabulary": vocabulary}
            if not is_chosen(settings, f"{side}.tokenizer"):
                settings = filled(settings, {f"{side}.{k}": v for k, v in subwords.items()})
    return settings


def transduced(settings: S, facts: Facts, symbols: int) -> S:
    """Those of a transducer; lengths are those of source and target together.

    Args:
        settings: with what was chosen.
        facts: of the pairs.
        symbols: those that are written.
    """
    settings = filled(settings, {"data.batch": _batch(settings, facts)})
    if symbols > FEW_SYMBOLS:
        sizes = {"model.embedding": 128, "model.hidden": 256, "model.dropout": 0.3}
        settings = filled(settings, sizes | {"train.lr": 3e-3})
    return _course(settings, facts, more=settings.model.embedding * symbols // 2)


def held_out(settings: S, tokens: int) -> S:
    """Settings with the part of a text that is held out: a tenth, or `HELD_OUT` tokens."""
    return filled(settings, {"data.validation": min(0.1, round(HELD_OUT / max(tokens, 1), 6))})


def generated(settings: S, tokens: int, symbols: int) -> S:
    """Those of a generator.

    Args:
        settings: with what was chosen.
        tokens: those of the text.
        symbols: how many different ones there are.
    """
    read: Any = settings.data
    most = 16 if symbols > FEW_SYMBOLS else 8  # an update of many embeddings takes long by itself
    streams = min(max(tokens // (40 * read.steps), 4), most)
    settings = filled(settings, {"data.streams": streams})
    if symbols > FEW_SYMBOLS:
        settings = _of_words(settings, symbols)
    read, model = settings.data, cast(Any, settings.model)
    step, computed = read.streams * read.steps, symbols
    if model.sampled_softmax:
        computed = min(symbols, model.sampled_softmax + step // 2)  # words come several times
    weights = _weights(settings, 1) + model.hidden * computed
    settings = course(settings, tokens / step, tokens, weights)
    times = float(settings.train.epochs)
    if settings.train.seconds:
        times = min(times, settings.train.seconds / _seconds(tokens / step, tokens, weights))
    seldom = 0.1 if symbols > FEW_SYMBOLS else 0.0
    return filled(settings, {"model.dropout": 0.3 if times >= OFTEN else seldom})


def _of_words(settings: S, symbols: int) -> S:
    """Those of a language model of words or subwords, whose embedding is its output layer, too."""
    width = settings.model.projection or settings.model.hidden
    samples = SAMPLES if symbols > 4 * SAMPLES else 0
    settings = filled(settings, {"model.sampled_softmax": samples, "model.embedding": width})
    return filled(settings, {"model.tied": settings.model.embedding == width})


def _batch(settings: TaskSettings, facts: Facts) -> int | None:
    """The most sequences of a batch; none where somebody chose how many tokens it has."""
    return None if is_chosen(settings, "data.batch_tokens") else batch_size(facts.sequences)


def _course(settings: S, facts: Facts, epochs: int = EPOCHS, more: int = 0) -> S:
    """See `course`, for batches within the budgets of tokens and of sequences."""
    settings = filled(settings, {"train.best_by": "loss" if facts.held < FEW else "metric"})
    weights = _weights(settings, 2) + more
    return course(settings, _updates(settings, facts), facts.tokens, weights, epochs)


def _updates(settings: TaskSettings, facts: Facts) -> float:
    """Those of an epoch."""
    data: Any = settings.data
    by_tokens = facts.tokens / data.batch_tokens
    by_sequences = facts.sequences / data.batch if data.batch else 0.0
    updates: float = max(by_tokens, by_sequences) / settings.train.accumulate
    return updates


def _some(texts: Sequence[str]) -> list[str]:
    """Texts that are looked at, from all over."""
    return [texts[i] for i in range(0, len(texts), len(texts) // _LOOKED_AT + 1)]


def _weights(settings: TaskSettings, directions: int) -> int:
    """Those of the recurrent layers, as many as an LSTM's, that are used at each token."""
    model = settings.model
    features = model.embedding + model.hidden * (1 + directions * (model.layers - 1))
    return 4 * directions * model.hidden * features * getattr(model, "members", 1)


def _with(settings: M, path: str, value: object) -> M:
    """Settings with a value at a path."""
    name, _, rest = path.partition(".")
    new = _with(getattr(settings, name), rest, value) if rest else value
    return settings.model_copy(update={name: new})
