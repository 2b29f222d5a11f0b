"""Words and punctuation marks."""

from __future__ import annotations

import re
from functools import cache
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
        return self.found(scripts.composed(text))

    def join(self, tokens: list[str]) -> str:
        """The words and punctuation as one would write them; `split` gives the same tokens."""
        text = _NO_SPACE[self.version].sub("", " ".join(tokens))
        return _space_between_letters().sub("", text) if self.apart else text

    def cut(self, text: str) -> int:
        """After the last end of a line, or else after the last space: no word goes over it."""
        if not self.is_settled:
            return 0
        return (text.rfind("\n") + 1) or (text.rfind(" ") + 1)


def make(state: str | None) -> Words:
    """Words, for texts like those that were seen in training."""
    return Words(state)


@cache
def _space_between_letters() -> re.Pattern[str]:
    """A space between letters of a script without spaces, or behind its comma or full stop."""
    letter = f"[{scripts.without_spaces()}]"
    own = f"[{scripts.attached()}{scripts.ENDINGS}]"
    before = f"(?:(?<={letter})|(?<={letter}{own})|(?<=[，、。！？；：]))"
    return re.compile(rf"{before}(?<![{scripts.STACKING}]) (?![{scripts.ENDINGS}])(?={letter})")


_NO_SPACE = {
    1: re.compile(r" (?=[.,;:!?%)\]}…])|(?<=[(\[{]) "),
    2: re.compile(
        r" (?=[.,;:!?%)\]}…，、。！？；：）」』】》।॥؟،؛။၊។])"
        r"|(?<=[(\[{（「『【《]) (?=[\w!-~])"  # no mark, which would belong to the bracket
    ),
}
