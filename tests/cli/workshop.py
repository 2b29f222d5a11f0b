"""A folder with data and a run of each task, on which commands are tried in this very process."""

import contextlib
import gzip
import io
import lzma
import os
import random
import re
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest
from cyclopts import App

from damage import mutated, resealed
from ostinato.cli import main
from ostinato.cli.compare import Trials
from ostinato.cli.runs import RunOptions
from ostinato.errors import OstinatoError
from ostinato.tasks.transduce import model as transduce
from ostinato.train import checkpoint

TINY = "--model.hidden 4 --train.epochs 1".split()
EMBEDDED = [*TINY, "--model.embedding", "3"]
TEXT = [*TINY, *"--data.streams 2 --data.steps 10".split()]
RUNS = {  # a run: the task, the file that it is trained on, and more words
    "reviews": ("classify", "reviews.csv", EMBEDDED),
    "genres": ("classify", "genres.jsonl", [*EMBEDDED, "--data.separator", "|"]),
    "moves": ("classify", "moves.ts", TINY),
    "stars": ("regress", "stars.csv", EMBEDDED),
    "loads": ("regress", "loads.ts", TINY),
    "names": ("tag", "names.conll", EMBEDDED),
    "trees": ("tag", "trees.conllu", EMBEDDED),
    "prose": ("tag", "prose.txt", EMBEDDED),
    "letters": ("generate", "prose.txt", [*TEXT, "--tokenizer", "char"]),
    "subwords": ("generate", "prose.txt", [*TEXT, "--tokenizer", "bpe"]),
    "pairs": ("transduce", "pairs.csv", TINY),
    "series": ("forecast", "series.csv", [*TINY, "--data.lookback", "5", "--data.horizon", "2"]),
}
TREE = "1\tthe\tthe\tDET\tD\t_\t2\tdet\t_\t_\n2-3\tcats\t_\t_\t_\t_\t_\t_\t_\t_\n"
TREE += "2\tcat\tcat\tNOUN\tN\t_\t0\troot\t_\t_\n3\ts\ts\tPART\tP\t_\t2\tx\t_\tA=1\n\n"
OPTIONS = ["--format text", "--format csv", "--format conllu", "--format x", "--threshold 0.9"]
OPTIONS += ["--best 2", "--beam 2", "--beam 0", "--horizon 0", "--horizon 2", "--length 3"]
OPTIONS += ["--confidence", "--beside", "--alignments", "--max-row 20", "--max-row x"]


def write_data(folder: Path) -> None:
    films = [(f"a {word} film {k}", label) for k in range(6) for word, label in FILMS]
    texts, labels = zip(*films, strict=True)
    csv = "text,label\n" + "".join(f'"{x}",{y}\n' for x, y in films)
    (folder / "reviews.csv").write_text(csv)
    (folder / "reviews.tsv").write_text(csv.replace('"', "").replace(",", "\t"))
    (folder / "reviews.csv.gz").write_bytes(gzip.compress(csv.encode(), mtime=0))
    (folder / "reviews.txt.xz").write_bytes(lzma.compress("\n".join(texts).encode()))
    table = pyarrow.table({"text": texts, "label": labels})
    pyarrow.parquet.write_table(table, folder / "reviews.parquet")
    genres = "".join(f'{{"text": "{x}", "label": "{y}|new"}}\n' for x, y in films)
    (folder / "genres.jsonl").write_text(genres)
    moves = "".join(f"{k},2:1,{k % 2}:{'ab'[k % 2]}\n" for k in range(12))
    (folder / "moves.ts").write_text(f"@classLabel true a b\n@data\n{moves}")
    stars = "".join(f'"{x}",{k % 5 / 2}\n' for k, x in enumerate(texts))
    (folder / "stars.csv").write_text(f"text,target\n{stars}")
    loads = "".join(f"{k},2:1,{k % 2}:{k / 4}\n" for k in range(12))
    (folder / "loads.ts").write_text(f"@targetLabel true\n@data\n{loads}")
    names = "the\tO\ncity\tO\nof\tO\nParis\tB-LOC\n\n-DOCSTART-\tO\n\nin\tO\nRome\tB-LOC\n\n"
    (folder / "names.conll").write_text(names * 6)
    (folder / "trees.conllu").write_text(f"# text = the cats\n{TREE}" * 8)
    (folder / "prose.txt").write_text("To be, or not to be: that IS the question.\n" * 8)
    pairs = "".join(f"a{k}b,b{k}a\n" for k in range(12))
    (folder / "pairs.csv").write_text(f"source,target\n{pairs}")
    days = "".join(f"{date(2024, 1, 1) + timedelta(k)},{k % 7}\n" for k in range(40))
    (folder / "series.csv").write_text(f"time,y\n{days}")


