"""Everything that docs/results.md states, measured by one command.

    python benchmarks/results.py DATA [--only imdb,etth1] [--seeds 1,2] [--out runs/results]
    python benchmarks/results.py --tables       # the tables anew from results.json, nothing is run

Each entry is run as a user would run it. Runs, what they printed and how long they took lie in the
folder `--out`: what is finished there is not run again, what was begun goes on. Figures go into
benchmarks/results.json, and from there into docs/results.md, each entry between `<!-- its name -->`
and `<!-- end -->`. Files are looked for by name anywhere below DATA; an entry whose files are
missing is left out.
"""

import argparse
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from ostinato.errors import DataError, OstinatoError, RunError, UnknownName
from ostinato.report.statistics import spread
from ostinato.train import Run
from ostinato.train.run import versions

ROOT = Path(__file__).parent.parent
RATE, FOUR = ".2%", ".4f"
TIMES = {"wall minutes": "wall", "CPU minutes": "cpu"}


@dataclass(frozen=True)
class Place:
    """Where data are looked for, where runs lie, and which seeds are wanted (None: all)."""

    data: Path | None
    out: Path
    seeds: list[int] | None

    def find(self, name):
        """A file below the folder of data, packed or not."""
        if self.data is None:
            raise DataError(f"no {name}, because no folder of data was given")
        for found in (name, f"{name}.xz", f"{name}.gz"):
            for path in sorted(self.data.rglob(found)):
                return str(path.resolve())
        raise DataError(f"no {name} anywhere below {self.data}, nor as .xz or .gz")

    def command(self, words):
        """A command line as the words of a process."""
        own = {"ostinato": [sys.executable, "-m", "ostinato"], "python": [sys.executable]}
        for word in words.split():
            if word.startswith("DATA/"):
                yield self.find(word.removeprefix("DATA/"))
            elif word.startswith(("recipes/", "benchmarks/")):
                yield str(ROOT / word)
            else:
                yield from own.get(word, [word])

    def run(self, words):
        """Runs a command to its end, in the folder of runs; what it prints."""
        environment = os.environ | {"COLUMNS": "200"}
        done = subprocess.run(
            [*self.command(words)], cwd=self.out, env=environment, stdout=subprocess.PIPE, text=True
        )
        if done.returncode:
            raise RunError(f"`{words}` ended with status {done.returncode}; its last lines say why")
        return done.stdout

    def kept(self, name, *lines, whole=True):
        """What commands printed and took: from NAME.json, which is written when they have ended.

        Seconds are those of the first command, and None where it only went on with a run.
        """
        self.out.mkdir(parents=True, exist_ok=True)
        if not (self.out / f"{name}.json").exists():
            print(f"{name}: {lines[0]}", file=sys.stderr, flush=True)
            began, cpu = time.perf_counter(), _cpu_seconds()
            printed = self.run(lines[0])
            wall, cpu = time.perf_counter() - began, _cpu_seconds() - cpu
            record = {
                "wall": round(wall, 1) if whole else None,
                "cpu": round(cpu, 1) if whole else None,
                "cores": os.cpu_count(),
                "date": time.strftime("%Y-%m-%d", time.gmtime()),
                "versions": versions(),
                "printed": [*printed.splitlines(), *self.run_all(lines[1:])],
            }
            Run(self.out).write_json(f"{name}.json", record)
        return Run(self.out).read_json(f"{name}.json")

    def run_all(self, lines):
        """What several commands print, one after the other."""
        return [line for words in lines for line in self.run(words).splitlines()]


