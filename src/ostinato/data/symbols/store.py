"""Tokens of more text than memory holds: numbers in a file, read where they are needed.

A text is tokenised once. Each new token takes the next number; how often it comes is counted, and
the numbers are written with as few bytes as they need. When the vocabulary is chosen, a table says
which symbol a number is, and a reader of the file looks it up. Nothing is written twice, and what
is read equals, number for number, what a vocabulary would encode in memory.
"""

from __future__ import annotations

import tempfile
import weakref
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, final, overload

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ostinato.data.files.limits import limits, too_long
from ostinato.data.symbols.tokenizers import Tokenizer
from ostinato.data.symbols.vocabulary import Vocabulary
from ostinato.errors import DataError

MEMORY = 2**26  # bytes: what is shorter stays in memory
_BLOCK = 2**22  # numbers of the file that are looked at together
_PIECE = 2**17  # characters that are tokenised together: more would not fit into a cache

Numbers = NDArray[np.unsignedinteger]


@final
class Tokens:
    """A stretch of tokens as symbols; nothing is read before an array of it is asked for.

    `tokens[a:b]` is a shorter stretch, `numpy.asarray(tokens)` its symbols (T,) int64.
    """

    def __init__(self, numbers: Numbers, symbols: NDArray[np.int64], start: int, stop: int) -> None:
        self._numbers, self._symbols, self._start, self._stop = numbers, symbols, start, stop

    def __len__(self) -> int:
        return self._stop - self._start

    def __getitem__(self, part: slice) -> Tokens:
        start, stop, step = part.indices(len(self))
        if step != 1:
            raise ValueError("a stretch of tokens has no gaps")
        begin = self._start + start
        return Tokens(self._numbers, self._symbols, begin, max(begin, self._start + stop))

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        symbols: NDArray[np.int64] = self._symbols[self._numbers[self._start : self._stop]]
        return symbols if dtype is None else symbols.astype(dtype, copy=False)


@final
class Rows(Sequence[Tokens]):
    """Texts, each a stretch of tokens."""

    def __init__(self, tokens: Tokens, ends: array[int]) -> None:
        self._tokens, self._ends = tokens, ends

    def __len__(self) -> int:
        return len(self._ends)

    @overload
    def __getitem__(self, k: int) -> Tokens: ...
    @overload
    def __getitem__(self, k: slice) -> Sequence[Tokens]: ...
    def __getitem__(self, k: int | slice) -> Tokens | Sequence[Tokens]:
        if isinstance(k, slice):
            return [self[i] for i in range(*k.indices(len(self)))]
        k = range(len(self))[k]
        return self._tokens[self._ends[k - 1] if k else 0 : self._ends[k]]


@final
class Store:
    """Collects texts as numbers, then gives their vocabulary and their symbols.

    Args:
        tokenizer: what splits the texts; trained, if it is one that learns.
        folder: where the file lies, which has no name and is gone when nobody uses it any more,
            even after a crash; None is the system's folder for such files (`TMPDIR`).
        keep: only the last tokens of each text are kept, though all are counted; None keeps all.
    """

    def __init__(
        self, tokenizer: Tokenizer, folder: Path | None = None, keep: int | None = None
    ) -> None:
        self._tokenizer, self._keep = tokenizer, keep
        self._numbering = tokenizer.numbering()
        self._numbers = _StoredNumbers(folder)
        self._counts = np.zeros(256, dtype=np.int64)  # by number
        self._ends = array("q")

    def __len__(self) -> int:
        return self._numbers.size

    def add(self, text: str) -> None:
        """Adds a text; one without tokens is a single unknown one."""
        numbers = self._number(text)
        kept = numbers if self._keep is None else numbers[-self._keep :]
        self._numbers.append(kept if len(kept) else np.zeros(1, dtype=np.int64))
        self._ends.append(len(self))

    def add_long(self, chunks: Iterable[str]) -> None:
        """Adds one text that comes in chunks, cut anywhere."""
        for piece in pieces(chunks, self._tokenizer.cut):
            self._numbers.append(self._number(piece))
        self._ends.append(len(self))

    def vocabulary(
        self, max_size: int | None = None, min_count: int = 1, end: int | None = None
    ) -> Vocabulary:
        """The vocabulary of all texts, or of the first `end` tokens; as `Vocabulary.build`."""
        symbols = self._numbering.symbols()
        counts = self._counts[1 : len(symbols) + 1].copy()
        if end is not None:
            numbers = self._numbers.read()
            for start in range(end, len(numbers), _BLOCK):
                counts -= np.bincount(numbers[start : start + _BLOCK], minlength=len(symbols) + 1)[
                    1:
                ]
        seen = {symbol: n for symbol, n in zip(symbols, counts.tolist(), strict=True) if n}
        return Vocabulary.of_counts(seen, max_size, min_count)

    def tokens(self, vocabulary: Vocabulary) -> Tokens:
        """All tokens as symbols of a vocabulary."""
        table = vocabulary.encode(["", *self._numbering.symbols()])
        table[0] = 0  # the place of an unknown token, even where "" is a symbol
        return Tokens(self._numbers.read(), table, 0, len(self))

    def characters(self, start: int = 0) -> int:
        """The characters of all tokens from one on, the unknown ones' too."""
        symbols = self._numbering.symbols()
        lengths = np.array([0, *map(len, symbols)], dtype=np.int64)
        numbers = self._numbers.read()
        blocks = range(start, len(numbers), _BLOCK)
        return sum(int(lengths[numbers[k : k + _BLOCK]].sum()) for k in blocks)

    def rows(self, vocabulary: Vocabulary) -> Rows:
        """Each text that was added, as symbols of a vocabulary."""
        return Rows(self.tokens(vocabulary), self._ends)

    def _number(self, text: str) -> NDArray[np.int64]:
        numbers = self._numbering.number(text)
        counts = np.bincount(numbers)
        if len(counts) > len(self._counts):
            self._counts = np.pad(self._counts, (0, 2 * len(counts) - len(self._counts)))
        self._counts[: len(counts)] += counts
        return numbers


