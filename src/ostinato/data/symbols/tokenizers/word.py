"""Words and punctuation marks."""

from __future__ import annotations

import re
import unicodedata
from itertools import groupby
from typing import final

from ostinato.data.symbols.tokenizers._tokenizer import Tokenizer


@final
class Words(Tokenizer):
    """Lower-cased words and single punctuation marks: `split_words` and `join_words`."""

    def split(self, text: str) -> list[str]:
        """The words and punctuation marks."""
        return split_words(text)

    def join(self, tokens: list[str]) -> str:
        """The words and punctuation as one would write them."""
        return join_words(tokens)

    def cut(self, text: str) -> int:
        """After the last end of a line, or else after the last space: no word goes over it."""
        return (text.rfind("\n") + 1) or (text.rfind(" ") + 1)


def make(state: str | None) -> Words:
    """Words learn nothing."""
    return Words()


def split_words(text: str) -> list[str]:
    """Lower-cased words, with their inner apostrophes, and single punctuation marks.

    Case and white space are lost, line ends too. Accents are composed first (NFC), so that a
    letter is the same token however it was typed.

    >>> split_words("It wasn't bad -- GREAT!")
    ['it', "wasn't", 'bad', '-', '-', 'great', '!']
    """
    return _WORD_OR_MARK.findall(composed(text.lower()))


def composed(text: str) -> str:
    r"""A text in Unicode's normal form C.

    >>> composed("e\u0301") == "\xe9"
    True
    """
    # Python sorts the marks of a letter one by one: of thousands in disorder, for ever.
    return unicodedata.normalize("NFC", _MANY_MARKS.sub(_sorted_marks, text))


def _sorted_marks(found: re.Match[str]) -> str:
    """Marks in canonical order, those of one class in the order in which they stand."""
    parts = "".join(unicodedata.normalize("NFD", character) for character in found[0])
    runs = groupby(parts, key=lambda character: unicodedata.combining(character) > 0)
    return "".join(
        "".join(sorted(run, key=unicodedata.combining) if marks else run) for marks, run in runs
    )


def join_words(tokens: list[str]) -> str:
    """Tokens with single spaces between, but none before a comma or after a bracket.

    `split_words` gives the same tokens again.

    >>> join_words(["yes", ",", "it", "is", "(", "really", ")", "."])
    'yes, it is (really).'
    """
    text = _SPACE_BEFORE_CLOSING.sub("", " ".join(tokens))
    return _SPACE_AFTER_OPENING.sub("", text)


_WORD_OR_MARK = re.compile(r"\w+(?:['’]\w+)*|[^\w\s]")
_MANY_MARKS = re.compile(r"[^\w\s\0-\u02ff]{32,}")  # or other signs, which stay as they are
_SPACE_BEFORE_CLOSING = re.compile(r" (?=[.,;:!?%)\]}…])")
_SPACE_AFTER_OPENING = re.compile(r"(?<=[(\[{]) ")
