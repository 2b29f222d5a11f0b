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
from difflib import get_close_matches
from itertools import count
from types import TracebackType
from typing import IO, TYPE_CHECKING, NamedTuple, Self, cast, final

from ostinato.data.files.bad import NOT_UTF8, Bad, refused
from ostinato.data.files.limits import UNCHECKED, limits, too_long
from ostinato.errors import DataError, quoted

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
_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",  # begins as that of UTF-16 does
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
    codecs.BOM_UTF8: "utf-8",
}


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

    Text is what a byte-order mark says, or else its encoding is given or UTF-8. A line ends with
    `\n` or `\r\n`, which becomes `\n`; a bare `\r` ends one only in a file that has nothing else.
    Bytes that are no text stay in it as lone surrogates, which `flaw` finds.

    Args:
        where: a path, or `-` for standard input.
        encoding: that of its text, as Python names it.

    Attributes:
        title: what it is called in an error.
        encoding: that of its text.
        head: its beginning, unpacked, with at least one line; text as UTF-8.

    Raises:
        DataError: when it cannot be opened, is a folder, or is packed and damaged; later also
            when far more comes of it than it holds, see `Limits`.
    """

    def __init__(self, where: str, encoding: str | None = None) -> None:
        self.title = title(where)
        self.limits = limits()
        self._grown = 0  # bytes that came of what is packed
        self._packing = ""
        self._begun = io.BytesIO()  # what was read ahead
        self._line = 0  # the last line that was read
        self._keep_open = where == "-"
        try:
            if where == "-" and sys.stdin is None:
                raise ValueError("it is closed")
            raw = cast(io.BufferedIOBase, sys.stdin.buffer) if where == "-" else open(where, "rb")  # noqa: SIM115
        except (OSError, ValueError) as error:  # ValueError: a NUL in the path
            why = getattr(error, "strerror", None) or error
            hint = near_files(where) if isinstance(error, FileNotFoundError) else ""
            raise DataError(f"{self.title}: cannot be read: {why}{hint}") from None
        self._where, self._source = where, _Counted(raw)
        self._raw = io.BufferedReader(self._source)
        self._stream: io.BufferedIOBase = self._raw
        try:
            for magic, (name, unpack) in _PACKED.items():
                if self._raw.peek(len(magic)).startswith(magic):
                    self._packing, self._stream = name, unpack(self._raw)
            beginning = self._beginning()
        except BaseException as error:
            self.close()
            if isinstance(error, OSError):  # a folder is opened, but not read, on some systems
                raise DataError(f"{self.title}: cannot be read: {error.strerror}") from None
            raise
        self._bytes = io.BufferedReader(_Unpacked(self), _BUFFER)
        self._begun = io.BytesIO(beginning)
        self.head = beginning[:_BUFFER]
        mark = next((mark for mark in _MARKS if self.head.startswith(mark)), None)
        self.encoding = _MARKS[mark] if mark else encoding or "utf-8"
        if not self._is_utf8:
            self.head = self._decoder().decode(self.head).encode("utf-8", "replace")

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

    def texts(self, ends_as_they_are: bool = False) -> Iterator[str]:
        r"""Every line with its end, as it comes: what a pipe has given is not waited for.

        Args:
            ends_as_they_are: leaves `\r\n` and `\r` what they are.

        Raises:
            DataError: for a line that is too long to be one.
        """
        most, rest = self.limits.row, ""
        bare = self._ends_bare
        translate = not ends_as_they_are
        # It keeps a last \r until it is known whether a \n follows.
        decoder = io.IncrementalNewlineDecoder(self._decoder(), bare and translate)
        newline = "" if bare and ends_as_they_are else "\n"
        while True:
            raw = self._bytes.read1(_BUFFER)
            text = rest + decoder.decode(raw, final=not raw)
            if translate and "\r" in text:
                text = text.replace("\r\n", "\n")
            end = max(map(text.rfind, "\r\n" if not newline else "\n")) + 1 if raw else len(text)
            rest = text[end:]
            for line in io.StringIO(text[:end], newline):
                self._line += 1
                if len(line) > most:
                    raise self.fault(self._line, too_long("a line", most))
                yield line
            if len(rest) > most:
                raise self.fault(self._line + 1, too_long("a line", most))
            if not raw:
                return

    def lines(self, ends_as_they_are: bool = False) -> Iterator[NumberedLine]:
        r"""Every line with its number, see `texts`."""
        return map(NumberedLine, count(1), self.texts(ends_as_they_are))

    def good_lines(self) -> Iterator[NumberedLine | Bad]:
        """Every line, those bad that hold what is no text.

        Raises:
            DataError: for a line that is too long to be one.
        """
        for line in self.lines():
            found = self.flaw(line.text)
            yield Bad(line.place, found) if found else line

    def chunks(self) -> Iterator[str]:
        r"""The text in stretches of some million characters, cut anywhere; lines end with `\n`."""
        decoder = io.IncrementalNewlineDecoder(self._decoder(), translate=self._ends_bare)
        raw = b"."
        while raw:
            raw = self.read(_CHUNK)
            if chunk := decoder.decode(raw, final=not raw).replace("\r\n", "\n"):
                yield chunk
                self._line += chunk.count("\n")

    def flaw(self, text: str) -> str | None:
        """What some of its text holds that is no text."""
        if text.isascii() and "\0" not in text:
            return None
        found = flaw(text)
        if found and found[1] == NOT_UTF8 and not self._is_utf8:
            return f"not in the encoding {self.encoding}"
        return found and found[1]

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
        return refused(self.title, Bad(f"line {line}", what))

    def unpack(self, size: int) -> bytes:
        """The next bytes of the file, unpacked: as many as there are by now; at its end none.

        Raises:
            DataError: when they cannot be read or unpacked.
        """
        if begun := self._begun.read(size):
            return begun
        try:
            if not self._packing:
                return self._raw.read1(size)
            raw = self._stream.read(size)
            self.grow(len(raw))
            return raw
        except (EOFError, gzip.BadGzipFile, zlib.error, lzma.LZMAError) as error:
            damage = "truncated" if isinstance(error, EOFError) else f"damaged ({error})"
            where = f", after line {self._line}" if self._line else ""
            raise DataError(f"{self.title}{where}: the {self._packing} data is {damage}") from None
        except OSError as error:
            raise DataError(f"{self.title}: cannot be read: {error.strerror}") from None

    def _beginning(self) -> bytes:
        """The first bytes: a line at least; of what is packed so many that a bomb is found."""
        begun = self.unpack(_AHEAD if self._packing else _BUFFER)
        while not self._packing and b"\n" not in begun and len(begun) < _BUFFER:
            more = self.unpack(_BUFFER - len(begun))
            if not more:
                break
            begun += more
        return begun

    @property
    def _ends_bare(self) -> bool:
        r"""Whether a bare `\r` ends a line."""
        # a last one may be half an end
        return b"\n" not in self.head and b"\r" in self.head[:-1]

    @property
    def _is_utf8(self) -> bool:
        return self.encoding.lower() in ("utf-8", "utf8", "utf-8-sig")

    def _decoder(self) -> codecs.IncrementalDecoder:
        if self._is_utf8:
            return codecs.getincrementaldecoder("utf-8-sig")("surrogateescape")
        codecs.register_error("lone-surrogate", _lone_surrogate)
        return codecs.getincrementaldecoder(self.encoding)("lone-surrogate")


def _lone_surrogate(error: UnicodeError) -> tuple[str, int]:
    """What stands for bytes that are no text in another encoding than UTF-8."""
    assert isinstance(error, UnicodeDecodeError)
    return "\udc80", error.end


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


def near_files(where: str) -> str:
    """The files beside one that is not there whose names are like it, as the end of an error."""
    folder, name = os.path.split(where)
    try:
        others = os.listdir(folder or ".")
    except (OSError, ValueError):
        return ""
    shown = [quoted(os.path.join(folder, near)) for near in get_close_matches(name, others)]
    return f"; did you mean {' or '.join(shown)}?" if shown else ""


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
            return error.start, NOT_UTF8
        return None
    found = _FLAW.search(text)
    assert found is not None
    return found.start(), "a NUL byte" if found[0] == "\0" else NOT_UTF8
