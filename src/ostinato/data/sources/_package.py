"""Data files inside an installed package, read without importing it."""

from __future__ import annotations

import hashlib
from importlib.util import find_spec
from pathlib import Path

from ostinato.errors import DataError


def files(package: str, pattern: str, sha256: str, install: str) -> list[bytes]:
    """The bytes of each file that matches, sorted by name; the package's code never runs.

    Args:
        package: a top-level package (asking for a submodule would import its parent).
        pattern: the files, as a glob from the package's folder.
        sha256: of all the bytes, one file after the other (hex).
        install: the command that installs the package, for the error.

    Raises:
        DataError: when the package is missing or its files are not the known ones.
    """
    spec = find_spec(package)
    folders = (spec and spec.submodule_search_locations) or []
    paths = sorted(path for folder in folders for path in Path(folder).glob(pattern))
    if not paths:
        raise DataError(f"no {pattern} of package {package!r} found; install it: {install}")
    contents = [path.read_bytes() for path in paths]
    if hashlib.sha256(b"".join(contents)).hexdigest() != sha256:
        raise DataError(f"{paths[0].parent}: {pattern} changed (SHA-256); reinstall: {install}")
    return contents
