"""Comparisons and reports, as the documentation writes them."""

import json
import re
import tomllib

import pytest

from ostinato.experiment.sizes import nearest_size

QUICK = "--model.embedding 8 --train.epochs 2 --train.lr 0.03 --data.batch-tokens 200".split()
COMPARE = ["compare", "classify", "reviews.csv", "--jobs", "1", *QUICK]
CELLS, SEEDS = ["--cells", "rnn,mgu.py:mgu"], ["--seeds", "2"]
TWO = [*COMPARE, *CELLS, *SEEDS]
TEXT = ["compare", "generate", "book.txt", "--cells", "lstm,gru", "--seeds", "1", "--jobs", "1"]
TEXT += ["--model.hidden", "16", "--data.streams", "4", "--data.steps", "20"]
RUNS = ["mgu-0", "mgu-1", "rnn-0", "rnn-1"]


@pytest.fixture(scope="module")
def compared(terminal):
    """What a comparison of two cells prints, and what it leaves."""
    out = terminal.text(*TWO, "--out", "runs/two")
    return out, json.loads((terminal.folder / "runs/two/comparison.json").read_text())


def test_a_comparison_leaves_runs_results_and_a_page(terminal, compared):
    out, results = compared
    folder = terminal.folder / "runs/two"
    assert {path.name for path in folder.iterdir()} == {
        *RUNS, "baseline.json", "comparison.json", "report.html",
    }  # fmt: skip
    for row in results["rows"]:
        value = f"{row['mean']:.2%} ± {100 * row['deviation']:.2f}"
        assert re.search(
            rf"^ {row['cell']} +{re.escape(value)} +.* {row['parameters']:,} ", out, re.M
        )
    baseline = results["baseline"]
    assert re.search(rf"^ linear baseline +{baseline['accuracy']:.2%} ", out, re.M)
    assert results["data"] == {"training": 96, "test": 24}  # a fifth is held out
    assert {(pair["first"], pair["second"]) for pair in results["pairs"]} == {
        ("rnn", "mgu"), ("rnn", "linear baseline"), ("mgu", "linear baseline"),
    }  # fmt: skip
    assert {pair["each_seed_test"] for pair in results["pairs"]} == {"McNemar, exact"}
    page = (folder / "report.html").read_text()
    assert page.startswith("<!DOCTYPE html>")
    assert "RNN and MGU on reviews.csv" in page


def test_all_runs_read_the_same_data_with_their_own_seed(terminal, compared):
    read = {}
    for name in RUNS:
        folder = terminal.folder / "runs/two" / name
        settings = tomllib.loads((folder / "config.toml").read_text())
        assert f"-{settings.pop('seed')}" == name[-2:]
        settings.pop("cell")
        data = json.loads((folder / "manifest.json").read_text())["data"]["sha256"]
        exam = json.loads((folder / "observed.json").read_text())["exam"]
        read[name] = (settings, data, exam)
    assert all(each == read["rnn-0"] for each in read.values())


def test_what_is_trained_is_not_trained_again(terminal, compared):
    folder = terminal.folder / "runs/two"
    before = {name: (folder / name / "model.safetensors").stat().st_mtime_ns for name in RUNS}
    results = json.loads((folder / "comparison.json").read_text())
    run = folder / "rnn-1"
    weights = (run / "model.safetensors").read_bytes()
    for file in run.glob("**/*"):  # as if it had been stopped before training began
        if file.is_file() and file.name != "vocabulary.json":
            file.unlink()
    done = terminal(*TWO, "--out", "runs/two")
    assert done.status == 0, done.err
    assert done.err.count("already trained") == 3
    after = {name: (folder / name / "model.safetensors").stat().st_mtime_ns for name in RUNS}
    assert [name for name in RUNS if before[name] != after[name]] == ["rnn-1"]
    assert (run / "model.safetensors").read_bytes() == weights
    again = json.loads((folder / "comparison.json").read_text())
    assert [row["values"] for row in again["rows"]] == [row["values"] for row in results["rows"]]
    assert again["pairs"] == results["pairs"]


def test_a_run_that_was_stopped_goes_on(terminal, compared):
    run = terminal.folder / "runs/two" / "mgu-0"
    observed = json.loads((run / "observed.json").read_text())
    weights = (run / "model.safetensors").read_bytes()
    first, second = sorted((run / "checkpoints").glob("*.safetensors"))
    assert first.name.startswith("000001-")
    for file in (run / "observed.json", second):  # as if it had been stopped after an epoch
        file.unlink()
    terminal.text(*TWO, "--out", "runs/two")
    assert json.loads((run / "observed.json").read_text()) == observed
    assert (run / "model.safetensors").read_bytes() == weights


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (
            [*TWO, "--out", "runs/two", "--model.dropout", "0"],
            "rnn-0: .*different settings.* --out",
        ),
        ([*TWO, "--cell", "gru"], "--cell: a comparison has the option --cells"),
        ([*COMPARE, "--cells", "rnn,run"], "unknown cell 'run'; did you mean 'rnn'"),
        ([*COMPARE, "--cells", "rnn,gru,rnn"], "'rnn' is given twice"),
        ([*COMPARE, "--cells", ","], "--cells requires the name of a cell"),
        ([*COMPARE, "--seeds", "0"], "--seeds and --jobs must be at least 1"),
        ([*COMPARE, "--seeds", str(10**23)], f"--seeds {10**23}: at most 1,000 are allowed"),
        (["compare", "classify", "book.txt"], "book.txt, line 1: no column 'text'"),
        (["report"], "report requires the folder of a run"),
        (["report", "runs/a", "runs/b"], "runs/b: a run of task 'generate'; a report takes runs"),
        (["report", "runs/nope"], "runs/nope: there is no finished run"),
        (["report", "runs/a", "--data", "nope.csv"], "nope.csv: no such file"),
    ],
)
def test_mistakes_are_one_line(terminal, compared, words, fault):
    done = terminal(*words)
    assert done.status == 1
    assert re.fullmatch(rf"ostinato: .*{fault}.*\n", done.err)


