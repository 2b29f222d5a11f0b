"""What commands show on the terminal: progress while training, and tables."""

from __future__ import annotations

import os
import platform
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import torch
from rich import box
from rich.console import Console
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as Bar
from rich.table import Table

from ostinato.data import Skipped
from ostinato.errors import counted, quoted
from ostinato.train import Progress

console = Console(highlight=False, markup=False)  # a label or a path may hold brackets
aside = Console(stderr=True, highlight=False, markup=False)


@contextmanager
def progress_bar(title: str) -> Iterator[Callable[[Progress], None]]:
    """A bar with loss, tokens/s and time left; where no terminal is, a line for each epoch."""
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[facts]}"),
    )
    with Bar(*columns, console=aside, transient=True, disable=not aside.is_terminal) as bar:
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


def table(*columns: str, title: str | None = None) -> Table:
    """A table; all columns but the first hold numbers."""
    result = Table(
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
