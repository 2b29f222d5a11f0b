"""The cache: a folder of compiled objects, which any process may fill, empty or damage.

A cache must never be the reason why code does not run. What cannot be read is compiled again, what
cannot be written stays in memory, and the first cause is logged once for each folder.

    OSTINATO_CACHE         the folder, or `off`
    OSTINATO_CACHE_LIMIT   its size in MiB, 256 unless given; what was not used for longest goes

A file holds, in this order: a magic line, SHA-256 of its key and of the rest, the length of the
notes (4 bytes, little-endian), the notes as JSON, and the object.

An object is code that runs as this user. So it is read through handles: the folder is opened, and
must be this user's and closed to the writing of others; the file is opened in it, and must be a
plain one of this user, closed to the writing of others too, and of a single name. These are
properties of what is open, and the bytes that are checked are those that are loaded: what another
process renames, links or writes meanwhile changes nothing. What is not promised: that a file is
harmless which this very user, or root, has made.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import re
import secrets
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ostinato.errors import ConfigError, quoted, shortened

MAGIC = b"ostinato native code 2\n"
SUFFIX = ".code"
MIB = 1 << 20  # bytes

_OURS = re.compile(r"[0-9a-f]{64}\.code")
_LEFT_OVER = re.compile(r"\.[0-9a-f]{64}\.code\..*")
_CONTROL = re.compile("[\x00-\x1f\x7f]")
_LONGEST = 255  # bytes of a name in a folder
_HANDLES = os.name == "posix"  # folders can be opened, and have owners and modes
_ABANDONED = 3600  # seconds after which a half-written file has no writer any more
_log = logging.getLogger("ostinato")
_said: set[Path] = set()  # folders that a line was logged about


@dataclass(frozen=True)
class CachedObject:
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

    Raises:
        ConfigError: when OSTINATO_CACHE is nothing that a folder could be called.
    """
    chosen = os.environ.get("OSTINATO_CACHE")
    if chosen == "off":
        return None
    if chosen:
        path = Path(os.path.abspath(os.path.expanduser(chosen)))
        longest = max(len(os.fsencode(part)) for part in path.parts)
        if (
            not chosen.strip()
            or _CONTROL.search(chosen)
            or longest > _LONGEST
            or os.path.expanduser(chosen).startswith("~")  # no such user
        ):
            raise ConfigError(
                f"OSTINATO_CACHE: {quoted(chosen)} is not the name of a "
                "folder; use a folder, or off"
            )
        return path
    base = os.environ.get("XDG_CACHE_HOME", "")
    try:
        root = Path(base) if os.path.isabs(base) else Path.home() / ".cache"
    except RuntimeError:  # a user without a home
        return None
    return root / "ostinato" / "native"


def limit() -> int:
    """The largest size of the cache, in bytes.

    Raises:
        ConfigError: when OSTINATO_CACHE_LIMIT is not a number, or a negative one.
    """
    text = os.environ.get("OSTINATO_CACHE_LIMIT") or "256"
    try:
        if text.isascii() and "_" not in text and (size := float(text) * MIB) >= 0:
            return int(size)
    except (ValueError, OverflowError):
        pass
    raise ConfigError(f"OSTINATO_CACHE_LIMIT: {quoted(text)} is not a number of MiB")


def read(key: str) -> bytes | None:
    """The object of a key; None when there is none, or its file is damaged or not to be trusted.

    Raises:
        ConfigError: when OSTINATO_CACHE_LIMIT is not a number.
    """
    path, most = folder(), limit()
    if path is None:
        return None
    try:
        with _opened(path) as place, _file(place, key + SUFFIX, most) as file:
            content = file.read(most + 1)
            if (data := _object(content, key)) is not None:
                with contextlib.suppress(OSError):  # it may be read, but not written
                    os.utime(file.fileno() if os.utime in os.supports_fd else place.at(key))
            return data
    except FileNotFoundError:
        return None
    except OSError as error:
        _complain(path, error.strerror or error)
        return None


