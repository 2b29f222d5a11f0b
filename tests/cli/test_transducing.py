"""Transducing at the command line: what is written, in which order; what is wrong is told."""

import json
import random
import re

import pytest

from ostinato.data import read_pairs
from ostinato.errors import DataError
from ostinato.tasks.transduce.settings import TransduceSettings

SMALL = {
    "cell": "gru", "target.tokenizer": "white-space", "model.hidden": 32, "model.embedding": 16,
    "model.dropout": 0, "data.batch-tokens": 150, "train.epochs": 9, "train.lr": 0.02,
}  # fmt: skip


def small(**changes):
    """Settings of a small network as words of a command."""
    given = SMALL | {name.replace("_", "."): value for name, value in changes.items()}
    return [word for name, value in given.items() for word in (f"--{name}", str(value))]


SEPARATED = ["--data.separator", "  "]
NAMES = {"a": "AY", "b": "B EE", "c": "S EE", "d": "D EE", "e": "EE"}


def spelled(word):
    return " ".join(NAMES[letter] for letter in word)


@pytest.fixture(scope="module")
def place(terminal):
    draw = random.Random(0)
    words = ["".join(draw.choices("abcde", k=draw.randint(1, 5))) for _ in range(700)]
    held = sorted({w for w in words if w.startswith("ab")})
    for name, text in {
        "words.txt": "".join(f"{w}  {spelled(w)}\n" for w in words),
        "held.txt": "".join(f"{w}  {spelled(w)}\n" for w in held),
        "held.a": "".join(f"{w}\n" for w in held),
        "held.b": "".join(f"{spelled(w)}\n" for w in held),
        "short.b": "AY\n",
        "gap.a": "a\n\nb\n",
        "gap.b": "AY\nX\nB EE\n",
        "bytes.txt": "a  AY\nb",
        "few.csv": "source,target\na,AY\nb,B EE\n",
    }.items():
        (terminal.folder / name).write_text(text)
    (terminal.folder / "bytes.txt").write_bytes(b"a  AY\n\xff  X\n")
    terminal.held = held
    terminal.spelling = terminal(
        "fit", "transduce", "words.txt", *SEPARATED, "--validation", "held.txt",
        "--out", "runs/spell", *small(),
    )  # fmt: skip
    assert terminal.spelling.status == 0, terminal.spelling.err
    return terminal


def measures(out):
    return dict(line.split(" ", 1) for line in out.splitlines() if " " in line)


def test_fit_says_what_it_did_and_what_it_left_out(place):
    out, err = place.spelling.out, place.spelling.err
    assert re.search(r" gru +[\d.]+ +[\d.]+% +[\d.]+% +[\d,]+ +\d+ s", out)
    assert f"With a beam of 5, on the validation set:\ntexts {len(place.held)}\nexact_match" in out
    assert "Saved in runs/spell. Next: ostinato predict runs/spell FILE" in out
    assert re.search(r"ostinato: \d+ pairs are not used for training: their source is in", err)
    given = json.loads((place.folder / "runs/spell/manifest.json").read_text())["data"]["given"]
    assert given == {"files": ["words.txt"], "validation": ["held.txt"]}


def test_evaluate_tells_every_measure_of_one_file_or_two(place):
    one = place.text("evaluate", "runs/spell", "held.txt")
    found = measures(one)
    assert list(found) == [
        "texts", "exact_match", "sequence_error_rate", "token_error_rate", "bleu", "chrf",
        "unknown_symbols",
    ]  # fmt: skip
    assert found["texts"] == str(len(place.held))
    assert float(found["exact_match"]) > 0.9
    assert float(found["exact_match"]) + float(found["sequence_error_rate"]) == pytest.approx(1)
    assert "nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:2" in found["bleu"]
    assert place.text("evaluate", "runs/spell", "held.a", "held.b") == one


def test_columns_of_another_table_are_named(place):
    rows = "".join(f"{word};{spelled(word)}\n" for word in place.held)
    named = "--source.column", "Word", "--target.column", "Spelling"
    found = place.text("evaluate", "runs/spell", "-", *named, given=f"Word;Spelling\n{rows}")
    assert found == place.text("evaluate", "runs/spell", "held.txt")
    found = place.text("evaluate", "runs/spell", "-", "--data.separator", ";", given=rows)
    assert measures(found)["texts"] == str(len(place.held))
    (place.folder / "words.csv").write_text("id,Word\n7,ab\n")
    out = place.text("predict", "runs/spell", "words.csv", "--source.column", "Word")
    assert out.splitlines() == ["id,Word,prediction", f"7,ab,{spelled('ab')}"]


