"""Sequences put together: by length for classifying, side by side for language modelling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ostinato.data.symbols.store import Tokens
from ostinato.errors import ConfigError, DataError

Symbols = NDArray[np.int64] | Tokens

_BLOCK = 2**22  # symbols that are counted together
_BATCHES_PER_WINDOW = 100  # enough to sort well by length, few enough that epochs differ


def frequencies(symbols: Symbols, known: int) -> NDArray[np.int64]:
    """How often each of the symbols comes (V,), of a text that memory need not hold.

    Args:
        symbols: the text (T,).
        known: V, how many symbols there are.
    """
    found = np.zeros(known, np.int64)
    for start in range(0, len(symbols), _BLOCK):
        found += np.bincount(np.asarray(symbols[start : start + _BLOCK]), minlength=known)
    return found


def bucketed(
    lengths: ArrayLike, tokens: int, seed: int, epoch: int, most: int | None = None
) -> list[NDArray[np.intp]]:
    """Batches of sequences of like length, each within a budget of tokens.

    A batch of n sequences costs n · (its longest), padding included, and that is at most
    `tokens`; a sequence longer than the budget goes alone. The sequences are shuffled, cut
    into large windows, sorted by length within each; then the batches are shuffled.

    Args:
        lengths: the length of each sequence (N), in tokens.
        tokens: the budget of one batch, in tokens.
        seed: with `epoch` fixes everything; at least 0.
        epoch: another epoch, another order; at least 0.
        most: sequences of one batch; None is as many as the budget allows.

    Returns:
        For each batch the indices of its sequences, ascending in length; every index once.

    Raises:
        ConfigError: when `tokens` is less than 1.
    """
    if tokens < 1:
        raise ConfigError(f"tokens: {tokens} must be at least 1")
    lengths = np.asarray(lengths, dtype=np.int64)
    rng = np.random.default_rng([seed, epoch])
    windows = int(lengths.sum()) // (_BATCHES_PER_WINDOW * tokens) + 1
    batches = []
    for window in np.array_split(rng.permutation(len(lengths)), windows):
        window = window[np.argsort(lengths[window], kind="stable")]
        while len(window):
            # Lengths ascend, so the padded size of the first n grows with n.
            first = lengths[window[:most]]
            padded = np.arange(1, len(first) + 1) * first
            n = max(1, int(np.searchsorted(padded, tokens, side="right")))
            batches.append(window[:n])
            window = window[n:]
    return [batches[i] for i in rng.permutation(len(batches))]


def pad(
    sequences: Sequence[Symbols | NDArray[np.float32]],
) -> tuple[NDArray[np.int64] | NDArray[np.float32], NDArray[np.int64]]:
    """Sequences side by side, and how long each one is.

    >>> pad([np.array([5, 6, 7]), np.array([8])])
    (array([[5, 6, 7],
           [8, 0, 0]]), array([3, 1]))

    Returns:
        values (B,T) int64, of signals (T,D) float32 (B,T,D), and lengths (B,) int64. After its
        length a sequence is padded with 0, which may also be a symbol's index: only the lengths
        say what is padding.
    """
    lengths = np.array([len(sequence) for sequence in sequences], dtype=np.int64)
    first = sequences[0] if len(sequences) else None
    signals = isinstance(first, np.ndarray) and first.ndim == 2
    beside = first.shape[1:] if signals else ()  # type: ignore[union-attr]
    kind = np.float32 if signals else np.int64
    values = np.zeros((len(lengths), lengths.max(initial=0), *beside), dtype=kind)
    for padded, sequence in zip(values, sequences, strict=True):
        padded[: len(sequence)] = np.asarray(sequence)
    return values, lengths


@final
class Streams(Sequence[tuple[NDArray[np.int64], NDArray[np.int64]]]):
    """The windows that `streams` cuts, each read when it is asked for."""

    def __init__(
        self, symbols: Symbols, batch: int, length: int, steps: int, starts: range
    ) -> None:
        self._symbols, self._batch = symbols, batch
        self._length, self._steps, self._starts = length, steps, starts

    def __len__(self) -> int:
        return len(self._starts)

    @overload
    def __getitem__(self, k: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]: ...
    @overload
    def __getitem__(self, k: slice) -> Streams: ...
    def __getitem__(self, k: int | slice) -> tuple[NDArray[np.int64], NDArray[np.int64]] | Streams:
        if isinstance(k, slice):
            starts = self._starts[k]
            return Streams(self._symbols, self._batch, self._length, self._steps, starts)
        start = self._starts[k]
        stop = min(start + self._steps, self._length)
        begins = range(0, self._batch * self._length, self._length)
        both = [np.asarray(self._symbols[b + start : b + stop + 1]) for b in begins]
        window = np.stack(both, axis=1)  # (T+1, B): a target is the input of the next step
        return window[:-1], window[1:]


def streams(symbols: Symbols, batch: int, steps: int) -> Streams:
    """Windows over one long text, for a language model that carries its state between them.

    The text is cut into B contiguous streams, read side by side; each window continues where
    the one before it stopped, and the target of a symbol is the one that follows it. At most
    B - 1 symbols at the end of the text are left over.

    >>> for inputs, targets in streams(np.arange(7), batch=2, steps=2):
    ...     print(inputs.T.tolist(), targets.T.tolist())
    [[0, 1], [3, 4]] [[1, 2], [4, 5]]
    [[2], [5]] [[3], [6]]

    Args:
        symbols: the text as indices (N,), an array or the `Tokens` of a store.
        batch: the number of streams B.
        steps: the steps T of a window; the last window may be shorter.

    Returns:
        A sequence of inputs (T,B) and targets (T,B).

    Raises:
        DataError: when the text is too short to give each stream one input and its target.
    """
    length = (len(symbols) - 1) // batch
    if length < 1:
        raise DataError(
            f"a text of {len(symbols)} tokens is too short for {batch} "
            f"streams; it needs {batch + 1} tokens, or fewer streams"
        )
    return Streams(symbols, batch, length, steps, range(0, length, steps))