def _cpu_seconds():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@dataclass(frozen=True)
class Fit:
    """A recipe, trained with several seeds; a table of its figures.

    Attributes:
        words: what follows `ostinato fit`; a file is DATA/name.
        settings: its settings, which a run that goes on has already.
        figures: for each title how the figure is found in what was printed, and its format.
        seeds: the seeds.
        evaluate: data that `ostinato evaluate` measures the run on afterwards.
    """

    words: str
    settings: str
    figures: dict[str, tuple[str, str]]
    seeds: tuple[int, ...] = (0, 1, 2)
    evaluate: str = ""

    def measure(self, name, place, known):
        """Measures the seeds; gives what is known of all of them after each."""
        for seed in self.seeds:
            if place.seeds is None or seed in place.seeds:
                known = known | {str(seed): self._one(f"{name}-{seed}", seed, place)}
                yield known

    def _one(self, run, seed, place):
        folder = place.out / run
        begun = (folder / "config.toml").exists()
        if not begun and not (place.out / f"{run}.json").exists():
            shutil.rmtree(folder, ignore_errors=True)  # killed before it had any settings
        how = "--resume" if begun else f"{self.settings} --seed {seed}"
        lines = [f"ostinato fit {self.words} {how} --out {run}"]
        lines += [f"ostinato evaluate {run} {self.evaluate}"] * bool(self.evaluate)
        record = place.kept(run, *lines, whole=not begun)
        printed = "\n".join(record.pop("printed"))
        manifest = Run(folder).read_json("manifest.json")
        figures = {
            title: _read(run, title, find, printed) for title, (find, _) in self.figures.items()
        }
        return {"figures": figures, **record, "threads": manifest["threads"]}

    def block(self, known):
        """The command and the table."""
        seeds = sorted(known, key=int)
        command = f"ostinato fit {self.words} {self.settings}".replace("DATA/", "").rstrip()
        head = ["", *(f"seed {seed}" for seed in seeds)]
        head += ["mean", "deviation"] * (len(seeds) > 1)
        lines = ["```sh", f"{command} --seed {seeds[0]}", "```", "", _row(head)]
        lines.append(_row(["---", *["---:"] * (len(head) - 1)]))
        for title, (_, form) in self.figures.items():
            lines.append(_figures(title, [known[s]["figures"].get(title) for s in seeds], form))
        for title, key in TIMES.items():
            times = [known[s][key] and known[s][key] / 60 for s in seeds]
            lines.append(_figures(title, times, ".3g"))
        told = dict.fromkeys(_circumstances(known[seed]) for seed in seeds)
        return [*lines, "", f"Measured {'; '.join(told)}."]


def _read(run, title, pattern, printed):
    found = re.findall(pattern, printed, re.MULTILINE)
    if not found:
        raise DataError(f"{run}: no {title!r} in what it printed; remove {run}.json to run it anew")
    return float(found[-1].rstrip("%")) / (100 if found[-1].endswith("%") else 1)


def _figures(title, values, form):
    """A row: the value of each seed, then mean and deviation where there are several."""
    known = [value for value in values if value is not None]
    if len(values) > 1:
        mean, deviation, *_ = spread(known) if len(known) > 1 else (None, None)
        values = [*values, mean, deviation]
    return _row([title, *("–" if value is None else format(value, form) for value in values)])


def _row(fields):
    return f"| {' | '.join(fields)} |"


def _circumstances(record):
    made = record["versions"]
    threads = record.get("threads")
    parts = [record["date"], f"ostinato {made['ostinato']}", f"torch {made['torch']}"]
    parts += [f"{threads} thread{'s' * (threads > 1)}"] if threads else []
    return ", ".join([*parts, f"{record['cores']} cores"])


@dataclass(frozen=True)
class Printed:
    """A command whose output goes into the page as it is.

    Attributes:
        words: the command.
        fence: what stands before and after the output.
    """

    words: str
    fence: str = ""

    def measure(self, name, place, known):
        """Runs the command."""
        yield place.kept(name, self.words)

    def block(self, known):
        """The command and what it printed."""
        printed = [line.rstrip() for line in known["printed"]]
        command = ["```sh", self.words, "```", ""]
        fence = [self.fence] if self.fence else []
        return [*command, *fence, *printed, *fence, "", f"Measured {_circumstances(known)}."]


@dataclass(frozen=True)
class Speed:
    """Several `ostinato bench`; the last compares one thread with two."""

    commands: tuple[str, ...]

    def measure(self, name, place, known):
        """Runs the commands; the tables of their pages, the machine as the first one tells it."""
        lines = []
        for number, words in enumerate(self.commands, 1):
            folder = place.out / f"{name}-{number}"
            if not (place.out / f"{folder.name}.json").exists():
                shutil.rmtree(folder, ignore_errors=True)  # it was stopped, and cannot go on
            place.kept(folder.name, f"{words} --out {folder.name}")
            page = (folder / "bench.md").read_text("utf-8").splitlines()
            first = next(k for k, line in enumerate(page) if line.startswith("## "))
            if number < len(self.commands):
                lines += page[2:] if number == 1 else page[first:]
                lines.append("")
        results = json.loads((folder / "bench.json").read_text("utf-8"))["results"]
        lines = [f"#{line}" if line.startswith("## ") else line for line in lines]
        yield {"printed": [*lines, "### Two threads over one", "", *two_threads(results)]}

    def block(self, known):
        """The commands and their tables."""
        return ["```sh", *self.commands, "```", "", *known["printed"]]


