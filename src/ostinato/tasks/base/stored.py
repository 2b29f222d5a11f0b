"""What a run's files make of an estimator: its settings, its cell.

A run may come from anywhere. Its cell is the graph in `cell.json`, whatever its settings call it:
no file that a run names is ever run.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from ostinato import cells
from ostinato.equation import Cell
from ostinato.equation.stored import graph_from_json
from ostinato.errors import CellError, ConfigError, DataError, RunError, UnknownName, quoted
from ostinato.train import Run, Section

S = TypeVar("S", bound=Section)
T = TypeVar("T")


def settings_in(run: Run, kind: type[S]) -> S:
    """A run's settings, in which its cell is called by its name alone.

    Raises:
        RunError: when they are missing or damaged, or those of another task.
        ConfigError: for an unknown key, or an invalid value.
    """
    values = run.config()
    if values.get("task") != kind.task:
        raise RunError(f"{run.path}: a run of task {quoted(values.get('task'))}, not {kind.task!r}")
    named = values | {"cell": cell_in(run).name}
    return kind.parse(named, str(run.path / "config.toml")).whole()


def cell_in(run: Run) -> Cell:
    """A run's cell, of its own graph: its file is not needed, and not looked at.

    Raises:
        RunError: when it is missing or damaged.
    """
    return from_json(run, "cell.json", _cell_of)


def named_or_stored(cell: Cell) -> str | Cell:
    """The name of a cell where it is the shipped one of that name, or else the cell."""
    if cell.name in cells.names() and cells.find(cell.name).graph == cell.graph:
        return cell.name
    return cell


def from_json(run: Run, name: str, make: Callable[[Any], T]) -> T:
    """What a JSON file of a run describes.

    Raises:
        RunError: when it cannot be read, or `make` cannot use it.
    """
    try:
        return make(run.read_json(name))
    except (
        CellError, DataError, UnknownName, ConfigError, LookupError, TypeError, ValueError,
        AttributeError, ArithmeticError, RecursionError,
    ) as error:  # fmt: skip
        raise RunError(f"{run.path / name}: damaged ({quoted(error, 160)})") from None


def _cell_of(graph: Any) -> Cell:
    read = graph_from_json(graph)
    return Cell(read.name, read)
