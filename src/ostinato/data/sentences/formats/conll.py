"""Columns, as in the shared tasks of CoNLL: a word on each line, a blank line between sentences.

Columns are separated by tabs, where a line holds one, else by spaces; any other white space, such
as a space that does not break, is a part of a word. A line that begins with `-DOCSTART-` belongs to
no sentence; nor does a comment before a sentence's first word: a line that begins with `#` and has
another number of columns than the words, or a lone `#` where the file has comments.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from ostinato.data.files.file import File, flaw
from ostinato.data.sentences.schemes import OUTSIDE
from ostinato.data.sentences.sentence import Answer, Sentence, TagColumns, blocks
from ostinato.errors import ConfigError, DataError, counted, quoted

SUFFIXES = (".conll", ".iob", ".iob2", ".bio", ".bioes")
_DOCUMENT = "-DOCSTART-"
_ASK = {
    True: "give the column that does, such as --data.word 2",
    False: "remove it: the run reads words there",
}
_COLUMN = re.compile("-?[0-9]{1,9}")
_LINES = 100  # that a sniff looks at
_NO_TAG = ("?", "_", "-", "O", "*", ".")  # what may stand in the place of a tag
_COUNT = re.compile(r"(\d{1,9})([-.]\d+)?", re.ASCII)


def sniff(head: bytes, wanted: TagColumns) -> bool:
    """Whether the first lines have all the same number of columns, and some are blank.

    From two to nine columns: what has ten may be CoNLL-U. For a trained tagger also words one on
    each line, and lines whose tags it knows; but not those with other words in the place of tags.
    """
    lines = head.decode("utf-8-sig", "replace").removesuffix("\n").split("\n")[:_LINES]
    rows = [_fields(line) for line in lines if not _outside(line) and line[0] != "#"]
    widths = {len(fields) for fields in rows}
    if len(widths) != 1 or not (width := widths.pop()) < 10:
        return False
    ends = [_outside(line) for line in lines]
    if wanted.trained is None:
        return width > 1 and len(rows) > 2 and any(ends)
    if width < wanted.trained:  # without tags; sentences have a line each, words several
        return width == 1 or (any(ends) and not all(a or b for a, b in pairwise([*ends, True])))
    known = sum(fields[-1] in {*wanted.known, *_NO_TAG} for fields in rows)
    return 2 * known >= len(rows)


@dataclass(slots=True)
class ColumnSentence(Sentence):
    """A sentence in columns.

    Attributes:
        at: which lines hold its words.
        column: the column of the tags, from 0, or from -1 backwards; the last one where None.
        width: how many columns the file has.
        trained: how many columns the training file had; None while training.
    """

    at: list[int] = field(default_factory=list)
    column: int = -1
    width: int = 0
    trained: int | None = None

    def written(self, answer: Answer) -> str:
        """The tags in the place of those of the file, or beside them, as a further column.

        They are a further column too where the file has fewer columns than the training file.
        With a further column, a line with `-DOCSTART-` gets as many as all others: its own tag
        again, which every count of entities passes over.
        """
        lines, sure = list(self.lines), answer.confidence
        tagged = self.width >= (self.trained or 0)
        further = answer.beside or not tagged
        for k, line in enumerate(self.at):
            more = [answer.tags[k]] if further else []
            if not further:
                start, stop = _places(lines[line])[self.column]
                lines[line] = lines[line][:start] + answer.tags[k] + lines[line][stop:]
            lines[line] = _widened(lines[line], more + ([] if sure is None else [f"{sure[k]:.4f}"]))
        for k, text in enumerate(lines):
            if text.startswith(_DOCUMENT) and (further or sure is not None):
                fields = _fields(text)
                more = [OUTSIDE] * (self.width - len(fields))
                if further:
                    more.append([*fields, *more][self.column] if tagged else OUTSIDE)
                lines[k] = _widened(text, more if sure is None else [*more, "1.0000"])
        return "".join(lines)


def read(file: File, wanted: TagColumns) -> Iterator[ColumnSentence]:
    """The sentences of a file.

    Args:
        file: the file.
        wanted: columns from 1, or from -1 backwards; by default words are in the first, and tags
            in the last one.

    Raises:
        ConfigError: for a column that is not a number, or 0.
    """
    words, column = _number(wanted.word or "1", "word"), _number(wanted.tag or "-1", "tag")
    width, checked, commented = 0, False, False
    trained, counter = wanted.trained, _Counter()
    for first, lines in blocks(file, _outside):
        width = width or _width(lines)
        sentence = ColumnSentence(lines=lines, column=column, trained=trained)
        for number, line in enumerate(lines, first):
            fields = _fields(line)
            if found := flaw(line):
                sentence.blame(number, found[1])
            if _outside(line):
                continue
            if not sentence.at and _is_comment(fields, width, commented or not checked):
                commented = True
                continue
            if not checked:
                width, checked = width or len(fields), True
                _check(file, number, width, words, column, trained is None)
            if len(fields) != width:
                what = f"{counted(len(fields), 'column')}, but the first word has {width}"
                sentence.blame(number, f"{what}; if the file has another format, use --format")
                fields = [*fields, *[""] * width]
            if not fields[words]:
                sentence.blame(number, "an empty word")
            sentence.at.append(number - first)
            sentence.numbers.append(number)
            sentence.words.append(fields[words])
            has_tag = width >= (trained or 0) and -width <= column < width
            sentence.tags.append(fields[column] if has_tag else "")
        sentence.place = sentence.place or f"line {first + sentence.at[0] if sentence.at else 0}"
        sentence.width = width
        counter.see(sentence.words)
        yield sentence
    if counter.counts and not wanted.word:
        what = f"column {words + 1} counts the words, it does not contain them"
        raise DataError(f"{file.title}: {what}; {_ASK[trained is None]}")


class _Counter:
    """Whether words are the numbers of words: 1, 2, 3 …, in each sentence or in the whole file."""

    def __init__(self) -> None:
        self._last, self._any, self._all = -1, False, True

    def see(self, words: Sequence[str]) -> None:
        """The next sentence."""
        for k, word in enumerate(words):
            found = _COUNT.fullmatch(word) if self._all else None
            self._all = found is not None
            if found and not found[2]:
                number = int(found[1])
                self._all = number == self._last + 1 or (k == 0 and number < 2)
                self._any = self._any or k > 0
                self._last = number

    @property
    def counts(self) -> bool:
        """Whether all words so far are, and a sentence has two."""
        return self._all and self._any


def _outside(line: str) -> bool:
    """Whether a line ends a sentence."""
    return not line.strip() or line.startswith(_DOCUMENT)


def _is_comment(fields: Sequence[str], width: int, commented: bool) -> bool:
    """Whether a line before a sentence's first word is none; see the beginning."""
    return fields[0].startswith("#") and (len(fields) != width or (commented and fields[0] == "#"))


