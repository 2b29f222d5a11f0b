"""Small files of which much comes: each command ends within little memory and time."""

import gzip
import subprocess
import sys
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest
from workshop import opened

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
MOST_MIB, MOST_SECONDS = 1200, 30  # of the processor; importing PyTorch takes some of each
MEASURED = """
import resource, subprocess, sys
resource.setrlimit(resource.RLIMIT_DATA, (8 << 30, 8 << 30))  # where our own limits do not hold
status = subprocess.call(sys.argv[1:])
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(f"\\n{status} {used.ru_maxrss} {used.ru_utime + used.ru_stime}")
"""  # in a process between: a child's peak counts what its parent held when it was forked


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
    "combining marks, transduce": (combining_marks, "pairs", "bomb.txt"),
    "combining marks, tag": (combining_marks, "prose", "bomb.txt"),
    "combining marks, generate": (combining_marks, "letters", "bomb.txt"),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_small_file_takes_little_memory_and_time(workshop, bomb):
    make, run, name = BOMBS[bomb]
    make(path := workshop.folder / name)
    words = ["predict", f"runs/{run}", name, *(["--length", "3"] if run == "letters" else [])]
    command = [sys.executable, "-m", "ostinato", *words]
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, *command], capture_output=True, text=True
    )
    status, kib, seconds = map(float, done.stdout.splitlines()[-1].split())
    said, mib = done.stderr, int(kib) >> 10
    size = path.stat().st_size
    path.unlink()
    print(f"{bomb}: {size:,} bytes: {mib:,} MiB, {seconds:.1f} s, {status:.0f}: {said[:150]}")
    assert status in (0, 1), said
    assert "Traceback" not in said
    assert "unexpected" not in said
    assert mib < MOST_MIB
    assert seconds < MOST_SECONDS