def test_json_is_what_the_lines_say(place):
    said = measures(place.text("evaluate", "runs/spell", "held.txt"))
    found = json.loads(place.text("evaluate", "runs/spell", "held.txt", "--json"))
    assert f"{found['exact_match']:.4f}" == said["exact_match"]
    assert found["texts"] == len(place.held)
    answer = json.loads(place.text("predict", "runs/spell", "--json", given="abc\n"))
    assert spelled("abc") in answer.values()


def test_further_references_are_right_too(place):
    one, other = place.held[-2:]
    given = f"{one}  X\n{other}  {spelled(other)}\n"
    alone = measures(place.text("evaluate", "runs/spell", "-", given=given))
    both = measures(
        place.text("evaluate", "runs/spell", "-", "--references", "words.txt", given=given)
    )
    assert float(both["exact_match"]) == float(alone["exact_match"]) + 0.5


def test_predict_writes_an_output_for_each_line_in_order(place):
    words = [*place.held[:3], "e", "cab"]
    out = place.text("predict", "runs/spell", "-", given="\n".join(words) + "\n")
    assert out.splitlines() == [spelled(word) for word in words]
    out = place.text("predict", "runs/spell", "-", "--best", "3", given="abc\n").splitlines()
    scores = [float(line.split("\t")[1]) for line in out]
    assert out[0].startswith(spelled("abc") + "\t")
    assert scores == sorted(scores, reverse=True)
    out = place.text("predict", "runs/spell", "-", "--alignments", "--beam", "1", given="ab\n")
    assert re.fullmatch(rf"{spelled('ab')}\t0-\d 1-\d 2-\d\n", out)


def test_unknown_symbols_are_counted(place):
    done = place("predict", "runs/spell", "-", given="aßb\nßü\n")
    assert (done.status, len(done.out.splitlines())) == (0, 2)
    assert "<unk>" not in done.out
    said = "ostinato: 3 symbols are not in the vocabulary, and read as <unk>: 'ß' × 2, 'ü' × 1"
    assert done.err == f"{said}\n"
    done = place("evaluate", "runs/spell", "-", given="aß  AY\n")
    assert measures(done.out)["unknown_symbols"] == "1"


def test_a_bad_row_that_is_left_out_is_an_empty_line(place):
    done = place("predict", "runs/spell", "-", "--skip-bad-rows", given="ab\n\ne\n")
    assert done.out.splitlines() == [spelled("ab"), "", spelled("e")]
    assert "1 bad row skipped: line 2: the text is empty" in done.err


def test_a_separator_holds_something(place):
    done = place("fit", "transduce", "words.txt", "--data.separator", "", "--out", "runs/none")
    assert re.fullmatch(r"ostinato: --data.separator .*at least 1 char.*; see --help\n", done.err)
    assert done.status == 2
    with pytest.raises(DataError, match="the separator is empty"):
        read_pairs([str(place.folder / "words.txt")], separator="")


FIT = "fit transduce"
WRONG = [
    (f"{FIT} held.a short.b", "held.a, line 2: has no counterpart; short.b has 1 line, held.a has"),
    (f"{FIT} gap.a gap.b", "gap.a and gap.b, line 2: the line of gap.a is empty"),
    (f"{FIT} words.txt", "words.txt, line 1: no column 'source'"),
    (f"{FIT} few.csv --source.column de", "few.csv, line 1: no column 'de'; the columns are"),
    (f"{FIT} few.csv --source.column target", "few.csv: column 'target' is used for two parts; it"),
    (f"{FIT} few.csv --model.attention dto", "unknown attention 'dto'; did you mean 'dot'"),
    (f"{FIT} few.csv --target.tokenizer wrod", "unknown tokenizer 'wrod'; did you mean 'word'"),
    (f"{FIT} few.csv --source.min-count 9", "no token occurs source.min_count = 9 times"),
    (f"{FIT} few.csv --data.max-tokens 1 --target.tokenizer word --train.epochs 1", None),
    (f"{FIT} imdb", "imdb contains no pairs"),
    (f"{FIT} few.csv --validation words.txt", "words.txt, line 1: no column 'source'"),
    ("evaluate runs/spell few.csv", "few.csv, line 1: no separator '␣␣'"),
    ("evaluate runs/spell bytes.txt", "bytes.txt, line 2: not UTF-8"),
    ("predict runs/spell - --best 0", "best: 0 must be at least 1"),
    (f"predict runs/spell - --best {10**13}", f"best: {10**13} must be at most 1,000"),
    (f"predict runs/spell - --beam {10**22}", f"beam: {10**22} must be at most 1,000"),
    (f"evaluate runs/spell held.txt --beam {10**13}", f"beam: {10**13} must be at most 1,000"),
    ("predict runs/spell - --best 3 --beam 2", "best: 3 must be at least 1 and at most the beam"),
    ("evaluate runs/spell held.txt --alpha -1", "alpha: -1.0 must be at least 0"),
    ("report runs/a --data more.csv --data more.csv", ("runs of this task are "
                                                      "evaluated on one file")),
]  # fmt: skip


