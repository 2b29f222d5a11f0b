"""Regression on the command line, from a table with a bad row to a report."""

import csv
import io
import json
import re

import numpy as np
import pytest

QUICK = "--model.hidden 8 --model.embedding 8 --train.epochs 6 --train.lr 0.03".split()
COLUMNS = "--data.text body --data.target stars".split()
STARS = {"good": 4.5, "fair": 3.0, "dull": 1.0}


@pytest.fixture(scope="module")
def fitted(terminal):
    """A run on reviews, one of them without a number, and what `fit` said."""
    rows = [f"it was a {word} film {k},{y}" for k in range(25) for word, y in STARS.items()]
    (terminal.folder / "stars.csv").write_text("\n".join(["body,stars", *rows]) + "\n")
    bad = "\n".join(["body,stars", *rows[:20], "what a film,many", *rows[20:]]) + "\n"
    (terminal.folder / "bad.csv").write_text(bad)
    return terminal(
        "fit", "regress", "bad.csv", "--cell", "gru", "--out", "runs/stars", "--skip-bad-rows",
        *COLUMNS, *QUICK,
    )  # fmt: skip


def test_fit_shows_both_baselines(terminal, fitted):
    assert fitted.status == 0, fitted.err
    assert "1 bad row skipped: line 22: the stars is 'many', not a number" in fitted.err
    assert re.search(r"^ +validation RMSE +MAE +parameters +time *$", fitted.out, re.M)
    for name in ("gru", "linear baseline", "mean of training"):
        assert re.search(rf"^ *{name} +[\d.e-]+ +[\d.e-]+ +", fitted.out, re.M)
    done = terminal("fit", "regress", "bad.csv", *COLUMNS, "--out", "runs/no")
    assert (done.status, done.err.count("\n")) == (1, 1)
    assert "bad.csv, line 22: the stars is 'many', not a number" in done.err


def test_evaluate_and_predict(terminal, fitted):
    said = terminal.text("evaluate", "runs/stars", "stars.csv")
    assert re.search(r"^rmse [\d.e-]+, of the mean of training 1\.4", said, re.M)
    assert re.search(r"^r2 0\.9\d\d$", said, re.M)
    given = 'body\na good film\n""\na dull film\n'
    out = terminal.text(
        "predict", "runs/stars", "-", "--skip-bad-rows", "--format", "csv", given=given
    )
    header, good, empty, dull = csv.reader(io.StringIO(out))
    assert (header, empty) == (["body", "prediction"], ["", ""])
    assert float(good[1]) > float(dull[1])


def test_json_is_what_the_lines_say(terminal, fitted):
    said = terminal.text("evaluate", "runs/stars", "stars.csv")
    found = json.loads(terminal.text("evaluate", "runs/stars", "stars.csv", "--json"))
    assert f"rmse {found['rmse']:.6g}, of the mean of training {found['mean']['rmse']:.6g}" in said
    line = terminal.text("predict", "runs/stars", given="a good film\n")
    (value,) = json.loads(
        terminal.text("predict", "runs/stars", "--json", given="a good film\n")
    ).values()
    assert f"{value:.6g}\n" == line


def test_a_run_is_repeated_to_the_last_bit(terminal, fitted):
    terminal.text("fit", "--like", "runs/stars", "--out", "runs/stars again")
    one, other = (
        (terminal.folder / "runs" / name / "model.safetensors").read_bytes()
        for name in ("stars", "stars again")
    )
    assert one == other


def test_cells_are_compared_and_reported(terminal, fitted):
    words = ["--cells", "rnn,gru", "--seeds", "2", "--jobs", "1", "--out", "runs/compared"]
    said = terminal.text("compare", "regress", "stars.csv", *words, *COLUMNS, *QUICK)
    assert "linear baseline" in said
    again = ["compare", "regress", "stars.csv", *words, *COLUMNS, *QUICK, "--json"]
    found = json.loads(terminal.text(*again))  # of the runs that are there
    assert {row["cell"] for row in found["rows"]} == {"rnn", "gru"}
    results = json.loads((terminal.folder / "runs/compared/comparison.json").read_text())
    assert (results["metric"], results["lower"]) == ("rmse", True)
    assert results["data"] == {"training": 61, "test": 14}
    values = [row["mean"] for row in results["rows"]] + [results["baseline"]["rmse"]]
    assert np.isfinite(values).all()
    terminal.text("report", "runs/stars", "--data", "stars.csv", "--out", "runs/page.html")
    for page in ("runs/page.html", "runs/compared/report.html"):
        text = (terminal.folder / page).read_text()
        assert "root mean squared error" in text
        assert "<h2>Predicted and true values</h2>" in text


def test_series_and_what_belongs_to_another_task(terminal):
    rows = "".join(f"{k / 9},{k % 4}:1,{k % 3}:{k % 4 + k / 9}\n" for k in range(30))
    (terminal.folder / "loads.ts").write_text(f"@targetLabel true\n@data\n{rows}")
    terminal.text("fit", "regress", "loads.ts", "--out", "runs/loads", *QUICK)
    predicted = terminal.text("predict", "runs/loads", "loads.ts").splitlines()
    assert len(predicted) == 30
    done = terminal("fit", "classify", "loads.ts")
    assert (done.status, done.err.count("\n")) == (1, 1)
    assert "`ostinato fit regress`" in done.err
    done = terminal("fit", "regress", "reviews.csv", "--data.target", "label")
    assert "line 2: the label is 'pos', not a number" in done.err
