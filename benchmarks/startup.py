"""What a command costs before it computes anything, beside `import torch`: seconds of this machine.

    python benchmarks/startup.py [--rounds 5]

Every command runs in a process of its own, in turn, and of each the fastest round counts. `predict`
is that of one line by a classifier of 64 units with native code from the cache, and is also given
as a multiple of `import torch`.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ENVIRONMENT = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
"""As after an installation, which compiles modules once."""
OSTINATO = [sys.executable, "-m", "ostinato"]
COMMANDS = {
    "import torch": [sys.executable, "-c", "import torch"],
    **{
        f"ostinato {words}": [*OSTINATO, *words.split()]
        for words in (
            "--version", "--help", "fit --help", "fit classify --help", "fit transduce --help",
            "compare tag --help", "predict --help", "generate --help", "recall --help",
            "report --help", "bench --help", "runs .", "data", "predict RUN one.txt",
        )
    },
}  # fmt: skip


def timed(words, folder):
    """Wall time and CPU time of a command, seconds.

    Raises:
        CalledProcessError: when it fails.
    """
    before, began = os.times(), time.perf_counter()
    subprocess.run(words, cwd=folder, env=ENVIRONMENT, check=True, capture_output=True)
    wall, after = time.perf_counter() - began, os.times()
    user, system = (after[k] - before[k] for k in (2, 3))  # of children
    return wall, user + system


def main():
    """Measures, and prints a table in Markdown."""
    given = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    given.add_argument("--rounds", type=int, default=5)
    rounds = given.parse_args().rounds
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = [f"a {word} film {k},{label}" for k in range(50) for word, label in WORDS]
        (folder / "films.csv").write_text("\n".join(["text,label", *rows]) + "\n")
        (folder / "one.txt").write_text("a dull, endless film\n")
        timed([*OSTINATO, *"fit classify films.csv --out RUN --train.epochs 1".split()], folder)
        timed(COMMANDS["ostinato predict RUN one.txt"], folder)  # compiles, and fills caches
        found = {name: [] for name in COMMANDS}
        for _ in range(rounds):
            for name, words in COMMANDS.items():
                found[name].append(timed(words, folder))
    best = {name: [min(each) for each in zip(*own, strict=True)] for name, own in found.items()}
    base = best["import torch"]
    print("| command | wall, s | CPU, s | CPU, × import torch |\n|---|---|---|---|")
    for name, (wall, cpu) in best.items():
        print(f"| `{name}` | {wall:.2f} | {cpu:.2f} | {cpu / base[1]:.2f} |")


WORDS = [("fine", "good"), ("dull", "bad")]

if __name__ == "__main__":
    main()