def _width(lines: Sequence[str]) -> int:
    """The columns of the first line of a word that is no comment; 0 where there is none."""
    return next((len(_fields(x)) for x in lines if not _outside(x) and x[0] != "#"), 0)


def _check(file: File, line: int, width: int, words: int, tags: int, tagged: bool) -> None:
    """Refuses columns that are not there, and words that are their own tags.

    Raises:
        DataError: where they are.
    """
    for name, column in (("word", words), ("tag", tags)):
        if not -width <= column < width and (tagged or name == "word"):
            shown = column + 1 if column >= 0 else column
            raise file.fault(line, f"there is no column {shown} for data.{name}, only {width}")
    if tagged and words % width == tags % width:
        raise file.fault(line, f"column {words % width + 1} of {width} for both words and tags")


def _fields(line: str) -> list[str]:
    text = line.rstrip("\r\n")
    return text.split("\t") if "\t" in text else [part for part in text.split(" ") if part]


def _widened(line: str, fields: Sequence[str]) -> str:
    """A line with further fields."""
    text = line.rstrip("\r\n")
    gap = "\t" if "\t" in text else " "
    return "".join([text, *(gap + field for field in fields), line[len(text) :]])


def _places(line: str) -> list[tuple[int, int]]:
    """Where each field begins and ends."""
    text = line.rstrip("\r\n")
    pattern = r"[^\t]*(?:\t|$)" if "\t" in text else "[^ ]+"
    found = [(m.start(), m.start() + len(m[0].rstrip("\t"))) for m in re.finditer(pattern, text)]
    return found[: text.count("\t") + 1] if "\t" in text else found


def _number(column: str, name: str) -> int:
    """The column's index in Python."""
    number = int(column) if _COLUMN.fullmatch(column) else 0
    if not number:
        raise ConfigError(
            f"data.{name} = {quoted(column)}: columns are numbers from 1, or from -1 backwards"
        )
    return number - 1 if number > 0 else number
