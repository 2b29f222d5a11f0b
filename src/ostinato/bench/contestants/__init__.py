"""Who is compared. A file here is a peer, or Ostinato: it lists its `CONTESTANTS`.

A contestant has a name and a function from a case to what runs it:

    def dense(case: BenchCase) -> Ready | None:
        ...                                 # weights, inputs, compiling: outside the clock
        return Ready(run, values)           # None: not a case for this contestant

`run()` is what is timed and gives whatever it computed; `values` turns that into arrays by name,
to be held against `case.expected`: `outputs` (T, B, ·), `last` (B, ·), and where the case has a
backward pass `d_x` and `d_` before each weight's PyTorch name. Peers are imported inside the
functions: only those that are installed take part.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from ostinato import registry
from ostinato.bench.case import TOLERANCE, BenchCase
from ostinato.bench.records import Arrays
from ostinato.errors import UnknownName


@dataclass(frozen=True)
class Ready:
    """What runs a case.

    Attributes:
        run: computes it once; this is timed.
        values: what `run` gave → arrays by name.
        fewer: once more where fewer gradients are asked for: pairs of the names that are not, and
            arrays by name; it is not timed.
    """

    run: Callable[[], Any]
    values: Callable[[Any], Arrays]
    fewer: Callable[[], Iterable[tuple[frozenset[str], Arrays]]] = tuple


@dataclass(frozen=True)
class Contestant:
    """One who takes part.

    Attributes:
        name: as tables show it.
        ready: prepares a case; None where it is not one for this contestant.
        needs: the packages it wants installed.
        ours: whether it is Ostinato's, not a peer.
        limit: seconds that preparing and the first run may take; None is no limit.
        off: the error that is still right, as a part of the largest number: more than rounding
            only for weights of 16 or 8 bits, whose error is then shown.
    """

    name: str
    ready: Callable[[BenchCase], Ready | None]
    needs: tuple[str, ...] = ()
    ours: bool = False
    limit: float | None = None
    off: float = TOLERANCE

    @property
    def installed(self) -> bool:
        """Whether all it needs is there."""
        return all(find_spec(package) for package in self.needs)


OURS = ("ostinato", "training")
"""Files that always take part: without them there is nothing to compare."""


def peers() -> list[str]:
    """The files of peers."""
    return [name for name in registry.names(sys.modules[__name__]) if name not in OURS]


def known(chosen: Sequence[str] | None = None) -> list[Contestant]:
    """Everyone there is, whether installed or not; Ostinato's own come last.

    Args:
        chosen: the files of peers that take part; all unless given.

    Raises:
        UnknownName: when there is no such file.
    """
    for name in chosen or ():
        if name not in peers():
            raise UnknownName("peer", name, peers())
    files = [*(peers() if chosen is None else chosen), *OURS]
    modules = [registry.find(sys.modules[__name__], "contestant", name) for name in files]
    return sorted((c for m in modules for c in m.CONTESTANTS), key=lambda c: c.ours)
