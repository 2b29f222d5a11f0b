"""What Unicode says of the characters that words are made of, as classes for patterns of `re`.

Marks, joiners and other signs without a place of their own belong to the character before them;
some scripts have no spaces between words. Unicode Standard Annex #29, "Unicode Text Segmentation".
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import cache
from itertools import groupby

SPACE = "\u200b"
"""A space without width, between words of Khmer, Burmese and Thai."""
FLAGS = "\U0001f1e6-\U0001f1ff"
"""Two of these letters are a flag."""
PICTURES = (
    "\u00a9\u00ae\u203c\u2049\u2100-\u21ff\u2300-\u2bff\u3030\u303d\u3297\u3299"
    "\U0001f000-\U0001f1e5\U0001f200-\U0001faff"
)
"""What a joiner without width may join to another picture."""
STACKING = "\u1039\u17d2"
"""The letter behind one of these stands below the one before it: Burmese, Khmer."""
ENDINGS = "\u0e33\u0eb3\uff9e\uff9f"
"""Letters that belong to the one before them: vowels of Thai and Lao, marks of narrow kana."""

_ALONE = "\u00ad\u200b\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\ufff9-\ufffb\U000110bd\U000110cd"
_SKIN = "\U0001f3fb-\U0001f3ff"
_WITHOUT_SPACES = (  # Thai, Lao, Burmese, Khmer, Tai, Javanese
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u1950-\u19df\u1a20-\u1aaf\ua980-\ua9ff\uaa60-\uaadf"
)
_HAN = (  # and kana
    "\u3005-\u3007\u3021-\u3029\u3031-\u312f\u31a0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\uff66-\uff9f\U0001aff0-\U0001b16f\U00020000-\U0003ffff"
)
_MANY_MARKS = re.compile(r"[^\w\s\0-\u02ff]{32,}")  # or other signs, which stay as they are
SAMPLE = 2**17
"""Characters that are looked at, to see whether words have spaces."""
_LETTER, _IDEOGRAPH, _WORD = 3, 8, 24  # a word has 8 letters at most, or 3 ideographs


@cache
def attached() -> str:
    """Characters that belong to the one before them: marks, formats, joiners, tones of skin."""
    # where marks are, without the large scripts that have none
    places = *range(0x80, 0x3100), *range(0xA66F, 0xAC00), *range(0xFB00, 0x1F000)
    others = "".join(re.findall(rf"[^\w\s{_ALONE}]", "".join(map(chr, places))))
    kinds = "Mn", "Mc", "Me", "Cf"
    return _ranges(c for c in others if unicodedata.category(c) in kinds) + (
        f"{_SKIN}\U000e0001-\U000e01ef"
    )


@cache
def without_spaces() -> str:
    """Letters of scripts that have no spaces between words, or need not have them."""
    every = "".join(map(chr, range(0xE00, 0x31FF))) + "".join(map(chr, range(0xA980, 0xAAE0)))
    letters = re.findall(rf"(?=[{_WITHOUT_SPACES}])[^\W\d]", every)
    return _ranges(letters) + _HAN


def run_on(texts: Iterable[str]) -> bool:
    """Whether letters of scripts without spaces stand in longer pieces than a word is.

    The mean is over letters: Σ n² > 24 Σ n, where n is the size of a piece between white space, 3
    for a letter and 8 for an ideograph or kana. Only the beginning is looked at.

    >>> run_on(["这首歌真好听", "真好"]), run_on(["这 首 歌 真 好听"]), run_on(["it is"])
    (True, False, False)
    """
    few, total, squares = re.compile(f"[{_WITHOUT_SPACES}]"), 0, 0
    for letters in _found(_beginning(texts)):
        size = sum(_LETTER if few.match(each) else _IDEOGRAPH for each in letters)
        total, squares = total + size, squares + size**2
    return squares > _WORD * total


def composed(text: str) -> str:
    r"""A text in Unicode's normal form C.

    >>> composed("e\u0301") == "\xe9"
    True
    """
    if text.isascii():
        return text
    # Python sorts the marks of a letter one by one: of thousands in disorder, for ever.
    return unicodedata.normalize("NFC", _MANY_MARKS.sub(_sorted_marks, text))


def _sorted_marks(found: re.Match[str]) -> str:
    """Marks in canonical order, those of one class in the order in which they stand."""
    parts = "".join(unicodedata.normalize("NFD", character) for character in found[0])
    runs = groupby(parts, key=lambda character: unicodedata.combining(character) > 0)
    return "".join(
        "".join(sorted(run, key=unicodedata.combining) if marks else run) for marks, run in runs
    )


def _found(texts: Iterable[str]) -> Iterable[list[str]]:
    """Of each piece between white space the letters of scripts without spaces, where it has any."""
    letter = re.compile(f"[{without_spaces()}]")
    for text in texts:
        if not text.isascii():
            pieces = map(letter.findall, text.replace(SPACE, " ").split())
            yield from filter(None, pieces)


def _beginning(texts: Iterable[str]) -> Iterable[str]:
    """The first texts, as far as they are looked at."""
    left = SAMPLE
    for text in texts:
        yield text[:left]
        left -= len(text)
        if left <= 0:
            return


def _ranges(characters: Iterable[str]) -> str:
    """Characters as a class has them, in ranges."""
    ends: list[list[int]] = []
    for point in sorted(map(ord, characters)):
        if ends and ends[-1][1] == point - 1:
            ends[-1][1] = point
        else:
            ends.append([point, point])
    return "".join(f"{chr(first)}-{chr(last)}" for first, last in ends)
