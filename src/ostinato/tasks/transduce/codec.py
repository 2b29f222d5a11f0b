"""A text codec: how texts become symbols, and symbols texts."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ostinato.data import Rows, Store, Tokenizer, Vocabulary, tokenizer
from ostinato.errors import DataError
from ostinato.tasks.base.words import KnownWords, known_words, token_of
from ostinato.tasks.transduce.settings import CodecSettings

LONGEST = 10**5
"""Tokens: no text that a stored codec was learned from was longer, and no output is."""


@dataclass(frozen=True)
class TextCodec:
    """A tokenizer and its vocabulary.

    Attributes:
        tokenizer: what splits texts and joins tokens.
        vocabulary: the symbols.
        longest: the most tokens of a text that was trained on.
    """

    tokenizer: Tokenizer
    vocabulary: Vocabulary
    longest: int

    @classmethod
    def learn(
        cls,
        texts: Sequence[str],
        settings: CodecSettings,
        name: str,
        vectors: str | None = None,
        further: int = 0,
    ) -> tuple[TextCodec, Rows, KnownWords]:
        """A codec of training texts, these as symbols, and what their embeddings begin with.

        Args:
            texts: the training texts.
            settings: what they are read as.
            name: what the settings call them.
            vectors: a file of word vectors.
            further: see `known_words`.

        Raises:
            DataError: when no symbol comes often enough to be known, or there are no vectors.
        """
        split = tokenizer(settings.tokenizer).train(texts, settings.vocabulary)
        store = Store(split)
        for text in texts:
            store.add(text.strip())
        frequent, seen = (store.vocabulary(settings.vocabulary, n) for n in (settings.min_count, 1))
        known = known_words(vectors, further, frequent, seen, token_of(split))
        vocabulary = known.vocabulary
        if len(vocabulary) < 2:
            raise DataError(f"no token occurs {name}.min_count = {settings.min_count} times")
        rows = store.rows(vocabulary)
        return cls(split, vocabulary, min(max(map(len, rows)), LONGEST)), rows, known

    def encode(self, texts: Iterable[str]) -> list[NDArray[np.int64]]:
        """The symbols of each text; a text without any is one unknown symbol."""
        return [self.vocabulary.encode(self.tokens(text) or [""]) for text in texts]

    def tokens(self, text: str) -> list[str]:
        """The tokens of a text, white space around it left out."""
        return self.tokenizer.split(text.strip())

    def decode(self, symbols: Iterable[int]) -> str:
        """The text of these symbols."""
        return self.tokenizer.join(self.vocabulary.decode(symbols))

    def unknown(self, texts: Iterable[str]) -> Counter[str]:
        """The tokens that are not known, and how often they come."""
        known = self.vocabulary
        return Counter(t for text in texts for t in self.tokens(text) if t not in known)

    def to_json(self) -> dict[str, object]:
        """What `from_json` reads."""
        state = self.tokenizer.state
        return {
            "longest": self.longest,
            "vocabulary": self.vocabulary.to_json(),
            "tokenizer": json.loads(state) if state else None,
        }

    @classmethod
    def from_json(cls, written: Any, settings: CodecSettings) -> Self:
        """The codec that `to_json` wrote.

        Raises:
            DataError, LookupError, TypeError: for what it did not write.
        """
        split = tokenizer(settings.tokenizer, json.dumps(written["tokenizer"]))
        longest = int(written["longest"])
        if not 1 <= longest <= LONGEST:
            raise DataError(f"texts of {longest} tokens")
        return cls(split, Vocabulary.from_json(written["vocabulary"]), longest)
