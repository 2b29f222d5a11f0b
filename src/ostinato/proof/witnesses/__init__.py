"""Independent witnesses: what was not made from a cell's text. A file here is a witness.

A witness has `prove(cell)`, a list of proofs that is empty where it knows nothing of the cell.
"""

from __future__ import annotations

import sys
from types import ModuleType

from ostinato import registry


def names() -> list[str]:
    """The witnesses that there are."""
    return registry.names(sys.modules[__name__])


def find(name: str) -> ModuleType:
    """The witness of a name.

    Raises:
        UnknownName: when there is no such witness; the nearest right name is given.
    """
    return registry.find(sys.modules[__name__], "witness", name)
