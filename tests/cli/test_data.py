"""Data of many kinds, good and bad, at the command line."""

import gzip
import json
import re

import pytest

SMALL = "--model.hidden 8 --model.embedding 8 --train.epochs 2 --data.batch-tokens 200".split()
BAD = b"text,label\na good film,pos\n ,neg\na bad film,neg\nb\xff,neg\ngood,pos,1\na bad one,neg\n"
SAID = "line 3: the text is empty; line 5: not UTF-8; line 6: 3 fields, but the header has 2"


@pytest.fixture
def place(terminal):
    (terminal.folder / "bad.csv").write_bytes(BAD)
    (terminal.folder / "lines.txt").write_bytes(b"a good film\n\nb\xffd\na bad film")
    rows = (terminal.folder / "reviews.csv").read_text().splitlines()[1:]
    pairs = [row.split(",") for row in rows]
    lines = "".join(json.dumps({"text": x, "label": y}) + "\n" for x, y in pairs)
    (terminal.folder / "reviews.jsonl.gz").write_bytes(gzip.compress(lines.encode(), mtime=0))
    for k, (text, label) in enumerate(pairs):
        folder = terminal.folder / "reviews" / label
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{k:03}.txt").write_text(text)
    return terminal


def test_the_same_data_in_another_format_trains_the_same(place):
    for name, run in {"reviews.csv": "csv", "reviews.jsonl.gz": "jsonl"}.items():
        place.text("fit", "classify", name, "--out", f"runs/from-{run}", *SMALL)
    weights = [
        (place.folder / f"runs/from-{kind}/model.safetensors").read_bytes()
        for kind in ("csv", "jsonl")
    ]
    assert weights[0] == weights[1]
    piped = place.text("evaluate", "runs/a", "-", given=(place.folder / "more.csv").read_text())
    assert piped == place.text("evaluate", "runs/a", "more.csv")
    assert "texts 120" in place.text("evaluate", "runs/a", "reviews")


def test_bad_rows_are_refused_or_counted(place):
    done = place("evaluate", "runs/a", "bad.csv")
    assert (done.status, done.out) == (1, "")
    assert done.err == "ostinato: bad.csv, line 3: the text is empty\n"
    done = place("evaluate", "runs/a", "bad.csv", "--skip-bad-rows")
    assert done.status == 0
    assert "texts 3\n" in done.out
    assert done.err.startswith(f"ostinato: bad.csv: 3 bad rows skipped: {SAID}\n")


def test_a_run_says_in_its_manifest_what_was_left_out(place):
    reviews = (place.folder / "reviews.csv").read_bytes()
    (place.folder / "long.csv").write_bytes(reviews + BAD.split(b"\n", 1)[1])
    done = place("fit", "classify", "long.csv", "--skip-bad-rows", "--out", "runs/skip", *SMALL)
    assert done.status == 0
    assert "long.csv: 3 bad rows skipped: line 123: the text is empty; " in done.err
    manifest = json.loads((place.folder / "runs/skip/manifest.json").read_text())
    assert manifest["data"]["skipped"]["rows"] == 3
    assert manifest["data"]["skipped"]["first"][1] == "line 125: not UTF-8"

    (place.folder / "bad.txt").write_bytes(b"\xff\n" + (place.folder / "book.txt").read_bytes())
    words = ["fit", "generate", "bad.txt", "--train.epochs", "1", "--model.hidden", "8"]
    done = place(*words, "--out", "runs/no")
    assert (done.status, done.err) == (
        1,
        "ostinato: bad.txt, line 1: not UTF-8; name its encoding: "
        "--data.encoding cp1252 or another\n",
    )
    assert not (place.folder / "runs/no").exists()
    done = place(*words, "--out", "runs/skip-text", "--skip-bad-rows")
    assert "ostinato: bad.txt: 1 bad row skipped: line 1: not UTF-8\n" in done.err
    manifest = json.loads((place.folder / "runs/skip-text/manifest.json").read_text())
    assert manifest["data"]["skipped"] == {"rows": 1, "first": ["line 1: not UTF-8"]}


def test_predictions_stay_on_the_lines_of_their_rows(place):
    done = place("predict", "runs/a", "lines.txt", "--skip-bad-rows")
    lines = done.out.splitlines()
    assert [line.split("\t")[0] for line in lines] == ["pos", "", "", "neg"]
    assert lines[1] == lines[2] == "\t"
    assert done.err == (
        "ostinato: lines.txt: 2 bad rows skipped: line 2: the text is empty; line 3: not UTF-8\n"
    )
    done = place("predict", "runs/a", "lines.txt")
    assert (done.status, done.out) == (1, "")
    piped = place.text("predict", "runs/a", "-", given='{"text": "bad"}\n{"text": "good"}\n')
    assert [json.loads(line)["prediction"] for line in piped.splitlines()] == ["neg", "pos"]


