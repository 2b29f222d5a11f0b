"""The guide says what is true: its programs run, and what it quotes is what they print."""

import os
import platform
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ostinato import cells
from ostinato.levels import native
from ostinato.levels.native.runtime.kernel import TILE
from ostinato.levels.native.runtime.target import TARGETS

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "docs" / "guide" / "native.md"]  # tests/cli/test_guides.py has the others
TEXT = "\n".join(page.read_text("utf-8") for page in PAGES)
LEFT_OUT = "…"

needs_native = pytest.mark.skipif(native.obstacle() is not None, reason="no native code here")


def programs():
    """The guide's files of Python by the name that stands in their first line."""
    return dict(re.findall(r"```python\n# (\w+\.py)\n(.*?)```", TEXT, re.DOTALL))


def commands():
    """(command, quoted lines) of each block that quotes a terminal."""
    blocks = re.findall(r"```console\n\$ (.*?)\n(.*?)```", TEXT, re.DOTALL)
    longest = " verify ", "threads.py", "streaming.py"
    slow = [[pytest.mark.slow] * any(word in line for word in longest) for line, _ in blocks]
    return [
        pytest.param(*block, id=f"{k}-{block[0]}", marks=slow[k]) for k, block in enumerate(blocks)
    ]


def without_numbers(lines):
    """LLVM's names without their numbers: one more value above would move them all."""
    return [re.sub(r'%"\.\d+"', '%".n"', line.rstrip()) for line in lines]


def pieces(quoted):
    """What stands between the lines left out."""
    piece = []
    for line in [*without_numbers(quoted.splitlines()), LEFT_OUT]:
        if line != LEFT_OUT:
            piece.append(line)
        elif piece:
            yield piece
            piece = []


@pytest.fixture
def terminal(tmp_path):
    """Runs a line as a reader would, in a folder with the guide's programs."""
    for name, text in programs().items():
        (tmp_path / name).write_text(text, "utf-8")

    def run(line):
        names = r"((?:[A-Z_]+=\S+ )*)(python|ostinato) (.*)"
        given, program, arguments = re.fullmatch(names, line).groups()
        environment = os.environ | dict(pair.split("=", 1) for pair in given.split())
        if platform.machine().lower() in ("aarch64", "arm64") and "OSTINATO_TARGET" in given:
            environment["OSTINATO_TARGET"] = "neon"  # as narrow as sse2, hence the same text
        module = [] if program == "python" else ["-m", "ostinato"]
        done = subprocess.run(
            [sys.executable, *module, *arguments.split()],
            cwd=tmp_path,
            env=environment | {"COLUMNS": "200", "PYTHONUTF8": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            timeout=120,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    return run


@needs_native
@pytest.mark.parametrize(("line", "quoted"), commands())
def test_a_command_prints_what_the_guide_quotes(terminal, line, quoted):
    printed = without_numbers(terminal(line).splitlines())
    at = 0
    for piece in pieces(quoted):
        places = range(at, len(printed) - len(piece) + 1)
        found = [k for k in places if printed[k : k + len(piece)] == piece]
        assert found, f"{line!r} does not print, after line {at}:\n" + "\n".join(piece)
        at = found[0] + len(piece)


def test_every_block_is_looked_at():
    assert len(commands()) == TEXT.count("```console")
    assert len(programs()) == TEXT.count("```python")
    assert TEXT.count("```") == 2 * (len(commands()) + len(programs()))


def test_the_lstm_of_the_guide_is_the_shipped_one(tmp_path):
    (tmp_path / "my_lstm.py").write_text(programs()["my_lstm.py"], "utf-8")
    theirs = cells.find(f"{tmp_path / 'my_lstm.py'}:lstm")
    assert theirs.graph.fingerprint() == cells.find("lstm").graph.fingerprint()


@needs_native
def test_tiles_and_their_tokens_are_as_told():
    from ostinato.levels.native.kernels.products import tallest

    told = [int(rows) for rows in re.findall(r"(\d+) rows\s+by\s+4\s+vectors", TEXT)]
    targets = (TARGETS["avx512"], TARGETS["avx2"])
    assert told == [tallest(4, t.lanes(32), t.registers, 4) for t in targets]
    assert re.search(rf"as\s+make\s+{TILE}\s+tokens", TEXT)


def test_files_and_pictures_that_are_named_exist():
    for page in PAGES:
        for place in re.findall(r"\]\(([^):]+)\)", page.read_text("utf-8")):
            assert (page.parent / place).exists(), place
    native_files = {path.stem for path in Path(native.__file__).parent.rglob("*.py")}
    equation = {path.stem for path in (ROOT / "src/ostinato/equation").glob("*.py")}
    rows = re.findall(r"^\| \d \| \w.*? \| (.*?) \|", TEXT, re.MULTILINE)
    assert len(rows) == 8
    for row in rows:
        assert set(re.findall(r"`(\w+)`", row)) <= native_files | equation, row
