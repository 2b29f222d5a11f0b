"""Options of a recurrent stack: what torch.nn does not have, and which make sense together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypedDict

import torch

from ostinato.equation.trace import Cell
from ostinato.errors import ConfigError, UnknownName


class Options(TypedDict, total=False):
    """What `Recurrent` takes by keyword alone."""

    variational_dropout: float
    recurrent_dropout: float
    weight_dropout: float
    zoneout: float | Mapping[str, float]
    bias_init: Mapping[str, float] | None
    engine: str
    device: torch.device | str | int | None
    dtype: torch.dtype | None


def check_sizes(cell: Cell, sizes: Mapping[str, int], proj_size: int) -> None:
    """Refuses sizes below 1, and sizes that the cell has no use for.

    Raises:
        ConfigError: which size, and what it must be.
    """
    for name, size in sizes.items():
        if size < 1:
            raise ConfigError(f"{name} must be at least 1, not {size}")
    if proj_size < 0:
        raise ConfigError(f"proj_size must not be negative, but it is {proj_size}")
    letters = cell.graph.sizes.values()
    if ("R" in letters) != (proj_size > 0):
        has = "needs" if proj_size == 0 else "has no use for"
        raise ConfigError(f"cell {cell.name!r} {has} proj_size, the setting model.projection")
    if proj_size >= sizes["hidden_size"]:
        raise ConfigError(f"proj_size {proj_size} must be smaller than hidden_size")
    others = {*letters} - {"H", "R"}
    if others:
        raise ConfigError(f"cell {cell.name!r} has states of size {', '.join(others)}")


def check_noise(cell: Cell, dropouts: Mapping[str, float], zoneout: Mapping[str, float]) -> None:
    """Refuses what is no probability, and zoneout of states that the cell does not have.

    Raises:
        ConfigError: for a probability that is none.
        UnknownName: for a state that is unknown.
    """
    for name, chance in dropouts.items():
        if not 0 <= chance <= 1:
            raise ConfigError(f"{name} must be a probability, not {chance}")
    for state, chance in zoneout.items():
        if state not in cell.graph.state_names:
            raise UnknownName(f"state of {cell.name}", state, cell.graph.state_names)
        if not 0 <= chance <= 1:
            raise ConfigError(f"zoneout must be a probability, not {chance}")


def check_signals(cell: Cell, signals: Iterable[str]) -> None:
    """Refuses signals that have no bias.

    Raises:
        UnknownName: for the first of them.
    """
    biased = {node.label: node.bias for _, node in cell.graph.affines() if node.bias}
    for signal in signals:
        if cell.graph.own_name(signal) not in biased:
            raise UnknownName(f"biased signal of {cell.name}", signal, biased)
