"""A trained language model: how likely texts are, and what may follow them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ostinato import data
from ostinato.data import Tokenizer, Vocabulary
from ostinato.decode import beam_search
from ostinato.equation import Cell
from ostinato.errors import check_finite
from ostinato.nn.encoder import States
from ostinato.tasks.base.batch import Indices
from ostinato.tasks.base.model import Model
from ostinato.tasks.base.parts import Part
from ostinato.tasks.base.symbols import read_symbols, write_symbols
from ostinato.tasks.generate.ensemble import FACTS, NGramMember
from ostinato.tasks.generate.network import GenerateBatch, GenerateNetwork, GenerateOutputs
from ostinato.tasks.generate.session import GenerateSession, opening
from ostinato.tasks.generate.settings import GenerateSettings
from ostinato.train import Run

BeamStates: TypeAlias = tuple[States | None, Tensor | None]
"""Of the network, and the histories of n-grams (·, B)."""
LIKELY = 10
"""The most probable next symbols that an answer names."""


@dataclass(frozen=True)
class Likelihood:
    """How likely a text is, and what may follow it.

    Attributes:
        symbols: the symbols of the text.
        nats: -ln P of each symbol but the first, given those before it.
        following: the most probable next symbols, each with its probability.
    """

    symbols: list[str]
    nats: list[float]
    following: dict[str, float]

    def to_json(self) -> dict[str, object]:
        """Plain data."""
        return {"symbols": self.symbols, "nats": self.nats, "following": self.following}


@dataclass(frozen=True)
class GenerateSequences:
    """Texts as numbers.

    Attributes:
        symbols: of each text.
    """

    symbols: list[NDArray[np.int64]]

    @property
    def lengths(self) -> list[int]:
        """See `Sequences`."""
        return list(map(len, self.symbols))

    def batch(self, chosen: Indices) -> GenerateBatch:
        """Some texts as the network takes them."""
        values, lengths = data.pad([self.symbols[i] for i in chosen])
        return GenerateBatch(torch.from_numpy(values.T.copy()), torch.from_numpy(lengths))


@dataclass(eq=False, kw_only=True)
class GenerateModel(Model[GenerateSettings, str, GenerateBatch, GenerateOutputs, Likelihood]):
    """A trained language model.

    Attributes:
        tokenizer: splits texts, and joins symbols.
        vocabulary: the symbols that are known.
        ngrams: those that answer with the network, if there are some.
    """

    kind = GenerateSettings

    network: GenerateNetwork = field(init=False)
    tokenizer: Tokenizer
    vocabulary: Vocabulary
    ngrams: NGramMember | None = None

    @property
    def batch_tokens(self) -> int:
        """See `Model`."""
        return 4 * self.settings.data.streams * self.settings.data.steps

    def sequences(self, inputs: Sequence[str]) -> GenerateSequences:
        """See `Model`; what an empty text is read as, `opening` says."""
        start, _ = opening([], self.vocabulary)
        split = map(self.tokenizer.split, inputs)
        return GenerateSequences([self.vocabulary.encode(tokens or start) for tokens in split])

    @torch.no_grad()
    def decode(self, outputs: GenerateOutputs, batch: GenerateBatch) -> list[Likelihood]:
        """See `Model`."""
        check_finite(outputs.logits)
        log_p = outputs.logits.log_softmax(-1).cpu()
        texts, steps = batch.symbols.T.cpu(), len(batch.symbols)
        lengths = [steps] * len(texts) if batch.lengths is None else batch.lengths.tolist()
        return [
            self._likelihood(text[:length], log_p[:length, row])
            for row, (text, length) in enumerate(zip(texts, lengths, strict=True))
        ]

    def _likelihood(self, symbols: Tensor, log_p: Tensor) -> Likelihood:
        nats = -log_p[:-1].gather(1, symbols[1:, None])[:, 0]
        last, known = log_p[-1], self.vocabulary.symbols
        if self.ngrams:
            nats = torch.from_numpy(self.ngrams.join(nats.numpy(), symbols.numpy())[0])
            last = self.ngrams.next(last, self.ngrams.read(symbols.tolist()))
        chances = last.exp()
        best = chances.argsort(descending=True, stable=True)[:LIKELY].tolist()
        return Likelihood(
            self.vocabulary.decode(symbols.tolist()),
            nats.tolist(),
            {known[k]: float(chances[k]) for k in best},
        )

    def session(self, prompt: str = "", *, seed: int = 0) -> GenerateSession:
        """Reads a prompt and continues it, symbol by symbol.

        Args:
            prompt: the text to continue.
            seed: fixes what is drawn.

        Raises:
            ConfigError: for a seed out of range.
        """
        parts = self.network, self.vocabulary, self.tokenizer, self.ngrams
        return GenerateSession(*parts, prompt, seed)

    @torch.no_grad()
    def search(
        self, prompt: str = "", length: int = 200, *, beam: int = 4, best: int = 1
    ) -> list[tuple[str, float]]:
        """The most probable continuations of a prompt found by beam search, the best first.

        Args:
            prompt: the text to continue.
            length: the number of symbols of a continuation.
            beam: the number of hypotheses.
            best: the number of results, at most `beam`.

        Returns:
            Prompt and continuation, and the continuation's log-probability in nats.

        Raises:
            ConfigError: for numbers out of range.
        """
        network, device, split, known = self.network, self.device, self.tokenizer, self.vocabulary
        network.eval()
        start, begun = opening(split.split(prompt), known)
        unknown = torch.tensor([0], device=device)
        excluded = unknown if begun is None else begun.nonzero()[:, 0].to(device)
        prompt = prompt if begun is None else prompt[:-1]  # its space comes with the word
        symbols = torch.from_numpy(known.encode(start)).to(device)
        before, last = GenerateBatch(symbols[:-1, None]), symbols[-1:]
        states = network(before).states if len(symbols) > 1 else None
        histories = self._histories(symbols[:-1])

        def step(states: BeamStates, symbols: Tensor) -> tuple[Tensor, BeamStates]:
            nonlocal excluded
            logits, after = network(GenerateBatch(symbols[None]), states[0])
            log_p, histories = self._with_ngrams(logits[0], states[1], symbols)
            log_p[..., excluded] = -torch.inf
            excluded = unknown  # from now on it alone
            return log_p.log_softmax(-1), (after, histories)

        (found,) = beam_search(step, (states, histories), last, length, beam=beam, best=best)
        start = start if prompt else []
        texts = [split.join([*start, *known.decode(h.symbols)]) for h in found]
        written = len(split.join(start))
        return [
            (prompt + text[written:], h.log_probability)
            for text, h in zip(texts, found, strict=True)
        ]

    def _histories(self, symbols: Tensor) -> Tensor | None:
        """What n-grams need of symbols that were read, a column; None without n-grams."""
        if self.ngrams is None:
            return None
        return torch.from_numpy(self.ngrams.read(symbols.tolist()))[:, None]

    def _with_ngrams(
        self, logits: Tensor, histories: Tensor | None, symbols: Tensor
    ) -> tuple[Tensor, Tensor | None]:
        """Logits of all that answer (B, V), and histories (·, B), once symbols (B,) are read.

        Args:
            logits: of the network (B, V).
            histories: before the symbols (·, B).
            symbols: the last ones.
        """
        member = self.ngrams
        if member is None or histories is None:
            return logits, None
        read = [
            member.read([symbol], row.numpy())
            for row, symbol in zip(histories.T, symbols.tolist(), strict=True)
        ]
        both = [member.next(row, history) for row, history in zip(logits.cpu(), read, strict=True)]
        return torch.stack(both).to(logits.device), torch.from_numpy(np.stack(read, axis=1))

    def unknown(self, prompt: str) -> list[str]:
        """The symbols of a prompt that are not in the vocabulary."""
        read, _ = opening(self.tokenizer.split(prompt), self.vocabulary)
        return sorted({t for t in read if t not in self.vocabulary}) if prompt else []

    def new_network(self) -> GenerateNetwork:
        """See `Model`."""
        return GenerateNetwork(self.cell, self.settings.model, len(self.vocabulary))

    @classmethod
    def read_parts(cls, run: Run, settings: GenerateSettings, cell: Cell) -> GenerateModel:
        """See `Model`."""
        split, known = read_symbols(run, settings.tokenizer)
        model = cls(settings=settings, cell=cell, tokenizer=split, vocabulary=known)
        if run.holds(FACTS) and not run.unfinished:
            model.ngrams = NGramMember.of_run(run, len(known))
        return model

    def write_parts(self, run: Run) -> None:
        """See `Model`."""
        write_symbols(run, self.tokenizer, self.vocabulary)

    def write_fitted(self, run: Run) -> None:
        """See `Model`."""
        if self.ngrams:
            self.ngrams.write(run)

    def parts(self) -> list[Part]:
        """See `Model`."""
        parts = super().parts()
        if self.ngrams is None:
            return parts
        counts = self.ngrams.ngrams
        inside = f"interpolated Kneser-Ney, order {counts.order}, combined with the network"
        return [*parts, Part("ngrams", "n-grams", inside, parts[-1].gives, counts.parameters)]
