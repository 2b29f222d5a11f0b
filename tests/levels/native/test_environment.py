"""Variables whose values make no sense: one line that names the variable, and no traceback."""

import itertools
import os
import subprocess
import sys

import pytest

LONG = "a" * 5000
NONSENSE = ["\n", "nonsense", "-1", "1_0", "nan", LONG, "\x1b[2J", "a\nb", "/etc/hostname"]
VARIABLES = {
    "OSTINATO_TARGET": "known: ",
    "OSTINATO_SHOW": "known: graph, ir, phases",
    "OSTINATO_CACHE": "use a folder, or off",
    "OSTINATO_CACHE_LIMIT": "is not a number of MiB",
}
FINE = {  # by what they mean: nothing, or a folder, which one is, or is a line in the log
    *itertools.product(VARIABLES, [""]),
    ("OSTINATO_SHOW", "\n"),
    *itertools.product(["OSTINATO_CACHE"], ["nonsense", "-1", "1_0", "nan", "/etc/hostname"]),
}
PYTHON = """
import torch, ostinato.nn
from ostinato.errors import OstinatoError
try:
    ostinato.nn.RNN(2, 3, engine="native")(torch.ones(1, 2, 2))
except OstinatoError as error:
    raise SystemExit(f"ostinato: {error}") from None
"""


def run(tmp_path, name, value, *command):
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OSTINATO_CACHE": str(tmp_path / "cache")}
    return subprocess.run(
        [sys.executable, *command], env=environment | {name: value}, cwd=tmp_path,
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip


def is_said(done, name):
    (line,) = done.stderr.splitlines()
    assert done.returncode == 1
    assert name in line
    assert VARIABLES[name] in line
    assert len(line) < 300
    assert line.isprintable()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OSTINATO_TARGET", LONG),
        pytest.param("OSTINATO_CACHE", LONG, marks=pytest.mark.slow),
    ],
    ids=["target", "cache"],
)
def test_what_makes_no_sense_is_said_in_a_line(name, value, tmp_path):
    is_said(run(tmp_path, name, value, "-c", PYTHON), name)


def test_a_command_says_it_too(tmp_path):
    is_said(run(tmp_path, "OSTINATO_CACHE", "\n", "-m", "ostinato", "cache"), "OSTINATO_CACHE")


@pytest.mark.slow
@pytest.mark.parametrize("name", VARIABLES)
def test_all_that_makes_no_sense(name, tmp_path):
    for value in ["", *NONSENSE]:
        done = run(tmp_path, name, value, "-c", PYTHON)
        if (name, value) in FINE:
            assert done.returncode == 0, done.stderr
            assert "Traceback" not in done.stderr
        else:
            is_said(done, name)


@pytest.mark.slow
@pytest.mark.parametrize("value", ["nonsense", LONG])
@pytest.mark.parametrize("name", ["OSTINATO_TARGET", "OSTINATO_SHOW", "OSTINATO_CACHE_LIMIT"])
def test_a_command_that_makes_a_layer_says_it(name, value, tmp_path):
    done = run(tmp_path, name, value, "-m", "ostinato", "verify", "rnn")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert name in done.stderr.splitlines()[-1]
