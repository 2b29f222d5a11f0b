"""Words as they are written: each with the space before it, and the ends of lines."""

from __future__ import annotations

from typing import final

from ostinato.data.symbols.tokenizers._words import WordTokenizer


@final
class SpacedWords(WordTokenizer):
    r"""Words and punctuation with the space before them, and white space; joining is exact.

    White space that is left stands alone: ends of lines, and spaces before other white space.

    >>> SpacedWords(None).split("To be, or not\n  to be.")
    ['To', ' be', ',', ' or', ' not', '\n', ' ', ' to', ' be', '.']
    """

    before = " ?"
    space = r"|\s"

    def split(self, text: str) -> list[str]:
        """The words, punctuation and white space."""
        return self.found(text)

    def join(self, tokens: list[str]) -> str:
        """The tokens side by side."""
        return "".join(tokens)

    def cut(self, text: str) -> int:
        """After the last end of a line, or else before the last space."""
        if not self.is_settled:
            return 0
        return (text.rfind("\n") + 1) or max(0, text.rfind(" "))


def make(state: str | None) -> SpacedWords:
    """Spaced words, for texts like those that were seen in training."""
    return SpacedWords(state)
