"""Words as numbers of their characters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ostinato.data.symbols.scripts import composed
from ostinato.data.symbols.vocabulary import Vocabulary

RARE = 2
"""A character seen less often in training counts as unknown: so what is unknown is learned too."""


class Spelling:
    """The characters that a model knows, and words as their numbers.

    >>> spelling = Spelling(Vocabulary("abc"), longest=4)
    >>> spelling.encode("cab"), spelling.encode("abccba"), spelling.encode("é")
    (array([3, 1, 2]), array([1, 2, 2, 1]), array([0]))

    Args:
        characters: the characters.
        longest: of a longer word the middle is left out.
        composes: whether a letter and its accent are one character (NFC), however they were typed.
    """

    def __init__(self, characters: Vocabulary, longest: int, composes: bool = True) -> None:
        self.characters, self.longest, self.composes = characters, longest, composes

    @classmethod
    def of(cls, sentences: Iterable[Sequence[str]], longest: int) -> Spelling:
        """The spelling of training sentences."""
        count = Counter(word for words in sentences for word in words)
        characters = Counter[str]()
        for word, times in count.items():
            for character in composed(word):
                characters[character] += times
        return cls(Vocabulary.of_counts(characters, min_count=RARE), longest)

    def encode(self, word: str) -> NDArray[np.int64]:
        """The numbers of a word's characters (C,); an empty word is one unknown one."""
        word = self.read(word)
        if len(word) > self.longest:
            end = self.longest // 2
            word = word[: self.longest - end] + word[-end:]
        return self.characters.encode(word or [""])

    def read(self, word: str) -> str:
        """A word as its characters are read."""
        return composed(word) if self.composes else word

    def to_json(self) -> dict[str, object]:
        """What `from_json` reads."""
        return {"composes": self.composes, "characters": self.characters.to_json()}

    @classmethod
    def from_json(cls, written: Any, longest: int) -> Spelling:
        """The spelling that `to_json` wrote; runs of before have characters alone.

        Raises:
            DataError, LookupError, TypeError: for what it did not write.
        """
        if isinstance(written, list):
            return cls(Vocabulary.from_json(written), longest, composes=False)
        characters = Vocabulary.from_json(written["characters"])
        return cls(characters, longest, written["composes"] is True)

    def unknown(self, sentences: Iterable[Sequence[str]]) -> Counter[str]:
        """The characters that are not known, and how often each comes."""
        read = (self.read(word) for words in sentences for word in words)
        count = Counter(character for word in read for character in word)
        return Counter({c: n for c, n in count.items() if c not in self.characters})
