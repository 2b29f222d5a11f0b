"""Peak memory of one contestant, in a process of its own: `python -m ostinato.bench.memory`."""

from __future__ import annotations

import ctypes
import json
import math
import resource
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import torch

from ostinato.bench import contestants
from ostinato.bench.case import BenchCase
from ostinato.bench.contestants import Contestant
from ostinato.bench.race import judged
from ostinato.bench.records import Peak
from ostinato.bench.shape import Shape

_STATUS = Path("/proc/self/status")


def peak(case: BenchCase, contestant: Contestant) -> Peak:
    """What the first run of a case adds to the process, at its highest (MB = 10⁶ bytes).

    A tiny case runs before, so that libraries and compiled code are not counted. The numbers
    are checked afterwards: the check has large tensors of its own.
    """
    tiny = contestant.ready(replace(case, shape=replace(case.shape, B=2, T=2)))
    ready = contestant.ready(case)
    assert tiny is not None
    assert ready is not None
    tiny.run()
    before = _settle()
    found = ready.run()
    megabytes = (_highest() - before) / 1e6
    error, wrong = judged(case, [(frozenset(), ready.values(found)), *ready.fewer()])
    return {
        "error": error if math.isfinite(error) else None,
        "megabytes": None if wrong else megabytes,
        "note": wrong,
    }


def _settle() -> int:
    """Gives free memory back, starts the measuring of the peak anew; bytes in use now."""
    with suppress(OSError, AttributeError):  # only the GNU library has it
        ctypes.CDLL(None).malloc_trim(0)
    try:
        Path("/proc/self/clear_refs").write_text("5")  # man 5 proc: resets VmHWM
        return _kilobytes("VmRSS") * 1024
    except OSError:
        return _highest()


def _highest() -> int:
    """The most bytes that were in use."""
    if _STATUS.exists():
        return _kilobytes("VmHWM") * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _kilobytes(field: str) -> int:
    lines = _STATUS.read_text().splitlines()
    return int(next(line for line in lines if line.startswith(f"{field}:")).split()[1])


def main() -> None:
    """Name, cell, sizes and threads come as arguments; a JSON line goes out."""
    name, cell, sizes, threads = sys.argv[1:]
    torch.set_num_threads(int(threads))
    case = BenchCase("memory", cell, Shape.parse(sizes))
    same_name = [c for c in contestants.known() if c.name == name]
    contestant = next(c for c in same_name if c.ready(case))
    print(json.dumps(peak(case, contestant)))


if __name__ == "__main__":
    main()
