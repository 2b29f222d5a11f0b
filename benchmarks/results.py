"""Everything that docs/results.md states, measured by one command.

    python benchmarks/results.py DATA [--only imdb,etth1] [--seeds 1,2] [--out runs/results]
    python benchmarks/results.py --tables       # the tables anew from results.json, nothing is run

benchmarks/results.toml defines the entries. Each is run as a user would run it; runs, their output
and their times are in the folder `--out`. Finished runs are not repeated, interrupted ones
continue. Figures are stored in benchmarks/results.json, from which the page is written.
"""

import argparse
import os
import re
import resource
import subprocess
import sys
import time
import tomllib
from pathlib import Path

from ostinato.errors import DataError, OstinatoError, RunError, UnknownName
from ostinato.statistics import spread
from ostinato.train import Run
from ostinato.train.run import versions

ROOT = Path(__file__).parent.parent
NUMBER = r"([\d.]+%?)"
MINUTES = {"wall minutes": "wall", "CPU minutes": "cpu"}
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


def fit(name, entry, given, known):
    """Trains with each seed; yields after each what is known of all of them."""
    for seed in entry.get("seeds", (0, 1, 2)):
        if given.seeds is None or seed in given.seeds:
            known = known | {str(seed): _fit(f"{name}-{seed}", entry, given, seed)}
            yield known


def trained(name, words, given, more=()):
    """What `ostinato fit` and the commands after it printed, and its times; see `kept`."""
    begun = (given.out / name / "config.toml").exists()
    if begun:
        words = re.sub(SETTING, "", words) + " --resume"
    return kept(name, [f"ostinato fit {words} --out {name}", *more], given, whole=not begun)


def _fit(name, entry, given, seed):
    more = [f"ostinato evaluate {name} {entry['evaluate']}"] if "evaluate" in entry else []
    record = trained(name, f"{entry['fit']} --seed {seed}", given, more)
    printed, figures = "\n".join(record.pop("printed")), {}
    for title, (pattern, _) in entry["figures"].items():
        found = re.findall(pattern.replace("N", NUMBER), printed, re.MULTILINE)
        if not found:
            raise RunError(f"{name}: no {title!r} in what {given.out / name}.json says was printed")
        figures[title] = float(found[-1].rstrip("%")) / (100 if "%" in found[-1] else 1)
    return {"figures": figures, **record}


def fitted(entry, known):
    """The command, a table with a column for each seed, and where it was measured."""
    seeds = sorted(known, key=int)
    several = len(seeds) > 1
    head = ["", *(f"seed {seed}" for seed in seeds), *["mean", "deviation"] * several]
    rows = [head, ["---", *["---:"] * (len(head) - 1)]]
    lines = [
        (title, form, [known[seed]["figures"].get(title) for seed in seeds])
        for title, (_, form) in entry["figures"].items()
    ] + [
        (title, ".3g", [known[seed][key] and known[seed][key] / 60 for seed in seeds])
        for title, key in MINUTES.items()
    ]
    for title, form, values in lines:
        there = [value for value in values if value is not None]
        if several:
            mean, deviation, *_ = spread(there) if len(there) > 1 else (None, None)
            values = [*values, mean, None if title in MINUTES else deviation]
        rows.append([title, *("–" if value is None else format(value, form) for value in values)])
    measured = dict.fromkeys(conditions(known[seed]) for seed in seeds)
    words = f"ostinato fit {entry['fit']} --seed {seeds[0]}".replace("DATA/", "")
    return ["```sh", words, "```", "", *map(row, rows), "", *measured]


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


def once(name, entry, given, known):
    """Runs a command whose output goes into the page as it is."""
    yield kept(name, [entry["run"]], given)


def as_printed(entry, known):
    """The command and what it printed; a table of Markdown is left one."""
    lines = "\n".join(line.rstrip() for line in known["printed"]).strip("\n").splitlines()
    if not lines[0].startswith("|"):
        lines = ["```text", *lines, "```"]
    return ["```sh", entry["run"], "```", "", *lines, "", conditions(known)]


