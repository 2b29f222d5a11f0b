"""What tasks show, on the terminal."""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterable
from typing import TypeVar

from ostinato.cli.screen import answer, as_shown, aside, console, table
from ostinato.tasks.base.summary import Fields, Message, Note, Shown, SummaryTable, Verbatim

T = TypeVar("T")


def read(reading: Generator[Shown, None, T]) -> T:
    """What a task reads; what it shows meanwhile is printed as it comes."""
    while True:
        try:
            each = next(reading)
        except StopIteration as end:
            found: T = end.value
            return found
        _print(each)


def show(shown: Iterable[Shown]) -> None:
    """Prints what a task shows, as it comes."""
    for each in shown:
        _print(each)


def _print(each: Shown) -> None:
    match each:
        case Message(text):
            console.print(text, soft_wrap=True)
        case Note(text):
            aside.print(text, soft_wrap=True)
        case SummaryTable(columns, rows, title):
            printed = table(*columns, title=title)
            for row in rows:
                printed.add_row(*row)
            console.print(printed)
        case Fields(values):
            answer(*values)
        case Verbatim(text, raw):
            _write(as_shown(text), raw)


def _write(text: str, raw: bool) -> None:
    if not raw:
        sys.stdout.write(text)
        return
    written = text.encode("utf-8", "surrogateescape")
    if stream := getattr(sys.stdout, "buffer", None):
        stream.write(written)
    else:  # a text stream in memory
        sys.stdout.write(written.decode("utf-8", "replace"))