def write(key: str, data: bytes, title: str = "", target: str = "") -> None:
    """Keeps the object of a key, whole or not at all; others go if there are too many.

    Args:
        key: 64 hexadecimal digits.
        data: the object.
        title: what was compiled, in words.
        target: the processor it was compiled for, in words.

    Raises:
        ConfigError: when OSTINATO_CACHE_LIMIT is not a number.
    """
    path, most = folder(), limit()
    if path is None:
        return
    notes = json.dumps({"key": key, "title": title, "target": target}).encode()
    rest = len(notes).to_bytes(4, "little") + notes + data
    content = MAGIC + _digest(key, rest) + rest
    if len(content) > most:
        return
    try:
        _make(path)
        with _opened(path) as place:
            _replace(place, key + SUFFIX, content)
            _shrink(place, most, key)
    except OSError as error:
        _complain(path, error.strerror or error)


def entries() -> list[CachedObject]:
    """The objects that there are, the last used first."""
    found = []
    with contextlib.suppress(OSError), _listed() as place:
        found = [_entry(place, name) for name in _names(place, _OURS)]
    return sorted((e for e in found if e), key=lambda e: e.used, reverse=True)


def clear() -> tuple[int, int]:
    """Removes every object, and nothing else from the folder.

    Returns:
        How many were removed, and their size in bytes.

    Raises:
        OSError: when one cannot be removed.
    """
    number = size = 0
    try:
        with _listed() as place:
            for name in _names(place, _OURS):
                held = _size(place, name)
                _remove(place, name)
                number, size = number + 1, size + held
            for name in _names(place, _LEFT_OVER):
                _remove(place, name)
    except (FileNotFoundError, NotADirectoryError):
        pass
    return number, size


@dataclass(frozen=True)
class _Place:
    """An opened folder: names in it are looked up in what is open, not along its path again.

    Where folders cannot be opened (Windows), names are looked up along the path.
    """

    path: Path
    handle: int | None

    def at(self, name: str) -> str:
        return name if self.handle is not None else str(self.path / name)


@contextlib.contextmanager
def _opened(path: Path, trusted: bool = True) -> Iterator[_Place]:
    """The folder, opened.

    Raises:
        OSError: when there is none, or others can put code into it, which this user would run.
    """
    if not _HANDLES:
        if not path.is_dir():
            os.listdir(path)
        yield _Place(path, None)
        return
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        about = os.fstat(handle)
        if trusted and (about.st_uid != os.geteuid() or about.st_mode & 0o022):
            raise OSError(
                0,
                "others can write to it; empty it (others may have put code "
                "there), then run chmod 700",
            )
        yield _Place(path, handle)
    finally:
        os.close(handle)


def _listed() -> contextlib.AbstractContextManager[_Place]:
    """The folder, opened to be listed or cleared, regardless of who may write to it."""
    path = folder()
    if path is None:
        raise FileNotFoundError
    return _opened(path, trusted=False)


@contextlib.contextmanager
def _file(place: _Place, name: str, most: int) -> Iterator[BinaryIO]:
    """A file of the folder, opened to be read: no link is followed, and no pipe waited for.

    Raises:
        OSError: when it is no plain file of this user alone, or larger than `most` bytes.
    """
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    flags |= getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
    with os.fdopen(os.open(place.at(name), flags, dir_fd=place.handle), "rb") as file:
        about = os.fstat(file.fileno())
        if not stat.S_ISREG(about.st_mode):
            raise OSError(0, f"{name} is a directory or a device, not a file")
        if _HANDLES and (  # no link at all: another process has just replaced it
            about.st_uid != os.geteuid() or about.st_mode & 0o022 or about.st_nlink > 1
        ):
            raise OSError(0, f"{name} is a file that others can write to; empty the folder")
        if about.st_size > most:
            raise OSError(0, f"{name} is larger than the limit of the whole cache")
        yield file


def _digest(key: str, rest: bytes) -> bytes:
    """SHA-256 of a key and what is kept of it: a whole file under another name is damaged too."""
    return hashlib.sha256(key.encode() + rest).digest()


