"""Ctrl-C, SIGTERM and a hang-up: how a process is ended from outside.

While it is loaded, and when its work is done, nothing can be lost, and a signal ends the process at
once. In between it raises `Ended`, so that everything is left in order; a second one does not wait.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""The signals that end a process."""
_SOON = 0.01  # seconds


class Ended(KeyboardInterrupt):
    """A signal has ended the process.

    Attributes:
        status: the exit status, 128 more than the signal's number.
    """

    def __init__(self, number: int) -> None:
        super().__init__(_said(number))
        self.number, self.status = number, 128 + number


def at_once(number: int, frame: FrameType | None) -> NoReturn:
    """A handler that ends the process with a line on standard error."""
    try:
        os.write(2, f"ostinato: {_said(number)}\n".encode())
    finally:
        os._exit(128 + number)


def in_order(number: int, frame: FrameType | None) -> None:
    """A handler that raises `Ended`; the next signal ends the process at once.

    What is raised inside `__del__` is printed and forgotten: there the signal is sent once more,
    when that has come to its end.
    """
    while frame:
        if frame.f_code.co_name == "__del__":
            again = threading.Timer(_SOON, os.kill, (os.getpid(), number))
            again.daemon = True
            again.start()
            return
        frame = frame.f_back
    handle(at_once)
    raise Ended(number)


def handle(handler: Callable[[int, FrameType | None], None]) -> None:
    """Has a handler for the signals that end a process; what is ignored stays so (`nohup`)."""
    if threading.current_thread() is threading.main_thread():
        for number in ENDING:
            if signal.getsignal(number) not in (signal.SIG_IGN, None):
                signal.signal(number, handler)


@contextmanager
def handled() -> Iterator[None]:
    """Within it a command has handlers of its own; afterwards they are those of before."""
    before = {number: signal.getsignal(number) for number in ENDING}
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            for number, handler in before.items():
                signal.signal(number, handler)


def _said(number: int) -> str:
    if number == signal.SIGINT:
        return "interrupted"
    return f"ended by {signal.Signals(number).name}"
