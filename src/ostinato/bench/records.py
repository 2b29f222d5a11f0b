"""What is measured, as plain data that goes through JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Required, TypeAlias, TypedDict, final

from numpy.typing import ArrayLike

Arrays: TypeAlias = Mapping[str, ArrayLike]
"""Outputs, states and gradients by name, as a framework gives them."""


class Entry(TypedDict, total=False):
    """One contestant in one case; see `race`."""

    name: Required[str]
    ours: Required[bool]
    narrow: bool
    error: float | None
    milliseconds: float | None
    median: float | None
    rounds: list[float]
    gflops: float | None
    megabytes: float | None
    note: Required[str | None]


class Peak(TypedDict):
    """Peak memory of one contestant in a case; see `memory`."""

    error: float | None
    megabytes: float | None
    note: str | None


@final
class Result(TypedDict):
    """One case with all contestants, at one number of threads."""

    line: str
    cell: str
    shape: dict[str, int]
    tokens: int
    flops: int | None
    threads: int
    contestants: list[Entry]


class Job(TypedDict):
    """What a process is to measure: cases are line, cell and sizes."""

    threads: int
    rounds: int
    peers: list[str] | None
    cases: list[tuple[str, str, str]]


class Machine(TypedDict):
    """Hardware, system and versions."""

    cpu: str
    cores: int | None
    system: str
    python: str
    versions: dict[str, str]
    date: str


class Settings(TypedDict):
    """What was asked for."""

    rounds: int
    threads: list[int]
    lines: list[str]


class Report(TypedDict):
    """A whole comparison; `peaks` are GFLOP/s by number of threads and who computes."""

    machine: Machine
    settings: Settings
    peaks: dict[str, dict[str, float]]
    results: list[Result]


@final
class Peaks(TypedDict):
    """The first that a process says: GFLOP/s by who computes."""

    peaks: dict[str, float]


@final
class Next(TypedDict):
    """What a process says before a case: its title."""

    at: str


Record: TypeAlias = Peaks | Next | Result
"""What a process that measures says, one after the other."""
