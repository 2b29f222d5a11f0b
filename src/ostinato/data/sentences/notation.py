"""How tags of entities are written: `B-PER`, `PER_B`, `b-per`, `U-PER`, `PER`.

O B-PER I-PER E-PER S-PER     letters BIES: here all tags are read as these
O B-PER I-PER L-PER U-PER     BILOU
O B-PER M-PER E-PER W-PER     BMEWO; BMES has S
o PER_b PER_i                 small letters, behind the type, another sign between
O B I                         entities of one type, which has no name
O PER PER                     types alone
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any, Self

from ostinato.data.sentences.schemes import OUTSIDE

LETTERS = "BIES"
_OTHERS = {"M": "I", "L": "E", "U": "S", "W": "S"}
_SYSTEMS = ("BIES", "BILU", "BMES", "BMEW")
_LETTER = re.compile(r"^[BIESLUMW][\W_]|[\W_][BIESLUMW]$", re.IGNORECASE)
_ONE = "entity"  # the type of entities that have none


@dataclass(frozen=True)
class Notation:
    """A way to write tags of entities.

    Attributes:
        letters: those of the beginning, the inside, the end, and a single word; "" where a tag is
            a type alone.
        sign: what stands between letter and type; "" where a tag is a letter alone.
        suffix: whether the letter stands behind the type.
        outside: the tag of what is in no entity.

    >>> Notation("bilu", "_", suffix=True, outside="o").read("per_u")
    'S-per'
    """

    letters: str = LETTERS
    sign: str = "-"
    suffix: bool = False
    outside: str = OUTSIDE

    def read(self, tag: str) -> str | None:
        """The tag as `schemes` has it; None where it is no tag of this notation."""
        if tag == self.outside:
            return OUTSIDE
        if not self.letters:
            return f"I-{tag}"
        letter, kind = tag, _ONE
        if self.sign:
            parts = tag.rpartition(self.sign) if self.suffix else tag.partition(self.sign)
            letter, kind = (parts[2], parts[0]) if self.suffix else (parts[0], parts[2])
        if len(letter) != 1 or letter not in self.letters or not kind:
            return None
        return f"{LETTERS[self.letters.index(letter)]}-{kind}"

    def write(self, tag: str) -> str:
        """What `read` reads as this tag.

        >>> Notation("BMES", "_", suffix=True).write("I-PER"), Notation("").write("I-PER")
        ('PER_M', 'PER')
        """
        if tag == OUTSIDE:
            return self.outside
        letter, _, kind = tag.partition("-")
        if not self.letters:
            return kind
        letter = self.letters[LETTERS.index(letter)]
        if not self.sign:
            return letter
        return f"{kind}{self.sign}{letter}" if self.suffix else f"{letter}{self.sign}{kind}"

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """The notation whose attributes these are.

        Raises:
            ValueError: for what is none.
        """
        read = cls(**values)
        texts = read.letters, read.sign, read.outside
        if not all(isinstance(text, str) for text in texts) or len(set(read.letters)) not in (0, 4):
            raise ValueError("not a way to write tags")
        return read


def notation_of(tags: Collection[str]) -> Notation | None:
    """The notation in which all tags are written; None where they mark no entities.

    Tags that do not begin with `B-`, `I-`, `E-` or `S-` need one for what is outside. Types alone
    are entities beside `O` only if none is a single character: parts of speech have an `O` too.

    >>> notation_of(["O", "PER-B", "PER-I"])
    Notation(letters='BIES', sign='-', suffix=True, outside='O')
    >>> notation_of(["NN", "VB"]), notation_of(["O", "PER"]).letters
    (None, '')
    """
    others = [tag for tag in tags if tag.upper() != OUTSIDE]
    outside = [tag for tag in tags if tag.upper() == OUTSIDE]
    if not others or len(outside) > 1:
        return None
    for suffix, sign in product((False, True), _signs(others[0])):
        parts = [_parts(tag, sign, suffix) for tag in others]
        letters = _letters({letter for letter, _ in parts})
        usual = sign == "-" and not suffix and any(letter in LETTERS for letter, _ in parts)
        if letters and all(kind for _, kind in parts) and (outside or usual):
            return Notation(letters, sign, suffix, *outside)
    if (letters := _letters(set(others))) and {"B", "b"} & {*others} and len(others) > 1:
        return Notation(letters, "", False, *outside)
    types = all(len(tag) > 1 and tag[0].isalpha() and not _LETTER.search(tag) for tag in others)
    return Notation("") if outside == [OUTSIDE] and types else None


def _signs(tag: str) -> list[str]:
    """What may stand between letter and type, `-` first."""
    return sorted(set(re.findall(r"[\W_]", tag)), key=lambda sign: (sign != "-", sign))


def _parts(tag: str, sign: str, suffix: bool) -> tuple[str, str]:
    """Letter and type; both empty where the sign is not in it."""
    before, found, behind = tag.rpartition(sign) if suffix else tag.partition(sign)
    if not found:
        return "", ""
    return (behind, before) if suffix else (before, behind)


def _letters(used: Collection[str]) -> str:
    """The letters of a system that has all these, large or small; "" where none has.

    >>> _letters("BIU"), _letters("bm"), _letters("BIM"), _letters("BN")
    ('BILU', 'bmes', '', '')
    """
    for system in _SYSTEMS:
        for letters in (system, system.lower()):
            if all(len(letter) == 1 and letter in letters for letter in used):
                return letters
    return ""