def test_subwords_are_kept_in_the_run(place):
    words = ["--tokenizer", "bpe", "--data.vocabulary", "60", "--train.epochs", "1"]
    place.text("fit", "generate", "book.txt", *words, "--model.hidden", "8", "--out", "runs/bpe")
    assert json.loads((place.folder / "runs/bpe/tokenizer.json").read_text())["model"]["merges"]
    assert len(place.text("generate", "runs/bpe", "--prompt", "KING", "--length", "20")) > 20
    assert "nats " in place.text("evaluate", "runs/bpe", "book.txt")
    place.text("fit", "classify", "reviews.csv", *words, "--out", "runs/bpe-too")
    assert place.text("predict", "runs/bpe-too", "-", given="a bad film\n").count("\t") == 1
    (place.folder / "runs/bpe/tokenizer.json").write_text("{}")
    done = place("generate", "runs/bpe")
    assert done.status == 1
    assert done.err.startswith("ostinato: runs/bpe/tokenizer.json: damaged")


@pytest.mark.parametrize(
    ("name", "raw", "says"),
    [
        (
            "cut.csv.gz",
            gzip.compress(BAD * 9, mtime=0)[:-9],
            "cut.csv.gz.*: the gzip data is truncated",
        ),
        (
            "stars.csv",
            b"text,label\na,0.5\nb,3\n",
            "stars.csv, line 2: the label 0.5 is not an integer",
        ),
        ("one/pos/a.txt", b"fine", "one: only one class, 'pos'"),
        ("none/pos/a.md", b"fine", "none: no texts found"),
        ("x.jsonl", b'{"text": "a"', "x.jsonl, line 1: not JSON"),
    ],
)
def test_a_wrong_file_is_one_line_and_no_run_stays(terminal, name, raw, says):
    path = terminal.folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(raw)
    done = terminal("fit", "classify", name.split("/")[0], "--out", "runs/wrong")
    assert (done.status, done.out) == (1, "")
    assert re.fullmatch(rf"ostinato: {says}.*\n", done.err)
    assert not (terminal.folder / "runs/wrong").exists()


def test_a_file_is_said_to_be_written_otherwise(place):
    rows = (place.folder / "reviews.csv").read_text().splitlines()[1:]
    swapped = [
        ";".join(reversed(f"{row.split(',')[0]} café,{row.split(',')[1]}".split(",")))
        for row in rows
    ]
    for name, lines in {
        "k.csv": [*swapped, "rare;one of a kind"],
        "held.csv": swapped[:20],
    }.items():
        (place.folder / name).write_bytes("\r\n".join(["v1;v2", *lines]).encode("cp1252"))
    named = "--data.text v2 --data.label v1 --data.encoding cp1252".split()
    done = place(
        "fit",
        "classify",
        "k.csv",
        "--data.validation",
        "held.csv",
        *named,
        "--out",
        "runs/k",
        *SMALL,
    )
    assert done.status == 0
    assert "classes of a single text are learnt but not measured: 'rare'" in done.out + done.err
    manifest = json.loads((place.folder / "runs/k/manifest.json").read_text())
    assert len(manifest["data"]["validation_sha256"]) == 64
    done = place("evaluate", "runs/a", "held.csv")
    assert "no column 'text'; the columns are 'v1', 'v2'" in done.err
    assert "texts 20" in place.text("evaluate", "runs/a", "held.csv", *named)
    found = place.text("predict", "runs/a", "held.csv", "--data.header", "no", "--data.text", "2",
                       "--data.encoding", "cp1252")  # fmt: skip
    assert len(found.splitlines()) == 22  # the names of the columns, and a row that was one
    piped = place("predict", "runs/a", "-", given="a good film\n\na bad\rfilm\n")
    assert [line.split("\t")[0] for line in piped.out.splitlines()] == ["pos", "", "neg"]
    done = place("predict", "runs/a", "revews.csv")
    assert "No such file or directory; did you mean 'reviews.csv'" in done.err
    done = place("fit", "tag", "reviews.csv")
    assert "reviews.csv: a table, but a tagger reads sentences" in done.err
