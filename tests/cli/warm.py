"""A process that has imported everything and forks a child for each command it is told.

Importing PyTorch takes seconds; a forked command is as real as a fresh one, and takes none.
Reads one JSON line for each command; writes the child's process id, then its exit status.
"""

import gc
import importlib
import json
import os
import pkgutil
import signal
import sys
import traceback
import warnings

import llvmlite.binding  # noqa: F401
import plotly.graph_objects  # noqa: F401
import sklearn.feature_extraction.text
import sklearn.linear_model  # noqa: F401
import torch

import ostinato.cli


def main() -> None:
    warnings.simplefilter("error")  # a warning would be another line beside that of an error
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job ignores it
    torch.set_num_threads(1)
    for module in pkgutil.walk_packages(ostinato.__path__, "ostinato."):
        if "keras" not in module.name and not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    torch.optim.AdamW([torch.zeros(1)])  # imports as much again
    gc.freeze()  # a child that looks through what it shares makes a copy of it
    for line in sys.stdin:
        job = json.loads(line)
        if not (child := os.fork()):
            return run(**job)
        print(child, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def run(words: list[str], folder: str, streams: list[str], encoding: str) -> None:
    """The command, with files as its standard streams.

    Of these "" is one that the caller has closed, and "|" a pipe that nobody reads.
    """
    os.chdir(folder)
    os.setpgid(0, 0)  # as a shell does, for which it can be suspended
    for number, name in enumerate(streams):
        if name == "|":
            reading, opened = os.pipe()
            os.close(reading)
        else:
            opened = os.open(name or os.devnull, os.O_WRONLY if number else os.O_RDONLY)
        os.dup2(opened, number)
        os.close(opened)
    sys.stdin = open(0) if streams[0] else None  # noqa: SIM115
    sys.stdout.reconfigure(encoding=encoding)
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if not streams[number]:  # as Python begins
            os.close(number)
            setattr(sys, name, None)
    status = 0
    try:
        ostinato.cli.main(words)
    except SystemExit as end:
        status = end.code or 0
    except BaseException:
        traceback.print_exc()
        status = 1
    if sys.stdout:
        try:
            sys.stdout.flush()
        except OSError:
            status = 120  # Python's own
    os._exit(status)  # taking a copy of PyTorch down takes a second


if __name__ == "__main__":
    main()
