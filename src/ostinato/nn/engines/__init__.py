"""Engines: what runs recurrent layers. A file here is an engine; its stem is its name.

It holds an `ENGINE`, an object of a subclass of `ostinato.nn.engine.Engine`.
"""

from __future__ import annotations

import sys
from functools import cache

from torch import Tensor  # by its name: here `torch` is one of the engines
from torch.compiler import is_compiling

from ostinato import registry
from ostinato.equation.trace import Cell
from ostinato.errors import ConfigError, UnknownName
from ostinato.nn.engine import Engine, StreamingEngine

AUTO = "auto"
"""Takes the first engine that is able."""


def names() -> list[str]:
    """The engines that there are, without `auto`."""
    return registry.names(sys.modules[__name__])


def check(name: str) -> None:
    """Refuses what is neither `auto` nor an engine.

    Raises:
        UnknownName: with the nearest right name.
    """
    if name != AUTO and name not in names():
        raise UnknownName("engine", name, [AUTO, *names()])


@cache
def find(name: str) -> Engine:
    """The engine of a name.

    Raises:
        UnknownName: when there is no such engine; the nearest right name is given.
    """
    engine: Engine = registry.find(sys.modules[__name__], "engine", name).ENGINE
    return engine


@cache
def by_priority() -> tuple[Engine, ...]:
    """All engines, in the order in which `auto` asks them."""
    return tuple(sorted(map(find, names()), key=lambda engine: -engine.priority))


def last() -> Engine:
    """The engine that runs every cell and every call, and shows every step."""
    return by_priority()[-1]


def choose(name: str, cell: Cell, weight: Tensor | None) -> Engine:
    """The engine of a name for a cell with weights like this one.

    Raises:
        UnknownName: when there is no such engine.
        ConfigError: when the engine is not able; it says why.
    """
    if name == AUTO:
        return next(e for e in by_priority() if e.able(cell, weight) is None)
    engine = find(name)
    if reason := engine.able(cell, weight):
        raise refusal(engine, reason)
    return engine


def for_call(
    name: str, cell: Cell, weight: Tensor | None, x: Tensor, watched: bool = False
) -> Engine:
    """The engine of a name for this input (…, D).

    What the first able engine refuses, `auto` gives to the last. What PyTorch compiles, it gives
    to the last at once: the compiler cannot look into any other. A call whose steps are watched
    is always the last one's.

    Raises:
        ConfigError: when an engine that was asked for by name is not able or refuses the input.
        ValueError: for an input that is too large for the engine.
    """
    if watched or (name == AUTO and is_compiling()):
        return last()
    engine = choose(name, cell, weight)
    reason = engine.refuses(x)
    if reason is None:
        return engine
    if name != AUTO:
        raise refusal(engine, reason)
    return last()


def refusal(engine: Engine, reason: str) -> ConfigError:
    """The error for an engine that was asked for by name and cannot run."""
    return ConfigError(f"engine {engine.name!r} {reason}; use {AUTO!r}")


def streaming(cell: Cell, weight: Tensor | None) -> StreamingEngine:
    """The first engine that can stream a cell with weights like this one.

    Raises:
        ConfigError: when none can; it says why the first cannot.
    """
    able = [e for e in by_priority() if isinstance(e, StreamingEngine)]
    reasons = [engine.able(cell, weight) for engine in able]
    if None not in reasons:
        raise ConfigError(f"a stream {reasons[0]}")
    return able[reasons.index(None)]
