"""Words as they are written: each with the space before it, and the ends of lines."""

from __future__ import annotations

import re
from typing import final

from ostinato.data.symbols.tokenizers._tokenizer import Tokenizer


@final
class SpacedWords(Tokenizer):
    """Words and punctuation with the space before them, and white space; joining is exact."""

    def split(self, text: str) -> list[str]:
        """The words, punctuation and white space."""
        return split_spaced(text)

    def join(self, tokens: list[str]) -> str:
        """The tokens side by side."""
        return "".join(tokens)

    def cut(self, text: str) -> int:
        """After the last end of a line, or else before the last space."""
        return (text.rfind("\n") + 1) or max(0, text.rfind(" "))


def make(state: str | None) -> SpacedWords:
    """Words learn nothing."""
    return SpacedWords()


def split_spaced(text: str) -> list[str]:
    r"""Words, with inner apostrophes, and punctuation marks, each with the space before it.

    What is left is white space: ends of lines, and spaces before other white space. Nothing is
    lost: the tokens side by side are the text.

    >>> split_spaced("To be, or not\n  to be.")
    ['To', ' be', ',', ' or', ' not', '\n', ' ', ' to', ' be', '.']
    """
    return _PIECE.findall(text)


_PIECE = re.compile(r" ?\w+(?:['’]\w+)*| ?[^\w\s]|\s")
