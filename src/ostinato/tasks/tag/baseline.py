"""The baseline of tagging: each word's most frequent tag, whatever stands around it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from ostinato.data import Tagged


@dataclass(frozen=True)
class FrequentTag:
    """Most frequent tags.

    Attributes:
        tags: that of each word of training.
        unseen: that of words which come once, for words which do not come at all.
    """

    tags: dict[str, str]
    unseen: str

    @classmethod
    def of(cls, sentences: Tagged, unlabelled: str = "") -> FrequentTag:
        """Counts; of equally frequent tags the first in the alphabet wins.

        Args:
            sentences: the training sentences.
            unlabelled: the tag that stands for one that is not known, and is not counted; nor is
                an empty one.
        """
        counts: dict[str, Counter[str]] = defaultdict(Counter)
        for words, own in zip(sentences.words, sentences.tags, strict=True):
            for word, tag in zip(words, own, strict=True):
                if tag not in ("", unlabelled):
                    counts[word][tag] += 1
        once = Counter(tag for each in counts.values() if each.total() == 1 for tag in each)
        every = sum(counts.values(), Counter[str]())
        return cls({word: _first(each) for word, each in counts.items()}, _first(once or every))

    def predict(self, words: Sequence[str]) -> list[str]:
        """The tags of a sentence."""
        return [self.tags.get(word, self.unseen) for word in words]


def _first(counts: Counter[str]) -> str:
    return min(counts, key=lambda tag: (-counts[tag], tag), default="")
