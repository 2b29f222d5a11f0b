"""CoNLL-U: ten columns separated by tabs, comments, words of several tokens, empty nodes.

As https://universaldependencies.org/format.html has it. Tags are those of syntactic words, the
lines whose ID is a whole number; all other lines are kept as they are. A tag `_` is one that is not
given, except in fields where it stands for nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ostinato.data.files.file import File, flaw
from ostinato.data.sentences.sentence import Answer, Sentence, TagColumns, blocks
from ostinato.data.tables.rows import two_parts
from ostinato.errors import DataError, UnknownName, counted, quoted, shortened

SUFFIXES = (".conllu",)
FIELDS = ("id", "form", "lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc")
_MISC = FIELDS.index("misc")
_MAY_BE_NONE = ("feats", "deps", "misc")
_NUMBERS = [str(number) for number in range(1, len(FIELDS) + 1)]
_ID = re.compile(r"[1-9]\d*(-[1-9]\d*)?|\d+\.[1-9]\d*", re.ASCII)


def sniff(head: bytes, wanted: TagColumns) -> bool:
    """Whether the first line that is no comment has ten columns, the first with the ID 1."""
    lines = head.decode("utf-8-sig", "replace").splitlines()
    first = next((line for line in lines if line.strip() and line[0] != "#"), "").split("\t")
    return len(first) == len(FIELDS) and re.fullmatch(r"1(-[0-9]+)?|0\.1", first[0]) is not None


@dataclass(slots=True)
class Tree(Sentence):
    """A sentence of CoNLL-U.

    Attributes:
        at: which lines hold its words.
        column: the field of the tags.
    """

    at: list[int] = field(default_factory=list)
    column: int = 0

    def written(self, answer: Answer) -> str:
        """The tags in the place of those of the file, or beside them in MISC as `Tag=`.

        A confidence goes into MISC as `Confidence=`. What MISC holds of that name is replaced.
        """
        lines = list(self.lines)
        for k, line in enumerate(self.at):
            text = lines[line].rstrip("\r\n")
            end, fields = lines[line][len(text) :], text.split("\t")
            notes = {}
            if answer.beside:
                notes["Tag"] = answer.tags[k]
            else:
                fields[self.column] = answer.tags[k]
            if answer.confidence is not None:
                notes["Confidence"] = f"{answer.confidence[k]:.4f}"
            if notes:
                fields[_MISC] = _noted(fields[_MISC], notes)
            lines[line] = "\t".join(fields) + end
        return "".join(lines)


def read(file: File, wanted: TagColumns) -> Iterator[Tree]:
    """The sentences of a file.

    Args:
        file: the file.
        wanted: columns by the names of fields, or by their numbers; by default words are in
            `form`, tags in `upos`.

    Raises:
        UnknownName: for a field that CoNLL-U does not have.
        DataError: for words that are their own tags.
    """
    words, column = _field(wanted.word or "form"), _field(wanted.tag or "upos")
    if words == column:
        raise DataError(f"{file.title}: {two_parts(FIELDS[words])}")
    for first, lines in blocks(file, lambda line: not line.strip()):
        sentence = Tree(lines=lines, column=column)
        for number, line in enumerate(lines, first):
            if found := flaw(line):
                sentence.blame(number, found[1])
            if not line.strip() or line[0] == "#":
                continue
            fields = line.rstrip("\r\n").split("\t")
            if fault := _fault(fields, len(sentence.words)):
                sentence.blame(number, fault)
            elif fields[0].isdecimal() and not fields[words]:
                sentence.blame(number, f"an empty {FIELDS[words].upper()}")
            elif fields[0].isdecimal():
                sentence.at.append(number - first)
                sentence.numbers.append(number)
                sentence.words.append(fields[words])
                given = fields[column] != "_" or FIELDS[column] in _MAY_BE_NONE
                sentence.tags.append(fields[column] if given else "")
        if not sentence.words and any(line.strip() for line in lines):
            sentence.blame(first + _first_text(lines), "a sentence without words")
        sentence.place = sentence.place or f"line {first + sentence.at[0] if sentence.at else 0}"
        yield sentence


def _noted(misc: str, notes: Mapping[str, str]) -> str:
    """MISC with notes behind all else, instead of those of the same names.

    >>> _noted("A=1|Tag=X", {"Tag": "Y"}), _noted("_", {"Tag": "Y"})
    ('A=1|Tag=Y', 'Tag=Y')
    """
    own = [] if misc == "_" else misc.split("|")
    kept = [note for note in own if note.partition("=")[0] not in notes]
    return "|".join([*kept, *(f"{name}={value}" for name, value in notes.items())])


def _fault(fields: list[str], words: int) -> str | None:
    """What is wrong with a line, of a sentence that has so many words before it."""
    if len(fields) != len(FIELDS):
        return f"{counted(len(fields), 'column')}, but CoNLL-U has {len(FIELDS)}, separated by tabs"
    if not _ID.fullmatch(fields[0]):
        return f"the ID {quoted(fields[0])} is not one of CoNLL-U"
    if fields[0].isdecimal() and fields[0] != str(words + 1):
        found = shortened(fields[0])
        return f"the ID is {found}, not {words + 1}; is a blank line missing?"
    return None


def _first_text(lines: list[str]) -> int:
    return next(k for k, line in enumerate(lines) if line.strip())


def _field(name: str) -> int:
    """The column of a field by its name, in small or capital letters, or by its number."""
    if name in _NUMBERS:
        return _NUMBERS.index(name)
    if name.lower() not in FIELDS:
        raise UnknownName("field of CoNLL-U", name, FIELDS)
    return FIELDS.index(name.lower())
