"""Ctrl-C while a model trains: it waits for the end of a step."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from ostinato.signals import ENDING


class Interrupts:
    """When a signal takes effect: not while something is `held`; a second one at any time."""

    def __init__(self) -> None:
        self.whole = True  # nothing was broken off that changes what is trained
        self._held = False
        self._came = self._waits = 0
        threads = threading.current_thread(), threading.main_thread()
        handlers = {int(number): signal.getsignal(number) for number in ENDING}
        # Signals come to the main thread; the others, and what is ignored, are left alone.
        self._own = {n: h for n, h in handlers.items() if callable(h) and threads[0] is threads[1]}

    def begin(self) -> None:
        """From now on signals come here first."""
        for number in self._own:
            signal.signal(number, self._come)

    def end(self) -> None:
        """All is as it was."""
        self._held = False
        for number, handler in self._own.items():
            signal.signal(number, handler)

    @contextmanager
    def held(self) -> Iterator[None]:
        """What is within is done to its end before a signal takes effect."""
        self._held, self.whole = True, False
        yield
        self.whole = True
        self._release()

    @contextmanager
    def let_through(self) -> Iterator[None]:
        """Within what is held, a part that changes nothing: it can be broken off."""
        self.whole = True
        self._release()
        yield
        self._held, self.whole = True, False

    def _release(self) -> None:
        self._held = False
        if self._waits:
            self._own[self._waits](self._waits, None)
            self._came = self._waits = 0  # whoever handled it lets training continue

    def _come(self, number: int, frame: FrameType | None) -> None:
        if self._came:
            self.whole = False
        elif self._held:
            self._came = self._waits = number
            return
        self._came = number
        self._own[number](number, frame)
        self._came = self._waits = 0


@contextmanager
def undisturbed() -> Iterator[None]:
    """What is within is done to its end before a signal takes effect."""
    interrupts = Interrupts()
    try:
        interrupts.begin()
        with interrupts.held():
            yield
    finally:
        interrupts.end()
