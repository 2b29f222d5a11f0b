"""A process of its own, so that a crash or a hang there is a failed test here."""

import os
import subprocess
import sys
from collections.abc import Callable


def alone(function: Callable, *args: object, seconds: float = 120, **environment: str) -> str:
    """Calls a function of a test module in a fresh process; gives what it printed.

    Everything is an error there that is one here: a warning, a word on stderr, a signal, a hang.
    """
    code = (
        f"import sys; sys.path[:] = {sys.path!r}; "
        f"from {function.__module__} import {function.__name__} as f; f(*{args!r})"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-X", "faulthandler", "-c", code],
        env=os.environ | {"OMP_NUM_THREADS": "1"} | environment,
        capture_output=True, text=True, timeout=seconds,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, ""), done.stderr[-4000:] or done.returncode
    return done.stdout
