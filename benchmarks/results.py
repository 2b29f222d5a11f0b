"""Everything that docs/results.md states, measured by one command.

    python benchmarks/results.py DATA [--only imdb,etth1] [--seeds 1,2] [--out runs/results]
    python benchmarks/results.py --tables       # the tables anew from results.json, nothing is run

benchmarks/results.toml defines the entries. Each is run as a user would run it; runs, their output
and their times are in the folder `--out`. Finished runs are not repeated, interrupted ones
continue. Figures are stored in benchmarks/results.json, from which the page is written.
"""

import re
import sys
import tomllib

from measuring import NUMBER, ROOT, conditions, kept, options, row, trained, with_block
from ostinato.errors import DataError, OstinatoError, RunError, UnknownName
from ostinato.statistics import spread
from ostinato.train import Run

MINUTES = {"wall minutes": "wall", "CPU minutes": "cpu"}


def fit(name, entry, given, known):
    """Trains with each seed; yields after each what is known of all of them."""
    for seed in entry.get("seeds", (0, 1, 2)):
        if given.seeds is None or seed in given.seeds:
            known = known | {str(seed): _fit(f"{name}-{seed}", entry, given, seed)}
            yield known


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
