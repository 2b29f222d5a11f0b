"""Jobs in processes of their own: results, errors, and a process that dies."""

import os
import signal
import subprocess
import sys

import pytest

from ostinato.errors import OstinatoError, RunError
from ostinato.experiment.parallel import in_parallel


def add(a, b, show):
    show(0.5, "half")
    return a + b, os.getpid()


def refuse(why, show):
    raise RunError(why)


def fail(show):
    raise KeyError("what")


def die(number, show):
    os.kill(os.getpid(), number)


def test_here_one_after_the_other():
    found = in_parallel({"a": (add, (1, 2)), "b": (add, (3, 4))}, workers=1)
    assert found == {"a": (3, os.getpid()), "b": (7, os.getpid())}
    with pytest.raises(OstinatoError, match=r"^b: no$"):
        in_parallel({"a": (add, (1, 2)), "b": (refuse, ("no",))}, workers=1)
    with pytest.raises(KeyError):
        in_parallel({"a": (fail, ())}, workers=1)
    assert in_parallel({}, workers=2) == {}


@pytest.mark.slow
def test_in_processes_results_come_in_the_order_of_the_jobs():
    found = in_parallel({title: (add, (title, "!")) for title in "abc"}, workers=2)
    assert [result for result, _ in found.values()] == ["a!", "b!", "c!"]
    assert os.getpid() not in {process for _, process in found.values()}


@pytest.mark.slow
def test_what_a_job_raises_comes_through():
    with pytest.raises(OstinatoError) as raised:
        in_parallel({"a": (add, (1, 2)), "b": (refuse, ("no",))}, workers=2)
    assert str(raised.value) == "b: no"
    with pytest.raises(KeyError, match="what") as raised:
        in_parallel({"a": (fail, ())}, workers=1, apart=True)
    assert "in fail" in raised.value.__notes__[0]  # where it arose


@pytest.mark.slow
def test_a_process_that_dies_is_an_error_in_a_line(capfd):
    with pytest.raises(OstinatoError) as raised:
        in_parallel({"a": (add, (1, 2)), "b": (die, (signal.SIGKILL,))}, workers=2)
    assert str(raised.value) == "b: its process ended unexpectedly with status -9"
    assert capfd.readouterr().err == ""


ORPHANED = """
import os, time, types
import torch
from ostinato.experiment import parallel

reading, writing = os.pipe()
os.close(writing)  # what starts a worker is gone already
parallel.multiprocessing.parent_process = lambda: types.SimpleNamespace(sentinel=reading)
torch.set_num_threads = lambda number: time.sleep(5)
here, there = parallel._context().Pipe()
parallel._work(there, parallel.Silent())
"""


@pytest.mark.slow
def test_a_worker_whose_parent_is_gone_ends_without_a_word():
    done = subprocess.run([sys.executable, "-c", ORPHANED], capture_output=True, timeout=60)
    assert (done.returncode, done.stderr) == (1, b"")
