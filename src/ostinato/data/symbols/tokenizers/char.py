"""Characters, each as it is."""

from __future__ import annotations

from typing import final

from ostinato.data.symbols.numbering import Numbering, NumberingOfCharacters
from ostinato.data.symbols.tokenizers._tokenizer import Tokenizer


@final
class Characters(Tokenizer):
    """Every character is a token; joining is exact."""

    def split(self, text: str) -> list[str]:
        """The characters."""
        return list(text)

    def join(self, tokens: list[str]) -> str:
        """The characters side by side."""
        return "".join(tokens)

    def cut(self, text: str) -> int:
        """Anywhere: at the end."""
        return len(text)

    def numbering(self) -> Numbering:
        """By code point, without a string for each character."""
        return NumberingOfCharacters()


def make(state: str | None) -> Characters:
    """Characters learn nothing."""
    return Characters()
