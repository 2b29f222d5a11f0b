"""What every tokenizer can do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import ClassVar, Self

from ostinato.data.symbols.numbering import Numbering, NumberingOfTokens


class Tokenizer(ABC):
    """A way to split a text into tokens, and to join tokens into readable text.

    Attributes:
        learns: whether it must be trained before it splits.
        sees: the most characters of texts that training looks at; 0 where nothing is learned.
        state: what it splits by, as JSON; None where that is always the same.
    """

    learns: ClassVar[bool] = False
    sees: ClassVar[int] = 0
    state: str | None = None

    @abstractmethod
    def split(self, text: str) -> list[str]:
        """The tokens of a text."""

    @abstractmethod
    def join(self, tokens: list[str]) -> str:
        """A readable text of these tokens; `split` gives the same tokens again."""

    @abstractmethod
    def cut(self, text: str) -> int:
        """The last place found where a text can be cut into two that are split alone.

        split(text) = split(text[:cut]) + split(text[cut:]), whatever may follow the text; 0
        where there is no such place.
        """

    def train(self, texts: Iterable[str], size: int) -> Tokenizer:
        """The tokenizer after it has seen training texts; itself where nothing is learned.

        Args:
            texts: the training texts, read once.
            size: the most tokens that it may know.
        """
        return self

    def numbering(self) -> Numbering:
        """A numbering of its tokens that knows none yet."""
        return NumberingOfTokens(self.split)

    def __deepcopy__(self, memo: object) -> Self:
        return self  # it never changes
