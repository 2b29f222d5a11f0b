"""Levels: the same cell in another language. A file here is a level; its stem is its name.

A level has `source(cell, backward=False)`, the text that it runs; the numeric ones also have
`scan(cell)`, the loop over a sequence, and `run(cell, case)`, which takes a case of
`levels._case` forward and backward so that levels can be compared.
"""

from __future__ import annotations

import sys
from functools import cache
from types import ModuleType

from ostinato import registry
from ostinato.errors import UnknownName


def names() -> list[str]:
    """The levels that there are."""
    return registry.names(sys.modules[__name__])


@cache
def find(name: str) -> ModuleType:
    """The level of a name.

    Raises:
        UnknownName: when there is no such level; the nearest right name is given.
    """
    if name not in names():
        raise UnknownName("level", name, names())
    return registry.find(sys.modules[__name__], "level", name)
