"""Lists of runs and of data, and any input as it will be read."""

import json

import pytest

from ostinato import registry
from ostinato.data import sources
from ostinato.report.preview import task_of


def test_runs_are_listed_with_what_they_are(terminal):
    found = json.loads(terminal.text("runs", "--json"))["runs"]
    own = {each["run"]: each for each in found}
    a = own["runs/a"]
    assert (a["task"], a["cell"], a["data"], a["measure"]) == (
        "classify", "gru", "reviews.csv", "accuracy",
    )  # fmt: skip
    metrics = (terminal.folder / "runs" / "a" / "metrics.jsonl").read_text().splitlines()
    assert a["value"] in [json.loads(line)["accuracy"] for line in metrics]
    lines = terminal.text("runs").splitlines()
    assert any("runs/b" in line and "book.txt" in line and "bits" in line for line in lines)
    assert terminal("runs", "nowhere").err == "ostinato: nowhere: no such folder\n"


def test_a_damaged_run_is_listed_as_one(terminal):
    folder = terminal.folder / "more" / "broken"
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text('task = "classify"')
    (folder / "manifest.json").write_text("{")
    assert "damaged" in terminal.text("runs", "more")


def test_data_lists_every_source(terminal):
    out = terminal.text("data")
    assert all(name.replace("_", "-") in out for name in registry.names(sources))


def test_an_input_is_shown_as_it_will_be_read(terminal):
    out = terminal.text("data", "reviews.csv")
    assert "Read for: classify." in out
    assert "120 texts, read by the tokenizer" in out
    assert "2 classes: 'pos' 60, 'neg' 60." in out
    assert "it | was | a | good | film | 0" in out
    conll = "Ada B-PER\nhid O\n\nBo B-PER\nLee I-PER\nleft O\n"
    (terminal.folder / "n.conll").write_text(conll)
    out = terminal.text("data", "n.conll")
    assert "2 sentences of 5 words" in out
    assert "3 tags, of entities" in out
    done = terminal("data", "reviews.csv", "--task", "regress", "--data.target", "n")
    assert done.err.startswith("ostinato: reviews.csv, line 1: no column 'n'; the columns are")


@pytest.mark.parametrize(
    ("name", "text", "task"),
    [
        ("a.csv", "text,label\nx,y\n", "classify"),
        ("b.csv", "target,text\n1,x\n", "regress"),
        ("c.jsonl", '{"source": "a", "target": "b"}\n', "transduce"),
        ("d.csv", "month,n\n2020-01,3\n", "forecast"),
        ("e.conllu.gz", "", "tag"),
        ("f.txt", "KING.\n", "generate"),
    ],
)
def test_the_task_of_an_input_is_told_by_its_name_and_columns(name, text, task, tmp_path):
    (tmp_path / name).write_text(text)
    assert task_of(str(tmp_path / name)) == task


@pytest.mark.parametrize(("word", "meant"), [("train", "fit"), ("eval", "evaluate")])
def test_a_command_of_another_program_is_understood(terminal, word, meant):
    done = terminal(word, "a.csv")
    assert done.err == f"ostinato: unknown command '{word}'; did you mean '{meant}'? See --help\n"
    assert done.status == 2
