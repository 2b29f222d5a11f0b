"""Jobs in processes, as many at a time as there are cores."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnContext
from multiprocessing.process import BaseProcess
from typing import Protocol, TypeAlias, TypeVar, cast

import torch

from ostinato import signals
from ostinato.errors import OstinatoError
from ostinato.train import undisturbed

R = TypeVar("R")
Show: TypeAlias = Callable[[float, str], None]
"""Called with the fraction of a job that is done, and its state in words."""
Job: TypeAlias = tuple[Callable[..., R], tuple[object, ...]]
"""A function and its arguments; it is given a `Show` besides, as the last."""
Watch: TypeAlias = Callable[[str, float, str], None]
"""Called with the title of a job, the fraction that is done, and its state in words."""


class Display(Protocol):
    """Where the progress of jobs is shown."""

    def watching(self, titles: Iterable[str]) -> AbstractContextManager[Watch]:
        """The callback for the progress of jobs with these titles, while they run."""

    def prepare(self) -> None:
        """Prepares a process of its own for jobs; the display must come there by pickle."""


class Silent:
    """A display that shows nothing."""

    def watching(self, titles: Iterable[str]) -> AbstractContextManager[Watch]:
        """See `Display`."""
        return nullcontext(lambda title, done, words: None)

    def prepare(self) -> None:
        """See `Display`."""


def in_parallel(
    jobs: Mapping[str, Job[R]], workers: int, display: Display | None = None, apart: bool = False
) -> dict[str, R]:
    """Runs jobs by title and gives their results by title.

    With one worker they run here, one after the other, unless they are to run `apart` from this
    process; with more, each in a process of its own with one thread.

    Raises:
        OstinatoError: that of the first job to fail, with its title; the others are ended.
    """
    if not jobs:
        return {}
    display = display or Silent()
    with display.watching(jobs) as watch:
        if (workers == 1 or len(jobs) == 1) and not apart:
            return {
                title: _run(title, job, arguments, partial(watch, title))
                for title, (job, arguments) in jobs.items()
            }
        return _in_processes(jobs, workers, display, watch)


def _in_processes(
    jobs: Mapping[str, Job[R]], workers: int, display: Display, watch: Watch
) -> dict[str, R]:
    left, found = iter(jobs.items()), dict[str, R]()
    started: dict[Connection, BaseProcess] = {}
    at_work: dict[Connection, str] = {}

    def give(pipe: Connection) -> None:
        """The next job, if there is one."""
        if (job := next(left, None)) is not None:
            at_work[pipe] = job[0]
            pipe.send(job)

    try:
        for _ in range(min(len(jobs), workers)):
            with undisturbed():
                process, pipe = _started(display)
                started[pipe] = process
        for pipe in started:
            give(pipe)
        while at_work:
            for pipe in cast("list[Connection]", wait(list(at_work))):
                title = at_work[pipe]
                try:
                    result, done, words = pipe.recv()
                except (EOFError, OSError):
                    started[pipe].join()
                    raise OstinatoError(
                        f"{title}: its process ended unexpectedly with status "
                        f"{started[pipe].exitcode}"
                    ) from None
                if isinstance(result, Exception):
                    raise result
                if words is not None:
                    watch(title, done, words)
                else:
                    found[title] = result
                    del at_work[pipe]
                    give(pipe)
        return {title: found[title] for title in jobs}
    finally:
        for process in started.values():
            process.terminate()
        for process in started.values():
            process.join()


def _started(display: Display) -> tuple[BaseProcess, Connection]:
    """A process that waits for jobs, and the pipe to it.

    Ctrl-C at a terminal comes to it too, but is for this process to handle; even while it starts.
    """
    here, there = _context().Pipe()
    process = _context().Process(target=_work, args=(there, display), daemon=True)
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        process.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
    there.close()
    return process, here


def _context() -> SpawnContext:
    return multiprocessing.get_context("spawn")


def _work(pipe: Connection, display: Display) -> None:
    """What a process does: one job after the other, each with one thread, until it is ended.

    It ends when the one that started it does, however that came about.
    """
    try:
        signals.handle(signals.in_order)
        display.prepare()
        parent = multiprocessing.parent_process()
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
        torch.set_num_threads(1)
        while True:
            title, (job, arguments) = pipe.recv()
            pipe.send((_result(title, job, arguments, pipe), 1.0, None))
    except (signals.Ended, EOFError, OSError):  # whoever asked for it knows why
        os._exit(1)


def _end_with(parent: BaseProcess) -> None:
    wait([parent.sentinel])
    os.kill(os.getpid(), signal.SIGTERM)


def _result(
    title: str, job: Callable[..., R], arguments: tuple[object, ...], pipe: Connection
) -> R | Exception:
    """What comes of a job, or the error; news of it at most five times a second."""
    shown = 0.0

    def show(done: float, words: str) -> None:
        nonlocal shown
        if done >= 1 or time.monotonic() - shown > 0.2:
            shown = time.monotonic()
            pipe.send((None, done, words))

    try:
        return _run(title, job, arguments, show)
    except Exception as error:
        error.add_note(traceback.format_exc())  # for --debug
        return error


def _run(title: str, job: Callable[..., R], arguments: tuple[object, ...], show: Show) -> R:
    try:
        return job(*arguments, show)
    except OstinatoError as error:  # a plain one, because some do not come through a pipe whole
        raise OstinatoError(f"{title}: {error}") from error
