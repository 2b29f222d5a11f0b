"""Subwords by byte-pair encoding over characters: Sennrich, Haddow & Birch 2016.

Trained and run by the `tokenizers` library. A text is first cut into words, punctuation (both
with the space before them) and single white space; inside these the pairs that were most frequent
in training are merged. Every token is a piece of the text as it stands, so that joining is exact,
and a character never seen in training is a token of its own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, final

from ostinato.data.extra import extra
from ostinato.data.symbols.tokenizers._tokenizer import Tokenizer
from ostinato.errors import DataError, quoted, shortened

_PIECES = r" ?\w+| ?[^\w\s]+|\s"
_LONG = re.compile(r"\S{1000}")
_MOST = 2**20  # subwords: the library takes memory for as many as it is given, at once
_UNKNOWN = "<unk>"  # the library wants a name for characters it has never seen


def _in_short_words(texts: Iterable[str]) -> Iterator[str]:
    """Texts, what has no white space for long in pieces: learning takes its length squared."""
    for text in texts:
        end = 0
        for found in _LONG.finditer(text):
            yield text[end : found.start()]
            yield found[0]
            end = found.end()
        yield text[end:]


@contextmanager
def _calls(what: str) -> Iterator[None]:
    """Calls of the library, which raises nothing narrower than `Exception`, and panics beside it.

    Raises:
        DataError: for anything that is raised inside.
    """
    try:
        yield
    except (DataError, KeyboardInterrupt, SystemExit, MemoryError, GeneratorExit):
        raise
    except BaseException as error:  # a panic of Rust is no `Exception`
        raise DataError(f"{what}: {shortened(' '.join(str(error).split()), 100)}") from None


@final
class Subwords(Tokenizer):
    """Pieces of words; `split` before `train` is refused.

    Args:
        state: the library's JSON of a trained tokenizer; None for one to be trained.
    """

    learns = True
    sees = 2**26

    def __init__(self, state: str | None) -> None:
        self._library = extra("tokenizers", "subwords")
        self.state = state
        self._trained: Any = None
        if state is not None:
            with _calls("the state of the tokenizer is damaged"):
                self._trained = self._made(json.loads(state)["model"])

    def __reduce__(self) -> tuple[type[Subwords], tuple[str | None]]:
        return Subwords, (self.state,)  # the library is imported again where it is unpickled

    def train(self, texts: Iterable[str], size: int) -> Subwords:
        """Merges the most frequent pair of neighbours until there are `size` subwords."""
        with _calls("subwords cannot be learned"):
            learned = self._made()
            trainer = self._library.trainers.BpeTrainer(
                vocab_size=min(size, _MOST), special_tokens=[_UNKNOWN], show_progress=False
            )
            learned.train_from_iterator(_in_short_words(texts), trainer)
            return Subwords(learned.to_str())

    def split(self, text: str) -> list[str]:
        """The pieces, as they stand in the text.

        Raises:
            DataError: before `train`.
        """
        if self._trained is None:
            raise DataError("the tokenizer 'bpe' must be trained before it splits")
        with _calls("a text cannot be split into subwords"):
            encoding = self._trained.encode(text, add_special_tokens=False)
        return [text[start:end] for start, end in encoding.offsets]

    def _made(self, model: Any = None) -> Any:
        """The library's tokenizer, of a trained model or of none.

        All but its subwords and merges is what it is in training: nothing else is read of a run.
        """
        library, known = self._library, {}
        if model is not None:
            merges = [(one, other) for one, other in model["merges"]]
            known = {"vocab": model["vocab"], "merges": merges}
            for subword in (_UNKNOWN, *(part for a, b in merges for part in (a, b, a + b))):
                if subword not in known["vocab"]:  # on some the library would panic
                    raise ValueError(f"{quoted(subword)} is not one of its subwords")
        made = library.Tokenizer(library.models.BPE(unk_token=_UNKNOWN, **known))
        made.pre_tokenizer = library.pre_tokenizers.Split(library.Regex(_PIECES), "isolated")
        if known:
            made.add_special_tokens([_UNKNOWN])
        return made

    def join(self, tokens: list[str]) -> str:
        """The pieces side by side."""
        return "".join(tokens)

    def cut(self, text: str) -> int:
        """After the last end of a line, or else before the last space: no piece goes over it."""
        return (text.rfind("\n") + 1) or max(0, text.rfind(" "))


def make(state: str | None) -> Subwords:
    """Subwords from their state, or to be trained."""
    return Subwords(state)
