"""Words as numbers of their characters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

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
    """

    def __init__(self, characters: Vocabulary, longest: int) -> None:
        self.characters, self.longest = characters, longest

    @classmethod
    def of(cls, sentences: Iterable[Sequence[str]], longest: int) -> Spelling:
        """The spelling of training sentences."""
        count = Counter(word for words in sentences for word in words)
        characters = Counter[str]()
        for word, times in count.items():
            for character in word:
                characters[character] += times
        return cls(Vocabulary.of_counts(characters, min_count=RARE), longest)

    def encode(self, word: str) -> NDArray[np.int64]:
        """The numbers of a word's characters (C,); an empty word is one unknown one."""
        if len(word) > self.longest:
            end = self.longest // 2
            word = word[: self.longest - end] + word[-end:]
        return self.characters.encode(word or [""])

    def unknown(self, sentences: Iterable[Sequence[str]]) -> Counter[str]:
        """The characters that are not known, and how often each comes."""
        count = Counter(character for words in sentences for word in words for character in word)
        return Counter({c: n for c, n in count.items() if c not in self.characters})
