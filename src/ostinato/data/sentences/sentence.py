"""A sentence as it stands in a file."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field

from ostinato.data.files.file import File
from ostinato.data.files.limits import too_long


@dataclass(frozen=True, slots=True)
class TagColumns:
    """Which columns of a file hold its words and their tags.

    Attributes:
        word: the column of the words, see the format; "" is its usual one.
        tag: the column of the tags.
        trained: how many columns the training file had; None when it is this one. With it tags
            may be missing.
        known: the tags of the training file.
    """

    word: str = ""
    tag: str = ""
    trained: int | None = None
    known: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """What is written to a sentence's words.

    Attributes:
        tags: a tag for each word.
        confidence: the confidence of each, 0 to 1; None is not written.
        beside: whether the tags stand beside those of the file instead of in their place.
    """

    tags: Sequence[str]
    confidence: Sequence[float] | None = None
    beside: bool = False


@dataclass(slots=True)
class Sentence(ABC):
    """The lines of one sentence, with those before it that belong to none.

    Attributes:
        place: where it is, such as `line 3`.
        words: its words; none where it is only what stands behind the last sentence.
        tags: the tag of each, "" where the file has none.
        fault: why it cannot be used; None for a good one.
        lines: as they stand in the file, with their ends.
        numbers: the number of the line of each word.
    """

    place: str = ""
    words: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    fault: str | None = None
    lines: list[str] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether it has words, and can be used."""
        return bool(self.words) and self.fault is None

    def plain(self) -> str:
        """As it stands in the file."""
        return "".join(self.lines)

    @abstractmethod
    def written(self, answer: Answer) -> str:
        """As it stands in the file, with an answer."""

    def blame(self, line: int, fault: str) -> None:
        """Notes the first fault."""
        if self.fault is None:
            self.place, self.fault = f"line {line}", fault


def blocks(file: File, ends: Callable[[str], bool]) -> Iterator[tuple[int, list[str]]]:
    """The lines of a file, sentence by sentence: the number of the first, and all of them.

    What ends a sentence, such as a blank line, and what else stands between two, belongs to the
    one behind it.

    Args:
        file: the file.
        ends: whether a line ends the sentence before it.

    Raises:
        DataError: for a sentence that is too long to be one.
    """
    first, lines, inside, length = 1, list[str](), False, 0
    for number, line in file.lines(ends_as_they_are=True):
        if inside and ends(line):
            yield first, lines
            first, lines, inside, length = number, [], False, 0
        inside = inside or not ends(line)
        lines.append(line)
        length += len(line)
        if length > file.limits.row:
            what = too_long("a sentence, with the lines before it,", file.limits.row)
            raise file.fault(first, what)
    if lines:
        yield first, lines
