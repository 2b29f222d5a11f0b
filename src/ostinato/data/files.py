"""A file or standard input, unpacked, as text whose lines are counted."""

from __future__ import annotations

import codecs
import gzip
import io
import lzma
import re
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import IO, Any, Self, cast, final

from ostinato.errors import DataError

LINE = 2**26  # characters of the longest line, or field of a table
_CHUNK = 2**22
_PACKED: dict[bytes, tuple[str, Callable[..., Any]]] = {
    b"\x1f\x8b": ("gzip", gzip.open),
    b"\xfd7zXZ\0": ("xz", lzma.open),
}
_FLAW = re.compile("[\0\ud800-\udfff]")


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
        DataError: when it cannot be opened, is a folder, or is packed and damaged.
    """

    def __init__(self, where: str) -> None:
        self.title = title(where)
        self._line = 0  # the last line that was read
        self._keep_open = where == "-"
        try:
            if where == "-" and sys.stdin is None:
                raise ValueError("it is closed")
            raw = sys.stdin.buffer if where == "-" else open(where, "rb")  # noqa: SIM115
        except (OSError, ValueError) as error:  # ValueError: a NUL in the path
            why = getattr(error, "strerror", None) or error
            raise DataError(f"{self.title}: cannot be read: {why}") from None
        self._raw = io.BufferedReader(cast(io.RawIOBase, raw))
        self._stream: IO[bytes] = self._raw
        self._bytes = io.BufferedReader(_Unpacked(self), 2**18)
        try:
            for magic, (name, unpack) in _PACKED.items():
                if self._raw.peek(len(magic)).startswith(magic):
                    self._packing, self._stream = name, cast(IO[bytes], unpack(self._raw))
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
        raw = self._raw.detach()
        if not self._keep_open:
            raw.close()

    def read(self, size: int = -1) -> bytes:
        """Bytes, unpacked; fewer than `size` at the end only."""
        return self._bytes.read(size)

    def lines(self, ends_as_they_are: bool = False) -> Iterator[tuple[int, str]]:
        r"""Every line with its number and its end.

        Args:
            ends_as_they_are: leaves `\r\n` and `\r` what they are.

        Raises:
            DataError: for a line that is too long to be one.
        """
        newline = "" if ends_as_they_are else None
        text = io.TextIOWrapper(self._bytes, "utf-8-sig", "surrogateescape", newline)
        while line := text.readline(LINE):
            self._line += 1
            if len(line) == LINE:
                raise self.fault(self._line, f"longer than {LINE:,} characters")
            yield self._line, line

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
        """The bytes, unpacked, as a file in which one can go back and forth."""
        copy = tempfile.TemporaryFile()  # noqa: SIM115
        while raw := self.read(_CHUNK):
            copy.write(raw)
        copy.seek(0)
        return copy

    def fault(self, line: int, what: str) -> DataError:
        """An error that names the file and a line."""
        return DataError(f"{self.title}, line {line}: {what}")

    def unpack(self, size: int) -> bytes:
        """Bytes as the file holds them, unpacked.

        Raises:
            DataError: when they cannot be read or unpacked.
        """
        try:
            return self._stream.read(size)
        except (EOFError, gzip.BadGzipFile, zlib.error, lzma.LZMAError) as error:
            damage = "cut short" if isinstance(error, EOFError) else f"damaged ({error})"
            where = f", after line {self._line}" if self._line else ""
            raise DataError(f"{self.title}{where}: the {self._packing} data is {damage}") from None
        except OSError as error:
            raise DataError(f"{self.title}: cannot be read: {error.strerror}") from None


class _Unpacked(io.RawIOBase):
    """A file's unpacked bytes, for the buffers of `io`."""

    def __init__(self, file: File) -> None:
        self._file = file

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        raw = self._file.unpack(len(buffer))
        buffer[: len(raw)] = raw
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
