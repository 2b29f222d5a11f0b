"""A text that is read and continued symbol by symbol, with a state that can be saved."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ostinato.data import Tokenizer, Vocabulary
from ostinato.decode import chain, draw
from ostinato.errors import ConfigError, DataError, check_finite
from ostinato.tasks.generate.ensemble import RECENT, NGramMember
from ostinato.tasks.generate.network import GenerateNetwork
from ostinato.train.tensors import misfit, packed, unpacked

LOOK_BACK = 64
"""Symbols that samplers are shown, at most."""


@dataclass(frozen=True)
class Drawn:
    """A symbol that was drawn, and what it was drawn from.

    Attributes:
        text: the symbol as it reads in the text, a space before a word included.
        probabilities: the probability of every symbol after all samplers (V,).
    """

    text: str
    probabilities: NDArray[np.float32]


class GenerateSession:
    """Continues a text, symbol by symbol; the unknown symbol is never drawn.

    Where a prompt of words ends with a space, the first symbol is one that has it before it, and
    its text is without.

    Args:
        network: the language model.
        vocabulary: its symbols.
        tokenizer: splits the prompt, and joins what is drawn to it.
        ngrams: n-grams that answer with the network.
        prompt: the text to continue; where there is none, a line's end, or else the most
            frequent symbol, is what is read first.
        seed: fixes what is drawn.

    Raises:
        ConfigError: for a seed out of range.
    """

    def __init__(
        self,
        network: GenerateNetwork,
        vocabulary: Vocabulary,
        tokenizer: Tokenizer,
        ngrams: NGramMember | None = None,
        prompt: str = "",
        seed: int = 0,
    ) -> None:
        if not 0 <= seed < 2**63:
            raise ConfigError(f"seed must be at least 0 and less than 2^63, not {seed}")
        self._vocabulary, self._tokenizer = vocabulary, tokenizer
        self._random = torch.Generator().manual_seed(seed)
        self._stream = network.stream()
        self._seen: list[int] = []
        self._ngrams, self._history = ngrams, ngrams.read([]) if ngrams else None
        start, self._mask = opening(tokenizer.split(prompt), vocabulary)
        self._read(vocabulary.encode(start).tolist())
        self._before = start[-1:] if prompt else []

    def read(self, text: str) -> None:
        """Reads a further piece of the text, which is not drawn; it begins with a whole symbol."""
        if self._mask is not None:
            text = f" {text}"
        tokens = self._tokenizer.split(text)
        if tokens:
            self._read(self._vocabulary.encode(tokens).tolist())
            self._before, self._mask = tokens[-1:], None

    def logits(self, shape: Callable[..., Tensor] = lambda logits, seen: logits) -> Tensor:
        """Logits of the next symbol (V,), after the samplers of `decode.chain`."""
        logits = self._logits
        if self._mask is not None:
            logits = logits.masked_fill(self._mask, -torch.inf)
        return shape(logits, torch.tensor(self._seen[-LOOK_BACK:]))

    def draw(self, shape: Callable[..., Tensor]) -> Drawn:
        """Draws the next symbol, with the samplers of `decode.chain`, and reads it."""
        logits = self.logits(shape)
        symbol = int(draw(logits, self._random))
        token, join = self._vocabulary.symbols[symbol], self._tokenizer.join
        text = join([*self._before, token])[len(join(self._before)) :]
        text = text if self._mask is None else text.removeprefix(" ")
        self._before, self._mask = [token], None
        self._read([symbol])
        return Drawn(text, logits.softmax(-1).numpy())

    def generate(self, length: int, **samplers: float) -> Iterator[Drawn]:
        """Samples symbols one after the other, each given all previous ones.

        Args:
            length: the number of symbols to generate.
            samplers: settings by name, see `decode/samplers/`: `temperature` (below 1 less varied,
                above 1 more varied), `top_k`, `top_p`, `min_p`, `typical`, `repetition_penalty`,
                `greedy`.

        Raises:
            ConfigError: for a setting out of range.
            UnknownName: for an unknown sampler.
        """
        if length < 1:
            raise ConfigError(f"length must be at least 1, not {length}")
        shape = chain(**samplers)
        return (self.draw(shape) for _ in range(length))

    def saved(self) -> bytes:
        """All that is needed to continue from here, as the content of a safetensors file."""
        notes = {"before": self._before, "begun": self._mask is not None}
        return packed(self._tensors(), {name: json.dumps(note) for name, note in notes.items()})

    def restore(self, content: bytes) -> None:
        """Continues where the session stood that `saved` this.

        Raises:
            DataError: when it is damaged, or that of another model.
        """
        try:
            tensors, notes = unpacked(content)
            seen = tensors["seen"].tolist()
            wanted = self._tensors() | {"seen": torch.zeros(len(seen), dtype=torch.int64)}
            if why := misfit(tensors, wanted):
                raise ValueError(why)
            if any(not 0 <= symbol < len(self._vocabulary) for symbol in seen):
                raise ValueError("a symbol that there is not")
            before, begun = json.loads(notes["before"]), json.loads(notes["begun"])
            self._random.set_state(tensors["random"])
        except (LookupError, TypeError, ValueError, RuntimeError) as error:
            raise DataError(f"no saved session of this model: {error}") from None
        self._seen, self._logits = seen, tensors["logits"]
        self._history = self._ngrams.read(seen) if self._ngrams else None
        self._before = [str(token) for token in before]
        self._mask = ~torch.tensor(_spaced(self._vocabulary)) if begun else None
        states = (tensors[f"states.{k}"] for k in range(len(self._stream.states)))
        self._stream.states = tuple(states)

    def _tensors(self) -> dict[str, Tensor]:
        states = {f"states.{k}": state for k, state in enumerate(self._stream.states)}
        seen = torch.tensor(self._seen)
        return {"seen": seen, "logits": self._logits, "random": self._random.get_state(), **states}

    def _read(self, symbols: list[int]) -> None:
        self._seen = [*self._seen, *symbols][-max(LOOK_BACK, RECENT) :]
        self._logits = self._stream.read(symbols).cpu()  # where symbols are drawn
        check_finite(self._logits)
        if self._ngrams:
            self._history = self._ngrams.read(symbols, self._history)
            self._logits = self._ngrams.next(self._logits, self._history)
        self._logits[0] = -torch.inf  # the unknown symbol


def opening(tokens: list[str], vocabulary: Vocabulary) -> tuple[list[str], Tensor | None]:
    """What is read before the first symbol is drawn, and which symbols must not be drawn first.

    Of words that carry the space before them, the one after a prompt that ends with a space is
    already begun: the space is not read, and only symbols that begin with one may follow. And a
    first word that is known only with a space before it is read as that one.
    """
    if not tokens:
        return ["\n"] if "\n" in vocabulary else vocabulary.symbols[1:2], None
    if tokens[0] not in vocabulary and f" {tokens[0]}" in vocabulary:
        tokens = [f" {tokens[0]}", *tokens[1:]]
    spaced = _spaced(vocabulary)
    if len(tokens) > 1 and tokens[-1] == " " and any(spaced):
        return tokens[:-1], ~torch.tensor(spaced)
    return tokens, None


def _spaced(vocabulary: Vocabulary) -> list[bool]:
    """Which symbols are more than a space, and begin with one."""
    return [symbol[:1] == " " != symbol for symbol in vocabulary.symbols]
