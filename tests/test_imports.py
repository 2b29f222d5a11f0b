"""What importing costs, and who may import whom."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import ostinato

HEAVY = {
    "torch",
    "keras",
    "tensorflow",
    "numpy",
    "sklearn",
    "scipy",
    "plotly",
    "pandas",
    "pydantic",
    "cyclopts",
    "rich",
}


def fresh(code: str) -> list:
    """What a new interpreter prints as JSON."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def loaded_by(*modules: str) -> set[str]:
    imports = "".join(f"import {module}; " for module in modules)
    return set(fresh(f"{imports}import sys, json; print(json.dumps(list(sys.modules)))")) & HEAVY


def test_importing_ostinato_is_quick_and_loads_nothing_heavy():
    timed = "import time; t = time.perf_counter(); import ostinato; print(time.perf_counter() - t)"
    assert min(fresh(timed) for _ in range(5)) < 0.1  # seconds
    assert loaded_by("ostinato") == set()


@pytest.mark.parametrize(
    ("modules", "heavy"),
    [
        (["ostinato.equation", "ostinato.cells", "ostinato.cells.lstm"], set()),
        (["ostinato.levels.python", "ostinato.levels.latex", "ostinato.levels.numpy"], {"numpy"}),
        (["ostinato.cli"], {"pydantic", "cyclopts", "rich"}),
    ],
)
def test_the_light_rooms_load_no_more_than_they_need(modules, heavy):
    assert loaded_by(*modules) <= heavy


def test_every_public_name_is_there():
    for name in ostinato.__all__:
        assert getattr(ostinato, name) is not None
        assert name in dir(ostinato)
    with pytest.raises(AttributeError, match="module 'ostinato' has no attribute 'Clasifier'"):
        ostinato.Clasifier  # noqa: B018


def test_imports_go_down_only():
    lint = Path(sys.executable).with_name("lint-imports")
    root = Path(__file__).parents[1]
    done = subprocess.run([lint, "--no-cache"], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