def two_threads(results):
    """A table: for each cell and size the time on one thread over that on two."""
    best = {}
    for result in results:
        for entry in result["contestants"]:
            if entry["milliseconds"] and entry["name"] not in ("ostinato aten", "ostinato torch"):
                case = result["cell"], "×".join(map(str, result["shape"].values()))
                key = *case, entry["ours"], result["threads"]
                best[key] = min(entry["milliseconds"], best.get(key, float("inf")))
    yield _row(["cell", "sizes", "fastest of PyTorch", "ostinato native"])
    yield _row(["---", "---", "---:", "---:"])
    for cell, size in dict.fromkeys(key[:2] for key in best):
        pairs = [[best.get((cell, size, ours, n)) for n in (1, 2)] for ours in (False, True)]
        yield _row([cell, size, *(f"{a / b:.2f}" if a and b else "–" for a, b in pairs)])


NUMBER = r"([\d.]+%?)"


def _forecast(who):
    """MSE and what follows it in a row of the table of the test part."""
    names = ["MSE", "MAE", "MASE", "pinball loss"]
    names += ["in the 80 % band"] if who == "gru" else []
    of = "" if who == "gru" else ", seasonal naive"
    return {
        name + of: (
            rf"(?s)^ *test: .*?^ *{who} +(?:\S+ +){{{k}}}{NUMBER}",
            ".1%" if "%" in name else FOUR,
        )
        for k, name in enumerate(names)
    }


TAG = {"each word's most frequent tag": (rf"^ *each word's most frequent tag +{NUMBER}", RATE)}
ENTRIES = {
    "imdb": Fit(
        "classify imdb",
        "--config recipes/imdb.toml",
        {"accuracy": (f"^test accuracy {NUMBER}", RATE)},
    ),
    "imdb-best": Fit(
        "classify imdb",
        "--config recipes/imdb-best.toml",
        {
            "linear baseline: tf-idf of words and pairs": (
                f"^alone:.* linear baseline {NUMBER}",
                RATE,
            ),
            "twelve GRUs, averaged": (f"^alone:.* network {NUMBER}", RATE),
            "linear model of n-grams on weights of naive Bayes": (
                f"^alone:.* linear model {NUMBER}",
                RATE,
            ),
            "GRUs and linear model together": (f"^test accuracy {NUMBER}", RATE),
        },
    ),
    "shakespeare": Fit(
        "generate DATA/input.txt",
        "--config recipes/shakespeare.toml",
        {
            "nats a character": (f"^Held-out part of the text: {NUMBER} nats", ".3f"),
            "6-grams, Kneser-Ney": (f"^6-gram baseline .*?: {NUMBER} nats", ".3f"),
        },
    ),
    "conll2003": Fit(
        "tag DATA/eng.train",
        "--data.validation DATA/eng.testa --config recipes/conll2003.toml",
        TAG
        | {
            "F1 of entities": (f"^f1 {NUMBER}", RATE),
            "precision": (f"^precision {NUMBER}", RATE),
            "recall": (f"^recall {NUMBER}", RATE),
        },
        evaluate="DATA/eng.testa",
    ),
    "ud-english-ewt": Fit(
        "tag DATA/en_ewt-ud-train.conllu",
        "--data.validation DATA/en_ewt-ud-dev.conllu --config recipes/ud-english-ewt.toml",
        TAG | {"accuracy of words": (f"^accuracy {NUMBER}", RATE)},
        evaluate="DATA/en_ewt-ud-dev.conllu",
    ),
    "dates": Fit(
        "transduce dates",
        "",
        {"dates that are right": (rf"(?s)^On the test part:.*?^exact_match {NUMBER}", RATE)},
    ),
    "cmudict": Fit(
        "transduce DATA/cmudict-0.7b.train-dev-20-21 --validation DATA/cmudict-0.7b.train-dev-1-21",
        "--config recipes/cmudict.toml",
        {
            "words that are wrong": (f"^sequence_error_rate {NUMBER}", RATE),
            "phones that are wrong": (f"^token_error_rate {NUMBER}", RATE),
        },
        seeds=(0,),
    ),
    "multi30k": Fit(
        "transduce DATA/train.de DATA/train.en --validation DATA/val.de DATA/val.en",
        "--config recipes/multi30k.toml",
        {"BLEU": (f"^bleu {NUMBER}", ".2f"), "chrF": (f"^chrf {NUMBER}", ".2f")},
        seeds=(0,),
    ),
    "etth1": Fit(
        "forecast DATA/ETTh1.csv",
        "--config recipes/etth1.toml",
        _forecast("gru") | _forecast(r"naive, \d+ steps ago"),
    ),
    "japanese_vowels": Fit(
        "classify japanese_vowels",
        "--config recipes/japanese_vowels.toml",
        {"accuracy": (f"^test accuracy {NUMBER}", RATE)},
    ),
    "recall-adding": Printed("ostinato recall adding --out adding.html", "```text"),
    "recall-copying": Printed("ostinato recall copying --out copying.html", "```text"),
    "crf": Printed("python benchmarks/crf.py"),
    "speed": Speed(
        (
            "ostinato bench lstm gru rnn --lines dense,ragged --threads 2 --repeat 4 "
            "--peers torch,jax,keras",
            "ostinato bench layer_norm_lstm --lines dense --threads 2 --repeat 3 "
            "--peers jax,torch_loop",
            "ostinato bench lstm gru --lines characters,reviews,step,short --threads 2 --repeat 4 "
            "--peers torch,jax,onnxruntime",
            "ostinato bench lstm gru --lines memory --threads 2 --repeat 2 --peers torch",
            "ostinato bench lstm gru rnn layer_norm_lstm --lines dense --threads 1,2 --repeat 3 "
            "--peers torch",
        )
    ),
}


