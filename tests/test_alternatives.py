"""The table of defaults is what its command writes, and its alternatives are what they say."""

import shutil
import tomllib
from pathlib import Path

import numpy as np
import pytest

import defaults
import measuring
import splits
from alternatives import pairs, series, tags, texts
from ostinato import tasks
from questions import SHARES, questions

ROOT = Path(__file__).parent.parent
ENTRIES = tomllib.loads((ROOT / "benchmarks" / "defaults.toml").read_text("utf-8"))
TINY = """
[films]
title = "films"
set = "films"
fit = "classify --data.text text"
measure = "accuracy"
alternatives = ["texts.words", "texts.characters"]
why = "they are few."

[sales]
title = "sales"
set = "series sales.csv 2 2"
fit = "forecast"
measure = "MAE"
lower = true
alternatives = ["series.last"]
"""


@pytest.fixture
def home(tmp_path):
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "docs").mkdir()
    (tmp_path / "benchmarks" / "defaults.toml").write_text(TINY)
    (tmp_path / "benchmarks" / "defaults.json").write_text("{}")
    (tmp_path / "docs" / "results.md").write_text("<!-- defaults -->\n<!-- end -->\n")
    return tmp_path


def test_the_table_is_what_its_command_writes(tmp_path):
    for name in ("docs/results.md", "benchmarks/defaults.json", "benchmarks/defaults.toml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    assert defaults.main(["--tables"], home=tmp_path) == 0
    written = (tmp_path / "docs" / "results.md").read_text("utf-8")
    assert written == (ROOT / "docs" / "results.md").read_text("utf-8")


def test_entries_cover_all_tasks_and_name_what_there_is():
    assert {entry["fit"].split()[0] for entry in ENTRIES.values()} == set(tasks.names())
    assert len(ENTRIES) >= 16
    for entry in ENTRIES.values():
        assert callable(getattr(splits, entry["set"].split()[0]))
        own = [word for word in entry["fit"].split() if word.startswith("--")]
        assert all(word.startswith(("--data.", "--tokenizer")) for word in own)  # no settings
        for name in entry["alternatives"]:
            module, function = name.split(".")
            path = ROOT / "benchmarks" / "alternatives" / f"{module}.py"
            assert f"def {function}(train, test, measure):" in path.read_text("utf-8")


def test_measures_go_into_the_table_beside_the_best_alternative(home, monkeypatch, capsys):
    lines = []

    def run(line, given):
        lines.append(line)
        if line.startswith("ostinato predict"):
            return ["time,column,forecast", *(f"t,sales,{k}" for k in (7, 7, 7))]
        return [f"accuracy 0.{len(lines)}00"] if line.startswith("ostinato evaluate") else []

    def films(find):
        return splits.Split(".csv", ["good,a\n", "bad,b\n"], ["good,a\n"], "text,label\n")

    monkeypatch.setattr(measuring, "run", run)
    monkeypatch.setattr(splits, "films", films)
    (home / "sales.csv").write_text("month,sales\n" + "".join(f"{k},{k}\n" for k in range(10)))
    words = [str(home), "--seeds", "0,3", "--out", str(home / "out")]
    assert defaults.main(words, home=home) == 0
    page = (home / "docs" / "results.md").read_text("utf-8")
    assert "| films (`classify`) | accuracy ↑ | 30.0% | 14.1% | tf-idf of " in page
    assert "regression | 100.0% | no |" in page
    assert "\n- films: they are few.\n" in page
    # true: 6 7, then 8 9; forecast: 7 7, the last values: 5 5, then 7 7
    assert "| sales (`forecast`) | MAE ↓ | 1 | 0 | The last value | 1.5 | yes |" in page
    data = home / "out" / "data"
    assert lines[0] == (
        f"ostinato fit classify {data}/films/train.csv --data.text text --seed 0 --out films-0"
    )
    done = len(lines)
    assert defaults.main(words, home=home) == 0  # everything is known
    assert len(lines) == done
    assert defaults.main([*words, "--only", "salse"], home=home) == 1
    assert "unknown entry 'salse'; did you mean 'sales'?" in capsys.readouterr().err


def test_parts_are_written_as_files_that_can_be_read(tmp_path):
    rows = [f"{k},{k}\n" for k in range(9)]
    split = splits.Split(".csv", rows[:5], rows[5:], "t,y\n", steps=2)
    split.write(tmp_path)
    names = {path.stem: series.read(path).tolist() for path in tmp_path.iterdir()}
    assert names["train"] == names["until-0"] == [0, 1, 2, 3, 4]
    assert names["until-2"] == [0, 1, 2, 3, 4, 5, 6]
    assert names["test"] == [5, 6, 7, 8]
    train, test = tmp_path / "train.csv", tmp_path / "test.csv"
    assert series.seasonal(train, test, "MAE") == np.mean([5, 5, 7, 7])
    assert series.last(train, test, "MAE") == np.mean([1, 2, 1, 2])


def test_alternatives_learn_what_is_plain(tmp_path):
    train, test = tmp_path / "train.csv", tmp_path / "test.csv"
    for path in (train, test):
        path.write_text("source,target\n" + "ab,A B\nba,B A\n" * 16)
    assert texts.characters(train, test, "accuracy") == 1
    assert pairs.of_characters(train, test, "token_error_rate") == 0
    words = tmp_path / "a.conll"
    words.write_text("Paris NNP B-LOC\nis VBZ O\n\nis VBZ O\nParis NNP B-LOC\n")
    assert tags.frequent(words, words, "f1") == 1
    assert tags.frequent(words, words, "accuracy") == 1


def test_questions_are_different_and_of_all_classes():
    found = questions(400)
    assert len(dict(found)) == 400
    assert {label for _, label in found} == SHARES.keys()
    assert found == questions(400)
