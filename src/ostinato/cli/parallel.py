"""Jobs in processes, as many at a time as there are cores, with a bar for each."""

from __future__ import annotations

import multiprocessing
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_EXCEPTION, Future, ProcessPoolExecutor, wait
from functools import partial
from typing import Any

import torch
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as Bar

from ostinato.cli.screen import aside
from ostinato.errors import OstinatoError
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
    context = multiprocessing.get_context("spawn")
    with context.Manager() as manager:
        news = manager.Queue()
        pool = ProcessPoolExecutor(min(len(jobs), workers), mp_context=context)
        listener = threading.Thread(target=_listen, args=(news, tell), daemon=True)
        listener.start()
        try:
            futures: dict[str, Future[Any]] = {
                title: pool.submit(_job, title, job, arguments, news)
                for title, (job, arguments) in jobs.items()
            }
            wait(futures.values(), return_when=FIRST_EXCEPTION)
            for future in futures.values():
                if future.done() and (error := future.exception()):
                    raise error
            return {title: future.result() for title, future in futures.items()}
        finally:
            news.put(None)
            listener.join()
            for process in list((pool._processes or {}).values()):
                process.terminate()
            pool.shutdown(wait=True, cancel_futures=True)


def _job(title: str, job: Callable[..., Any], arguments: tuple[Any, ...], news: Any) -> Any:
    """A job in a process of its own: one thread, and news of it at most five times a second."""
    torch.set_num_threads(1)
    told = 0.0

    def show(done: float, words: str) -> None:
        nonlocal told
        if done >= 1 or time.monotonic() - told > 0.2:
            told = time.monotonic()
            news.put((title, done, words))

    return _run(title, job, arguments, show)


def _run(title: str, job: Callable[..., Any], arguments: tuple[Any, ...], show: Show) -> Any:
    try:
        return job(*arguments, show)
    except OstinatoError as error:  # a plain one, because some do not come through a pipe whole
        raise OstinatoError(f"{title}: {error}") from error


def _listen(news: Any, tell: Callable[[str, float, str], None]) -> None:
    while (item := news.get()) is not None:
        tell(*item)
