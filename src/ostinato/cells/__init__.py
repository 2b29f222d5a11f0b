"""The shipped cells: one file each, found by its stem; a user's own file works the same way."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

from ostinato import registry
from ostinato.equation.trace import Cell
from ostinato.errors import CellError, UnknownName


def names() -> list[str]:
    """The names of the shipped cells."""
    return registry.names(sys.modules[__name__])


def find(name: str) -> Cell:
    """The cell of a name: a shipped one, or `path/to/file.py:name`.

    Raises:
        UnknownName: when there is no such cell; the nearest right name is given.
        CellError: when the file cannot be read, or holds no cell of that name, or none is named.
    """
    path, colon, inside = name.rpartition(":")
    if colon and path.endswith(".py"):
        return _in(_load(Path(path)), inside)
    if name.endswith(".py"):
        raise CellError(f"{name}: a file can contain several cells; choose one, as {name}:CELL")
    module = registry.find(sys.modules[__name__], "cell", name)
    return _in(module, module.__name__.rpartition(".")[2])


def _in(module: ModuleType, name: str) -> Cell:
    found = getattr(module, name, None)
    if not isinstance(found, Cell):
        cells = [k for k, v in vars(module).items() if isinstance(v, Cell)]
        if cells:
            raise UnknownName(f"cell in {module.__file__}", name, cells)
        raise CellError(f"{module.__file__}: no cell {name!r}; mark the function with @cell")
    return replace(found, worked=getattr(module, "worked", None))


def _load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if not path.is_file() or spec is None or spec.loader is None:
        raise CellError(f"{path}: no such file")
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.parent))  # a file may import its neighbours, as a script may
    try:
        spec.loader.exec_module(module)
    except CellError:
        raise
    except Exception as error:
        line = getattr(error, "lineno", None) or _last_line(error, path)
        raise CellError(f"{path}:{line}: {type(error).__name__}: {error}") from error
    finally:
        sys.path.remove(str(path.parent))
    return module


def _last_line(error: Exception, path: Path) -> int:
    line, walk = 1, error.__traceback__
    while walk is not None:
        if walk.tb_frame.f_code.co_filename == str(path.absolute()):
            line = walk.tb_lineno
        walk = walk.tb_next
    return line