FILMS = [("good", "pos"), ("bad", "neg")]


class Workshop:
    """A folder with data, and a run of each task, on which commands are tried."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        write_data(folder)
        self.files = sorted(path.name for path in folder.iterdir())
        for name, (task, file, words) in RUNS.items():
            done = self.call("fit", task, file, "--out", f"runs/{name}", *words)
            assert done[0] == 0, done
        for name in self.files:  # the same with few rows, for most cases
            raw = (folder / name).read_bytes()
            lines = raw.splitlines(keepends=True)[: 14 if name == "series.csv" else 4]
            packed = name.endswith((".gz", ".xz", ".parquet"))
            (folder / f"short-{name}").write_bytes(raw if packed else b"".join(lines))
        self.spare = folder.with_name("spare")
        self.spare.mkdir()
        tempfile.tempdir = str(self.spare)
        self.before = self.state()

    def call(self, *words: str) -> tuple[int, str, str]:
        """Runs a command: its status, and what it wrote."""
        out, err, status = io.StringIO(), io.StringIO(), 0
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                main(words)
            except SystemExit as end:
                status = int(end.code or 0)
        return status, out.getvalue(), err.getvalue()

    def state(self) -> set[str]:
        """All that lies here, and in the folder for temporary files."""
        both = [*os.walk(self.folder), *os.walk(self.spare)]
        return {os.path.join(inside, name) for inside, _, names in both for name in names}

    def case(self, number: int) -> tuple[list[str], dict[Path, bytes]]:
        """The words of a command, and files with what stands in them now and else does not."""
        draw = random.Random(number)
        run = draw.choice(sorted(RUNS))
        options = ["--skip-bad-rows"] if draw.random() < 0.4 and RUNS[run][0] != "generate" else []
        if draw.random() < 0.1:
            options += draw.choice(OPTIONS).split()
        if draw.random() < 0.5:
            return self._on_a_damaged_run(run, draw)
        return self._on_damaged_data(run, options, draw)

    def _on_a_damaged_run(self, run: str, draw: random.Random) -> tuple[list[str], dict]:
        task, own, _ = RUNS[run]
        folder = self.folder / "runs" / run
        names = sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())
        verb = draw.choice(["predict"] * 14 + ["evaluate"] * 6 + ["like"] * 4 + ["resume"])
        if verb == "resume" and draw.random() < 0.6:
            names = [name for name in names if name.startswith("checkpoints/0")]
        name = draw.choice(names)
        command = ["predict", f"runs/{run}"]
        command += [] if task == "forecast" and draw.random() < 0.5 else [f"short-{own}"]
        match verb:
            case "resume":  # in a copy, in which it may write
                folder = self.folder / "runs/again"
                shutil.copytree(self.folder / "runs" / run, folder)
                command = ["fit", task, own, "--out", "runs/again", "--resume"]
            case "like":
                command = ["fit", "--like", f"runs/{run}", "--out", "runs/new"]
            case "evaluate":
                command = ["evaluate", f"runs/{run}", own]
            case "predict" if task == "generate":
                command = ["generate", f"runs/{run}", "--length", "5"]
        if draw.random() < 0.6:
            return command, resealed(folder, name, draw)
        return command, {folder / name: mutated((folder / name).read_bytes(), draw)}

    def _on_damaged_data(
        self, run: str, options: list[str], draw: random.Random
    ) -> tuple[list[str], dict]:
        task, own, words = RUNS[run]
        file = own if draw.random() < 0.7 else draw.choice(self.files)
        path = self.folder / (f"short-{file}" if draw.random() < 0.6 else file)
        raw = mutated(path.read_bytes(), draw)
        suffix = "".join(Path(file if draw.random() < 0.9 else draw.choice(self.files)).suffixes)
        damaged = self.folder / f"damaged{suffix}"
        verb = draw.choice(["predict", "predict", "evaluate", "fit", "compare", "config"])
        if verb == "config":
            damaged = self.folder / "damaged.toml"
            home = self.folder / "runs" / run
            raw = resealed(home, "config.toml", draw)[home / "config.toml"]
            return ["fit", task, own, "--config", damaged.name], {damaged: raw}
        if verb in ("fit", "compare"):
            options = [o for o in options if verb == "fit" or o != "--skip-bad-rows"]
            command = [verb, task, damaged.name, *words, *options]
        else:
            short = ["--length", "3"] if task == "generate" and verb == "predict" else []
            command = [verb, f"runs/{run}", damaged.name, *short, *options]
        return command, {damaged: raw}

    def check(self, number: int) -> int:
        """Runs a case: its status.

        Raises:
            AssertionError: for anything but an answer, or one clear line.
        """
        words, files = self.case(number)
        was = {path: path.read_bytes() for path in files if path.exists()}
        for path, raw in files.items():
            path.write_bytes(raw)
        signal.signal(signal.SIGALRM, _hangs)
        signal.alarm(120)
        try:
            status, out, err = self.call(*words)
        finally:
            signal.alarm(0)
            for path in files:
                path.unlink(missing_ok=True)
            for path, raw in was.items():
                path.write_bytes(raw)
            shutil.rmtree("runs/again", ignore_errors=True)
        told = f"case {number}: {' '.join(words)}: {status} {out[-200:]} {err[:700]}"
        lines = err.splitlines()
        assert "Traceback" not in err, told
        assert "ostinato: unexpected" not in err, told
        assert status in (0, 1, 2), told
        assert self.state() == self.before, told
        if status:
            assert lines[-1].startswith("ostinato: "), told
            assert [line for line in lines[:-1] if not _aside(line)] == [], told
            assert len(lines[-1]) <= 420, told
        elif words[0] == "evaluate":
            assert not re.search(r"\bnan\b|\binf\b", out), told
        return status


def _aside(line: str) -> bool:
    """Whether a line tells what was read, or left out."""
    known = "skipped|steps?\\b|not in the vocabulary|was trained on this file|none |not finished|"
    known += (
        "an earlier version|continuing from the previous|was created with|learnt but not measured"
    )
    return bool(re.search(known, line))


def _hangs(number: int, frame: object) -> None:
    raise AssertionError("it hangs")


class Stopped(OstinatoError):
    """Reading is done, and training would begin, or is at its first checkpoint."""


def _stop(*arguments: object, **more: object) -> None:
    shutil.rmtree("runs/new", ignore_errors=True)
    raise Stopped("all was read")


def _remembered(parse: Callable[..., Any]) -> Callable[..., Any]:
    """Words mean the same every time, and to find out takes longer than most of the commands."""
    known: dict[Any, Any] = {}

    def parse_args(app: App, words: list[str], **more: Any) -> Any:
        asked = app.default_command, tuple(words)
        if asked not in known:
            known[asked] = parse(app, words, **more)
        return known[asked]

    return parse_args


@contextlib.contextmanager
def opened(folder: Path) -> Iterator[Workshop]:
    """A workshop in a folder, in which commands stop where training would begin."""
    folder.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("COLUMNS", "100")
        patch.setattr(tempfile, "tempdir", None)
        workshop = Workshop(folder)
        train = RunOptions.train
        patch.setattr(
            RunOptions, "train", lambda own, *a, **k: (train if own.resume else _stop)(own, *a, **k)
        )
        patch.setattr(Trials, "run", _stop)
        patch.setattr(checkpoint, "keep", _stop)
        patch.setattr(transduce, "LONGEST", 40)  # symbols of an output; a beam takes its time
        patch.setattr(App, "parse_args", _remembered(App.parse_args))
        yield workshop
