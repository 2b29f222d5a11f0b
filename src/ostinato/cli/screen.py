"""What commands show on the terminal: progress while training, and tables."""

from __future__ import annotations

import os
import platform
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from rich import box
from rich.console import Console, ConsoleOptions, RenderableType
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as Bar
from rich.segment import Segment
from rich.table import Table

from ostinato.data import Skipped
from ostinato.errors import counted, quoted
from ostinato.train import Progress
from ostinato.visible import field, visible


class Screen(Console):
    """A console on which text of runs and data is text: it moves no cursor, and sets no colour.

    What cannot be seen is written as Python writes it. Ends of lines in what is printed end lines;
    in a table they do not, see `Rows`.
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


class Rows(Table):
    """A table in which each text is one line."""

    def add_column(self, header: RenderableType = "", *more: Any, **options: Any) -> None:
        """As `rich` does."""
        super().add_column(_line(header), *more, **options)

    def add_row(self, *cells: RenderableType | None, **options: Any) -> None:
        """As `rich` does."""
        super().add_row(*map(_line, cells), **options)


def _line(cell: Any) -> Any:
    return visible(cell) if isinstance(cell, str) else cell


console = Screen()
aside = Screen(stderr=True)


def answer(*fields: str) -> None:
    """Prints fields with tabs between them, each so that it is one field of one line.

    For another program the rest stays as it is; at a terminal all of it is made visible.
    """
    shown = visible if sys.stdout.isatty() else field
    print(*map(shown, fields), sep="\t")


def as_shown(text: str) -> str:
    """A text of several lines for standard output: for another program as it is, else visible."""
    return visible(text, "\n\t") if sys.stdout.isatty() else text


@contextmanager
def progress_bar(title: str) -> Iterator[Callable[[Progress], None]]:
    """A bar with loss, tokens/s and time left; where no terminal is, a line for each epoch."""
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[facts]}", markup=False),
    )
    with Bar(*columns, console=aside, transient=True, disable=not aside.is_terminal) as bar:
        title = visible(title)
        task = bar.add_task(title, total=1.0, facts="")

        def show(progress: Progress) -> None:
            bar.update(task, completed=progress.done, facts=facts(progress))
            if progress.metrics:
                aside.print(f"{title}  {epoch_line(progress.metrics)}", soft_wrap=True)

        yield show


def facts(progress: Progress) -> str:
    """Where training stands, in words."""
    return (
        f"epoch {progress.epoch}  loss {progress.loss:.3f} nats  "
        f"{progress.tokens_per_second:,.0f} tokens/s  {duration(progress.seconds_left)} left"
    )


def epoch_line(record: dict[str, float]) -> str:
    """An epoch's record in words."""
    parts = [f"epoch {record['epoch']}", f"loss {record['loss']:.3f}"]
    shown = {
        "micro_f1": "validation micro F1 {:.4f}",
        "accuracy": "validation accuracy {:.4f}",
        "f1": "validation F1 {:.4f}",
        "nats": "validation {:.3f} nats/symbol",
        "error_rate": "validation symbol errors {:.2%}",
    }
    if record.get("f1") == record.get("accuracy"):
        del shown["f1"]
    parts += [text.format(record[name]) for name, text in shown.items() if name in record]
    parts.append(f"{record['tokens_per_second']:,.0f} tokens/s")
    parts.append(duration(record["seconds"]))
    return "  ".join(parts)


def say_skipped(skipped: Skipped | None) -> None:
    """What was left out of the data, in a line on standard error; nothing where nothing was."""
    if skipped and skipped.places:
        aside.print(f"ostinato: {skipped.summary()}", soft_wrap=True)


def say_unknown(unknown: Mapping[str, Counter[str]]) -> None:
    """What is not known from training, by what it is (a "word"), in a line on standard error.

    Nothing where there is nothing. Of each kind the eight most frequent are shown.
    """
    there = {noun: count for noun, count in unknown.items() if count}
    if not there:
        return
    many = " and ".join(counted(count.total(), noun) for noun, count in there.items())
    shown = "; ".join(
        ", ".join(f"{quoted(symbol)} × {times}" for symbol, times in count.most_common(8))
        + (", …" if len(count) > 8 else "")
        for count in there.values()
    )
    be = "is" if sum(count.total() for count in there.values()) == 1 else "are"
    aside.print(
        f"ostinato: {many} {be} not known from training, and read as <unk>: {shown}", soft_wrap=True
    )


def duration(seconds: float) -> str:
    """Seconds as people read them: `48 s`, `3 min 05 s`."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def table(*columns: RenderableType, title: str | None = None) -> Table:
    """A table; all columns but the first hold numbers."""
    title = title and visible(title, "\n")
    result = Rows(
        title=title, title_justify="left", title_style="bold", header_style="bold",
        box=box.SIMPLE, pad_edge=False, padding=(0, 1, 0, 0),
    )  # fmt: skip
    for k, column in enumerate(columns):
        result.add_column(column, justify="right" if k else "left", no_wrap=True)
    return result


def machine() -> str:
    """What a page says of where it was made."""
    system = f"{platform.system()} {platform.machine()}"
    return f"{system}, {os.cpu_count()} cores, torch {torch.__version__}"
