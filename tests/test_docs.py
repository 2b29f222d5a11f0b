"""The pages for developers: the picture is that of the imports, and all pages are built."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SPEC = importlib.util.spec_from_file_location("rooms", ROOT / "docs" / "rooms.py")
rooms = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(rooms)


def test_the_picture_of_the_rooms_is_that_of_the_imports():
    again = "the imports or the first sentence of a room changed: python docs/rooms.py"
    assert rooms.PICTURE.read_text("utf-8") == rooms.drawn(), again


def test_what_follows_from_other_imports_has_no_arrow(monkeypatch):
    class Graph:
        modules = ("ostinato.cli", "ostinato.tasks.a", "ostinato.nn.b", "ostinato.errors")

        def find_modules_directly_imported_by(self, module):
            return self.modules[self.modules.index(module) + 1 :]

    monkeypatch.setattr(rooms.grimp, "build_graph", lambda name: Graph())
    found = rooms.imports()
    assert {a: below for a, below in found.items() if below} == {"cli": {"tasks"}, "tasks": {"nn"}}


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_all_pages_are_built_without_a_warning(tmp_path):
    pytest.importorskip("sphinx")
    words = ["-W", "--keep-going", "-q", "-b", "html", "docs", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", *words], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-4000:]
    page = (tmp_path / "_api" / "ostinato.decode.beam.html").read_text("utf-8")
    assert "The most probable continuations y of each sequence" in page
