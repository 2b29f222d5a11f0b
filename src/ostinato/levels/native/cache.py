"""The cache: a folder of compiled objects, which any process may fill, empty or damage.

A cache must never be the reason why code does not run. What cannot be read is compiled again, what
cannot be written stays in memory, and the first cause is logged once for each folder.

    OSTINATO_CACHE         the folder, or `off`
    OSTINATO_CACHE_LIMIT   its size in MiB, 256 unless given; what was not used for longest goes

A file holds, in this order: a magic line, SHA-256 of the rest, the length of the notes (4 bytes,
little-endian), the notes as JSON, and the object.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import re
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from ostinato.errors import ConfigError

MAGIC = b"ostinato native code 1\n"
SUFFIX = ".code"
MIB = 1 << 20  # bytes

_OURS = re.compile(r"[0-9a-f]{64}\.code")
_LEFT_OVER = re.compile(r"\.[0-9a-f]{64}\.code\..*")
_ABANDONED = 3600  # seconds after which a half-written file has no writer any more
_log = logging.getLogger("ostinato")
_said: set[Path] = set()  # folders that a line was logged about


@dataclass(frozen=True)
class Entry:
    """A compiled object.

    Args:
        key: the name of its file, 64 hexadecimal digits.
        title: what was compiled, in words.
        target: the processor it was compiled for, in words.
        size: of its file, in bytes.
        used: when it was last read or written, in seconds since 1970.
    """

    key: str
    title: str
    target: str
    size: int
    used: float


def folder() -> Path | None:
    """The folder of the cache, whether or not it exists; None when there is to be none.

    `OSTINATO_CACHE`, else `ostinato/native` in `XDG_CACHE_HOME`, else in `~/.cache`, on every
    system.
    """
    chosen = os.environ.get("OSTINATO_CACHE")
    if chosen:
        return None if chosen == "off" else Path(os.path.abspath(os.path.expanduser(chosen)))
    base = os.environ.get("XDG_CACHE_HOME", "")
    try:
        root = Path(base) if os.path.isabs(base) else Path.home() / ".cache"
    except RuntimeError:  # a user without a home
        return None
    return root / "ostinato" / "native"


def limit() -> int:
    """The largest size of the cache, in bytes.

    Raises:
        ConfigError: when OSTINATO_CACHE_LIMIT is no number, or a negative one.
    """
    text = os.environ.get("OSTINATO_CACHE_LIMIT") or "256"
    try:
        size = float(text) * MIB
        if size >= 0:
            return int(size)
    except (ValueError, OverflowError):
        pass
    raise ConfigError(f"OSTINATO_CACHE_LIMIT: {text!r} is not a number of MiB")


def read(key: str) -> bytes | None:
    """The object of a key; None when there is none, or its file is damaged."""
    place = folder()
    if place is None:
        return None
    path = place / (key + SUFFIX)
    try:
        if not _trusted(place):
            return None
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        _complain(place, error)
        return None
    head = len(MAGIC) + 32
    if content[:head] != MAGIC + hashlib.sha256(content[head:]).digest():
        return None
    length = int.from_bytes(content[head : head + 4], "little")
    if json.loads(content[head + 4 : head + 4 + length])["key"] != key:
        return None  # a whole file, but renamed
    with contextlib.suppress(OSError):  # it may be read, but not written
        os.utime(path)
    return content[head + 4 + length :]


def write(key: str, data: bytes, title: str = "", target: str = "") -> None:
    """Keeps the object of a key, whole or not at all; others go if there are too many.

    Args:
        key: 64 hexadecimal digits.
        data: the object.
        title: what was compiled, in words.
        target: the processor it was compiled for, in words.

    Raises:
        ConfigError: when OSTINATO_CACHE_LIMIT is no number.
    """
    place, most = folder(), limit()
    if place is None:
        return
    notes = json.dumps({"key": key, "title": title, "target": target}).encode()
    rest = len(notes).to_bytes(4, "little") + notes + data
    content = MAGIC + hashlib.sha256(rest).digest() + rest
    if len(content) > most:
        return
    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        if _trusted(place):
            _replace(place / (key + SUFFIX), content)
            _shrink(place, most, key)
    except OSError as error:
        _complain(place, error)


def entries() -> list[Entry]:
    """The objects that there are, the last used first."""
    place = folder()
    found = [] if place is None else [_entry(path) for path in _files(place, _OURS)]
    return sorted((e for e in found if e), key=lambda e: e.used, reverse=True)


def clear() -> tuple[int, int]:
    """Removes every object, and nothing else from the folder.

    Returns:
        How many were removed, and their size in bytes.

    Raises:
        OSError: when one cannot be removed.
    """
    place = folder()
    if place is None:
        return 0, 0
    number = size = 0
    for path in _files(place, _OURS):
        held = _size(path)
        path.unlink(missing_ok=True)
        number, size = number + 1, size + held
    for path in _files(place, _LEFT_OVER):
        path.unlink(missing_ok=True)
    return number, size


def _trusted(place: Path) -> bool:
    """Whether nobody else can put code into the folder, which this user would then run."""
    if os.name != "posix":
        return True
    about = place.stat()
    if about.st_uid == os.geteuid() and not about.st_mode & 0o022:
        return True
    _complain(place, "others may write to it; it must be yours alone (chmod 700)")
    return False


def _replace(path: Path, content: bytes) -> None:
    """Writes a file whole or not at all, whoever else writes it at the same time.

    Not forced to the disk: after a crash a torn file is known by its hash.
    """
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _shrink(place: Path, most: int, kept: str) -> None:
    """Removes what was not used for longest, until the folder holds no more than `most` bytes."""
    for path in _files(place, _LEFT_OVER):
        if _mtime(path) < time.time() - _ABANDONED:
            path.unlink(missing_ok=True)
    files = sorted(_files(place, _OURS), key=lambda path: (path.stem == kept, _mtime(path)))
    size = sum(map(_size, files))
    for path in files:
        if size <= most:
            break
        size -= _size(path)
        path.unlink(missing_ok=True)


def _files(place: Path, name: re.Pattern[str]) -> list[Path]:
    try:
        return [path for path in place.iterdir() if name.fullmatch(path.name)]
    except (FileNotFoundError, NotADirectoryError):
        return []


def _size(path: Path) -> int:
    """Bytes; 0 for a file that another process has just removed."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _mtime(path: Path) -> float:
    """Seconds since 1970; now for a file that another process has just removed."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return time.time()


def _entry(path: Path) -> Entry | None:
    try:
        about = path.stat()
        with open(path, "rb") as file:
            notes = _notes(file)
    except OSError:
        return None
    title, target = (str(notes.get(name, "damaged")) for name in ("title", "target"))
    return Entry(path.stem, title, target, about.st_size, about.st_mtime)


def _notes(file: BinaryIO) -> dict[str, Any]:
    """The notes of a file, nothing when they cannot be read; its hash is not looked at."""
    if file.read(len(MAGIC)) != MAGIC:
        return {}
    length = int.from_bytes(file.read(36)[32:], "little")
    try:
        notes = json.loads(file.read(min(length, 4096)))
    except ValueError:
        return {}
    return notes if isinstance(notes, dict) else {}


def _complain(place: Path, reason: object) -> None:
    if place not in _said:
        _said.add(place)
        _log.warning("cache of native code in %s: %s; compiling in memory", place, reason)
