"""Small files of which much comes: each command ends within little memory and time."""

import gzip
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest
from workshop import opened

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
MOST_MIB, MOST_SECONDS = 1200, 30  # importing PyTorch takes a third of each
CEILING = 8 * 2**30  # bytes: where a limit does not hold, the machine has to


@pytest.fixture(scope="module")
def workshop(tmp_path_factory):
    with opened(tmp_path_factory.mktemp("memory") / "work") as workshop:
        yield workshop


def blank_lines(path: Path) -> None:
    path.write_bytes(gzip.compress(b"\n" * 188_000_000))


def dictionary(path: Path) -> None:
    texts = pyarrow.DictionaryArray.from_arrays(
        pyarrow.array([0] * 10_000, pyarrow.int32()), pyarrow.array(["x" * 2**20])
    )
    pyarrow.parquet.write_table(pyarrow.table({"text": texts}), path, compression="zstd")


def unclosed_quote(path: Path) -> None:
    more = gzip.compress(b"xxx\n" * 2**22)  # members of a packed file follow one another
    begun = gzip.compress(b'text,label\n"')
    path.write_bytes(begun + more * (6_700_000 // len(more)))


def combining_marks(path: Path) -> None:
    path.write_text("e" + "\u0301" * 400_000)


BOMBS = {
    "blank lines, classify": (blank_lines, "reviews", "bomb.txt.gz"),
    "blank lines, generate": (blank_lines, "letters", "bomb.txt.gz"),
    "blank lines, tag": (blank_lines, "names", "bomb.conll.gz"),
    "blank lines, transduce": (blank_lines, "pairs", "bomb.txt.gz"),
    "blank lines, forecast": (blank_lines, "series", "bomb.csv.gz"),
    "a Parquet dictionary": (dictionary, "reviews", "bomb.parquet"),
    "an unclosed quote": (unclosed_quote, "reviews", "bomb.csv.gz"),
    "combining marks, classify": (combining_marks, "reviews", "bomb.txt"),
    "combining marks, tag": (combining_marks, "prose", "bomb.txt"),
    "combining marks, generate": (combining_marks, "letters", "bomb.txt"),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_small_file_takes_little_memory_and_time(workshop, bomb):
    make, run, name = BOMBS[bomb]
    make(path := workshop.folder / name)
    words = ["predict", f"runs/{run}", name, *(["--length", "3"] if run == "letters" else [])]
    began = time.monotonic()
    with open("out", "wb") as out, open("err", "w+b") as err:
        command = [sys.executable, "-m", "ostinato", *words]
        process = subprocess.Popen(command, stdout=out, stderr=err)
        resource.prlimit(process.pid, resource.RLIMIT_DATA, (CEILING, CEILING))
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        err.seek(0)
        said = err.read().decode()
    seconds, mib = time.monotonic() - began, usage.ru_maxrss >> 10
    size = path.stat().st_size
    path.unlink()
    print(
        f"{bomb}: {size:,} bytes: {mib:,} MiB, {seconds:.1f} s, {process.returncode}: {said[:150]}"
    )
    assert process.returncode in (0, 1), said
    assert "Traceback" not in said
    assert "unexpected" not in said
    assert mib < MOST_MIB
    assert seconds < MOST_SECONDS
