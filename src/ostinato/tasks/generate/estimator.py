"""Generate text: a language model over characters or words, and symbols drawn from it."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, field_validator
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from ostinato import data
from ostinato.data import Skipped, Store, Symbols, tokenizer, train_on_beginning
from ostinato.decode import beam_search, chain, until
from ostinato.equation import Cell
from ostinato.errors import ConfigError, DataError, check_finite
from ostinato.nn import Dropout, Embedding
from ostinato.tasks.base.estimator import reproducible
from ostinato.tasks.base.legacy import LegacyTextEstimator
from ostinato.tasks.base.settings import TaskSettings
from ostinato.tasks.base.stack import Stack
from ostinato.tasks.generate.baseline import NGram, fit_ngram
from ostinato.tasks.generate.writer import Drawn, Writer, opening
from ostinato.train import LearningRate, Progress, ProgressHook, Run, Section, Training, fit

MEASURED = 8192
"""The fewest symbols of a stream of a text that is measured: its first ones, foretold without what
stands before them, cost more than they should, characters about ten nats in all."""


class GenerateData(Section):
    """What is read, and as what."""

    validation: float = Field(0.1, gt=0, lt=1, description="the last part of the text, held out")
    vocabulary: int = Field(
        10_000, ge=2, le=10**7, description="the most words or characters known"
    )
    min_count: int = Field(1, ge=1, description="how often one must be seen to be known")
    streams: int = Field(32, ge=1, description="places of the text that are read side by side")
    steps: int = Field(64, ge=1, description="steps that a gradient goes back")


class GenerateModel(Stack):
    """The network."""

    hidden: int = Field(256, ge=1, le=2**16, description="hidden units")


class GenerateTraining(Training):
    """The loop."""

    lr: LearningRate = 4e-3


class GenerateSettings(TaskSettings):
    """Settings of a generator."""

    task = "generate"
    tokenizer: str = Field("char", description="char, word (with spaces and line ends) or bpe")
    data: GenerateData = GenerateData()
    model: GenerateModel = GenerateModel()
    train: GenerateTraining = GenerateTraining()

    @field_validator("tokenizer")
    @classmethod
    def _as_written(cls, name: str) -> str:
        """A text goes on as it is written: in words with case, spaces and ends of lines."""
        return "spaced" if name == "word" else name


class GenerateNetwork(nn.Module):
    """Logits of the next symbol at every step."""

    def __init__(self, cell: Cell, settings: GenerateModel, symbols: int) -> None:
        super().__init__()
        self.embedding = Embedding(symbols, settings.embedding)
        self.recurrent = settings.recurrent(cell)
        self.dropout = Dropout(settings.dropout)
        self.output = nn.Linear(self.recurrent.output_size, symbols)

    def forward(self, symbols: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """Symbols (T, B) and the state before them → logits (T, B, V), the state after them."""
        outputs, state = self.recurrent(self.embedding(symbols), state)
        return self.output(self.dropout(outputs)), state


class Generator(LegacyTextEstimator[GenerateSettings]):
    """Learns how a text goes on, and goes on with it; an n-gram model is counted beside it.

    `Generator("gru", model={"hidden": 512}, train={"epochs": 3})`: the settings are those of
    `GenerateSettings`.

    Args:
        cell: a cell, its name, or `path/to/file.py:name`.
        tokenizer: `char` (the default) or `word`: words with the space before them, and line ends.
        seed: fixes everything random.
        data: what is read, see `GenerateData`.
        model: the network, see `GenerateModel`.
        train: the loop, see `Training`.
        baseline: whether to count the n-gram baseline too.

    After `fit`: `vocabulary_`, `network_`, `history_` (a record for each epoch) and `baseline_`.
    """

    kind = GenerateSettings

    def fit(
        self,
        text: str | Iterable[str],
        y: None = None,
        *,
        run: Run | None = None,
        show: Callable[[Progress], None] = lambda progress: None,
        resume: bool = False,
        skipped: Skipped | None = None,
    ) -> Self:
        """Trains on a text; its last part is held out to choose the best epoch.

        Args:
            text: the text, whole or in chunks, as `data.read_chunks` gives them; what is longer
                than memory should hold is kept as numbers in a file.
            y: nothing; here because scikit-learn passes it.
            run: where to log and save; None saves nothing.
            show: is told of the progress.
            resume: go on from the newest checkpoint of `run`.
            skipped: what was left out of the text, for the manifest of `run`.

        Raises:
            DataError: when the text is too short, or no symbol comes often enough to be known.
        """
        settings = self.settings()
        size, held_out = settings.data.vocabulary, settings.data.validation
        digest = hashlib.sha256()
        chunks = _hashed([text] if isinstance(text, str) else text, digest)
        untrained = tokenizer(settings.tokenizer)
        self.tokenizer_, chunks = train_on_beginning(untrained, chunks, size, 1 - held_out)
        store = Store(self.tokenizer_, run.path if run else None)
        store.add_long(chunks)
        end = len(store) - round(len(store) * held_out)
        self.vocabulary_ = store.vocabulary(size, settings.data.min_count, end)
        self.skipped_ = skipped
        if end and len(self.vocabulary_) < 2:
            raise DataError(f"no symbol comes data.min_count = {settings.data.min_count} times")
        symbols = store.tokens(self.vocabulary_)
        with reproducible(settings.seed, settings.train.threads):
            self.network_ = self._built()
            characters = store.characters(end)
            learner = _Learner(self.network_, settings, symbols[:end], symbols[end:], characters)
            if run:
                digests = {"sha256": digest.hexdigest()}
                self._begin(run, self.network_.recurrent, digests, resume)
            self.history_ = fit(learner, settings.train, run, [ProgressHook(show)], resume)
        self.baseline_: NGram | None = None
        if self.baseline:
            self.baseline_ = fit_ngram(symbols[:end], symbols[end:], len(self.vocabulary_))
        if run and self.baseline_:
            run.write_json("baseline.json", self.baseline_.record())
        if run:
            self._finish(run)
        return self

    def stream(
        self, prompt: str = "", length: int = 200, *, seed: int = 0, **samplers: Any
    ) -> Iterator[Drawn]:
        """Draws symbols one after the other, each given all before it.

        Args:
            prompt: the text to go on from; see `Writer`.
            length: how many symbols to draw.
            seed: the same seed draws the same symbols.
            samplers: settings by name, see `decode/samplers/`: `temperature` (below 1 safer,
                above 1 bolder), `top_k`, `top_p`, `min_p`, `typical`, `repetition_penalty`,
                `greedy`.

        Raises:
            ConfigError: for a setting out of range.
            UnknownName: for an unknown sampler.
        """
        if length < 1:
            raise ConfigError(f"length must be at least 1, not {length}")
        shape, writer = chain(**samplers), self.writer(prompt, seed)
        return (writer.draw(shape) for _ in range(length))

    def writer(self, prompt: str = "", seed: int = 0) -> Writer:
        """What goes on with a prompt, symbol by symbol, with samplers that may change.

        Raises:
            ConfigError: for a seed out of range.
        """
        if not 0 <= seed < 2**63:
            raise ConfigError(f"seed must be at least 0 and less than 2^63, not {seed}")
        check_is_fitted(self)
        return Writer(self.network_, self.vocabulary_, self.tokenizer_, prompt, seed)

    def sample(
        self, prompt: str = "", length: int = 200, *, stop: Sequence[str] = (), **options: Any
    ) -> str:
        """The prompt and `length` symbols drawn after it; options as for `stream`.

        Where one of the strings `stop` appears in what is drawn, the text ends before it.
        """
        drawn = (d.text for d in self.stream(prompt, length, **options))
        return prompt + "".join(until(drawn, stop))

    @torch.inference_mode()
    def search(
        self,
        prompt: str = "",
        length: int = 200,
        *,
        beam: int = 4,
        best: int = 1,
    ) -> list[tuple[str, float]]:
        """The most probable continuations of a prompt that beam search finds, the best first.

        Args:
            prompt: the text to go on from.
            length: how many symbols a continuation has.
            beam: how many are kept at every step.
            best: how many are returned, at most `beam`.

        Returns:
            Prompt and continuation, and the continuation's log-probability in nats.

        Raises:
            ConfigError: for numbers out of range.
        """
        check_is_fitted(self)
        self.network_.eval()
        split = self.tokenizer_
        tokens, known = split.split(prompt), self.vocabulary_
        start, begun = opening(tokens, known)
        excluded = torch.tensor([0]) if begun is None else begun.nonzero()[:, 0]
        prompt = prompt if begun is None else prompt[:-1]  # its space comes with the word
        *before, last = known.encode(start).tolist()
        state = self.network_(torch.tensor(before)[:, None])[1] if before else None

        def step(states: Any, symbols: Tensor) -> tuple[Tensor, Any]:
            nonlocal excluded
            logits, states = self.network_(symbols[None], states)
            logits[..., excluded] = -torch.inf
            excluded = torch.tensor([0])  # from now on the unknown symbol alone
            return logits[0].log_softmax(-1), states

        (found,) = beam_search(step, state, torch.tensor([last]), length, beam=beam, best=best)
        start = start if prompt else []
        texts = [split.join([*start, *known.decode(h.symbols)]) for h in found]
        written = len(split.join(start))
        return [
            (prompt + text[written:], h.log_probability)
            for text, h in zip(texts, found, strict=True)
        ]

    def unknown(self, prompt: str) -> list[str]:
        """The symbols of a prompt that were not in the training text."""
        read, _ = opening(self.tokenizer_.split(prompt), self.vocabulary_)
        return sorted({t for t in read if t not in self.vocabulary_}) if prompt else []

    def evaluate(self, text: str | Iterable[str]) -> dict[str, float]:
        """Cross-entropy of a text, whole or in chunks.

        The unknown symbol is one like the others: foretelling that some unknown word or character
        comes is counted, foretelling how it is spelled is not. The more of them a text has, the
        better its numbers look.

        Returns:
            `nats` and `bits` for each symbol, `perplexity` (the exponential of the nats),
            `bits_per_character`: the bits of all symbols over the characters that they are made
            of, those of unknown symbols and white space included; `unknown`: the part of the
            symbols that are.

        Raises:
            DataError: when the text has fewer than two symbols.
        """
        check_is_fitted(self)
        store = Store(self.tokenizer_)
        store.add_long([text] if isinstance(text, str) else text)
        symbols = store.tokens(self.vocabulary_)
        return _measure(self.network_, symbols, store.characters(), self.settings().data)

    def score(self, text: str, y: None = None) -> float:
        """Minus the nats for each symbol: the larger the better."""
        return -self.evaluate(text)["nats"]

    def _network(self, cell: Cell) -> GenerateNetwork:
        return GenerateNetwork(cell, self.settings().model, len(self.vocabulary_))


class _Learner:
    """Language modelling as the loop sees it: truncated backpropagation, the state carried."""

    judged_by = "-nats"

    def __init__(
        self,
        network: GenerateNetwork,
        settings: GenerateSettings,
        training: Symbols,
        validation: Symbols,
        characters: int,
    ) -> None:
        self.model: nn.Module = network
        self.state: tuple[Tensor, ...] = ()
        self.settings, self.training, self.validation = settings, training, validation
        self.characters = characters  # of the validation text
        if min(len(training), len(validation)) < 2:
            raise DataError(
                f"a text of {len(training) + len(validation)} symbols is too short to learn from"
            )

    def batches(self, epoch: int) -> Sequence[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Windows of the text, each going on where the one before it ended.

        The text begins at another place in each epoch, so that windows do not always end alike.
        """
        shape = self.settings.data
        random = np.random.default_rng((self.settings.seed, epoch))
        streams = _streams(self.training, shape)
        skip = int(random.integers(min(shape.steps, len(self.training) // streams - 1)))
        return data.streams(self.training[skip:], streams, shape.steps)

    def loss(self, batch: tuple[NDArray[np.int64], NDArray[np.int64]]) -> tuple[Tensor, int, int]:
        """Cross-entropy in nats, and the number of symbols, twice: each is a term."""
        inputs, targets = map(torch.as_tensor, batch)
        logits, state = self.model(inputs, self.state or None)
        states = (state,) if isinstance(state, Tensor) else state
        self.state = tuple(s.detach() for s in states)
        loss = nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
        return loss, targets.numel(), targets.numel()

    def validate(self) -> dict[str, float]:
        """The measures of `Generator.evaluate` on the held-out part."""
        return _measure(self.model, self.validation, self.characters, self.settings.data)


def _hashed(chunks: Iterable[str], digest: hashlib._Hash) -> Iterator[str]:
    for chunk in chunks:
        digest.update(chunk.encode())
        yield chunk


def _streams(symbols: Symbols, shape: GenerateData) -> int:
    """As many streams as wanted, fewer where each would have less than two windows."""
    return max(1, min(shape.streams, len(symbols) // (2 * shape.steps)))


@torch.inference_mode()
def _measure(
    network: nn.Module, symbols: Symbols, characters: int, shape: GenerateData
) -> dict[str, float]:
    network.eval()
    total, count, unknown, state = 0.0, 0, 0, None
    streams = max(1, min(shape.streams, len(symbols) // MEASURED))
    windows = data.streams(symbols, streams, 4 * shape.steps)
    for inputs, targets in windows:
        logits, state = network(torch.from_numpy(inputs), state)
        check_finite(logits)
        goal = torch.from_numpy(targets).flatten()
        total += nn.functional.cross_entropy(logits.flatten(0, 1), goal, reduction="sum").item()
        count += goal.numel()
        unknown += int((goal == 0).sum())
    nats = total / count
    bits = nats / math.log(2)
    return {
        "nats": nats,
        "bits": bits,
        "perplexity": math.exp(min(nats, 700.0)),
        "bits_per_character": bits * len(symbols) / characters,
        "unknown": unknown / count,
    }
