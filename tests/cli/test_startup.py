"""What a command imports before it does anything: by modules, since times depend on the machine."""

import json
import subprocess
import sys

from ostinato import tasks
from ostinato.cli.commands import SUMMARIES

HEAVY = {"torch", "sklearn", "scipy", "plotly", "pandas", "llvmlite", "pyarrow"}
LOADED = """
import contextlib, io, json, sys
from ostinato.cli import main

said = io.StringIO()
for words in json.loads(sys.argv[1]):
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            main(words)
        except SystemExit:
            pass
print(json.dumps([said.getvalue(), list(sys.modules)]))
"""


def loaded_by(*commands, folder="."):
    """What commands print, one after the other in one new process, and the modules there then."""
    words = json.dumps([command.split() for command in commands])
    done = subprocess.run(
        [sys.executable, "-c", LOADED, words],
        cwd=folder, capture_output=True, text=True, check=True,
    )  # fmt: skip
    said, modules = json.loads(done.stdout)
    return said, set(modules)


def test_help_and_errors_in_options_load_neither_pytorch_nor_scikit_learn():
    of_tasks = [f"{verb} {name} --help" for verb in ("fit", "compare") for name in tasks.names()]
    wrong = "fit classify a.csv --model.hidden x", "fit tag a --modle.hidden 3", "train a.csv"
    helps = [f"{name} --help" for name in SUMMARIES]
    said, modules = loaded_by("--version", "--help", *helps, *of_tasks, *wrong)
    assert said.count("Usage:") == len(SUMMARIES) + len(of_tasks) + 1
    assert said.count("see --help") + said.count("See --help") == len(wrong)
    assert modules & HEAVY == set()


def test_predict_loads_only_what_a_network_needs(terminal):
    said, modules = loaded_by("predict runs/a more.csv", folder=terminal.folder)
    assert said.splitlines()[0] == "text,label,prediction,confidence"
    needed = {"torch", "llvmlite"}
    assert modules & (HEAVY | {"torch._dynamo", "sympy", "rich.progress"}) == needed
