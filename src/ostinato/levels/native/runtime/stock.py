"""The stock of contexts that are not in use, from which calls lease theirs."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict, deque
from collections.abc import Mapping

from ostinato.equation.graph import Graph
from ostinato.levels.native.runtime.context import Context

IDLE = 1 << 30
"""Bytes that all contexts in the stock may hold together."""

Key = tuple[Graph, int, tuple[tuple[str, int], ...], int, int]
"""What a context was made of: graph, bits, sizes, every, parts."""


class Stock:
    """Contexts that are not in use, the most recently used last, of at most `IDLE` bytes together.

    The garbage collector may drop a lease at any moment, also within a method of this class. So
    `give` only appends to a queue; the thread that holds the lock moves the queue's contexts into
    the stock, and checks the queue once more after it has released the lock.
    """

    def __init__(self) -> None:
        self.free: OrderedDict[Key, deque[Context]] = OrderedDict()
        self.returned: deque[tuple[Key, Context]] = deque()
        self.bytes = 0
        self.lock = threading.Lock()

    def take(self, key: Key) -> Context | None:
        """A context of this key, if there is one."""
        with self.lock:
            context = self._pop(key, -1) if key in self.free else None
        self._put_away()
        return context

    def give(self, key: Key, context: Context) -> None:
        """Returns a context to the stock; the least recently used ones are freed for it."""
        self.returned.append((key, context))
        self._put_away()

    def trim(self) -> int:
        """Frees all of them; returns the bytes that they held."""
        self._put_away()
        with self.lock:
            freed, self.bytes = self.bytes, 0
            self.free.clear()
        self._put_away()
        return freed

    def _put_away(self) -> None:
        while self.returned and self.lock.acquire(blocking=False):
            try:
                while self.returned:
                    key, context = self.returned.popleft()
                    self.free.setdefault(key, deque()).append(context)
                    self.free.move_to_end(key)
                    self.bytes += context.buffers.bytes
                    while self.bytes > IDLE:
                        self._pop(next(iter(self.free)), 0)
            finally:
                self.lock.release()

    def _pop(self, key: Key, place: int) -> Context:
        """The first (0) or the last (-1) context of a key, removed from the stock."""
        contexts = self.free[key]
        context = contexts[place]
        del contexts[place]
        self.bytes -= context.buffers.bytes
        if not contexts:
            del self.free[key]
        return context

    def forget(self) -> None:
        """Empties the stock: in a forked process the lock may be held by a thread that is gone."""
        self.__init__()  # type: ignore[misc]


idle = Stock()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=idle.forget)


class Lease:
    """Holds a context until the lease is dropped, and then returns it to the stock."""

    def __init__(
        self, graph: Graph, bits: int, sizes: Mapping[str, int], every: int, parts: int
    ) -> None:
        self.key = (graph, bits, tuple(sizes.items()), every, parts)
        self.context = idle.take(self.key) or Context(graph, bits, sizes, every, parts)

    def __del__(self) -> None:
        context = getattr(self, "context", None)
        if context is not None:
            context.rest()
            idle.give(self.key, context)
