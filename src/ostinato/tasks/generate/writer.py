"""Writing with a language model: one symbol after the other, each given all before it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ostinato.data import Tokenizer, Vocabulary
from ostinato.decode import draw
from ostinato.errors import check_finite

if TYPE_CHECKING:
    from ostinato.tasks.generate.estimator import GenerateNetwork

LOOK_BACK = 64
"""Symbols that samplers are shown, at most."""
Reader: TypeAlias = Callable[[list[int]], Tensor]
"""Reads symbols, at least one, and gives the logits of the next one (V,)."""


@dataclass(frozen=True)
class Drawn:
    """A symbol that was drawn, and what it was drawn from.

    Attributes:
        text: the symbol as it reads in the text, a space before a word included.
        probabilities: the probability of every symbol after all samplers (V,).
    """

    text: str
    probabilities: NDArray[np.float32]


class Writer:
    """Goes on with a text, symbol by symbol; the unknown symbol is never drawn.

    Where a prompt of words ends with a space, the first symbol is one that has it before it, and
    its text is without.

    Args:
        network: the language model.
        vocabulary: its symbols.
        tokenizer: splits the prompt, and joins what is drawn to it.
        prompt: the text to go on from; where there is none, a line's end, or else the most
            frequent symbol, is what is read first.
        seed: fixes what is drawn.
    """

    def __init__(
        self,
        network: GenerateNetwork,
        vocabulary: Vocabulary,
        tokenizer: Tokenizer,
        prompt: str = "",
        seed: int = 0,
    ) -> None:
        self._symbols, self._join = vocabulary.symbols, tokenizer.join
        self._random = torch.Generator().manual_seed(seed)
        start, self._mask = opening(tokenizer.split(prompt), vocabulary)
        self._before = start[-1:] if prompt else []
        self._reader = reader(network)
        self._seen: list[int] = []
        self._read(vocabulary.encode(start).tolist())

    def _read(self, symbols: list[int]) -> None:
        self._seen = [*self._seen, *symbols][-LOOK_BACK:]
        self._logits = self._reader(symbols)
        check_finite(self._logits)
        self._logits[0] = -torch.inf  # the unknown symbol

    def logits(self, shape: Callable[..., Tensor] = lambda logits, seen: logits) -> Tensor:
        """Logits of the next symbol (V,), after the samplers of `decode.chain`."""
        logits = self._logits
        if self._mask is not None:
            logits = logits.masked_fill(self._mask, -torch.inf)
        return shape(logits, torch.tensor(self._seen))

    def draw(self, shape: Callable[..., Tensor]) -> Drawn:
        """Draws the next symbol and reads it."""
        logits = self.logits(shape)
        symbol = int(draw(logits, self._random))
        token = self._symbols[symbol]
        text = self._join([*self._before, token])[len(self._join(self._before)) :]
        text = text if self._mask is None else text.removeprefix(" ")
        self._before, self._mask = [token], None
        self._read([symbol])
        return Drawn(text, logits.softmax(-1).numpy())


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
    spaced = [symbol[:1] == " " != symbol for symbol in vocabulary.symbols]
    if len(tokens) > 1 and tokens[-1] == " " and any(spaced):
        return tokens[:-1], ~torch.tensor(spaced)
    return tokens, None


def reader(network: GenerateNetwork) -> Reader:
    """Reads symbols with a network as it is now: natively where that is the level that runs."""
    network.eval()
    native = network.recurrent.level(training=False) == "native"
    return read_natively(network) if native else read_plainly(network)


def read_natively(network: GenerateNetwork) -> Reader:
    """One native call for each symbol, through all recurrent layers."""
    stream = network.recurrent.stream()
    table = network.embedding.weight.detach().numpy()
    weight, bias = network.output.weight.detach(), network.output.bias.detach()

    def read(symbols: list[int]) -> Tensor:
        for symbol in symbols:
            output = stream.step(table[symbol])
        logits: Tensor = nn.functional.linear(torch.from_numpy(output), weight, bias)
        return logits

    return read


def read_plainly(network: GenerateNetwork) -> Reader:
    """One call of the network, whatever level runs; what native reading is measured against."""
    state: Any = None

    def read(symbols: list[int]) -> Tensor:
        nonlocal state
        with torch.inference_mode():
            logits, state = network(torch.tensor(symbols)[:, None], state)
        last: Tensor = logits[-1, 0].clone()
        return last

    return read
