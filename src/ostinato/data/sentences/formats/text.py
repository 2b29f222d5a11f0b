"""Plain text, whose tags come from the text itself: how each word is written, and what follows it.

    text     Well, NASA is fine.
    words    well   nasa   is     fine
    tags     Title, UPPER  lower  lower.

A tagger that reads the words alone restores what was lost. A word is tagged `lower`, `Title` or
`UPPER`, with the punctuation mark behind it, if it is one of `. , ? ! : ;`. A word written in
another way counts as the nearest of these. A sentence here is a line, in pieces of `PIECE` words
at most.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from ostinato.data.files.file import File, NumberedLine, flaw
from ostinato.data.sentences.sentence import Answer, Sentence, TagColumns
from ostinato.errors import ConfigError

SUFFIXES = (".txt", ".text")
PIECE = 60
_BLANK = 10_000  # blank lines that are kept in one piece
_LINES, _LONG = 100, 6  # lines that a sniff looks at, and words in one of them
MARKS = ".,?!:;"
TAGS = [case + mark for case in ("lower", "Title", "UPPER") for mark in ("", *MARKS)]
_WORD = re.compile(r"\w+(?:['’.,:-]\w+)*")
_MARKED = re.compile(r"[.,?!:;]+|$")


def sniff(head: bytes, wanted: TagColumns) -> bool:
    """Whether the first lines are prose: rather long, and of many lengths.

    Files in columns have short lines, or lines with the same number of columns.
    """
    lines = head.decode("utf-8-sig", "replace").splitlines()[:_LINES]
    widths = sorted(len(line.split()) for line in lines if line.strip())
    if not widths or any("\t" in line for line in lines):
        return False
    alike = max(map(widths.count, widths))
    return widths[len(widths) // 2] >= _LONG and (len(widths) == 1 or 2 * alike <= len(widths))


@dataclass(slots=True)
class Written(Sentence):
    """A piece of a line.

    Attributes:
        places: where each word begins and ends in it.
    """

    places: list[tuple[int, int]] = field(default_factory=list)

    def written(self, answer: Answer) -> str:
        """The text with case and punctuation as the tags say; what else stands in it is kept.

        Raises:
            ConfigError: for a confidence, or tags beside the text, which have no place in one.
        """
        if answer.beside or answer.confidence is not None:
            raise ConfigError("plain text cannot store additional tags or confidences")
        text, end, pieces = self.plain(), 0, []
        for (start, stop), tag in zip(self.places, answer.tags, strict=True):
            pieces += [text[end:start], _recased(text[start:stop], tag), tag.lstrip(_LETTERS)]
            end = stop + len(_marks(text, stop))
        return "".join([*pieces, text[end:]])


def read(file: File, wanted: TagColumns) -> Iterator[Written]:
    """The pieces of a file's lines.

    Raises:
        ConfigError: when a column is asked for: plain text has none.
    """
    if wanted.word or wanted.tag:
        raise ConfigError("plain text has no columns: data.word and data.tag are for CoNLL")
    return _joined(file.lines(ends_as_they_are=True))


def _joined(lines: Iterable[NumberedLine]) -> Iterator[Written]:
    """The pieces of lines; blank lines belong to the piece behind them."""
    blank: list[str] = []
    for line in lines:
        place = line.place
        if not line.text.strip() and len(blank) < _BLANK:
            blank.append(line.text)
            continue
        for piece in pieces(line):
            if blank and piece.good:
                piece.lines = blank + piece.lines
                shift = sum(map(len, blank))
                piece.places = [(start + shift, stop + shift) for start, stop in piece.places]
            elif blank:
                yield Written(place, lines=blank)
            blank = []
            yield piece
    if blank:
        yield Written(place, lines=blank)


def pieces(whole: NumberedLine) -> Iterator[Written]:
    """A line in pieces, each with the words whose tags are restored."""
    line = whole.text
    found = flaw(line)
    words = [] if found else list(_WORD.finditer(line))
    start = 0
    for k in range(0, max(len(words), 1), PIECE):
        own = words[k : k + PIECE]
        end = words[k + PIECE].start() if len(words) > k + PIECE else len(line)
        piece = Written(whole.place, lines=[line[start:end]], fault=found and found[1])
        for match in own:
            piece.words.append(match[0].lower())
            piece.tags.append(_case(match[0]) + _marks(line, match.end())[:1])
            piece.places.append((match.start() - start, match.end() - start))
        start = end
        yield piece


_LETTERS = "lowerTitUPER"


def _marks(text: str, place: int) -> str:
    """The punctuation marks at a place."""
    found = _MARKED.match(text, place)
    return found[0] if found else ""


def _case(word: str) -> str:
    """How a word is written.

    >>> [_case(word) for word in ("x", "I", "Ann", "NASA", "mp3", "iPod", "McDonald", "90")]
    ['lower', 'Title', 'Title', 'UPPER', 'lower', 'lower', 'Title', 'lower']
    """
    if word == word.lower():
        return "lower"
    letters = [c for c in word if c.isalpha()]
    if len(letters) > 1 and all(c.isupper() for c in letters):
        return "UPPER"
    return "Title" if letters and letters[0].isupper() else "lower"


def _recased(word: str, tag: str) -> str:
    """A word written as a tag says."""
    if tag.startswith("UPPER"):
        return word.upper()
    low = word.lower()
    if not tag.startswith("Title"):
        return low
    first = next((k for k, c in enumerate(low) if c.isalpha()), 0)
    return low[:first] + low[first].upper() + low[first + 1 :]
