"""A folder whose files are read and written without ever being led out of it.

A folder may come from anywhere. What is read in it are regular files alone, of a size that was
checked before a byte is taken into memory; a link, a pipe, a device or a folder in a file's place
is an error that names it, and nothing waits for one. What is written takes a file's place whole,
so that a link there is replaced and what it pointed to stays as it is.
"""

from __future__ import annotations

import errno
import json
import os
import secrets
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from ostinato.errors import RunError

T = TypeVar("T")
PART = ".part"
"""The end of the name of a file that is not whole yet."""
MOST = 2**28
"""Bytes: a larger file is not read, unless whoever reads it knows how large it has to be."""

if not hasattr(os, "O_NOFOLLOW"):
    raise ImportError("run folders need Linux or macOS; on Windows, install Ostinato in WSL")
_PLAIN = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_KINDS: list[tuple[Callable[[int], bool], str]] = [
    (stat.S_ISLNK, "a link"),
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
]


class Folder:
    """Files in a folder, by name; a name may have a folder before it, as `checkpoints/lock` has.

    Args:
        path: the folder, which may itself be a link, or lie under one.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    def read(self, name: str, most: int = MOST) -> bytes:
        """The content of a file.

        Raises:
            RunError: when there is none, it is no regular file, or has more than `most` bytes.
        """
        try:
            with self._inside(name) as (folder, last):
                _check_kind(folder, last)
                handle = os.open(last, os.O_RDONLY | _PLAIN, dir_fd=folder)
                with os.fdopen(handle, "rb") as file:
                    _check_regular(handle)
                    size = os.fstat(handle).st_size
                    if size > most:
                        raise OSError(0, f"it has {size:,} bytes, more than the limit of {most:,}")
                    return file.read(most)
        except (OSError, ValueError) as error:
            raise self._fault(name, error) from None

    def write(self, name: str, content: str | bytes) -> None:
        """Writes a file whole or not at all; what had its name before, file or link, is replaced.

        Raises:
            RunError: when it cannot be written; what was there before is still there.
        """
        content = encoded(content)
        try:
            with self._inside(name) as (folder, last):
                write_whole(folder, last, content)
        except OSError as error:
            raise RunError(f"{self.path / name}: {error.strerror}") from None

    def exists(self, name: str) -> bool:
        """Whether anything has this name."""
        try:
            with self._inside(name) as (folder, last):
                os.stat(last, dir_fd=folder, follow_symlinks=False)
        except OSError:
            return False
        return True

    def remove(self, name: str) -> None:
        """Removes a file, if it is there.

        Raises:
            RunError: when it cannot be removed.
        """
        try:
            with self._inside(name) as (folder, last), suppress(FileNotFoundError):
                os.unlink(last, dir_fd=folder)
        except OSError as error:
            raise self._fault(name, error) from None

    def names(self, folder: str = "") -> list[str]:
        """What lies in the folder, or in a folder of it, in alphabetical order; [] without one.

        Raises:
            RunError: when it is a link, or no folder.
        """
        try:
            with self._inside(f"{folder}/." if folder else ".") as (handle, _):
                return sorted(os.listdir(handle))
        except FileNotFoundError:
            return []
        except OSError as error:
            raise self._fault(folder, error) from None

    def subfolder(self, name: str) -> Path:
        """The path of a folder in this one, which is made if nothing has that name.

        Raises:
            RunError: when it is a link, or no folder.
        """
        try:
            with self._inside(name) as (folder, last):
                with suppress(FileExistsError):
                    os.mkdir(last, dir_fd=folder)
                os.close(_open_folder(last, folder))
        except OSError as error:
            raise self._fault(name, error) from None
        return self.path / name

    def write_json(self, name: str, content: object) -> None:
        """Writes plain data as JSON."""
        self.write(name, as_json(content))

    def read_json(self, name: str) -> Any:
        """Reads what `write_json` wrote.

        Raises:
            RunError: when it is missing or damaged.
        """
        return self.parsed(name, json.loads)

    def parsed(self, name: str, parse: Callable[[str], T], most: int = MOST) -> T:
        """What a parser makes of the text of a file of `most` bytes.

        Raises:
            RunError: when the file is missing, or the parser refuses it.
        """
        try:
            return parse(self.read(name, most).decode())
        except (ValueError, RecursionError) as error:
            raise self._fault(name, error) from None

    @contextmanager
    def own(self, name: str) -> Iterator[int]:
        """A file of this folder alone, made if it is not there, opened to be read and written.

        Raises:
            RunError: when it is no regular file, or has a second name somewhere (a hard link).
        """
        try:
            with self._inside(name) as (folder, last):
                if self.exists(name):
                    _check_kind(folder, last)
                handle = os.open(last, os.O_RDWR | os.O_CREAT | _PLAIN, 0o644, dir_fd=folder)
        except OSError as error:
            raise self._fault(name, error) from None
        try:
            try:
                _check_regular(handle)
                if os.fstat(handle).st_nlink > 1:
                    raise OSError(
                        0, "it is a hard link, and may be a file of someone else; remove it"
                    )
            except OSError as error:
                raise self._fault(name, error) from None
            yield handle
        finally:
            os.close(handle)

    @contextmanager
    def _inside(self, name: str) -> Iterator[tuple[int, str]]:
        """The opened folder that a name lies in, no link on the way, and the name's last part."""
        *folders, last = name.split("/")
        handle = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for folder in folders:
                outer, handle = handle, _open_folder(folder, handle)
                os.close(outer)
            yield handle, last
        finally:
            os.close(handle)

    def _fault(self, name: str, error: Exception) -> RunError:
        why = (error.strerror if isinstance(error, OSError) else None) or str(error)
        return RunError(f"{self.path / name}: cannot be read ({' '.join(why.split())[:200]})")


