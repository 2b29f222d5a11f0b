"""The process that measures at one number of threads: `python -m ostinato.bench.worker`.

The threads of JAX and TensorFlow are set once for a process, by the cores it may use. So each
number of threads has a process of its own, bound to that many cores before a framework starts.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator

from ostinato.bench.records import Job, Record
from ostinato.errors import RunError


def environment(threads: int) -> dict[str, str]:
    """What frameworks read when they start."""
    count = str(threads)
    flags = "" if threads > 1 else "--xla_cpu_multi_thread_eigen=false"
    return {
        "OMP_NUM_THREADS": count,
        "MKL_NUM_THREADS": count,
        "OPENBLAS_NUM_THREADS": count,
        "TF_NUM_INTRAOP_THREADS": count,
        "TF_NUM_INTEROP_THREADS": "1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "TORCHINDUCTOR_COMPILE_THREADS": "1",  # a compiler in this process can be interrupted
        "XLA_FLAGS": flags,
        "JAX_PLATFORMS": "cpu",
        "KERAS_BACKEND": "tensorflow",
        "CUDA_VISIBLE_DEVICES": "",
    }


def cores() -> list[int]:
    """The cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def measured(job: Job) -> Iterator[Record]:
    """Runs a job in a process of its own and hands over its records as they come.

    Args:
        job: `threads`, `rounds`, `peers` (files of contestants), and `cases`: line, cell, sizes.

    Raises:
        RunError: when the process dies.
    """
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "ostinato.bench.worker", json.dumps(job)],
            env=os.environ | environment(job["threads"]),
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
        )
        assert process.stdout is not None
        try:
            for line in process.stdout:
                yield json.loads(line)
            if (status := process.wait()) < 0:
                raise RunError(f"the measuring process was killed by signal {-status}")
            if status:
                said.seek(0)
                why = (said.read().strip().splitlines() or [f"exit status {status}"])[-1]
                raise RunError(f"the measuring process ended: {why}")
        finally:
            process.kill()
            process.wait()
            process.stdout.close()


def main() -> None:
    """A job comes as argument; a JSON line goes out before and after each case."""
    job: Job = json.loads(sys.argv[1])
    # What frameworks print themselves goes to standard error, and only records to output.
    records = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cores()[: job["threads"]])

    import torch

    from ostinato.bench import contestants
    from ostinato.bench.case import BenchCase
    from ostinato.bench.race import memory, peaks, race
    from ostinato.bench.shape import Shape

    torch.set_num_threads(job["threads"])
    torch.set_num_interop_threads(1)
    everyone = [c for c in contestants.known(job["peers"]) if c.installed]

    def send(**record: object) -> None:
        print(json.dumps(record), file=records, flush=True)

    send(peaks=peaks())
    for line, cell, sizes in job["cases"]:
        case = BenchCase(line, cell, Shape.parse(sizes))
        send(at=case.title)
        if line == "memory":
            entries = memory(case, everyone)
        else:
            entries = race(case, everyone, job["rounds"])
        send(
            line=line, cell=cell, shape=vars(case.shape), tokens=case.tokens, flops=case.flops,
            threads=job["threads"], contestants=entries,
        )  # fmt: skip


if __name__ == "__main__":
    main()