def bench(name, entry, given, known):
    """Runs several `ostinato bench`, of which the last compares one thread with two."""
    lines = []
    for number, words in enumerate(entry["bench"], 1):
        folder = given.out / f"{name}-{number}"
        if not folder.with_suffix(".json").exists():
            for left in ("bench.json", "bench.md"):  # it was interrupted, and cannot continue
                (folder / left).unlink(missing_ok=True)
        kept(folder.name, [f"{words} --out {folder.name}"], given)
        page = (folder / "bench.md").read_text("utf-8").splitlines()
        tables = next(k for k, line in enumerate(page) if line.startswith("## "))
        if number < len(entry["bench"]):  # the first page has the machine too, under its title
            lines += [*page[2 if number == 1 else tables :], ""]
    lines = [f"#{line}" if line.startswith("## ") else line for line in lines]
    results = Run(folder).read_json("bench.json")["results"]
    yield {"printed": [*lines, "### Two threads over one", "", *two_threads(results)]}


def two_threads(results):
    """A table: for each cell and size the time on one thread over that on two."""
    best = {}
    for result in results:
        for entry in result["contestants"]:
            if entry["milliseconds"] and (not entry["ours"] or entry["name"] == "ostinato native"):
                case = result["cell"], "×".join(map(str, result["shape"].values()))
                key = (*case, entry["ours"], result["threads"])
                best[key] = min(entry["milliseconds"], best.get(key, float("inf")))
    yield row(["cell", "sizes", "fastest of PyTorch", "ostinato native"])
    yield row(["---", "---", "---:", "---:"])
    for cell, size in dict.fromkeys(key[:2] for key in best):
        pairs = [[best.get((cell, size, ours, n)) for n in (1, 2)] for ours in (False, True)]
        yield row([cell, size, *(f"{a / b:.2f}" if a and b else "–" for a, b in pairs)])


def benched(entry, known):
    """The commands and their tables."""
    return ["```sh", *entry["bench"], "```", "", *known["printed"]]


KINDS = {"fit": (fit, fitted), "run": (once, as_printed), "bench": (bench, benched)}
"""For the first key of an entry: what measures it and yields what is then known of it, from the
command line and what was known before; and what makes lines of the page of that."""


def write_tables(entries, known, page):
    """Puts each entry into the page; one that was never measured says so."""
    text = page.read_text("utf-8")
    for name, entry in entries.items():
        lines = [f"Not measured yet: `python benchmarks/results.py DATA --only {name}`."]
        if name in known:
            lines = KINDS[next(iter(entry))][1](entry, known[name])
        text = with_block(text, name, lines, page)
    Run(page.parent).write(page.name, text)


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


def main(argv=None, home=ROOT):
    """Measures what is asked for; gives 1 where something failed. Missing data are no failure."""
    entries = tomllib.loads((home / "benchmarks" / "results.toml").read_text("utf-8"))
    given = options(__doc__, entries, home / "runs" / "results").parse_args(argv)
    given.out = given.out.resolve()
    status, kept_in, page = 0, Run(home / "benchmarks"), home / "docs" / "results.md"
    for name in [] if given.tables else given.only.split(",") if given.only else entries:
        given.out.mkdir(parents=True, exist_ok=True)
        try:
            if name not in entries:
                raise UnknownName("entry", name, entries)
            measure = KINDS[next(iter(entries[name]))][0]
            before = kept_in.read_json("results.json").get(name, {})
            for found in measure(name, entries[name], given, before):
                known = kept_in.read_json("results.json") | {name: found}
                kept_in.write_json("results.json", known)
                write_tables(entries, known, page)
        except OstinatoError as error:
            print(f"{name}: left out: {error}", file=sys.stderr, flush=True)
            status |= not isinstance(error, DataError)
    write_tables(entries, kept_in.read_json("results.json"), page)
    return status


if __name__ == "__main__":
    sys.exit(main())