def as_json(content: object) -> bytes:
    """Plain data as the text of a JSON file."""
    return encoded(json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def encoded(content: str | bytes) -> bytes:
    """The bytes of a file; half of a surrogate pair, as in a name that is not UTF-8, is escaped."""
    return content.encode("utf-8", "backslashreplace") if isinstance(content, str) else content


def write_out(path: Path, content: str | bytes) -> None:
    """Writes a file that the user has named: whole or not at all, and where the name leads to.

    A link is followed; what is no file, such as a pipe or a device, is written to as it is.

    Raises:
        RunError: when it cannot be written; what was there before is still there.
    """
    content = encoded(content)
    try:
        if path.exists() and not path.is_file() and not path.is_dir():
            path.write_bytes(content)
            return
        path = path.resolve() if path.is_symlink() else path
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            write_whole(folder, path.name, content)
        finally:
            os.close(folder)
    except OSError as error:
        raise RunError(f"{path}: {error.strerror}") from None


def write_whole(folder: int, name: str, content: bytes) -> None:
    """Writes a file of an opened folder whole or not at all, on the disk when it returns."""
    part = f".{secrets.token_hex(8)}{PART}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _PLAIN
    handle = os.open(part, flags, 0o644, dir_fd=folder)
    try:
        with os.fdopen(handle, "wb") as file:
            os.fchmod(handle, 0o644)
            file.write(content)
            file.flush()
            os.fsync(handle)
        os.replace(part, name, src_dir_fd=folder, dst_dir_fd=folder)
        os.fsync(folder)  # a file's new name is on the disk only when its folder is
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(part, dir_fd=folder)
        raise


def _open_folder(name: str, folder: int) -> int:
    try:
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        return os.open(name, flags, dir_fd=folder)
    except OSError as error:
        if error.errno in (errno.ENOTDIR, errno.ELOOP):
            _check_kind(folder, name)
        raise


def _check_kind(folder: int, name: str) -> None:
    """That a name is no link, and what it names is a regular file."""
    mode = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
    for is_so, what in _KINDS:
        if is_so(mode):
            raise OSError(0, f"it is {what}, not a file of this folder")


def _check_regular(handle: int) -> None:
    """That what was opened is a regular file: it may have become another since it was looked at."""
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        raise OSError(0, "it is not a regular file")
