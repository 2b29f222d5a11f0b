"""Sentences as a tagger takes them: checked, and as numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ostinato import data
from ostinato.data import Tagged, TaggedFile
from ostinato.data.tables import frames
from ostinato.data.tables.labels import label_text
from ostinato.data.vectors.vectors import folded
from ostinato.errors import DataError, quoted
from ostinato.tasks.base.batch import Indices
from ostinato.tasks.tag.network import TagBatch

_USUAL = ("tokens", "words"), ("ner_tags", "tags", "labels", "pos_tags", "upos")
_IGNORED = -100  # the label that losses of PyTorch pass over


@dataclass(frozen=True)
class TagSequences:
    """Sentences as numbers.

    Attributes:
        words: the symbol of each word of each sentence.
        which: each word's row in `spelt`.
        spelt: the characters of the different words.
        context: states of language models at each word of each sentence, if there are some.
        indicators: the features of the different words (W, F), if there are some.
    """

    words: list[NDArray[np.int64]]
    which: list[NDArray[np.int64]]
    spelt: list[NDArray[np.int64]]
    context: list[NDArray[np.float32]] | None = None
    indicators: NDArray[np.int64] | None = None

    @property
    def lengths(self) -> list[int]:
        """See `Sequences`."""
        return list(map(len, self.words))

    def batch(self, chosen: Indices) -> TagBatch:
        """Some sentences as the network takes them; each word's spelling is in it once."""
        words, lengths = data.pad([self.words[i] for i in chosen])
        which, _ = data.pad([self.which[i] for i in chosen])
        distinct, places = np.unique(which, return_inverse=True)
        spelt, sizes = data.pad([self.spelt[i] for i in distinct])
        places = places.reshape(which.shape)
        batch = TagBatch(*map(torch.from_numpy, (words, lengths, spelt, sizes, places)))
        if self.context is not None:
            context, _ = data.pad([self.context[i] for i in chosen])
            batch = replace(batch, context=torch.from_numpy(context))
        if self.indicators is not None:
            batch = replace(batch, indicators=torch.from_numpy(self.indicators[distinct]))
        return batch


def tagged(sentences: object, tags: object = None) -> Tagged:
    """Sentences and their tags, checked.

    Args:
        sentences: lists of words, what `read_tagged` gives, or a table with a column of each.
        tags: lists of tags. Whole numbers are names, or those of a `Dataset`'s classes; -100 is a
            tag that is not known.

    Raises:
        DataError: when words and tags are not as many, or there are no sentences.
    """
    if tags is None and (names := _columns(sentences)):
        sentences, tags = frames.columns(sentences, names, "train")
    if isinstance(sentences, TaggedFile | Tagged):
        given = sentences.tagged() if isinstance(sentences, TaggedFile) else sentences
    elif tags is None:
        raise DataError("tags are missing: give a list of tags for each sentence")
    else:
        given = Tagged(words_of(sentences), words_of(_as_text(tags)))
    if not len(given):
        raise DataError("there are no sentences")
    return given


def _columns(table: Any) -> list[str] | None:
    """The usual names of the columns of words and tags, where a table has both."""
    if isinstance(table, Mapping) and hasattr(next(iter(table.values()), None), "column_names"):
        table = next(iter(table.values()))  # a `DatasetDict`
    named = getattr(table, "column_names", None) or getattr(table, "columns", None)
    known = list(table if isinstance(table, Mapping) else named if named is not None else ())
    found = [next((name for name in names if name in known), "") for names in _USUAL]
    return found if all(found) else None


def _as_text(tags: Any) -> object:
    """Tags that are numbers as text."""
    if isinstance(tags, str | Tagged | TaggedFile) or not isinstance(tags, Iterable):
        return tags
    lists = frames.named(list(tags), getattr(tags, "features", None))
    return [
        each if isinstance(each, str) else ["" if t == _IGNORED else label_text(t) for t in each]
        for each in lists
    ]


def plain(words: Sequence[str]) -> list[str]:
    """Words in small letters, each digit as 0."""
    return list(map(folded, words))


def words_of(sentences: object) -> list[list[str]]:
    """Sentences as lists of words.

    Raises:
        DataError: for a sentence that is no list of words, or has none.
    """
    if isinstance(sentences, TaggedFile):
        sentences = [sentence.words for sentence in sentences.sentences]
    if isinstance(sentences, Tagged):
        sentences = sentences.words
    if isinstance(sentences, str) or not isinstance(sentences, Iterable):
        what = "one text" if isinstance(sentences, str) else quoted(sentences)
        raise DataError(f"sentences must be a list of lists of words, not {what}")
    found = []
    for k, sentence in enumerate(sentences, start=1):
        words = sentence if isinstance(sentence, str) else list(sentence)
        if not words or isinstance(words, str) or not all(isinstance(w, str) for w in words):
            raise DataError(f"sentence {k}: {quoted(sentence)} is not a list of words")
        found.append(words)
    return found
