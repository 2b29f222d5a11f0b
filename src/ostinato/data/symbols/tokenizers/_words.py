"""Where words begin and end: at Unicode's letters with their marks, or as it was before."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from functools import cache
from typing import ClassVar, Self

from ostinato.data.symbols import scripts
from ostinato.data.symbols.tokenizers._tokenizer import Tokenizer
from ostinato.errors import DataError, quoted

VERSION = 2
_HEBREW = "\u05d0-\u05ea"
_INNER = rf"""['’‘＇·‧׳״\u00ad"](?<![^{_HEBREW}]")(?!(?<=")[^{_HEBREW}])"""
"""Signs inside a word: apostrophes, the point of Catalan, of Hebrew abbreviations, soft hyphens."""


class WordTokenizer(Tokenizer):
    r"""Words with their inner apostrophes, and single signs.

    A word is letters, digits and `_` with the marks and joiners that belong to them; a sign has
    its own, so that a picture of several characters is one token. No rule finds words where a
    script has no spaces between them: if training texts are so, each of its letters is a token.

    Version 1 takes `\w+` for a word, which cuts it at every mark.

    Args:
        state: JSON, `{"version": 2, "apart": whether such letters are tokens}`; `null` is version
            1, that of runs which stored nothing. None: each text by itself tells whether they are.

    Raises:
        DataError: for another state.
    """

    before: ClassVar[str] = ""
    """What a token may begin with, as a pattern."""
    space: ClassVar[str] = ""
    """What else is a token, as a pattern."""
    sees = scripts.SAMPLE

    def __init__(self, state: str | None) -> None:
        self.version, self.apart = _read(state)
        stored = {"version": self.version, "apart": self.apart}
        self.state = json.dumps(stored) if self.version > 1 else None

    def __reduce__(self) -> tuple[type[Self], tuple[str]]:
        return type(self), (self.state or "null",)

    def train(self, texts: Iterable[str], size: int) -> Self:
        """The tokenizer for texts like these; version 1 stays what it is."""
        if self.version == 1:
            return self
        return type(self)(json.dumps({"version": VERSION, "apart": scripts.run_on(texts)}))

    def found(self, text: str) -> list[str]:
        """The tokens, as they stand in the text."""
        if self.version == 1:
            pattern = _by_letters(self.before, self.space, "['’]")
        elif text.isascii():
            pattern = _by_letters(self.before, self.space, "'")
        else:
            apart = scripts.run_on([text]) if self.apart is None else self.apart
            pattern = _by_clusters(self.before, self.space, apart)
        return pattern.findall(text)

    @property
    def is_settled(self) -> bool:
        """Whether all texts are split alike, as after training: only then can a text be cut."""
        return self.version == 1 or self.apart is not None


def _read(state: str | None) -> tuple[int, bool | None]:
    """Version and `apart` of a state.

    Raises:
        DataError: for what is none.
    """
    stored = {"version": VERSION, "apart": None} if state is None else json.loads(state)
    match stored:
        case None:
            return 1, None
        case {"version": 2, "apart": (bool() | None) as apart}:
            return VERSION, apart
    raise DataError(
        f"the state of the tokenizer is damaged, or of another version: {quoted(state)}"
    )


@cache
def _by_letters(before: str, space: str, inner: str) -> re.Pattern[str]:
    """Runs of letters and single signs: right where no character belongs to another."""
    return re.compile(rf"{before}\w+(?:{inner}\w+)*|{before}[^\w\s]{space}")


@cache
def _by_clusters(before: str, space: str, apart: bool) -> re.Pattern[str]:
    """Letters and signs, each with what belongs to it.

    Args:
        before: see `WordTokenizer`.
        space: see `WordTokenizer`.
        apart: whether letters of scripts without spaces are tokens.
    """
    attached, single = scripts.attached(), scripts.without_spaces()
    # A class of 16 bits is a table: what is beyond is looked through only where it is.
    narrow = re.sub("[^\0-\uffff]-[^\0-\uffff]", "", attached) + "\U00010000-\U0010ffff"
    own, ending = (
        f"(?:[{narrow}{more}](?<![^{attached}{more}]))" for more in ("", scripts.ENDINGS)
    )
    letter = rf"[^\W{single}]" if apart else r"\w"
    word = f"{letter}++(?:{own}++{letter}*+)*+"
    below = f"(?:(?<=[{scripts.STACKING}])[{single}]{own}*+)*+"
    kinds = {
        "word": f"{word}(?:{_INNER}{word})*+",
        "letter": f"[{single}]{ending}*+{below}",
        "flag": f"[{scripts.FLAGS}]{{2}}{own}*",
        "sign": rf"[^\w\s{scripts.SPACE}](?:{own}|(?<=\u200d)[{scripts.PICTURES}])*",
    }
    if not apart:
        del kinds["letter"]
    every = "|".join(before + kind for kind in kinds.values())
    return re.compile(every + (space and f"{space}|{scripts.SPACE}"))
