"""What programs that measure have alike: commands are run once, their output is kept."""

import argparse
import os
import re
import resource
import subprocess
import sys
import time
from pathlib import Path

from ostinato.errors import DataError, RunError
from ostinato.train import Run
from ostinato.train.run import versions

ROOT = Path(__file__).parent.parent
NUMBER = r"([\d.]+%?)"
SETTING = r" --(?!validation )[\w.-]+(?: (?!--)\S+)*"
"""An option and its values, which a resumed run already knows; except for a file it must read."""


def find(name, folder):
    """The file of that name, packed or not, anywhere below the folder.

    Raises:
        DataError: when there is none.
    """
    for packed in ("", ".xz", ".gz"):
        for path in sorted(folder.rglob(name + packed)) if folder else ():
            return str(path.resolve())
    where = f"anywhere below {folder}, nor as .xz or .gz" if folder else "without a folder of data"
    raise DataError(f"no {name} {where}")


def run(line, given):
    """Runs a command in the folder of runs; what it prints.

    Raises:
        DataError: when a file is missing.
        RunError: when the command fails.
    """
    own = {"ostinato": [sys.executable, "-m", "ostinato"], "python": [sys.executable]}
    words = []
    for word in line.split():
        if word.startswith("DATA/"):
            word = find(word.removeprefix("DATA/"), given.data)
        elif word.startswith("benchmarks/"):
            word = str(ROOT / word)
        words += own.get(word, [word])
    print(line, file=sys.stderr, flush=True)
    wide = os.environ | {"COLUMNS": "200"}
    done = subprocess.run(words, cwd=given.out, env=wide, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise RunError(f"`{line}` ended with status {done.returncode}; what it wrote says why")
    return done.stdout.splitlines()


def clock():
    """Seconds: by the wall, and of CPU by all processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.perf_counter(), used.ru_utime + used.ru_stime


def kept(name, lines, given, whole=True):
    """What commands printed, and how many seconds the first of them took: from NAME.json.

    They are run when there is no such file. One that only went on with a run has no seconds.
    """
    if not (given.out / f"{name}.json").exists():
        began = clock()
        printed = run(lines[0], given)
        taken = (round(b - a, 1) for a, b in zip(began, clock(), strict=True))
        wall, cpu = taken if whole else (None, None)
        for line in lines[1:]:
            printed += run(line, given)
        made = {"versions": versions(), "started": time.strftime("%Y-%m-%d", time.gmtime())}
        if (given.out / name / "manifest.json").exists():
            made = Run(given.out / name).read_json("manifest.json")
        record = {"wall": wall, "cpu": cpu, "threads": made.get("threads"), "cores": os.cpu_count()}
        record |= {"date": made["started"][:10], "versions": made["versions"], "printed": printed}
        Run(given.out).write_json(f"{name}.json", record)
    return Run(given.out).read_json(f"{name}.json")


def trained(name, words, given, more=()):
    """What `ostinato fit` and the commands after it printed, and its times; see `kept`."""
    begun = (given.out / name / "config.toml").exists()
    if begun:
        words = re.sub(SETTING, "", words) + " --resume"
    return kept(name, [f"ostinato fit {words} --out {name}", *more], given, whole=not begun)


def row(fields):
    """A line of a table."""
    return f"| {' | '.join(fields)} |"


def conditions(record):
    """When, with what and on what a record was measured, in a line."""
    made, threads = record["versions"], record["threads"]
    count = f"{threads} thread{'s' * (threads > 1)} on " if threads else ""
    return (
        f"{record['date']}: ostinato {made['ostinato']}, torch {made['torch']}, "
        f"{made['machine']}, {count}{record['cores']} cores."
    )


def with_block(text, name, lines, page):
    """The text of a page with these lines between <!-- name --> and <!-- end -->."""
    block = "\n".join([f"<!-- {name} -->", "", *lines, "", "<!-- end -->"])
    text, places = re.subn(rf"<!-- {name} -->.*?<!-- end -->", lambda _: block, text, flags=re.S)
    if places != 1:
        sys.exit(f"{page}: {places} places <!-- {name} --> … <!-- end -->, not one")
    return text


def seeds(words):
    """Whole numbers with commas between them."""
    return [int(word) for word in words.split(",")]


def options(doc, entries, out):
    """What a program that measures entries is asked for."""
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument("data", nargs="?", type=Path, help="the folder below which files are found")
    parser.add_argument("--only", metavar="NAME,…", help=f"some of {', '.join(entries)}")
    parser.add_argument("--seeds", metavar="K,…", type=seeds, help="of an entry's seeds these only")
    parser.add_argument("--out", type=Path, default=out, help="holds the runs")
    parser.add_argument("--tables", action="store_true", help="run nothing, rewrite the tables")
    return parser
