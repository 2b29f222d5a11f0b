"""The frame: every word that compiled code and Python share, and where it is stored.

A compiled function has one argument: the address of an array of 64-bit words. For the functions of
a cell this array is a *frame*; for a gradient task it holds the task's arguments; for the threads
it is a queue of tasks. Positions are defined in this file alone: Python writes by them, and the
code that is emitted reads by them. `table` prints the words and the kinds of rows.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

WIDEST = 4
"""Vectors in the widest panel of a product."""

LINE = 64
"""Bytes of a cache line; every row that native code lays out begins on one."""

Task = tuple[int, int]
"""The address of a function, and that of its words."""


LIVES = {
    "": "not in use",
    "context": "as long as the context",
    "stream": "as long as the stream",
    "forward": "until the next forward call",
    "backward": "until the next backward call",
    "code": "until the next step or tile",
}
"""Who writes words, and how long these are valid: Python when it makes a context (or enlarges its
buffers) or a stream, Python in a forward or backward call, compiled code as it proceeds."""


@dataclass(frozen=True)
class Word:
    """A word that compiled code and Python share.

    Attributes:
        name: what both call it; `{}` stands for one of many.
        unit: `address`, `numbers`, `rows`, `steps`, `sequences`, `tokens`, `frames` or `flag`.
        writers: keys of `LIVES`, separated by spaces, the most frequent one last.
        meaning: what it says.
        each: if there is one for each of several things, which: a key of `expanded`'s argument.
    """

    name: str
    unit: str
    writers: str
    meaning: str
    each: str = ""

    @property
    def lives(self) -> str:
        """How long it is valid."""
        return LIVES[self.writers.rpartition(" ")[2]]


@dataclass(frozen=True)
class RowKind:
    """A kind of rows in memory, described by three words.

    Attributes:
        name: of the kind; `{}` stands for one of many.
        one: what there is a row for.
        holds: what a row holds.
        at: who writes the address of the current row.
        row: who writes the numbers from one row to the next.
        base: who writes the address of the first row.
        each: as that of a word.
    """

    name: str
    one: str
    holds: str
    at: str
    row: str
    base: str = ""
    each: str = ""

    @property
    def words(self) -> tuple[Word, ...]:
        """The three words of the kind."""
        name, each = self.name, self.each
        return (
            Word(f"at_{name}", "address", self.at, "the current row", each),
            Word(f"row_{name}", "numbers", self.row, "from one row to the next", each),
            Word(f"base_{name}", "address", self.base, "the first row", each),
        )


ROWS = (
    RowKind("x", "token of the caller", "the input", "forward", "context forward", "forward"),
    RowKind("dx", "token of the caller", "dL/dx", "backward", "context backward"),
    RowKind("y", "token of the caller", "the output", "forward", "context forward"),
    RowKind("dy", "token of the caller", "dL/dy", "backward", "context backward"),
    RowKind(
        "gathered", "token of some steps", "the input, row by row",
        "context code", "context code", "context",
    ),
    RowKind(
        "lifted", "token of some steps", "what the pass `lift` computes for `loop`",
        "context code", "context", "context forward",
    ),
    RowKind("new", "token", "the new states, then the tape", "code", "context code", "forward"),
    RowKind(
        "grads", "token", "gradients that products for the weights read",
        "code", "context code", "backward",
    ),
    RowKind("carry", "sequence", "dL/d(states)", "", "context", "backward"),
    RowKind("total", "sequence", "gradients of vectors, summed over steps", "backward", "context"),
    RowKind("old", "token", "the row `new` of the step before", "code", "context code"),
    RowKind("carry_in", "sequence", "dL/d(states) from the next step", "code", "context"),
    RowKind("carry_out", "sequence", "dL/d(states) to the step before", "code", "context"),
    RowKind(
        "scratch_{}", "row of a pass", "what one phase computes for a later one",
        "context", "context", "context", each="pass",
    ),
    RowKind(
        "noise_{}", "token or sequence", "noise",
        "forward code", "context code", "forward", each="noise",
    ),
    RowKind("means", "row of a pass", "sums of means in lanes", "context", "context", "context"),
    RowKind("panel", "row of a pass", "products of a panel", "context", "context", "context"),
)  # fmt: skip
"""The kinds of rows; within a row slots follow each other without gaps."""

WORDS = (
    Word("size_{}", "numbers", "context", "what a size letter stands for", each="letter"),
    Word("product_{}", "address", "context stream", "the product of so wide a panel", each="width"),
    Word("pack", "address", "context", "the function that lays out a panel"),
    Word("vector_{}", "address", "forward", "a learned vector or bias", each="vector"),
    Word("matrix_{}", "address", "forward", "a matrix", each="matrix"),
    Word("packed_{}", "address", "context", "the panels of a block", each="block"),
    *(word for rows in ROWS for word in rows.words),
    Word("index", "address", "code", "int32: the caller's rows of the current tokens"),
    Word("every", "sequences", "context stream code", "from one sequence of a slice to the next"),
    Word(
        "first", "rows", "context stream forward backward", "the first row or sequence of the frame"
    ),
    Word("sequences", "sequences", "forward", "B"),
    Word("steps", "steps", "forward backward", "T; in a part of some rows, how many they are"),
    Word("batch_sizes", "address", "forward", "int32: how many sequences have a step"),
    Word("token", "address", "forward backward", "int32: the caller's row of each token"),
    Word("tokens", "tokens", "forward", "N"),
    Word("training", "flag", "forward", "whether each step has rows of its own on the tape"),
    Word("tile", "tokens", "context", "how many are worked on at a time"),
    Word("lookup", "address", "forward", "int32: the distinct row of each row; null without"),
    Word("base_known", "address", "forward", "the first row `lifted` of the distinct rows"),
    Word("other_new", "address", "forward", "the first row `new` of every second step"),
    Word("other_carry", "address", "backward", "the first row `carry` of every second step"),
    Word("part", "frames", "stream", "which part of the units is this frame's"),
    Word("parts", "frames", "context stream", "into how many parts the units are cut"),
    Word("base_row_new", "numbers", "context", "from one row `new` to the next, of all sequences"),
    Word("base_row_grads", "numbers", "context", "from one row `grads` to the next, the same"),
    Word("last_{}", "address", "forward", "where the last states go", each="state"),
)
"""The words of a frame, in their order; neighbours with the same `each` stand together."""


def expanded(repeated: Mapping[str, Iterable[object]]) -> dict[str, Word]:
    """The words of a cell's frame by name, in their order.

    Args:
        repeated: for each `Word.each` what there is a word for.
    """
    found: dict[str, Word] = {}
    for each, words in itertools.groupby(WORDS, lambda word: word.each):
        together = list(words)
        for one in repeated[each] if each else [""]:
            found |= {word.name.format(one): word for word in together}
    return found


def _task(words: str, addresses: str) -> tuple[Word, ...]:
    """The words of a task, which a backward call writes; the other ones are counts."""
    pointers = addresses.split()
    return tuple(
        Word(name, "address" if name in pointers else "numbers", "backward", "an argument")
        for name in words.split()
    )


TASKS = {
    "gradient_task": _task(
        "tokens d d_row d_index m a a_row a_index n c c_row work", "d d_index a a_index c work"
    ),
    "sums_task": _task("tokens d d_row m c", "d c"),
    "segments_task": _task("first last starts member d d_row c", "starts member d c"),
}
"""The words of the tasks after the loop: the arguments of the functions that they call."""

CALLS = {
    "gradient_task": "gradient", "sums_task": "column_sums", "segments_task": "segment_sums",
}  # fmt: skip
"""The function that a task calls."""

QUEUE = ("next", "count")
"""The words of a queue: the number of the next task, and how many there are; then the tasks."""

TASK = ("function", "words")
"""The words of a task in a queue or a list: the two addresses of a `Task`."""

TEAM = ("starter", "work", "queue", "threads")
"""The words of a team, which does a queue anew: two functions, the queue, and how many threads."""


_Value = TypeVar("_Value")


def arguments(task: str) -> str:
    """The arguments of a task's function, those that are addresses with a star before them."""
    return " ".join("*" * (word.unit == "address") + word.name for word in TASKS[task])


def record(task: str, words: Mapping[str, _Value]) -> list[_Value | int]:
    """The words of a task in their order; 0 where none is given."""
    return [words.get(word.name, 0) for word in TASKS[task]]


def queue(tasks: Sequence[Task]) -> list[int]:
    """The words of a queue of tasks that no thread has taken yet."""
    return [0, len(tasks), *itertools.chain.from_iterable(tasks)]


def ended(tasks: Iterable[Task]) -> list[int]:
    """The words of a list of tasks, which ends with 0."""
    return [*itertools.chain.from_iterable(tasks), 0]


def table() -> str:
    """The words of a frame and the kinds of rows, as two tables in Markdown."""
    lines = ["| word | unit | written by | valid | meaning |", "|---|---|---|---|---|"]
    for w in WORDS:
        many = f", one for each {w.each}" if w.each else ""
        writers = ", ".join(w.writers.split())
        lines.append(f"| `{w.name}` | {w.unit} | {writers} | {w.lives} | {w.meaning}{many} |")
    lines += ["", "| rows | one for each | hold |", "|---|---|---|"]
    lines += [f"| `{rows.name}` | {rows.one} | {rows.holds} |" for rows in ROWS]
    return "\n".join(lines)
