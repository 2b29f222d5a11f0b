"""Packages that only some data needs."""

from __future__ import annotations

import importlib
from importlib import metadata
from types import ModuleType

from ostinato.errors import DataError


def extra(package: str, name: str) -> ModuleType:
    """The imported package of an extra.

    Args:
        package: the module to import.
        name: the extra of Ostinato that brings it.

    Raises:
        DataError: when it is not installed; the message says how to install it.
    """
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise DataError(f"{package} is required ({error}): {install(name)}") from None


def install(name: str) -> str:
    """The command that installs what an extra of Ostinato requires, wherever that came from.

    >>> install("subwords")
    "pip install 'tokenizers>=0.21'"
    """
    marker = f"extra == '{name}'"
    wanted = [line.replace('"', "'").split(";") for line in metadata.requires("ostinato") or ()]
    packages = [words[0].strip() for words in wanted if words[-1].strip() == marker]
    quoted = [f"'{word}'" if set(word) & set("<>") else word for word in packages]
    return " ".join(["pip install", *quoted])
