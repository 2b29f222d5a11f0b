"""Forecasting from the command line, in a process of its own."""

import csv
import io
import json

import pytest

DAYS = [f"2024-{m:02d}-{d:02d}" for m in (1, 2, 3, 4) for d in range(1, 29)]
ROWS = [f"{day},{10 + k % 7},{k % 2}" for k, day in enumerate(DAYS)]
QUICK = "--data.lookback 14 --data.horizon 7 --model.segment 7 --model.hidden 6".split()
QUICK += "--model.embedding 6 --train.epochs 3 --train.lr 0.02 --data.target load".split()


SIZES = {"north": "large", "south": "small"}
SHOPS = [
    f"{shop},2024-03-{d:02d},{len(size) + d % 3},{size}"
    for shop, size in SIZES.items()
    for d in range(1, 29)
]


@pytest.fixture(scope="module")
def shops(terminal):
    (terminal.folder / "shops.csv").write_text("\n".join(["shop,day,sold,size", *SHOPS]) + "\n")
    words = "--data.time day --data.id shop --data.target sold --data.static size".split()
    words += "--data.lookback 4 --data.horizon 2 --model.segment 1 --model.hidden 4".split()
    words += ["--train.epochs", "2"]
    done = terminal("fit", "forecast", "shops.csv", "--out", "runs/shops", *words)
    assert done.status == 0, done.err


@pytest.fixture(scope="module")
def fitted(terminal):
    (terminal.folder / "load.csv").write_text("\n".join(["date,load,odd", *ROWS]) + "\n")
    done = terminal("fit", "forecast", "load.csv", "--out", "runs/load", *QUICK)
    assert done.status == 0, done.err
    return done


def test_what_is_read_is_said_and_naive_stands_beside(terminal, fitted):
    assert "steps of 1 day, 1 to forecast" in fitted.err
    assert "steps have no row; missing values" in fitted.err  # each month has more than 28 days
    assert "Each is replaced by the last known value before it." in fitted.err
    for name in ("gru ", "last value", "seasonal naive, 7 steps ago", "drift", "ETS"):
        assert fitted.out.count(f"\n {name}") >= 4
    assert "test: " in fitted.out
    assert "MAE in original units" in fitted.out
    run = terminal.folder / "runs/load"
    kept = json.loads((run / "baseline.json").read_text())
    assert kept["name"] in ("last value", "seasonal naive", "drift", "ETS")
    assert "ensemble.json" in json.loads((run / "manifest.json").read_text())["files"]
    assert terminal.text("evaluate", "runs/load", "load.csv").split()[0] == "test:"
    whole = terminal.text("evaluate", "runs/load", "load.csv", "--part", "validation")
    assert whole.split()[0] == "validation:"


def test_forecasts_are_a_table_that_goes_on(terminal, fitted):
    rows = list(csv.DictReader(io.StringIO(terminal.text("predict", "runs/load"))))
    assert [row["time"] for row in rows] == [f"2024-04-{d}" for d in (29, 30)] + [
        f"2024-05-0{d}" for d in range(1, 6)
    ]  # as in the data
    assert list(rows[0]) == ["time", "column", "forecast", "q0.1", "q0.5", "q0.9"]
    text = terminal.text("predict", "runs/load", "load.csv", "--horizon", "3", "--out", "next.csv")
    assert text == "3 rows in next.csv\n"
    done = terminal("predict", "runs/load", "--horizon", "3", "--plot", "fan.html")
    assert done.err.endswith("Page: fan.html\n")
    assert len(list(csv.reader(io.StringIO(done.out)))) == 4
    page = (terminal.folder / "fan.html").read_text("utf-8")
    assert page.count('class="plot"') == 1
    assert "Forecast of the series of training" in page
    together = json.loads((terminal.folder / "runs/load/ensemble.json").read_text())["weight"] < 1
    assert ("together" in page) == together
    assert "2024-05-01" in page
    (line,) = terminal.text("predict", "runs/load", "--horizon", "3", "--json").splitlines()
    assert json.loads(line)["times"] == [row["time"] for row in rows[:3]]
    again = list(csv.DictReader(io.StringIO((terminal.folder / "next.csv").read_text())))
    assert again == rows[:3]
    given = (terminal.folder / "load.csv").read_text()
    assert list(
        csv.DictReader(io.StringIO(terminal.text("predict", "runs/load", "-", given=given)))
    )


def test_what_is_missing_is_not_read_where_it_is_refused(terminal, fitted):
    words = ["fit", "forecast", "load.csv", "--out", "runs/no", *QUICK, "--data.missing", "refuse"]
    done = terminal(*words)
    assert "use data.missing = carry" in done.err.splitlines()[-1]
    assert "Each is replaced" not in done.err