def test_cells_of_equal_size_generate(terminal):
    out = terminal.text(*TEXT, "--equal", "recurrent", "--train.epochs", "1", "--out", "runs/text")
    results = json.loads((terminal.folder / "runs/text/comparison.json").read_text())
    lstm, gru = results["rows"]
    # 4 · 16 · (64 + 16 + 2) = 5248; 3 H (64 + H + 2): H = 20 gives 5160, H = 21 gives 5481
    assert (lstm["recurrent_parameters"], gru["hidden"], gru["recurrent_parameters"]) == (
        5248, 20, 5160,
    )  # fmt: skip
    assert "those of LSTM with 16 units, 5,248: GRU 20 units, -1.68%." in out
    assert "the differences cannot be tested" in out  # of one seed
    assert re.search(r"^ \d+-gram baseline +\d\.\d{3} ", out, re.M)
    assert [sample["temperature"] for sample in results["samples"]["gru"]] == [0.5, 0.8]


def test_cells_of_equal_time_are_stopped_by_the_clock(terminal):
    words = ["--equal", "time", "--train.seconds", "0.4", "--out", "runs/clock"]
    terminal.text(*TEXT, *words)
    for name in ("lstm-0", "gru-0"):
        lines = (terminal.folder / f"runs/clock/{name}/metrics.jsonl").read_text().splitlines()
        assert 0.4 <= sum(json.loads(line)["seconds"] for line in lines) < 0.8


def test_all_parameters_can_be_equal(terminal):
    words = ["--equal", "parameters", "--train.epochs", "1", "--out", "runs/equal"]
    terminal.text(*TEXT, *words)
    rows = json.loads((terminal.folder / "runs/equal/comparison.json").read_text())["rows"]
    sizes = [row["parameters"] for row in rows]
    assert sizes[1] == pytest.approx(sizes[0], rel=0.05)


def test_a_report_of_runs_that_fit_made(terminal):
    out = terminal.text("report", "runs/a", "--data", "more.csv", "--out", "a.html")
    # the label of the last of four is wrong
    assert re.search(r"^ gru with linear baseline +75.00% ", out, re.M)
    assert re.search(r"^   network alone +\d", out, re.M)
    page = (terminal.folder / "a.html").read_text()
    assert "Confusion matrix" in page
    assert "<title>GRU with linear baseline on reviews.csv (classify)</title>" in page
    without = terminal.text("report", "runs/a", "--out", "b.html")
    assert "validation accuracy" in without
    assert "These figures are those of the networks alone" in without
    page = (terminal.folder / "b.html").read_text()
    assert "Confusion matrix" not in page
    assert "biased high" in page
    own = terminal.text("report", "runs/a", "--data", "reviews.csv", "--out", "d.html")
    assert re.search(r"^ linear baseline +\d+\.\d+% ", own, re.M)
    assert "biased high" in (terminal.folder / "d.html").read_text()
    terminal.text("report", "runs/b", "--data", "book.txt", "--out", "c.html")
    page = (terminal.folder / "c.html").read_text()
    assert "Generated text" in page
    assert "biased low" in page  # only the part of its text that the run held out


def test_a_report_of_a_comparison_is_the_comparison(terminal, compared):
    out = terminal.text("report", "runs/two", "--out", "two.html")
    title = "on reviews.csv (classify)</title>"
    assert title in (terminal.folder / "two.html").read_text()
    assert title in (terminal.folder / "runs/two/report.html").read_text()
    for line in compared[0].splitlines():
        if line.startswith((" rnn", " mgu", " linear")):
            assert line[:60].rstrip() in out


def test_the_nearest_size():
    assert [nearest_size(lambda n: n * n, wanted) for wanted in (1, 2, 3, 90, 91)] == [
        1, 1, 2, 9, 10,
    ]  # fmt: skip
    assert nearest_size(lambda n: n, 2, least=5) == 5


def test_a_comparison_with_extra_texts_goes_on(terminal):
    words = [*COMPARE, "--cells", "rnn", "--seeds", "1", "--data.extra", "more.csv"]
    terminal.text(*words, "--out", "runs/extra")
    done = terminal(*words, "--out", "runs/extra")
    assert done.status == 0, done.err
    assert "already trained" in done.err
