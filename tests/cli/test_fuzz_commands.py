"""Whole commands on damaged data and damaged runs: an answer, or one clear line; nothing else.

Every case follows from its number alone: `case(7)` is the same case for ever.
"""

import contextlib
import gzip
import io
import json
import lzma
import random
import re
import shutil
import signal
import tempfile
from datetime import date, timedelta
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest
import torch
from safetensors.torch import load_file, save_file

from ostinato.cli import main
from ostinato.cli.runs import RunOptions
from ostinato.cli.trials import Trials
from ostinato.data import tokenizer
from ostinato.errors import DataError, OstinatoError

TINY = "--model.hidden 4 --train.epochs 1".split()
EMBEDDED = [*TINY, "--model.embedding", "3"]
TEXT = [*TINY, *"--data.streams 2 --data.steps 10".split()]
RUNS = {  # a run: the task, the file that it is trained on, and more words
    "reviews": ("classify", "reviews.csv", EMBEDDED),
    "genres": ("classify", "genres.jsonl", [*EMBEDDED, "--data.separator", "|"]),
    "moves": ("classify", "moves.ts", TINY),
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
TOKENS = [b'"', b",", b"\n", b"\r", b"\t", b"\0", b"\xff", b"{", b"}", b"[", b"null", b"\\ud800"]
TOKENS += [b"\xef\xbb\xbf", b"PAR1", b"\x1f\x8b", b"1e999", b" ", b"\xc3", "\u2028".encode()]
TOKENS += [b"-1", b"nan", b"1_0", "１".encode(), b"9" * 5000, b"#", b":", b"-", b"@", b"Infinity"]
TOKENS += ["\u0301".encode() * 50, "Ⅷ".encode(), b"\n\n", b"x" * 3000, b"true", b"99999999999"]
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
    names = "the\tO\ncity\tO\nof\tO\nParis\tB-LOC\n\n-DOCSTART-\tO\n\nin\tO\nRome\tB-LOC\n\n"
    (folder / "names.conll").write_text(names * 6)
    (folder / "trees.conllu").write_text(f"# text = the cats\n{TREE}" * 8)
    (folder / "prose.txt").write_text("To be, or not to be: that IS the question.\n" * 8)
    pairs = "".join(f"a{k}b,b{k}a\n" for k in range(12))
    (folder / "pairs.csv").write_text(f"source,target\n{pairs}")
    days = "".join(f"{date(2024, 1, 1) + timedelta(k)},{k % 7}\n" for k in range(40))
    (folder / "series.csv").write_text(f"time,y\n{days}")


FILMS = [("good", "pos"), ("bad", "neg")]


def mutated(raw: bytes, draw: random.Random) -> bytes:
    """Bytes, fields, lines, the encoding or the packing changed, in a few places."""
    for _ in range(draw.choice([1, 1, 2, 5])):
        at = draw.randint(0, len(raw))
        to = min(len(raw), at + draw.choice([1, 2, 8, 64]))
        match draw.randrange(9):
            case 0:
                raw = raw[:at]
            case 1:
                raw = raw[:at] + raw[to:]
            case 2 | 3:
                raw = raw[:at] + draw.choice(TOKENS) + raw[at:]
            case 4:
                raw = raw[:at] + draw.choice(TOKENS) + raw[to:]
            case 5:
                raw = raw[:at] + draw.randbytes(to - at) + raw[to:]
            case 6 if at < len(raw):
                raw = raw[:at] + bytes([raw[at] ^ (1 << draw.randrange(8))]) + raw[at + 1 :]
            case 7:
                lines = raw.splitlines(keepends=True)
                draw.shuffle(lines)
                raw = b"".join(lines[: draw.randint(0, len(lines))])
            case 8 if draw.random() < 0.2:
                text = raw.decode("utf-8", "replace")
                raw = draw.choice([gzip.compress(raw), text.encode("utf-16"), b"", raw[:1] * 2000])
    return raw


class Workshop:
    """A folder with data, and a run of each task, on which commands are tried."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        write_data(folder)
        self.files = sorted(path.name for path in folder.iterdir())
        for name, (task, file, words) in RUNS.items():
            done = self.call("fit", task, file, "--out", f"runs/{name}", *words)
            assert done[0] == 0, done
        self.spare = folder.with_name("spare")
        self.spare.mkdir()
        tempfile.tempdir = str(self.spare)

    def call(self, *words: str) -> tuple[int, str, str]:
        """Runs a command: its status, and what it wrote."""
        out, err, status = io.StringIO(), io.StringIO(), 0
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                main(words)
            except SystemExit as end:
                status = int(end.code or 0)
        return status, out.getvalue(), err.getvalue()

    def state(self) -> list[str]:
        """All that lies here, and in the folder for temporary files."""
        both = [*self.folder.rglob("*"), *self.spare.rglob("*")]
        return sorted(map(str, both))

    def case(self, number: int) -> tuple[list[str], Path, bytes]:
        """The words of a command, and a file with what stands in it now and else does not."""
        draw = random.Random(number)
        run = draw.choice(sorted(RUNS))
        task, own, words = RUNS[run]
        options = ["--skip-bad-rows"] if draw.random() < 0.4 and task != "generate" else []
        if draw.random() < 0.15:
            options += draw.choice(OPTIONS).split()
        if draw.random() < 0.35:
            inside = sorted(p for p in (self.folder / "runs" / run).rglob("*") if _is_read(p))
            path = draw.choice(inside)
            command = ["predict", f"runs/{run}"]
            command += [] if task == "forecast" and draw.random() < 0.5 else [f"short-{own}"]
            if task == "generate":
                command = ["generate", f"runs/{run}", "--length", "5"]
            elif draw.random() < 0.3:
                command = ["evaluate", f"runs/{run}", own]
            return command, path, mutated(path.read_bytes(), draw)
        file = own if draw.random() < 0.7 else draw.choice(self.files)
        raw = (self.folder / file).read_bytes()
        if draw.random() < 0.6:
            raw = (self.folder / f"short-{file}").read_bytes()
        suffix = "".join(Path(file if draw.random() < 0.9 else draw.choice(self.files)).suffixes)
        path = self.folder / f"damaged{suffix}"
        verb = draw.choice(["predict", "predict", "evaluate", "fit", "compare"])
        if verb in ("fit", "compare"):
            options = [o for o in options if verb == "fit" or o != "--skip-bad-rows"]
            more = [w for w in words if w not in ("--train.epochs", "1")]
            command = [verb, task, path.name, *more, "--train.epochs", "1", *options]
        else:
            short = ["--length", "3"] if task == "generate" and verb == "predict" else []
            command = [verb, f"runs/{run}", path.name, *short, *options]
        return command, path, mutated(raw, draw)

    def check(self, number: int) -> int:
        """Runs a case: its status.

        Raises:
            AssertionError: for anything but an answer, or one clear line.
        """
        words, path, raw = self.case(number)
        before, was = self.state(), path.read_bytes() if path.exists() else None
        path.write_bytes(raw)
        signal.signal(signal.SIGALRM, _hangs)
        signal.alarm(120)
        try:
            status, out, err = self.call(*words)
        finally:
            signal.alarm(0)
            if was is None:
                path.unlink()
            else:
                path.write_bytes(was)
        told = f"case {number}: {' '.join(words)}: {status} {out[-300:]} {err[-600:]}"
        lines = err.splitlines()
        assert "Traceback" not in err, told
        assert "ostinato: unexpected" not in err, told
        assert status in (0, 1, 2), told
        assert self.state() == before, told
        if status:
            assert lines[-1].startswith("ostinato: "), told
            assert [line for line in lines[:-1] if not _aside(line)] == [], told
            assert len(lines[-1]) <= 420, told
        elif words[0] == "evaluate":
            assert not re.search(r"\bnan\b|\binf\b", out), told
        return status


def _aside(line: str) -> bool:
    """Whether a line tells what was read, or left out."""
    return bool(
        re.search(r"left out|steps?\b|not known from training|was trained on it|none ", line)
    )


def _is_read(path: Path) -> bool:
    """Whether it is a file of a run that commands read; graphs have a fuzz of their own."""
    return path.is_file() and path.name != "cell.json"


def _hangs(number: int, frame: object) -> None:
    raise AssertionError("it hangs")


class Stopped(OstinatoError):
    """Reading is done, and training would begin."""


def _stop(self, *arguments: object, **more: object) -> None:
    if (folder := Path("runs/new")).exists():
        shutil.rmtree(folder)
    raise Stopped("all was read")


@pytest.fixture(scope="module")
def workshop(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fuzz") / "work"
    folder.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("COLUMNS", "100")
        patch.setattr(tempfile, "tempdir", None)
        workshop = Workshop(folder)
        for name in workshop.files:
            raw = (folder / name).read_bytes()
            lines = raw.splitlines(keepends=True)[: 14 if name == "series.csv" else 4]
            packed = name.endswith((".gz", ".xz", ".parquet"))
            (folder / f"short-{name}").write_bytes(raw if packed else b"".join(lines))
        patch.setattr(RunOptions, "train", _stop)
        patch.setattr(Trials, "run", _stop)
        yield workshop


def test_commands_answer_or_say_what_is_wrong(workshop):
    assert {workshop.check(number) for number in range(200)} == {0, 1, 2}


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_thousands_of_commands(workshop):
    for number in range(200, 20_000):
        workshop.check(number)


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("weight", [float("nan"), float("inf"), 3e38])
def test_no_answer_is_given_that_is_not_finite(workshop, run, weight):
    """Weights are refused where they are read, and outputs where they come out of the network."""
    file = RUNS[run][1]
    path = workshop.folder / "runs" / run / "model.safetensors"
    was = path.read_bytes()
    tensors = load_file(path)
    save_file({name: torch.full_like(tensor, weight) for name, tensor in tensors.items()}, path)
    for words in (["predict", f"runs/{run}", file], ["evaluate", f"runs/{run}", file]):
        status, out, err = workshop.call(*words)
        if weight < 1e39 and status == 0:  # tanh of the largest numbers is 1, and no more
            assert not re.search(r"\bnan\b|\binf\b", out), out
        else:
            assert status == 1
            assert re.search("not finite|no finite number|checksum|SHA-256", err), err
            assert not re.search(r"\bnan\b", out)
    path.write_bytes(was)


WRONG = {
    "evaluate runs/pairs prose.txt --format text": "plain text has one column, and 'source', 'ta",
    "fit transduce prose.txt --format text": "plain text has one column, and 'source', 'target'",
    "predict runs/pairs moves.ts": "texts are needed here, no .ts file",
    "predict runs/pairs moves.ts --skip-bad-rows": "texts are needed here, no .ts file",
    "predict runs/reviews moves.ts --skip-bad-rows": "texts are needed here, no .ts file",
    "predict runs/letters moves.ts": "texts are needed here, no .ts file",
    "predict runs/moves reviews.csv": "series of numbers are needed here, a .ts file",
    "predict runs/reviews reviews.csv --max-row 10": "line 1: a line of more than 10 characters",
    "predict runs/reviews reviews.csv --max-row=0": "--max-row '0': give a whole number from 1 on",
    "--max-expansion": "--max-expansion '': give a whole number from 1 on",
    "predict runs/reviews reviews.csv --max-row 1_0": "--max-row '1_0': give a whole number",
}


@pytest.mark.parametrize("words", WRONG)
def test_what_does_not_fit_is_said(workshop, words):
    status, out, err = workshop.call(*words.split())
    assert (status, out) == (1, "")
    assert WRONG[words] in err
    assert len(err.splitlines()) == 1


def test_a_tagger_writes_to_a_stream_of_text(workshop):
    status, out, err = workshop.call("predict", "runs/names", "names.conll")
    assert (status, err) == (0, "")
    assert len(out.splitlines()) == len((workshop.folder / "names.conll").read_text().splitlines())


@pytest.mark.parametrize("merges", [None, [["a", "t"], ["at", "zz"]], [["<unk>", "x"]], "x", 3])
def test_a_tokenizer_that_would_panic_is_refused(workshop, merges, capfd):
    path = workshop.folder / "runs/subwords/tokenizer.json"
    was = path.read_text()
    state = json.loads(was)
    longest = max(state["model"]["vocab"], key=len)  # what is longer still is met by a panic
    state["model"]["merges"] = [[longest, longest]] if merges is None else merges
    path.write_text(json.dumps(state))
    status, _, err = workshop.call("generate", "runs/subwords", "--length", "3")
    path.write_text(was)
    assert status == 1
    assert re.match("ostinato: runs/subwords", err)
    assert len(err.splitlines()) == 1
    assert capfd.readouterr() == ("", "")  # the library writes of its panics by itself


def test_a_panic_is_an_error_like_any_other():
    class PanicException(BaseException):
        pass

    class Panics:
        def encode(self, *arguments, **more):
            raise PanicException("range end index 6\nout of range")

    trained = tokenizer("bpe").train(["a b a b"], 5)
    trained._trained = Panics()
    with pytest.raises(DataError, match="cannot be split into subwords: range end index 6 out of"):
        trained.split("a b")
