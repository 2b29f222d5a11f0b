"""What `ostinato fit` gives by its defaults, beside the obvious alternative on the same split.

    python benchmarks/defaults.py DATA [--only names18,films] [--seeds 0] [--out runs/defaults]
    python benchmarks/defaults.py DATA --quick      # small parts, one epoch: does it work at all?
    python benchmarks/defaults.py --tables          # the table anew from defaults.json

benchmarks/defaults.toml defines the entries, splits.py makes their files, alternatives/ has what
else one would try. As with results.py, finished runs are not repeated and interrupted ones
continue. Figures are stored in defaults.json, from which the table of docs/results.md is written.
"""

import re
import sys
import time
import tomllib
from importlib import import_module

import splits
from alternatives import series
from measuring import NUMBER, ROOT, conditions, find, kept, options, row, trained, with_block
from ostinato.errors import DataError, OstinatoError, RunError, UnknownName
from ostinato.statistics import spread
from ostinato.train import Run

SEEDS = 0, 1, 2
QUICK = 400
"""Records of a part that only tries the program."""
FORMS = {"accuracy": ".1%", "f1": ".1%", "token_error_rate": ".1%", "bits": ".3f", "bleu": ".1f"}
"""How the figures of a measure are written; others have three digits."""
ARROWS = {True: "↓", False: "↑"}


def files(name, entry, given):
    """The training and the test file of an entry, which are written where they are not there yet.

    Raises:
        DataError: when a file or a package is missing.
    """
    folder = given.out / "data" / name
    if not folder.exists():
        function, *words = entry["set"].split()
        split = getattr(splits, function)(lambda file: find(file, given.data), *words)
        (split.cut(QUICK) if given.quick else split).write(folder)
    return tuple(next(folder.glob(f"{part}.*")) for part in ("train", "test"))


def fit(name, entry, given, seed):
    """Trains with the defaults; the record of the run, with the figure on the test part."""
    train, test = files(name, entry, given)
    task, *words = entry["fit"].split()
    words = [task, str(train), *words, f"--seed {seed}", *["--train.epochs 1"] * given.quick]
    record = trained(f"{name}-{seed}", " ".join(words), given)
    record.pop("printed")
    return record | {"figure": _tested(f"{name}-{seed}", entry, given, train, test)}


def _tested(run, entry, given, train, test):
    if entry["measure"] == "MAE":

        def forecast(path, steps):
            name = f"{run}-{path.stem}"
            lines = kept(name, [f"ostinato predict {run} {path}"], given)["printed"]
            at = lines[0].split(",").index("forecast")
            return [float(line.split(",")[at]) for line in lines[1 : steps + 1]]

        return series.error(train, test, forecast)
    lines = kept(f"{run}-test", [f"ostinato evaluate {run} {test}"], given)["printed"]
    found = re.findall(rf"^{entry['measure']} {NUMBER}", "\n".join(lines), re.MULTILINE)
    if not found:
        raise RunError(f"{run}: `ostinato evaluate` printed no {entry['measure']}")
    return float(found[0].rstrip("%")) / (100 if "%" in found[0] else 1)


def alternative(name, entry, given, which):
    """Its figure on the same files, and how many seconds it took.

    Raises:
        DataError: when a package is missing.
    """
    file = f"{name}-{which}.json"
    if not (given.out / file).exists():
        paths = files(name, entry, given)
        print(f"{which} on {name}", file=sys.stderr, flush=True)
        began = time.perf_counter()
        try:
            figure = _function(which)(*paths, entry["measure"])
        except ModuleNotFoundError as error:
            raise DataError(f"{which}: {error}; pip install -e '.[bench]'") from error
        Run(given.out).write_json(file, {"figure": figure, "wall": time.perf_counter() - began})
    return Run(given.out).read_json(file)


def _function(which):
    module, function = which.split(".")
    return getattr(import_module(f"alternatives.{module}"), function)


