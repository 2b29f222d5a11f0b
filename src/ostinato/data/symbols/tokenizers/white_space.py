"""What stands between white space, as it is: phones, or words of a text that is tokenised."""

from __future__ import annotations

from typing import final

from ostinato.data.symbols.tokenizers._tokenizer import Tokenizer


@final
class WhiteSpace(Tokenizer):
    """Pieces between white space; joined by single spaces."""

    def split(self, text: str) -> list[str]:
        """The pieces.

        >>> WhiteSpace().split("R IY1  D")
        ['R', 'IY1', 'D']
        """
        return text.split()

    def join(self, tokens: list[str]) -> str:
        """The pieces with a space between."""
        return " ".join(tokens)

    def cut(self, text: str) -> int:
        """After the last end of a line, or else after the last space: no piece goes over it."""
        return (text.rfind("\n") + 1) or (text.rfind(" ") + 1)


def make(state: str | None) -> WhiteSpace:
    """Pieces learn nothing."""
    return WhiteSpace()
