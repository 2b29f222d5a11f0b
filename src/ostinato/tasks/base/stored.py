"""What a run's files make of an estimator: its settings, its cell, a network that fits its weights.

A run may come from anywhere. Its cell is the graph in `cell.json`, whatever its settings call it:
no file that a run names is ever run. A network is built only when its weights are known to fit.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from ostinato import cells
from ostinato.data import Tokenizer, Vocabulary, tokenizer
from ostinato.equation import Cell
from ostinato.equation.stored import graph_from_json
from ostinato.errors import CellError, ConfigError, DataError, RunError, UnknownName, quoted
from ostinato.train import BEST, Run, Section
from ostinato.train.tensors import misfit, size_of

S = TypeVar("S", bound=Section)
T = TypeVar("T")
N = TypeVar("N", bound=nn.Module)
LARGEST = 2**32
"""Bytes that the weights of a network may take."""
_HEADER = 2**24  # bytes that a file of weights may have besides them


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


def read_symbols(run: Run, name: str) -> tuple[Tokenizer, Vocabulary]:
    """A run's tokenizer of a name, and the symbols that are known.

    Raises:
        RunError: when they are missing or damaged.
    """

    def made(state: object) -> Tokenizer:
        return tokenizer(name, json.dumps(state))

    stored = run.holds("tokenizer.json") or tokenizer(name).learns
    split = from_json(run, "tokenizer.json", made) if stored else made(None)
    return split, from_json(run, "vocabulary.json", Vocabulary.from_json)


def write_symbols(run: Run, split: Tokenizer, known: Vocabulary) -> None:
    """Writes what `read_symbols` reads."""
    if split.state:
        run.write_json("tokenizer.json", json.loads(split.state))
    run.write_json("vocabulary.json", known.to_json())


def checked(make: Callable[[], N]) -> N:
    """A network, once it is known that its weights are not too large.

    Raises:
        ConfigError: when they take more than `LARGEST` bytes.
    """
    _shapes(make)
    return make()


def with_weights(run: Run, make: Callable[[], N]) -> N:
    """A network with the weights of a run; before it is built these are known to be its own.

    Raises:
        ConfigError: when they take more than `LARGEST` bytes.
        RunError: when they are damaged, or those of another network.
    """
    wanted = _shapes(make)
    found = run.read_tensors(BEST, size_of(wanted) + _HEADER)
    if why := misfit(found, wanted):
        raise RunError(f"{run.path / BEST}: its weights do not match its settings: {why}")
    for name, weight in found.items():
        if not bool(weight.isfinite().all()):
            raise RunError(f"{run.path / BEST}: {name} contains a number that is not finite")
    network = make()
    network.load_state_dict(found)
    return network.eval()


def _shapes(make: Callable[[], nn.Module]) -> dict[str, Tensor]:
    """The weights of a network by name, without the memory that they take."""
    with torch.device("meta"):
        weights: dict[str, Tensor] = make().state_dict()
    if (size := size_of(weights)) > LARGEST:
        raise ConfigError(
            f"the weights of the network would take {size / 2**30:,.1f} GiB, "
            f"and the limit is {LARGEST >> 30} GiB; make model.hidden, "
            "model.layers, model.embedding or the vocabulary smaller"
        )
    return weights


def _cell_of(graph: Any) -> Cell:
    read = graph_from_json(graph)
    return Cell(read.name, read)