def pieces(chunks: Iterable[str], cut: Callable[[str], int]) -> Iterator[str]:
    """The same text in pieces that can be tokenised alone."""
    rest = ""
    for chunk in chunks:
        for start in range(0, len(chunk), _PIECE):
            rest += chunk[start : start + _PIECE]
            end = cut(rest)
            if end:
                yield rest[:end]
            rest = rest[end:]
            if len(rest) > limits().row:
                raise DataError(too_long("a piece without white space", limits().row))
    if rest:
        yield rest


class _StoredNumbers:
    """Numbers, in memory while they are few and then in a file, as narrow as they can be."""

    def __init__(self, folder: Path | None) -> None:
        self.size = 0
        self._folder = folder
        self._type: np.dtype[np.unsignedinteger] = np.dtype(np.uint8)
        self._memory = bytearray()
        self._file: IO[bytes] | None = None

    def append(self, numbers: NDArray[np.int64]) -> None:
        """Adds numbers (T,), none of them negative."""
        try:
            needed = np.min_scalar_type(int(numbers.max(initial=0)))
            if needed.itemsize > self._type.itemsize:
                self._widen(needed)
            if self._file is None and (self.size + len(numbers)) * self._type.itemsize > MEMORY:
                self._file = self._new()
                self._file.write(self._memory)
                self._memory = bytearray()
            raw = numbers.astype(self._type).tobytes()
            if self._file is None:
                self._memory += raw
            else:
                self._file.write(raw)
        except OSError as error:
            raise self._failed(error) from None
        self.size += len(numbers)

    def read(self) -> Numbers:
        """All numbers (N,); of a file only what is looked at is ever in memory."""
        if self._file is None:
            return np.frombuffer(bytes(self._memory), self._type)
        try:
            self._file.flush()
            return np.memmap(self._file, self._type, "r", shape=(self.size,))
        except OSError as error:
            raise self._failed(error) from None

    def _widen(self, kind: np.dtype[np.unsignedinteger]) -> None:
        """Writes everything once more in wider numbers: at most twice, and early on."""
        before, old = self.read(), self._file
        self._type = kind
        if old is None:
            self._memory = bytearray(before.astype(kind).tobytes())
            return
        self._file = self._new()
        for start in range(0, self.size, _BLOCK):
            self._file.write(before[start : start + _BLOCK].astype(kind).tobytes())
        old.close()

    def _new(self) -> IO[bytes]:
        file = tempfile.TemporaryFile(dir=self._folder, buffering=2**20)  # noqa: SIM115
        weakref.finalize(self, file.close)  # what is mapped stays readable
        return file

    def _failed(self, error: OSError) -> DataError:
        where = self._folder or tempfile.gettempdir()
        return DataError(
            f"{where}: no space for the tokens of a long text: "
            f"{error.strerror}; use a folder with more space, with --out or "
            "TMPDIR"
        )
