"""`ostinato cache`, in a process of its own with a folder of its own."""

import os
import re
import subprocess
import sys

import pytest

from ostinato.cli import cache as command_file
from ostinato.levels.native.runtime import cache

KEYS = [f"{k:064x}" for k in range(3)]


@pytest.fixture
def command(tmp_path, monkeypatch):
    """Runs `ostinato cache`, with the cache in a folder of the test's."""
    monkeypatch.setenv("OSTINATO_CACHE", str(tmp_path / "a cache [1]"))
    monkeypatch.delenv("OSTINATO_CACHE_LIMIT", raising=False)

    def run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "ostinato", "cache", *words],
            env=os.environ | {"OMP_NUM_THREADS": "1", "COLUMNS": "100"} | environment,
            capture_output=True,
            text=True,
            timeout=60,
        )

    return run


def test_it_shows_what_is_kept_and_removes_it(command, tmp_path):
    folder = tmp_path / "a cache [1]"
    for key, title in zip(KEYS, ("lstm float32", "gru [float64]", "rnn"), strict=True):
        cache.write(key, bytes(90_000), title, "znver5 512-bit")
    done = command(OSTINATO_CACHE_LIMIT="1.5")
    assert (done.returncode, done.stderr) == (0, "")
    first, rest = done.stdout.split("\n", 1)
    assert first == f"3 objects, 265 KiB of at most 1.5 MiB, in {folder}"
    assert re.search(r"^ code +target +size +last used *$", rest, re.M)
    for title in ("lstm float32", r"gru \[float64\]", "rnn"):
        row = rf"^ {title} +znver5 512-bit +89 KiB +\d{{4}}-\d\d-\d\d \d\d:\d\d *$"
        assert re.search(row, rest, re.M)
    cleared = command("--clear")
    assert (cleared.returncode, cleared.stderr) == (0, "")
    assert cleared.stdout == f"Removed 3 objects, 265 KiB, from {folder}\n"
    assert list(folder.iterdir()) == []


def test_a_wrong_limit_is_one_line(command):
    done = command(OSTINATO_CACHE_LIMIT="many")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "ostinato: OSTINATO_CACHE_LIMIT: 'many' is not a number of MiB\n"


def test_an_empty_cache_and_none_at_all(command, tmp_path, capsys, monkeypatch):
    folder = tmp_path / "a cache [1]"
    command_file.cache()
    assert capsys.readouterr().out == f"0 objects, 0 KiB of at most 256 MiB, in {folder}\n"
    command_file.cache(clear=True)
    assert capsys.readouterr().out == f"Removed 0 objects, 0 KiB, from {folder}\n"
    assert not folder.exists()  # looking makes nothing
    monkeypatch.setenv("OSTINATO_CACHE", "off")
    command_file.cache()
    assert capsys.readouterr().out.startswith("The cache is disabled: OSTINATO_CACHE is off")
