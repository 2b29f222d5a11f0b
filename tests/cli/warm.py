"""A process that has imported everything and forks a child for each command it is told.

Importing PyTorch takes seconds; a forked command is as real as a fresh one, and takes none.
Reads one JSON line for each command; writes the child's process id, then its exit status.
"""

import importlib
import json
import os
import pkgutil
import signal
import sys
import traceback
import warnings

import sklearn.feature_extraction.text
import sklearn.linear_model  # noqa: F401
import torch

import ostinato.cli


def main() -> None:
    warnings.simplefilter("error")  # a warning would be another line beside that of an error
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job ignores it
    torch.set_num_threads(1)
    for module in pkgutil.iter_modules(ostinato.cli.__path__):
        importlib.import_module(f"ostinato.cli.{module.name}")
    torch.optim.AdamW([torch.zeros(1)])  # imports as much again
    for line in sys.stdin:
        job = json.loads(line)
        if not (child := os.fork()):
            return run(**job)
        print(child, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def run(words: list[str], folder: str, streams: list[str]) -> None:
    """The command, with files as its standard streams."""
    os.chdir(folder)
    for number, name in enumerate(streams):
        os.dup2(os.open(name, os.O_WRONLY if number else os.O_RDONLY), number)
    status = 0
    try:
        with open(0) as sys.stdin:
            ostinato.cli.main(words)
    except SystemExit as end:
        status = end.code or 0
    except BaseException:
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    os._exit(status)  # taking a copy of PyTorch down takes a second


if __name__ == "__main__":
    main()