@pytest.mark.parametrize(("command", "says"), WRONG, ids=[c for c, _ in WRONG])
def test_a_mistake_is_one_line_and_leaves_nothing(place, command, says):
    before = sorted(place.folder.rglob("*"))
    words = command.split()
    if words[0] == "fit":
        words += ["--out", "runs/other-pairs"]
    done = place(*words, given="ab\n")
    if says is None:  # one of both rows is short enough
        assert done.status == 0, done.err
        return
    assert re.fullmatch(rf"ostinato: .*{re.escape(says)}.*\n", done.err)
    assert (done.status, done.out) == (1, "")
    assert [p for p in sorted(place.folder.rglob("*")) if "__pycache__" not in str(p)] == [
        p for p in before if "__pycache__" not in str(p)
    ]


def test_a_run_can_be_repeated_and_resumed(place):
    short = small(train_epochs=1, model_hidden=8)
    place.text("fit", "transduce", "held.a", "held.b", "--out", "runs/p", *short)
    place.text("fit", "--like", "runs/p", "--out", "runs/q")
    weights = [
        (place.folder / run / "model.safetensors").read_bytes() for run in ("runs/p", "runs/q")
    ]
    assert weights[0] == weights[1]
    place.text("fit", "transduce", "held.a", "held.b", "--resume", "--out", "runs/p")
    assert (place.folder / "runs/p/model.safetensors").read_bytes() == weights[0]


def test_a_run_is_not_resumed_with_other_validation_pairs(place):
    for side in "ab":
        lines = (place.folder / f"held.{side}").read_text().splitlines(keepends=True)
        (place.folder / f"few.{side}").write_text("".join(lines[:5]))
        (place.folder / f"fewer.{side}").write_text("".join(lines[:4]))
    words = ["fit", "transduce", "held.a", "held.b"]
    short = small(train_epochs=1, model_hidden=8)
    place.text(*words, "--validation", "few.a", "few.b", "--out", "runs/v", *short)
    for given in ([], ["--validation", "fewer.a", "fewer.b"]):
        done = place(*words, *given, "--resume", "--out", "runs/v")
        assert (done.status, done.out) == (1, "")
        assert (
            "runs/v: was trained on different data, with another validation_sha256 in" in done.err
        )


def test_a_report_puts_the_bottleneck_beside_attention(place):
    place.text(
        "fit", "transduce", "words.txt", *SEPARATED, "--validation", "held.txt", "--out",
        "runs/blind", *small(model_attention="none", train_epochs=1),
    )  # fmt: skip
    place.text("report", "runs/spell", "runs/blind", "--data", "held.txt", "--out", "why.html")
    page = (place.folder / "why.html").read_text()
    for text in (
        "Errors by length",
        "can use the state of every token",
        "Attention",
        "GRU (attention additive",
        "GRU (attention none",
        "without attention",
    ):
        assert text.lower() in page.lower(), text
    assert '"type":"heatmap"' in page


def test_cells_are_compared(place):
    words = ["compare", "transduce", "held.a", "held.b", "--cells", "gru,rnn", "--seeds", "1"]
    words += ["--jobs", "1", "--equal", "recurrent", "--out", "runs/spellers"]
    out = place.text(*words, *[w for w in small(train_epochs=1) if w not in ("--cell", "gru")])
    assert (
        "GRU and RNN on held.a and held.b"
        in (place.folder / "runs/spellers/report.html").read_text()
    )
    assert " copy " in out
    results = json.loads((place.folder / "runs/spellers/comparison.json").read_text())
    gru, rnn = results["rows"]
    assert rnn["hidden"] % 2 == 0
    # those of encoder and decoder together
    assert rnn["recurrent_parameters"] == pytest.approx(gru["recurrent_parameters"], rel=0.05)
    assert sum(results["data"].values()) == len(place.held)
    # every letter is spelled with other symbols: a copy has them all wrong
    assert results["baseline"]["error_rate"] >= 1


@pytest.mark.parametrize("recipe", ["cmudict", "multi30k"])
def test_a_recipe_trains_on_a_few_pairs(place, recipe):
    files = {"cmudict": ["held.txt"], "multi30k": ["held.a", "held.b"]}[recipe]
    changed = ["--train.epochs", "1", "--model.hidden", "8", "--model.embedding", "8"]
    out = f"runs/{recipe}"
    place.text("fit", "transduce", *files, "--config", recipe, *changed, "--out", out)
    wanted = TransduceSettings.load(recipe)
    got = TransduceSettings.load(place.folder / out / "config.toml")
    assert got.source == wanted.source
    assert got.target == wanted.target
    assert got.data == wanted.data
    assert got.decoding == wanted.decoding
    assert got.train == wanted.train.model_copy(update={"epochs": 1})
