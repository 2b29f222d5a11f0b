"""Work shared among threads: a queue of tasks, each a function and the words it is called with.

Every thread takes the next task until none is left. Which thread does a task never matters to its
result, so results are the same for any number of threads.
"""

from __future__ import annotations

import ctypes
import itertools
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from functools import cache

import numpy as np

from ostinato.levels.native.plan.frame import Task, queue

Function = Callable[[int | ctypes.c_void_p], None]
"""A compiled function of the address of its words."""

Team = Callable[[int, int, int, int], None]
"""`GOMP_parallel(function, data, threads, flags)`."""


def run(work: int, stages: Sequence[Sequence[Task]], threads: int) -> None:
    """Does the tasks of each stage, in any order, before those of the next.

    The threads, this one among them, are those that PyTorch's own operations run on, so that the
    two never compete for a core. Where PyTorch uses another library than GNU's, and in a forked
    process, which has none of its parent's threads, they are Python's.
    """
    if threads == 1:
        stages = [list(itertools.chain.from_iterable(stages))]
    for tasks in stages:
        if not tasks:
            continue
        words = np.array(queue(tasks), np.int64)
        place = words.ctypes.data
        helpers = min(threads, len(tasks)) - 1
        team = _team() if helpers else None
        if team:
            team(work, place, helpers + 1, 0)
            continue
        pool = _pool(os.getpid(), threads) if helpers else None
        others = [pool.submit(function(work), place) for _ in range(helpers)] if pool else []
        function(work)(place)
        wait(others)


@cache
def function(address: int) -> Function:
    """The compiled function at an address."""
    return ctypes.CFUNCTYPE(None, ctypes.c_void_p)(address)


@cache
def _team() -> Team | None:
    """Starts threads of the OpenMP library that PyTorch has loaded, if it can be called."""
    from ostinato.torch_internals import parallel_region

    return parallel_region()


@cache
def _pool(process: int, threads: int) -> ThreadPoolExecutor:
    """Threads of this process."""
    return ThreadPoolExecutor(threads, "ostinato")


def starter(alone: int) -> int:
    """Where the address of a function `(work, queue, threads, flags)` is kept.

    It is `GOMP_parallel`, and where that cannot be called, in a forked process too, `alone`.
    """
    team = _team()
    _starter[:] = alone
    if team:
        address = ctypes.cast(team, ctypes.c_void_p)  # type: ignore[arg-type]
        _starter[0] = address.value or alone
    return int(_starter.ctypes.data)


_starter = np.zeros(2, np.int64)


def _forked() -> None:
    global _team
    _starter[0] = _starter[1]

    def _team() -> Team | None:
        return None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
