"""One case, all contestants: first the numbers are checked, then speeds are taken in turns."""

from __future__ import annotations

import gc
import json
import math
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TypeAlias

import torch

from ostinato import levels
from ostinato.bench.case import TOLERANCE, BenchCase
from ostinato.bench.contestants import Contestant, Ready
from ostinato.bench.records import Arrays, Entry, Peak
from ostinato.errors import OstinatoError
from ostinato.torch_internals import one_dnn_linear

TURN = 0.02
"""Seconds that a turn lasts at least: short runs are repeated within it."""
Found: TypeAlias = Sequence[tuple[frozenset[str], Arrays]]


def race(case: BenchCase, contestants: list[Contestant], rounds: int) -> list[Entry]:
    """Every contestant's entry: its error, and its time if that is small enough.

    The contestants take turns, so that a noisy moment of the machine meets all of them; what
    counts is each one's fastest turn.

    Returns:
        For each contestant that has the case a record with `name`, `ours`, `error` (relative),
        `milliseconds` of a run (null when wrong or left out), `rounds` (all turns),
        `gflops` (GFLOP/s of its matrix products) and `note` (why there is no speed).
    """
    _ = case.expected  # what fails here is nobody's fault but ours, and ends the comparison
    entries, runners = [], []
    for contestant in contestants:
        entry, ready = _enter(case, contestant)
        if entry:
            entries.append(entry)
        if entry and ready:
            runners.append((entry, ready.run, _repeats(ready.run)))
    for k in range(rounds):
        start = k % max(1, len(runners))  # nobody always follows the same one
        for entry, run, repeats in runners[start:] + runners[:start]:
            entry["rounds"].append(1e3 * _turn(run, repeats))
    for entry, _, _ in runners:
        fastest = entry["milliseconds"] = min(entry["rounds"])
        entry["median"] = statistics.median(entry["rounds"])
        if case.flops:
            entry["gflops"] = case.flops / fastest / 1e6
    return entries


def _enter(case: BenchCase, contestant: Contestant) -> tuple[Entry | None, Ready | None]:
    """A contestant's entry and, if its numbers are right, what runs."""
    entry: Entry = {
        "name": contestant.name, "ours": contestant.ours,
        "narrow": contestant.off > TOLERANCE, "error": None, "milliseconds": None,
        "median": None, "rounds": [], "gflops": None, "note": None,
    }  # fmt: skip
    try:
        with time_limit(contestant.limit):
            ready = contestant.ready(case)
            if ready is None:
                return None, None
            found = [(frozenset[str](), ready.values(ready.run())), *ready.fewer()]
    except OutOfTime:
        entry["note"] = f"skipped: compilation took more than {contestant.limit:.0f} s"
        return entry, None
    except OstinatoError as error:
        entry["note"] = f"skipped: {error}"
        return entry, None
    except Exception as error:  # a library may fail in any way; the others continue
        entry["note"] = f"failed: {type(error).__name__}: {' '.join(str(error).split())[:200]}"
        return entry, None
    return entry, ready if _is_right(case, found, entry, contestant.off) else None


def _is_right(case: BenchCase, found: Found, entry: Entry, off: float) -> bool:
    error, entry["note"] = judged(case, found, off)
    entry["error"] = error if math.isfinite(error) else None  # JSON has no infinity
    return entry["note"] is None


def judged(case: BenchCase, found: Found, off: float = TOLERANCE) -> tuple[float, str | None]:
    """How far numbers are from the right ones, and what there is to say if they are wrong.

    `found` has what was asked for in several ways: what was not, and the numbers by name.
    """
    error = max(case.error(values, without) for without, values in found)
    wrong = f"wrong: off by {error:.0e}, more than {off:.0e}"
    return error, None if error <= off else wrong


def _repeats(run: Callable[[], object]) -> int:
    """How often a run is repeated in a turn; warms up on the way."""
    run()
    seconds = _turn(run, 1)
    return max(1, math.ceil(TURN / seconds))


def _turn(run: Callable[[], object], repeats: int) -> float:
    """Seconds of a run."""
    gc.collect()
    gc.disable()
    try:
        start = time.perf_counter()
        for _ in range(repeats):
            run()
        return (time.perf_counter() - start) / repeats
    finally:
        gc.enable()


class OutOfTime(BaseException):
    """Not an Exception, so that a compiler that catches those does not catch this."""


@contextmanager
def time_limit(seconds: float | None) -> Iterator[None]:
    """Raises `OutOfTime` in the main thread when the block takes longer, where signals exist."""
    if seconds is None or not hasattr(signal, "SIGALRM"):
        yield
        return

    def stop(*_: object) -> None:
        raise OutOfTime

    before = signal.signal(signal.SIGALRM, stop)
    others = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, *others)
        signal.signal(signal.SIGALRM, before)


def peaks() -> dict[str, float]:
    """The most GFLOP/s that matrix products reach here, by who computes them.

    `torch.mm` is MKL, which holds back on processors that are not Intel's; PyTorch's fused LSTM
    and TensorFlow compute with oneDNN, and can be faster than that peak.
    """
    found: dict[str, float] = {}
    for n in (256, 512, 1024, 2048):
        a, b = torch.randn(n, n), torch.randn(n, n)
        products = {"torch.mm": partial(torch.mm, a, b, out=torch.empty(n, n))}
        if linear := one_dnn_linear():
            products["oneDNN"] = partial(linear, a.to_mkldnn(), b.to_mkldnn())
        with torch.no_grad():
            for who, run in products.items():
                repeats = _repeats(run)
                best = max(2e-9 * n**3 / _turn(run, repeats) for _ in range(3))
                found[who] = max(best, found.get(who, 0.0))
    if "native" in levels.names():
        own = getattr(levels.find("native"), "peak_gflops", None)
        if own:
            found["native"] = float(own())
    return found


def memory(case: BenchCase, contestants: list[Contestant]) -> list[Entry]:
    """Every contestant's entry: its error and its peak memory, each in a process of its own."""
    entries: list[Entry] = []
    for contestant in contestants:
        if contestant.ready(case) is None:
            continue
        words = [contestant.name, case.cell_name, str(case.shape), str(torch.get_num_threads())]
        done = subprocess.run(
            [sys.executable, "-m", "ostinato.bench.memory", *words], capture_output=True, text=True
        )
        if done.returncode:
            why = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
            found: Peak = {"error": None, "megabytes": None, "note": f"failed: {why}"}
        else:
            found = json.loads(done.stdout.splitlines()[-1])
        entries.append(
            Entry(
                name=contestant.name,
                ours=contestant.ours,
                error=found["error"],
                megabytes=found["megabytes"],
                note=found["note"],
            )
        )
    return entries