def _object(content: bytes, key: str) -> bytes | None:
    """The object in a file of that key; None when anything in the file is wrong."""
    head = len(MAGIC) + 32
    if content[:head] != MAGIC + _digest(key, content[head:]):
        return None
    begin = head + 4 + int.from_bytes(content[head : head + 4], "little")
    return content[begin:] or None


def _make(path: Path) -> None:
    """Makes the folder and what is missing above it, each level for this user alone."""
    missing = []
    while not path.exists():
        missing.append(path)
        path = path.parent
    for each in reversed(missing):
        with contextlib.suppress(FileExistsError):  # another process was faster
            each.mkdir(mode=0o700)


def _replace(place: _Place, name: str, content: bytes) -> None:
    """Writes a file whole or not at all, also when other processes write it at the same time.

    Not forced to the disk: after a crash a torn file is known by its hash.
    """
    temporary = f".{name}.{os.getpid()}-{secrets.token_hex(8)}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    handle = os.open(place.at(temporary), flags, 0o600, dir_fd=place.handle)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        both = {"src_dir_fd": place.handle, "dst_dir_fd": place.handle}
        os.replace(place.at(temporary), place.at(name), **both)
    except BaseException:
        _remove(place, temporary)
        raise


def _shrink(place: _Place, most: int, kept: str) -> None:
    """Removes what was not used for longest, until the folder holds no more than `most` bytes."""
    for name in _names(place, _LEFT_OVER):
        if _mtime(place, name) < time.time() - _ABANDONED:
            _remove(place, name)
    own = kept + SUFFIX
    names = sorted(_names(place, _OURS), key=lambda name: (name == own, _mtime(place, name)))
    sizes = {name: _size(place, name) for name in names}
    size = sum(sizes.values())
    for name in names:
        if size <= most:
            break
        size -= sizes[name]
        _remove(place, name)


def _names(place: _Place, pattern: re.Pattern[str]) -> list[str]:
    """The files, not folders, whose names match."""
    with os.scandir(place.path if place.handle is None else place.handle) as found:
        return [
            each.name
            for each in found
            if pattern.fullmatch(each.name) and not each.is_dir(follow_symlinks=False)
        ]


def _remove(place: _Place, name: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(place.at(name), dir_fd=place.handle)


def _about(place: _Place, name: str) -> os.stat_result | None:
    """What is known of a file; None of one that another process has just removed."""
    try:
        return os.stat(place.at(name), dir_fd=place.handle, follow_symlinks=False)
    except FileNotFoundError:
        return None


def _size(place: _Place, name: str) -> int:
    """Bytes."""
    about = _about(place, name)
    return about.st_size if about else 0


def _mtime(place: _Place, name: str) -> float:
    """Seconds since 1970; now for a file that another process has just removed."""
    about = _about(place, name)
    return about.st_mtime if about else time.time()


def _entry(place: _Place, name: str) -> CachedObject | None:
    about = _about(place, name)
    if about is None:
        return None
    notes: dict[str, object] = {}
    with contextlib.suppress(OSError), _file(place, name, about.st_size) as file:
        notes = _notes(file)
    title, target = (str(notes.get(word, "damaged")) for word in ("title", "target"))
    return CachedObject(name.removesuffix(SUFFIX), title, target, about.st_size, about.st_mtime)


def _notes(file: BinaryIO) -> dict[str, object]:
    """The notes of a file, nothing when they cannot be read; its hash is not looked at."""
    if file.read(len(MAGIC)) != MAGIC:
        return {}
    length = int.from_bytes(file.read(36)[32:], "little")
    try:
        notes = json.loads(file.read(min(length, 4096)))
    except (ValueError, RecursionError):
        return {}
    return notes if isinstance(notes, dict) else {}


def _complain(place: Path, reason: object) -> None:
    if place not in _said:
        _said.add(place)
        where = shortened(str(place), 200)
        _log.warning("cache of native code in %s: %s; compiling in memory", where, reason)
