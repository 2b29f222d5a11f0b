"""Tasks as LLVM IR: functions that are called with the address of their words, and who calls them.

How queues, lists and teams are laid out in memory says `frame`.
"""

from __future__ import annotations

from llvmlite import ir

from ostinato.levels.native.kernels.vectors import I32, I64, POINTER, i64
from ostinato.levels.native.plan.frame import CALLS, QUEUE, TASK, TASKS, TEAM

_VOID = ir.VoidType()
_FUNCTION = ir.FunctionType(_VOID, [POINTER])
_STARTER = ir.FunctionType(_VOID, [I64, POINTER, I32, I32])
"""As GOMP_parallel: a function, its words, how many threads, flags."""


def define(module: ir.Module) -> None:
    """Adds `work(queue)`, `chain(list)`, `alone`, `team(words)` and the tasks after the loop.

    The function that writes one says what it does.
    """
    for name in TASKS:
        _task(module, name)
    _work(module)
    _chain(module)
    _alone(module)
    _team(module)


def _begin(module: ir.Module, name: str) -> tuple[ir.Function, ir.IRBuilder]:
    function = ir.Function(module, _FUNCTION, name)
    return function, ir.IRBuilder(function.append_basic_block("entry"))


def _word(b: ir.IRBuilder, words: ir.Value, index: ir.Value) -> ir.Value:
    """Emits: a word at an address."""
    return b.load(b.gep(words, [index], source_etype=I64), typ=I64)


def _call(b: ir.IRBuilder, function: ir.Value, words: ir.Value) -> None:
    """Emits: a call of a task, whose two addresses are words."""
    b.call(b.inttoptr(function, _FUNCTION.as_pointer()), [b.inttoptr(words, POINTER)])


def _task(module: ir.Module, name: str) -> None:
    """`gradient_task(words)` and its kin: calls the task's function with the words as arguments."""
    task, b = _begin(module, name)
    values = []
    for k, word in enumerate(TASKS[name]):
        value = _word(b, task.args[0], i64(k))
        values.append(b.inttoptr(value, POINTER) if word.unit == "address" else value)
    b.call(module.globals[CALLS[name]], values)
    b.ret_void()


def _work(module: ir.Module) -> None:
    """`work(queue)`: takes the next task and does it, until none is left."""
    work, b = _begin(module, "work")
    queue = work.args[0]
    take, do, end = (work.append_basic_block(n) for n in ("take", "do", "end"))
    b.branch(take)
    b.position_at_end(take)
    number = b.atomic_rmw("add", queue, i64(1), "monotonic")
    count = _word(b, queue, i64(QUEUE.index("count")))
    b.cbranch(b.icmp_signed("<", number, count), do, end)
    b.position_at_end(do)
    first = b.add(b.mul(number, i64(len(TASK))), i64(len(QUEUE)))
    function = _word(b, queue, first)
    _call(b, function, _word(b, queue, b.add(first, i64(TASK.index("words")))))
    b.branch(take)
    b.position_at_end(end)
    b.ret_void()


def _chain(module: ir.Module) -> None:
    """`chain(list)`: does one task after the other."""
    chain, b = _begin(module, "chain")
    take, do, end = (chain.append_basic_block(n) for n in ("take", "do", "end"))
    b.branch(take)
    b.position_at_end(take)
    place = b.phi(POINTER)
    place.add_incoming(chain.args[0], chain.entry_basic_block)
    function = b.load(place, typ=I64)
    b.cbranch(b.icmp_signed("!=", function, i64(0)), do, end)
    b.position_at_end(do)
    _call(b, function, _word(b, place, i64(TASK.index("words"))))
    place.add_incoming(b.gep(place, [i64(len(TASK))], source_etype=I64), b.block)
    b.branch(take)
    b.position_at_end(end)
    b.ret_void()


def _alone(module: ir.Module) -> None:
    """`alone(function, words, threads, flags)`: calls the function, in this thread alone."""
    alone = ir.Function(module, _STARTER, "alone")
    b = ir.IRBuilder(alone.append_basic_block("entry"))
    b.call(b.inttoptr(alone.args[0], _FUNCTION.as_pointer()), [alone.args[1]])
    b.ret_void()


def _team(module: ir.Module) -> None:
    """`team(words)`: threads do a queue anew."""
    team, b = _begin(module, "team")
    words = (_word(b, team.args[0], i64(k)) for k in range(len(TEAM)))
    word = dict(zip(TEAM, words, strict=True))
    queue = b.inttoptr(word["queue"], POINTER)
    b.store(i64(0), queue)
    starter = b.load(b.inttoptr(word["starter"], POINTER), typ=I64)
    b.call(
        b.inttoptr(starter, _STARTER.as_pointer()),
        [word["work"], queue, b.trunc(word["threads"], I32), ir.Constant(I32, 0)],
    )
    b.ret_void()
