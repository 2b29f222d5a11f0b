"""What tasks show, on the terminal."""

from __future__ import annotations

import dataclasses
import json
import math
import sys
import time
from collections.abc import Generator, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, TypeAlias, TypeVar

from cyclopts import Parameter

from ostinato.cli.screen import answer, as_shown, aside, console, table
from ostinato.cli.tables import TableWriter
from ostinato.tasks.base.summary import (
    Fans,
    Fields,
    Figures,
    Message,
    Note,
    Shown,
    SummaryTable,
    TableAsked,
    Verbatim,
)
from ostinato.train import write_out

T = TypeVar("T")
AsJson: TypeAlias = Annotated[
    bool,
    Parameter(
        name="--json",
        negative=(),
        show_default=False,
        help="Print JSON alone on standard output: one document of all figures, or for "
        "predictions one object on each line.",
    ),
]


def read(reading: Generator[Shown, None, T]) -> T:
    """What a task reads; what it shows meanwhile is printed as it comes."""
    while True:
        try:
            each = next(reading)
        except StopIteration as end:
            found: T = end.value
            return found
        _print(each)


def show(shown: Iterable[Shown], as_json: bool = False) -> None:
    """Prints what a task shows, as it comes; as JSON, answers as they come and figures at last."""
    if not as_json:
        asked: TableWriter | None = None
        for each in shown:
            if isinstance(each, TableAsked):
                asked = TableWriter(each)
            elif asked and isinstance(each, Fields):
                if each.columns is not None:
                    asked.write(each.columns)
            else:
                _print(each)
    elif document := figures(shown):
        write_json(document)


def figures(shown: Iterable[Shown]) -> dict[str, object]:
    """The figures of what a task shows, as one document; answers are printed, a line for each."""
    document: dict[str, object] = {}
    for each in shown:
        match each:
            case Figures(values):
                document |= values
            case Fields(values, _, None):
                write_json({"fields": list(values)}, lines=True)
            case Fields(_, _, record) if record:
                write_json(record, lines=True)
            case Verbatim(_, _, records):
                for record in records:
                    write_json(record, lines=True)
            case Note() | Fans():
                _print(each)
    return document


def write_json(document: Mapping[str, object], lines: bool = False) -> None:
    """Prints a document; numbers that are not finite are null."""
    indent = None if lines else 1
    print(json.dumps(_plain(document), ensure_ascii=False, indent=indent), flush=lines)


def _plain(value: object) -> object:
    """A value as JSON has it."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    if hasattr(value, "tolist"):  # of NumPy
        value = value.tolist()
    match value:
        case Mapping():
            return {str(name): _plain(each) for name, each in value.items()}
        case list() | tuple():
            return [_plain(each) for each in value]
        case float():
            return value if math.isfinite(value) else None
        case None | bool() | int() | str():
            return value
        case _:
            return str(value)


def _print(each: Shown) -> None:
    match each:
        case Message(text):
            console.print(text, soft_wrap=True)
        case Note(text):
            aside.print(text, soft_wrap=True)
        case SummaryTable(columns, rows, title, text):
            printed = table(*columns, title=title)
            for column in printed.columns if text else ():
                column.justify, column.no_wrap = "left", False
            for row in rows:
                printed.add_row(*row)
            console.print(printed)
        case Fields(values):
            answer(*values)
        case Fans(page, drawn):
            _draw(page, drawn)
        case Verbatim(text, raw):
            _write(as_shown(text), raw)


def _draw(page: Path, drawn: Mapping[str, Any]) -> None:
    from ostinato.experiment.stamp import stamp
    from ostinato.report.forecast_page import forecast_page

    began = time.perf_counter()
    write_out(page, forecast_page({**drawn, **stamp(began)}, "ostinato predict"))
    aside.print(f"Page: {page}", soft_wrap=True)


def _write(text: str, raw: bool) -> None:
    if not raw:
        sys.stdout.write(text)
        return
    written = text.encode("utf-8", "surrogateescape")
    if stream := getattr(sys.stdout, "buffer", None):
        stream.write(written)
    else:  # a text stream in memory
        sys.stdout.write(written.decode("utf-8", "replace"))
