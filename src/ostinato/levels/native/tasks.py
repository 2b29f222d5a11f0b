"""Work shared among threads: a queue of tasks, each a function and the words it is called with.

Every thread takes the next task until none is left. Which thread does a task never matters to its
result, so results are the same for any number of threads.
"""

from __future__ import annotations

import ctypes
import itertools
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from functools import cache
from typing import Any

import numpy as np

Task = tuple[int, int]
"""The address of a function, and that of its words."""

GRADIENT = (
    "tokens",
    "d",
    "d_row",
    "d_index",
    "m",
    "a",
    "a_row",
    "a_index",
    "n",
    "c",
    "c_row",
    "work",
)
SUMS = ("tokens", "d", "d_row", "m", "c")
SEGMENTS = ("first", "last", "starts", "member", "d", "d_row", "c")
"""The words of `gradient_task`, `sums_task`, `segments_task`: the arguments of what they call."""

_POINTERS = {"d", "d_index", "a", "a_index", "c", "work", "starts", "member"}


def define(module: Any) -> None:
    """Adds `work(queue)`, `chain(list)`, `team(words)` and the tasks of products and sums.

    A queue is: the number of the next task, how many there are, then function and words of each.
    A list is function and words of one task after the other, then 0. A team does a queue anew;
    its words are the address of `starter`, of `work`, of the queue, and how many threads.
    """
    from llvmlite import ir

    word, pointer, void = ir.IntType(64), ir.PointerType(), ir.VoidType()
    for name, of, arguments in (
        ("gradient_task", "gradient", GRADIENT),
        ("sums_task", "column_sums", SUMS),
        ("segments_task", "segment_sums", SEGMENTS),
    ):
        task = ir.Function(module, ir.FunctionType(void, [pointer]), name)
        b = ir.IRBuilder(task.append_basic_block("entry"))
        values = []
        for k, argument in enumerate(arguments):
            place = b.gep(task.args[0], [ir.Constant(word, k)], source_etype=word)
            value = b.load(place, typ=word)
            values.append(b.inttoptr(value, pointer) if argument in _POINTERS else value)
        b.call(module.globals[of], values)
        b.ret_void()

    work = ir.Function(module, ir.FunctionType(void, [pointer]), "work")
    queue = work.args[0]
    b = ir.IRBuilder(work.append_basic_block("entry"))
    take, do, end = (work.append_basic_block(n) for n in ("take", "do", "end"))

    def at(index: Any) -> Any:
        return b.gep(queue, [index], source_etype=word)

    b.branch(take)
    b.position_at_end(take)
    number = b.atomic_rmw("add", queue, ir.Constant(word, 1), "monotonic")
    count = b.load(at(ir.Constant(word, 1)), typ=word)
    b.cbranch(b.icmp_signed("<", number, count), do, end)
    b.position_at_end(do)
    first = b.add(b.mul(number, ir.Constant(word, 2)), ir.Constant(word, 2))
    function = b.load(at(first), typ=word)
    words = b.load(at(b.add(first, ir.Constant(word, 1))), typ=word)
    kind = ir.FunctionType(void, [pointer])
    b.call(b.inttoptr(function, kind.as_pointer()), [b.inttoptr(words, pointer)])
    b.branch(take)
    b.position_at_end(end)
    b.ret_void()

    chain = ir.Function(module, ir.FunctionType(void, [pointer]), "chain")
    b = ir.IRBuilder(chain.append_basic_block("entry"))
    take, do, end = (chain.append_basic_block(n) for n in ("take", "do", "end"))
    b.branch(take)
    b.position_at_end(take)
    place = b.phi(pointer)
    place.add_incoming(chain.args[0], chain.entry_basic_block)
    function = b.load(place, typ=word)
    b.cbranch(b.icmp_signed("!=", function, ir.Constant(word, 0)), do, end)
    b.position_at_end(do)
    words = b.load(b.gep(place, [ir.Constant(word, 1)], source_etype=word), typ=word)
    b.call(b.inttoptr(function, kind.as_pointer()), [b.inttoptr(words, pointer)])
    place.add_incoming(b.gep(place, [ir.Constant(word, 2)], source_etype=word), b.block)
    b.branch(take)
    b.position_at_end(end)
    b.ret_void()

    number = ir.IntType(32)
    start = ir.FunctionType(void, [word, pointer, number, number])
    alone = ir.Function(module, start, "alone")
    b = ir.IRBuilder(alone.append_basic_block("entry"))
    b.call(b.inttoptr(alone.args[0], kind.as_pointer()), [alone.args[1]])
    b.ret_void()

    team = ir.Function(module, ir.FunctionType(void, [pointer]), "team")
    b = ir.IRBuilder(team.append_basic_block("entry"))
    starter, function, tasks, threads = (
        b.load(b.gep(team.args[0], [ir.Constant(word, k)], source_etype=word), typ=word)
        for k in range(4)
    )
    tasks = b.inttoptr(tasks, pointer)
    b.store(ir.Constant(word, 0), tasks)
    function_now = b.load(b.inttoptr(starter, pointer), typ=word)
    b.call(
        b.inttoptr(function_now, start.as_pointer()),
        [function, tasks, b.trunc(threads, number), ir.Constant(number, 0)],
    )
    b.ret_void()


def run(work: int, stages: Sequence[Sequence[Task]], threads: int) -> None:
    """Does the tasks of each stage, in any order, before those of the next.

    The threads, this one among them, are those that PyTorch's own operations run on, so that the
    two never fight for a core; where PyTorch has others than GNU's, and in a forked process,
    which has none of its parent's threads, they are Python's.
    """
    if threads == 1:
        stages = [list(itertools.chain.from_iterable(stages))]
    for tasks in stages:
        if not tasks:
            continue
        queue = np.array([0, len(tasks), *itertools.chain.from_iterable(tasks)], np.int64)
        place = queue.ctypes.data
        helpers = min(threads, len(tasks)) - 1
        team = _team() if helpers else None
        if team:
            team(work, place, helpers + 1, 0)
            continue
        pool = _pool(os.getpid(), threads) if helpers else None
        others = [pool.submit(_function(work), place) for _ in range(helpers)] if pool else []
        _function(work)(place)
        wait(others)


@cache
def _function(address: int) -> Any:
    return ctypes.CFUNCTYPE(None, ctypes.c_void_p)(address)


@cache
def _team() -> Any:
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
        _starter[0] = ctypes.cast(team, ctypes.c_void_p).value or alone
    return int(_starter.ctypes.data)


_starter = np.zeros(2, np.int64)


def _forked() -> None:
    global _team
    _starter[0] = _starter[1]

    def _team() -> Any:
        return None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
