"""Words and punctuation marks."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from itertools import groupby
from typing import final

from ostinato.data.symbols import scripts
from ostinato.data.symbols.tokenizers._words import WordTokenizer


@final
class Words(WordTokenizer):
    """Lower-cased words and single punctuation marks.

    Case and white space are lost, line ends too. Accents are composed first (NFC), so that a
    letter is the same token however it was typed.

    >>> Words(None).split("It wasn't bad -- GREAT!")
    ['it', "wasn't", 'bad', '-', '-', 'great', '!']
    >>> Words(None).join(["yes", ",", "it", "is", "(", "really", ")", "."])
    'yes, it is (really).'
    """

    def split(self, text: str) -> list[str]:
        """The words and punctuation marks."""
        text = text.lower()
        return self.found(text if text.isascii() else composed(text))

    def join(self, tokens: list[str]) -> str:
        """The words and punctuation as one would write them; `split` gives the same tokens."""
        text = _NO_SPACE[self.version].sub("", " ".join(tokens))
        return _space_between_letters().sub("", text) if self.apart else text

    def cut(self, text: str) -> int:
        """After the last end of a line, or else after the last space: no word goes over it."""
        return (text.rfind("\n") + 1) or (text.rfind(" ") + 1)


def make(state: str | None) -> Words:
    """Words, for texts like those that were seen in training."""
    return Words(state)


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


@cache
def _space_between_letters() -> re.Pattern[str]:
    """A space between letters of a script without spaces, or behind its comma or full stop."""
    letter = f"[{scripts.without_spaces()}]"
    own = f"[{scripts.attached()}{scripts.ENDINGS}]"
    before = f"(?:(?<={letter})|(?<={letter}{own})|(?<=[，、。！？；：]))"
    return re.compile(rf"{before}(?<![{scripts.STACKING}]) (?![{scripts.ENDINGS}])(?={letter})")


_MANY_MARKS = re.compile(r"[^\w\s\0-\u02ff]{32,}")  # or other signs, which stay as they are
_NO_SPACE = {
    1: re.compile(r" (?=[.,;:!?%)\]}…])|(?<=[(\[{]) "),
    2: re.compile(
        r" (?=[.,;:!?%)\]}…，、。！？；：）」』】》।॥؟،؛။၊។])"
        r"|(?<=[(\[{（「『【《]) (?=[\w!-~])"  # no mark, which would belong to the bracket
    ),
}
