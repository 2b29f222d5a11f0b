"""What commands show on the terminal: lines, answers and tables."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any, TypeVar

from rich import box
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.table import Table

from ostinato.visible import field, visible

T = TypeVar("T")


class Screen(Console):
    """A console on which text of runs and data is text: it moves no cursor, and sets no colour.

    What cannot be seen is written as Python writes it. Ends of lines in what is printed end lines;
    in a table they do not, see `LineTable`.
    """

    def __init__(self, **options: Any) -> None:
        # a label or a path may hold brackets
        super().__init__(**{"highlight": False, "markup": False, "emoji": False, **options})

    def print(self, *objects: Any, **options: Any) -> None:
        """As `rich` does."""
        shown = (visible(each, "\n") if isinstance(each, str) else each for each in objects)
        super().print(*shown, **options)

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """As `rich` does; the last place that text goes through."""
        for text, style, control in super().render(renderable, options):
            yield Segment(text if control else visible(text, "\n"), style, control)


class LineTable(Table):
    """A table in which each text is one line."""

    def add_column(self, header: RenderableType = "", *more: Any, **options: Any) -> None:
        """As `rich` does."""
        super().add_column(_line(header), *more, **options)

    def add_row(self, *cells: RenderableType | None, **options: Any) -> None:
        """As `rich` does."""
        super().add_row(*map(_line, cells), **options)


def _line(cell: T) -> T | str:
    return visible(cell) if isinstance(cell, str) else cell


console = Screen()
aside = Screen(stderr=True)


def answer(*fields: str) -> None:
    """Prints fields with tabs between them, each so that it is one field of one line.

    For another program the rest stays as it is; at a terminal all of it is made visible.
    """
    shown = visible if sys.stdout.isatty() else field
    print(*map(shown, fields), sep="\t", flush=True)  # a pipe is answered as it asks


def as_shown(text: str) -> str:
    """A text of several lines for standard output: for another program as it is, else visible."""
    return visible(text, "\n\t") if sys.stdout.isatty() else text


def table(*columns: RenderableType, title: str | None = None) -> Table:
    """A table; all columns but the first hold numbers."""
    title = title and visible(title, "\n")
    result = LineTable(
        title=title, title_justify="left", title_style="bold", header_style="bold",
        box=box.SIMPLE, pad_edge=False, padding=(0, 1, 0, 0),
    )  # fmt: skip
    for k, column in enumerate(columns):
        result.add_column(column, justify="right" if k else "left", no_wrap=True)
    return result
