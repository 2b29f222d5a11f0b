"""Things added by adding a file: the modules of a package, found by their stems."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any

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


def lazily(package: str, homes: Mapping[str, Sequence[str]]) -> Callable[[str], Any]:
    """The `__getattr__` of a package some of whose names are imported when they are first used.

    A name that was asked for is the package's own from then on.

    Args:
        package: its name.
        homes: the names that each of its modules has.
    """

    def find_name(name: str) -> Any:
        for module, inside in homes.items():
            if name in inside:
                found = getattr(importlib.import_module(f"{package}.{module}"), name)
                setattr(sys.modules[package], name, found)
                return found
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    return find_name
