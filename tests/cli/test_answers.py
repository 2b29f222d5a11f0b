"""Answers for other programs: tables given back, JSON, several labels, lines as they come."""

import csv
import io
import json
import subprocess
import sys

import pytest


def test_a_table_is_given_back_with_the_answers(terminal):
    rows = [{"text": "a good film", "prediction": "=1", "n": 1}, {"text": "bad", "prediction": ""}]
    (terminal.folder / "t.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (terminal.folder / "t.tsv").write_text('n\ttext\tn m\n1\ta "good" film\t\n2\tbad, dull\t=2\n')
    found = terminal.text("predict", "runs/a", "t.jsonl").splitlines()
    for row, line in zip(rows, map(json.loads, found), strict=True):
        assert {name: line[name] for name in row} == row
        assert set(line) - set(row) == {"prediction_2", "confidence"}
    out = terminal.text("predict", "runs/a", "t.tsv", "--probabilities")
    header, *lines = csv.reader(io.StringIO(out), delimiter="\t")
    assert header == ["n", "text", "n m", "prediction", "confidence", "p(neg)", "p(pos)"]
    assert [line[:4] for line in lines] == [
        ["1", 'a "good" film', "", "pos"],
        ["2", "bad, dull", "=2", "neg"],
    ]
    assert all(abs(float(line[5]) + float(line[6]) - 1) < 1e-3 for line in lines)


def test_a_bad_row_that_is_skipped_keeps_its_place(terminal):
    (terminal.folder / "bad.csv").write_text('text,n\n,1\n"good"\ngood,2\n,\ngood,3\n')
    done = terminal("predict", "runs/a", "bad.csv", "--skip-bad-rows")
    lines = [line.rpartition(",")[0] for line in done.out.splitlines()]
    assert lines == ["text,n,prediction", ",1,", ",,", "good,2,pos", "good,3,pos"]
    assert "bad.csv: 2 bad rows skipped" in done.err


def test_the_most_probable_labels(terminal):
    line = terminal.text("predict", "runs/a", "--best", "2", given="a bad film\n").split("\t")
    assert line[::2] == ["neg", "pos"]
    done = terminal("predict", "runs/a", "--best", "3", given="a bad film\n")
    assert done.err == "ostinato: --best 3: from 1 to 2, the number of labels\n"


def test_json_is_all_that_is_printed(terminal):
    lines = terminal.text("predict", "runs/a", "more.csv", "--json").splitlines()
    answers = list(map(json.loads, lines))
    assert [each["label"] for each in answers] == ["pos", "neg", "pos", "neg"]
    assert all(each["confidence"] == max(each["probabilities"].values()) for each in answers)
    found = json.loads(terminal.text("evaluate", "runs/a", "more.csv", "--json"))
    assert found["accuracy"] == 0.75
    assert (found["classes"], found["confusion"]) == (["neg", "pos"], [[1, 0], [1, 2]])
    words = "fit generate book.txt --out runs/json-b --train.epochs 1 --json".split()
    members = json.loads(terminal(*words).out)["together"]["weights"]
    assert sum(members.values()) == pytest.approx(1)
    text = json.loads(terminal.text("evaluate", "runs/b", "book.txt", "--json"))
    assert text["perplexity"] > 1
    assert (
        json.loads(terminal.text("predict", "runs/b", "--json", given="KI\n"))["text"][:2] == "KI"
    )
    words = "fit classify reviews.csv --out runs/json --train.epochs 1 --json".split()
    done = terminal(*words)
    fitted = json.loads(done.out)
    assert (fitted["run"], fitted["task"]) == ("runs/json", "classify")
    assert fitted["validation"]["epoch"] == 1


def test_a_table_in_a_pipe_is_given_back(terminal):
    lines = ['n,"m",text', '1,=1,"a good, long film"', '2,,""', "3,,a bad film", "4,,"]
    (terminal.folder / "piped.csv").write_text("".join(f"{line}\n" for line in lines))
    asked = terminal.text("predict", "runs/a", "piped.csv")
    given = (terminal.folder / "piped.csv").read_text()
    assert terminal.text("predict", "runs/a", given=given) == asked
    found = [row["prediction"] for row in csv.DictReader(io.StringIO(asked))]
    assert found == ["pos", "", "neg", ""]
    plain = terminal.text("predict", "runs/a", given="good, so good\na film, and bad\n")
    assert [line.partition("\t")[0] for line in plain.splitlines()] == ["pos", "neg"]
    rows = '{"text": "good", "n": 1}\n{"n": [2]}\n{"text": "bad"}\n'
    out = terminal.text("predict", "runs/a", "--skip-bad-rows", given=rows)
    read = list(map(json.loads, out.splitlines()))
    assert [each["prediction"] for each in read] == ["pos", "", "neg"]
    assert [set(each) - {"prediction", "confidence"} for each in read] == [
        {"text", "n"}, {"n"}, {"text"}
    ]  # fmt: skip
    done = terminal("predict", "runs/a", "--format", "csv", given="n,m\n1,2\n")
    assert done.err == "ostinato: standard input: no column 'text'; the columns are 'n', 'm'\n"
    done = terminal("predict", "runs/a", given="text\ngood\n")
    assert (done.out.count("\n"), "as a header is; if it is one, use --format csv" in done.err) == (
        2, True
    )  # fmt: skip


@pytest.mark.parametrize(
    "header",
    [pytest.param("", id="lines", marks=pytest.mark.slow), pytest.param("n,text\n", id="table")],
)
def test_a_pipe_is_answered_as_it_comes(terminal, header):
    command = subprocess.Popen(
        [sys.executable, "-m", "ostinato", "predict", "runs/a", "-"],
        cwd=terminal.folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    command.stdin.write(header)
    for text, label in [("a good film", "pos"), ("a bad film", "neg")]:
        command.stdin.write(f"1,{text}\n" if header else f"{text}\n")
        command.stdin.flush()
        line = command.stdout.readline()
        if line.startswith("n,text"):
            line = command.stdout.readline()
        assert line.startswith(f"1,{text},{label}" if header else label)
    rest, _ = command.communicate()
    assert (rest, command.returncode) == ("", 0)
