"""What an estimator has that continues a text, symbol by symbol."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from ostinato.data import Vocabulary


class DrawnSymbol(Protocol):
    """A symbol that was drawn."""

    @property
    def text(self) -> str:
        """The symbol."""

    @property
    def probabilities(self) -> NDArray[np.float32]:
        """What it was drawn from, (V,) float32."""


class Writing(Protocol):
    """A text that is being written."""

    def logits(self, shape: Callable[..., Tensor] = ...) -> Tensor:
        """Of the next symbol (V,), as samplers shape them."""

    def draw(self, shape: Callable[..., Tensor]) -> DrawnSymbol:
        """The next symbol."""


class Generates(Protocol):
    """A trained estimator for `ostinato generate`.

    Attributes:
        vocabulary_: its symbols, V of them.
    """

    vocabulary_: Vocabulary

    def unknown(self, prompt: str) -> list[str]:
        """The symbols of a prompt that are not in the vocabulary."""

    def stream(
        self, prompt: str, length: int, *, seed: int, **samplers: float | bool
    ) -> Iterator[DrawnSymbol]:
        """Symbols that continue a prompt, drawn one after the other."""

    def search(self, prompt: str, length: int, *, beam: int, best: int) -> list[tuple[str, float]]:
        """The most probable texts by beam search, each with its negative log-probability, nats."""

    def session(self, prompt: str, seed: int) -> Writing:
        """A text that begins with a prompt."""
