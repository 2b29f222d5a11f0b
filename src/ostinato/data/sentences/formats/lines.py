"""Plain sentences to be tagged, one on each line: words between white space.

    text     Ann flew to Rome (again).
    words    Ann  flew  to  Rome  (  again  )  .

Punctuation marks around a word are words of their own, as in files of tagged sentences. What is
written back are columns: each word on a line with its tag, a blank line behind each sentence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ostinato.data.files.file import File, flaw
from ostinato.data.sentences.sentence import Answer, Sentence, TagColumns
from ostinato.errors import DataError

SUFFIXES = ()
_BEFORE = '([{"“„‘«¿¡（「『《'
_BEHIND = '.,;:!?)]}"”»…。，！？；：、）」』》।؟،؛'
_MARK = re.compile(r"\.{2,}|.", re.DOTALL)
_SHORT = re.compile(r"(?:[^\W\d_]\.)+[^\W\d_]|[A-HJ-Z]")  # of U.S. and J., without their full stop


def sniff(head: bytes, wanted: TagColumns) -> bool:
    """Whether sentences may be without tags."""
    return wanted.trained is not None


@dataclass(slots=True)
class PlainSentence(Sentence):
    """A sentence in a line."""

    def written(self, answer: Answer) -> str:
        """Columns: the words, their tags, and confidences."""
        if not self.words:
            return ""
        sure = None if answer.confidence is None else [f" {p:.4f}" for p in answer.confidence]
        rows = zip(self.words, answer.tags, sure or [""] * len(self.words), strict=True)
        return "".join(f"{word} {tag}{p}\n" for word, tag, p in rows) + "\n"


def read(file: File, wanted: TagColumns) -> Iterator[PlainSentence]:
    """The sentences of a file.

    Raises:
        DataError: where tags are needed.
    """
    if wanted.trained is None:
        raise DataError(f"{file.title}: plain sentences have no tags; give a file in columns")
    return _lines(file)


def _lines(file: File) -> Iterator[PlainSentence]:
    for number, line in file.lines():
        found = flaw(line)
        words = [word for piece in line.split() for word in _words(piece)]
        yield PlainSentence(f"line {number}", words, [""] * len(words), found and found[1], [line])


def _words(piece: str) -> Iterator[str]:
    """A word, and the marks before and behind it.

    >>> [word for piece in '("U.S.", 3.5...)'.split() for word in _words(piece)]
    ['(', '"', 'U.S.', '"', ',', '3.5', '...', ')']
    """
    rest = piece.lstrip(_BEFORE)
    yield from piece[: len(piece) - len(rest)]
    word = rest.rstrip(_BEHIND)
    if _SHORT.fullmatch(word) and rest[len(word) :].startswith("."):
        word += "."
    if word:
        yield word
    yield from _MARK.findall(rest[len(word) :])