def write_tables(home, entries):
    """Puts each entry's block into the page; what was not measured says so."""
    known = _known(home)
    page = home / "docs" / "results.md"
    text = before = page.read_text("utf-8")
    for name, entry in entries.items():
        none = f"Not measured yet: `python benchmarks/results.py DATA --only {name}`."
        block = "\n".join(entry.block(known[name]) if name in known else [none])
        marks = rf"(<!-- {re.escape(name)} -->\n).*?(<!-- end -->)"
        text, found = re.subn(marks, lambda m, b=block: f"{m[1]}\n{b}\n\n{m[2]}", text, flags=re.S)
        if found != 1:
            raise DataError(f"{page}: <!-- {name} --> … <!-- end --> stands there {found} times")
    if text != before:
        Run(page.parent).write(page.name, text)


def _known(home):
    return Run(home / "benchmarks").read_json("results.json")


def main(argv=None, entries=ENTRIES, home=ROOT):
    """Runs what is asked for; gives 1 where a command failed. Missing data are no failure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", nargs="?", type=Path, help="the folder below which files are")
    parser.add_argument("--only", metavar="NAME,…", help=f"of {', '.join(entries)}")
    parser.add_argument("--seeds", metavar="K,…", help="of the seeds of an entry, these")
    parser.add_argument("--out", type=Path, default=ROOT / "runs" / "results", help="for the runs")
    parser.add_argument("--tables", action="store_true", help="run nothing")
    given = parser.parse_args(argv)
    seeds = [int(seed) for seed in given.seeds.split(",")] if given.seeds else None
    place = Place(given.data, given.out.resolve(), seeds)
    status = 0
    for name in [] if given.tables else given.only.split(",") if given.only else entries:
        try:
            if name not in entries:
                raise UnknownName("entry", name, entries)
            for found in entries[name].measure(name, place, _known(home).get(name, {})):
                Run(home / "benchmarks").write_json("results.json", _known(home) | {name: found})
                write_tables(home, entries)
        except OstinatoError as error:
            print(f"{name}: left out: {error}", file=sys.stderr, flush=True)
            status |= not isinstance(error, DataError)
    write_tables(home, entries)
    return status


if __name__ == "__main__":
    sys.exit(main())
