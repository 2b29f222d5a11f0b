"""A file or standard input, unpacked, as text whose lines are counted."""

from __future__ import annotations

import codecs
import gzip
import io
import lzma
import os
import re
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import IO, TYPE_CHECKING, NamedTuple, Self, cast, final

from ostinato.data.files.bad import Bad
from ostinato.data.files.limits import UNCHECKED, limits, too_long
from ostinato.errors import DataError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_CHUNK = 2**22
_BUFFER = 2**18
_AHEAD = 2 * UNCHECKED  # of packed data, so that what unfolds too far is refused before it is read
_PACKED: dict[bytes, tuple[str, Callable[[IO[bytes]], io.BufferedIOBase]]] = {
    b"\x1f\x8b": ("gzip", gzip.open),
    b"\xfd7zXZ\0": ("xz", lzma.open),
}
_FLAW = re.compile("[\0\ud800-\udfff]")


class NumberedLine(NamedTuple):
    """A line of a file.

    Attributes:
        number: counted from 1.
        text: with its end.
    """

    number: int
    text: str

    @property
    def place(self) -> str:
        """Where it is, for errors."""
        return f"line {self.number}"


@final
class File:
    r"""An open file; gzip and xz are known by their first bytes and unpacked.

    Text is UTF-8, with or without a byte-order mark, and all its line ends become `\n`. Bytes
    that are none stay in it as lone surrogates, which `flaw` finds.

    Args:
        where: a path, or `-` for standard input.

    Attributes:
        title: what it is called in an error.
        head: its first bytes, unpacked.

    Raises:
        DataError: when it cannot be opened, is a folder, or is packed and damaged; later also
            when far more comes of it than it holds, see `Limits`.
    """

    def __init__(self, where: str) -> None:
        self.title = title(where)
        self.limits = limits()
        self._grown = 0  # bytes that came of what is packed
        self._packing = ""
        self._line = 0  # the last line that was read
        self._keep_open = where == "-"
        try:
            if where == "-" and sys.stdin is None:
                raise ValueError("it is closed")
            raw = cast(io.BufferedIOBase, sys.stdin.buffer) if where == "-" else open(where, "rb")  # noqa: SIM115
        except (OSError, ValueError) as error:  # ValueError: a NUL in the path
            why = getattr(error, "strerror", None) or error
            raise DataError(f"{self.title}: cannot be read: {why}") from None
        self._where, self._source = where, _Counted(raw)
        self._raw = io.BufferedReader(self._source)
        self._stream: io.BufferedIOBase = self._raw
        self._bytes = io.BufferedReader(_Unpacked(self), _BUFFER)
        try:
            for magic, (name, unpack) in _PACKED.items():
                if self._raw.peek(len(magic)).startswith(magic):
                    self._packing, self._stream = name, unpack(self._raw)
                    self._bytes = io.BufferedReader(_Unpacked(self), _AHEAD)
            self.head = self._bytes.peek()
        except BaseException as error:
            self.close()
            if isinstance(error, OSError):  # a folder is opened, but not read, on some systems
                raise DataError(f"{self.title}: cannot be read: {error.strerror}") from None
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the file; standard input stays open."""
        self._raw.detach()
        if not self._keep_open:
            self._source.file.close()

    def read(self, size: int = -1) -> bytes:
        """Bytes, unpacked; fewer than `size` at the end only."""
        return self._bytes.read(size)

    def lines(self, ends_as_they_are: bool = False) -> Iterator[NumberedLine]:
        r"""Every line with its number and its end.

        Args:
            ends_as_they_are: leaves `\r\n` and `\r` what they are.

        Raises:
            DataError: for a line that is too long to be one.
        """
        newline = "" if ends_as_they_are else None
        text = io.TextIOWrapper(self._bytes, "utf-8-sig", "surrogateescape", newline)
        most = self.limits.row
        while line := text.readline(most + 1):
            self._line += 1
            if len(line) > most:
                raise self.fault(self._line, too_long("a line", most))
            yield NumberedLine(self._line, line)

    def good_lines(self) -> Iterator[NumberedLine | Bad]:
        """Every line, those bad that hold what is no text.

        Raises:
            DataError: for a line that is too long to be one.
        """
        for line in self.lines():
            found = flaw(line.text)
            yield Bad(line.place, found[1]) if found else line

    def chunks(self) -> Iterator[str]:
        """The text in stretches of some million characters, cut anywhere."""
        decoder = io.IncrementalNewlineDecoder(
            codecs.getincrementaldecoder("utf-8-sig")("surrogateescape"), translate=True
        )
        while raw := self.read(_CHUNK):
            if chunk := decoder.decode(raw):
                yield chunk
                self._line += chunk.count("\n")
        if chunk := decoder.decode(b"", final=True):
            yield chunk

    def seekable(self) -> IO[bytes]:
        """The bytes, unpacked, as a file in which one can go back and forth.

        Raises:
            DataError: when there is no place for a copy of what is packed, or of standard input.
        """
        if not self._packing and not self._keep_open:
            return open(self._where, "rb")
        copy = tempfile.TemporaryFile()  # noqa: SIM115
        try:
            while raw := self.read(_CHUNK):
                copy.write(raw)
            copy.seek(0)
        except OSError as error:
            copy.close()
            folder = tempfile.gettempdir()
            raise DataError(
                f"{folder}: no space to unpack {self.title}: "
                f"{error.strerror}; set TMPDIR to another folder"
            ) from None
        except BaseException:
            copy.close()
            raise
        return copy

    def grow(self, size: int) -> None:
        """Counts bytes that came of what is packed.

        Raises:
            DataError: when they are more than the limit.
        """
        self._grown += size
        self.check_growth(self._grown)

    def check_growth(self, size: int) -> None:
        """Whether so many bytes may come of what was read, or of the whole file.

        Raises:
            DataError: when they are more than the limit.
        """
        if size > UNCHECKED and size > self.limits.expansion * self._source.size():
            raise DataError(
                f"{self.title}: it unpacks to more than "
                f"{self.limits.expansion} times its size; if you trust the "
                "file, use --max-expansion to raise the limit"
            )

    def fault(self, line: int, what: str) -> DataError:
        """An error that names the file and a line."""
        return DataError(f"{self.title}, line {line}: {what}")

    def unpack(self, size: int) -> bytes:
        """Bytes as the file holds them, unpacked.

        Raises:
            DataError: when they cannot be read or unpacked.
        """
        try:
            raw = self._stream.read1(size)  # of a pipe what has arrived
            if self._packing:
                self.grow(len(raw))
            return raw
        except (EOFError, gzip.BadGzipFile, zlib.error, lzma.LZMAError) as error:
            damage = "truncated" if isinstance(error, EOFError) else f"damaged ({error})"
            where = f", after line {self._line}" if self._line else ""
            raise DataError(f"{self.title}{where}: the {self._packing} data is {damage}") from None
        except OSError as error:
            raise DataError(f"{self.title}: cannot be read: {error.strerror}") from None


class _Counted(io.RawIOBase):
    """A file that counts what was read of it."""

    def __init__(self, file: io.BufferedIOBase) -> None:
        self.file, self._count = file, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        count = self.file.readinto1(buffer)
        self._count += count
        return count

    def size(self) -> int:
        """The bytes that it holds, where that is known, else those that were read."""
        try:
            return max(self._count, os.fstat(self.file.fileno()).st_size)
        except (AttributeError, OSError, ValueError):
            return self._count


class _Unpacked(io.RawIOBase):
    """A file's unpacked bytes, for the buffers of `io`."""

    def __init__(self, file: File) -> None:
        self._file = file

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer)
        raw = self._file.unpack(len(view))
        view[: len(raw)] = raw
        return len(raw)


def title(where: str) -> str:
    """What a file is called in an error."""
    return "standard input" if where == "-" else where


def flaw(text: str) -> tuple[int, str] | None:
    """Where a text holds what is no text, and what that is."""
    if "\0" not in text:
        if text.isascii():
            return None
        try:
            text.encode("utf-8")  # many times quicker than a search
        except UnicodeEncodeError as error:
            return error.start, "not UTF-8"
        return None
    found = _FLAW.search(text)
    assert found is not None
    return found.start(), "a NUL byte" if found[0] == "\0" else "not UTF-8"
