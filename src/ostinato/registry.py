"""Things added by adding a file: the modules of a package, found by their stems."""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType

from ostinato.errors import UnknownName


def names(package: ModuleType) -> list[str]:
    """The registered names: each public module's stem, in alphabetical order."""
    return sorted(m.name for m in pkgutil.iter_modules(package.__path__) if m.name[0] != "_")


def find(package: ModuleType, kind: str, name: str) -> ModuleType:
    """Imports the module registered under a name; `-` and `_` are the same letter.

    Raises:
        UnknownName: when no file of that stem exists; the nearest right name is given.
    """
    stem = name.replace("-", "_")
    if stem not in names(package):
        raise UnknownName(kind, name, names(package))
    return importlib.import_module(f"{package.__name__}.{stem}")
