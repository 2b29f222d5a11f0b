"""Text to tokens and back."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

from ostinato.errors import UnknownName


@dataclass(frozen=True)
class Tokenizer:
    """A way to split a text into tokens, and to join tokens into readable text."""

    split: Callable[[str], list[str]]
    join: Callable[[list[str]], str]


def tokenizer(name: str) -> Tokenizer:
    """The tokenizer of that name: "word" or "char".

    "char" takes every character as it is, and joins back exactly. "word" is `split_words`
    and `join_words`.

    Raises:
        UnknownName: for any other name.
    """
    if name not in _TOKENIZERS:
        raise UnknownName("tokenizer", name, _TOKENIZERS)
    return _TOKENIZERS[name]


def split_words(text: str) -> list[str]:
    """Lower-cased words, with their inner apostrophes, and single punctuation marks.

    Case and white space are lost, line ends too. Accents are composed first (NFC), so that a
    letter is the same token however it was typed.

    >>> split_words("It wasn't bad -- GREAT!")
    ['it', "wasn't", 'bad', '-', '-', 'great', '!']
    """
    return _WORD_OR_MARK.findall(unicodedata.normalize("NFC", text.lower()))


def join_words(tokens: list[str]) -> str:
    """Tokens with single spaces between, but none before a comma or after a bracket.

    `split_words` gives the same tokens again.

    >>> join_words(["yes", ",", "it", "is", "(", "really", ")", "."])
    'yes, it is (really).'
    """
    text = _SPACE_BEFORE_CLOSING.sub("", " ".join(tokens))
    return _SPACE_AFTER_OPENING.sub("", text)


_WORD_OR_MARK = re.compile(r"\w+(?:['’]\w+)*|[^\w\s]")
_SPACE_BEFORE_CLOSING = re.compile(r" (?=[.,;:!?%)\]}…])")
_SPACE_AFTER_OPENING = re.compile(r"(?<=[(\[{]) ")
_TOKENIZERS = {"char": Tokenizer(list, "".join), "word": Tokenizer(split_words, join_words)}