def measure(name, entry, given, known):
    """Measures an entry; yields after each step what is known of it."""
    known = {"alternatives": {}, "seeds": {}} | known
    for which in entry["alternatives"]:
        known["alternatives"][which] = alternative(name, entry, given, which)
        yield known
    for seed in given.seeds or SEEDS:
        known["seeds"][str(seed)] = fit(name, entry, given, seed)
        yield known


def table(entries, known):
    """The lines of the page: a row for each entry, reasons, and where it was measured."""
    head = ["data", "measure", "defaults", "deviation", "alternative", "best", "reached", "CPU"]
    rows = [row(head), row(["---", "---", "---:", "---:", "---", "---:", "---", "---:"])]
    reasons, machines = [], {}
    for name, entry in entries.items():
        found = known.get(name, {})
        rows.append(row(_fields(entry, found)))
        machines |= dict.fromkeys(map(conditions, found.get("seeds", {}).values()))
        if "why" in entry and _reached(entry, found) is False:
            reasons.append(f"- {entry['title']}: {entry['why']}")
    return [*rows, *[""] * bool(reasons), *reasons, "", *(machines or ["Not measured yet."])]


def _figures(found):
    return [record["figure"] for record in found.get("seeds", {}).values()]


def _best(entry, found):
    """The best alternative and its figure; None where none was measured."""
    pairs = [(record["figure"], name) for name, record in found.get("alternatives", {}).items()]
    return (min if entry.get("lower") else max)(pairs, default=None)


def _reached(entry, found):
    """Whether the mean is at or above the best alternative; None where that is not known."""
    figures, best = _figures(found), _best(entry, found)
    if not figures or best is None:
        return None
    mean = spread(figures)[0] if len(figures) > 1 else figures[0]
    return mean <= best[0] if entry.get("lower") else mean >= best[0]


def _fields(entry, found):
    form = FORMS.get(entry["measure"], ".3g")
    figures, best = _figures(found), _best(entry, found)
    mean, deviation = spread(figures)[:2] if len(figures) > 1 else ([*figures, None][0], None)
    spent = [record["cpu"] for record in found.get("seeds", {}).values() if record["cpu"]]
    reached = {None: "–", True: "yes", False: "no"}[_reached(entry, found)]
    task = entry["fit"].split()[0]
    return [
        f"{entry['title']} (`{task}`)",
        f"{entry['measure'].replace('_', ' ')} {ARROWS[entry.get('lower', False)]}",
        *("–" if value is None else format(value, form) for value in (mean, deviation)),
        _function(best[1]).__doc__.splitlines()[0].rstrip(".") if best else "–",
        format(best[0], form) if best else "–",
        reached,
        f"{sum(spent) / len(spent) / 60:.1f}" if spent else "–",
    ]


def main(argv=None, home=ROOT):
    """Measures what is asked for; gives 1 where something failed. Missing data are no failure."""
    entries = tomllib.loads((home / "benchmarks" / "defaults.toml").read_text("utf-8"))
    parser = options(__doc__, entries, home / "runs" / "defaults")
    parser.add_argument("--quick", action="store_true", help="try it; nothing goes into the page")
    given = parser.parse_args(argv)
    given.out = given.out.resolve() / ("quick" if given.quick else "")
    kept_in, page = Run(home / "benchmarks"), home / "docs" / "results.md"
    known, status = {} if given.quick else kept_in.read_json("defaults.json"), 0

    def write():
        if not given.quick:
            kept_in.write_json("defaults.json", known)
            text = with_block(page.read_text("utf-8"), "defaults", table(entries, known), page)
            Run(page.parent).write(page.name, text)

    for name in [] if given.tables else given.only.split(",") if given.only else entries:
        given.out.mkdir(parents=True, exist_ok=True)
        try:
            if name not in entries:
                raise UnknownName("entry", name, entries)
            for found in measure(name, entries[name], given, known.get(name, {})):
                known[name] = found
                write()
        except OstinatoError as error:
            print(f"{name}: left out: {error}", file=sys.stderr, flush=True)
            status |= not isinstance(error, DataError)
    write()
    if given.quick:
        print("\n".join(table({name: entries[name] for name in known}, known)))
    return status


if __name__ == "__main__":
    sys.exit(main())
