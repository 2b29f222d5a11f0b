"""Jobs in processes, as many at a time as there are cores, with a bar for each."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from functools import partial
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnContext
from multiprocessing.process import BaseProcess
from typing import Any, cast

import torch
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as Bar

from ostinato.cli import signals, streams
from ostinato.cli.screen import aside
from ostinato.errors import OstinatoError
from ostinato.train import undisturbed
from ostinato.visible import visible

Show = Callable[[float, str], None]
"""Is told what part of a job is done, and where it stands in words."""
Job = tuple[Callable[..., Any], tuple[Any, ...]]
"""A function and its arguments; it is given a `Show` besides, as the last."""


def in_parallel(jobs: Mapping[str, Job], workers: int, apart: bool = False) -> dict[str, Any]:
    """Runs jobs by title and gives their results by title.

    With one worker they run here, one after the other, unless they are to run `apart` from this
    process; with more, each in a process of its own with one thread.

    Raises:
        OstinatoError: that of the first job to fail, with its title; the others are ended.
    """
    if not jobs:
        return {}
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=20),
        TextColumn("{task.fields[facts]}", markup=False),
    )
    with Bar(*columns, console=aside, disable=not aside.is_terminal) as bars:
        tasks = {
            title: bars.add_task(visible(title), total=1.0, facts="", visible=False)
            for title in jobs
        }

        def tell(title: str, done: float, words: str) -> None:
            bars.update(tasks[title], completed=done, facts=words, visible=True)
            if done >= 1:
                aside.print(visible(f"{title}  {words}"), soft_wrap=True)

        if (workers == 1 or len(jobs) == 1) and not apart:
            return {
                title: _run(title, job, arguments, partial(tell, title))
                for title, (job, arguments) in jobs.items()
            }
        return _in_processes(jobs, workers, tell)


def _in_processes(
    jobs: Mapping[str, Job], workers: int, tell: Callable[[str, float, str], None]
) -> dict[str, Any]:
    left, found = iter(jobs.items()), {}
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
                process, pipe = _started()
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
                        f"{title}: its process died, with status {started[pipe].exitcode}"
                    ) from None
                if isinstance(result, Exception):
                    raise result
                if words is not None:
                    tell(title, done, words)
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


def _started() -> tuple[BaseProcess, Connection]:
    """A process that waits for jobs, and the pipe to it.

    Ctrl-C at a terminal comes to it too, but is for this process to handle; even while it starts.
    """
    here, there = _context().Pipe()
    process = _context().Process(target=_work, args=(there,), daemon=True)
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        process.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
    there.close()
    return process, here


def _context() -> SpawnContext:
    return multiprocessing.get_context("spawn")


def _work(pipe: Connection) -> None:
    """What a process does: one job after the other, each with one thread, until it is ended.

    It ends when the one that started it does, however that came about.
    """
    try:
        signals.handle(signals.in_order)
        streams.prepare()
        parent = multiprocessing.parent_process()
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
        torch.set_num_threads(1)
        while True:
            title, (job, arguments) = pipe.recv()
            pipe.send((_outcome(title, job, arguments, pipe), 1.0, None))
    except (signals.Ended, EOFError, OSError):  # whoever asked for it knows why
        os._exit(1)


def _end_with(parent: BaseProcess) -> None:
    wait([parent.sentinel])
    os.kill(os.getpid(), signal.SIGTERM)


def _outcome(
    title: str, job: Callable[..., Any], arguments: tuple[Any, ...], pipe: Connection
) -> Any:
    """What comes of a job, or the error; news of it at most five times a second."""
    told = 0.0

    def show(done: float, words: str) -> None:
        nonlocal told
        if done >= 1 or time.monotonic() - told > 0.2:
            told = time.monotonic()
            pipe.send((None, done, words))

    try:
        return _run(title, job, arguments, show)
    except Exception as error:
        error.add_note(traceback.format_exc())  # for --debug
        return error


def _run(title: str, job: Callable[..., Any], arguments: tuple[Any, ...], show: Show) -> Any:
    try:
        return job(*arguments, show)
    except OstinatoError as error:  # a plain one, because some do not come through a pipe whole
        raise OstinatoError(f"{title}: {error}") from error