def test_a_static_word_that_training_did_not_have_is_said(terminal, shops):
    text = (terminal.folder / "shops.csv").read_text()
    (terminal.folder / "huge.csv").write_text(text.replace("large", "huge"))
    said = "1 static value not in the training set, read as unknown: "
    for verb in ("predict", "evaluate"):
        done = terminal(verb, "runs/shops", "huge.csv")
        assert done.status == 0, done.err
        assert said + "size 'huge' of series 'north'\n" in done.err
        assert "never seen" not in terminal(verb, "runs/shops", "shops.csv").err


def test_bad_rows_are_skipped_by_predict_too(terminal, fitted):
    rows = [*ROWS, "2024-04-29,inf,0", "2024-04-30,3,1"]
    (terminal.folder / "inf.csv").write_text("\n".join(["date,load,odd", *rows]) + "\n")
    done = terminal("predict", "runs/load", "inf.csv")
    assert "inf.csv, line 114: the load is not finite" in done.err
    done = terminal("predict", "runs/load", "inf.csv", "--skip-bad-rows")
    assert done.status == 0, done.err
    assert "inf.csv: 1 bad row skipped" in done.err
    assert done.out.splitlines()[1].startswith("2024-05-01,")
    without = terminal.text("predict", "runs/load", "--skip-bad-rows")  # there is nothing to skip
    assert without == terminal.text("predict", "runs/load")


def test_a_word_that_looks_like_an_option_is_no_file(terminal, fitted):
    for words in (["predict", "runs/load"], ["evaluate", "runs/load"], ["fit", "forecast"]):
        done = terminal(*words, "--skip-bad-row")
        assert done.status == 2
        assert "This command has no such option" in done.err
    done = terminal("predict", "runs/load", "-", given="")  # a hyphen alone is standard input
    assert (done.status, done.out) == (1, "")
    assert done.err.startswith("ostinato: standard input: ")


def test_backtest_and_page(terminal, fitted):
    told = terminal.text("evaluate", "runs/load", "load.csv", "--backtest", "1")
    assert "2024-04-22 " in told
    assert "00:00" not in told
    terminal.text("report", "runs/load", "--data", "load.csv", "--out", "load.html")
    page = (terminal.folder / "load.html").read_text()
    for said in ("Errors by horizon", "Forecasts and observations", "seasonal naive"):
        assert said in page
    assert "2024-04-07" in page
    assert "2024-04-07 00:00" not in page


def test_cells_are_compared_by_the_test_part(terminal, fitted):
    words = ["compare", "forecast", "load.csv", "--cells", "gru,rnn", "--seeds", "2", "--jobs", "1"]
    words += ["--equal", "parameters", "--out", "runs/cells", *QUICK]
    out = terminal.text(*words)
    assert (
        json.loads((terminal.folder / "runs/cells/comparison.json").read_text())["baseline"]["name"]
        in out
    )
    assert "All parameters were matched to those of GRU with 6 units" in out
    results = json.loads((terminal.folder / "runs/cells/comparison.json").read_text())
    gru, rnn = results["rows"]
    assert rnn["hidden"] > gru["hidden"]
    assert rnn["parameters"] == pytest.approx(gru["parameters"], rel=0.1)
    days = 31 + 29 + 31 + 28  # to April 28, a tenth of them for validation, a tenth to be judged by
    assert results["data"] == {"training": days - 24, "test": 12}
    told = terminal.text("evaluate", "runs/cells/gru-0", "load.csv")
    assert f"{results['baseline']['mse']:.4f}" in told  # naive, on the same windows
    done = terminal("compare", "forecast", "load.csv", *QUICK, "--data.test", "0")
    assert "--data.test 0: cells are compared on the test set" in done.err


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        (["2024-01-02,1,0", "2024-01-03,1,0", "2024-01-01,1,0"], [], "bad.csv, line 4: its time"),
        (["2024-01-01,1,0", "2024-01-02,inf,0"], [], "bad.csv, line 3: the load is not finite"),
        (
            ["2024-01-01,1,0"],
            [],
            "bad.csv has 1 step, too few for sets of 0, 7 and 7, and a horizon of 7",
        ),
        (ROWS, ["--data.test", "5"], "5 steps in its test set, and the horizon of 7 is longer"),
        (ROWS, ["--data.past", "none"], "no column 'none'"),
        (ROWS, ["--model.loss", "rmse"], "--model.loss"),
        *(
            (ROWS, [f"--data.{part}", "load"], "bad.csv: column 'load' is used for two parts; it")
            for part in ("time", "id", "past", "future", "static")
        ),
    ],
)
def test_what_is_wrong_is_one_line_and_nothing_is_left(terminal, rows, options, message):
    (terminal.folder / "bad.csv").write_text("\n".join(["date,load,odd", *rows]) + "\n")
    done = terminal("fit", "forecast", "bad.csv", "--out", "runs/bad", *QUICK, *options)
    assert done.status in (1, 2)
    assert message in done.err.splitlines()[-1]
    assert not (terminal.folder / "runs/bad").exists()
