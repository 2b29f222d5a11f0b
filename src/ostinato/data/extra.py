"""Packages that only some data needs."""

from __future__ import annotations

import importlib
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
        raise DataError(
            f"{package} is required ({error}): pip install 'ostinato[{name}]'"
        ) from None
