"""Subwords by byte-pair encoding over characters: Sennrich, Haddow & Birch 2016.

Trained and run by the `tokenizers` library. A text is first cut into words, marks (both with the
space before them) and single white space; inside these the pairs that were most frequent in
training are merged. Every token is a piece of the text as it stands, so that joining is exact,
and a character never seen in training is a token of its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, final

from ostinato.data.extra import extra
from ostinato.data.tokenizers._tokenizer import Tokenizer
from ostinato.errors import DataError

_PIECES = r" ?\w+| ?[^\w\s]+|\s"
_UNKNOWN = "<unk>"  # the library wants a name for characters it has never seen


@final
class Subwords(Tokenizer):
    """Pieces of words; `split` before `train` is refused.

    Args:
        state: the library's JSON of a trained tokenizer; None for one to be trained.
    """

    learns = True

    def __init__(self, state: str | None) -> None:
        self._library = extra("tokenizers", "subwords")
        self.state = state
        self._trained: Any = None
        if state is not None:
            try:
                self._trained = self._library.Tokenizer.from_str(state)
            except Exception as error:  # the library raises nothing narrower
                raise DataError(f"the state of the tokenizer is damaged: {error}") from None

    def __reduce__(self) -> tuple[type[Subwords], tuple[str | None]]:
        return Subwords, (self.state,)  # the library is imported again where it is unpickled

    def train(self, texts: Iterable[str], size: int) -> Subwords:
        """Merges the most frequent pair of neighbours until there are `size` subwords."""
        library = self._library
        learnt = library.Tokenizer(library.models.BPE(unk_token=_UNKNOWN))
        pieces = library.Regex(_PIECES)
        learnt.pre_tokenizer = library.pre_tokenizers.Split(pieces, "isolated")
        trainer = library.trainers.BpeTrainer(
            vocab_size=size, special_tokens=[_UNKNOWN], show_progress=False
        )
        learnt.train_from_iterator(texts, trainer)
        return Subwords(learnt.to_str())

    def split(self, text: str) -> list[str]:
        """The pieces, as they stand in the text.

        Raises:
            DataError: before `train`.
        """
        if self._trained is None:
            raise DataError("the tokenizer 'bpe' must be trained before it splits")
        encoding = self._trained.encode(text, add_special_tokens=False)
        return [text[start:end] for start, end in encoding.offsets]

    def join(self, tokens: list[str]) -> str:
        """The pieces side by side."""
        return "".join(tokens)

    def cut(self, text: str) -> int:
        """After the last end of a line, or else before the last space: no piece goes over it."""
        return (text.rfind("\n") + 1) or max(0, text.rfind(" "))


def make(state: str | None) -> Subwords:
    """Subwords from their state, or to be trained."""
    return Subwords(state)
