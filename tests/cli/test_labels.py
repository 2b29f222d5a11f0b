"""Several labels, weights, thresholds and calibration on the command line."""

import json
import random
import re

import pytest

QUICK = "--model.hidden 8 --model.embedding 8 --train.epochs 30 --train.patience 30".split()
QUICK += "--train.lr 0.03 --data.batch-tokens 200 --data.validation 0.3 --cell gru".split()
WORDS = {"war": "guns", "love": "kiss"}


@pytest.fixture(scope="module")
def films(terminal):
    """A run on texts with several labels, and what `fit` said."""
    draw, lines, objects = random.Random(0), ["text,label"], []
    for _ in range(160):
        labels = [label for label in WORDS if draw.random() < 0.5]
        words = [*draw.choices(["a", "the", "old"], k=3), *(WORDS[label] for label in labels)]
        lines.append(f"{' '.join(words)},{'|'.join(labels)}")
        objects.append(json.dumps({"text": " ".join(words), "label": labels}))
    (terminal.folder / "films.csv").write_text("\n".join(lines) + "\n")
    (terminal.folder / "films.jsonl").write_text("\n".join(objects) + "\n")
    return terminal(
        "fit", "classify", "films.csv", "--data.separator", "|", "--out", "runs/films", *QUICK,
        "--model.threshold", "f1", "--model.class-weight.war", "2", "--model.calibrate",
    )  # fmt: skip


def test_fit_says_what_was_decided(terminal, films):
    assert films.status == 0, films.err
    assert re.search(r"\d+ of 160 texts have no label\.", films.out)
    assert re.search(
        r"Calibrated: temperature \d\.\d\d; calibration error on the validation set "
        r"0\.\d{3} before, 0\.\d{3} after\.", films.out,
    )  # fmt: skip
    assert re.search(r"Thresholds: love 0\.\d{3}, war 0\.\d{3}\.", films.out)
    assert "validation micro F1" in films.out
    config = (terminal.folder / "runs/films/config.toml").read_text()
    assert "[model.class_weight]\nwar = 2.0" in config


def test_predict_prints_the_labels_over_their_thresholds(terminal, films):
    done = terminal(
        "predict", "runs/films", "-", given="a the old kiss\nthe old a guns kiss\nthe old a\n"
    )
    rows = [line.split("\t") for line in done.out.split("\n")[:-1]]
    assert rows[0][0::2] == ["love"]
    assert sorted(rows[1][0::2]) == ["love", "war"]
    assert rows[2] == [""]
    numbers = [float(p) for p in rows[1][1::2]]
    assert numbers == sorted(numbers, reverse=True)
    assert "1 of 3 texts have no predicted label" in done.err
    every = terminal.text("predict", "runs/films", "-", "--threshold", "0", given="the old\n")
    assert sorted(every.split("\t")[0::2]) == ["love", "war"]
    assert terminal("predict", "runs/films", "-", "--threshold", "2", given="a\n").status == 1


def test_evaluate_reads_arrays_too_and_counts_each_label(terminal, films):
    from_csv = terminal.text("evaluate", "runs/films", "films.csv")
    assert from_csv == terminal.text("evaluate", "runs/films", "films.jsonl")
    assert re.search(r"micro_f1 (0\.9|1\.0)", from_csv)
    assert re.search(r"calibration error 0\.\d{3}, uncalibrated 0\.\d{3}\n", from_csv)
    rows = (terminal.folder / "films.csv").read_text().splitlines()[1:]
    for label in WORDS:
        (counts,) = re.findall(rf"^ *{label} +(\d+) +(\d+) +(\d+) +(\d+) *$", from_csv, re.M)
        yes, wrong, missed, no = map(int, counts)
        assert yes + missed == sum(label in row.split(",")[1] for row in rows)
        assert yes + wrong + missed + no == 160


def test_a_threshold_moves_two_classes(terminal):
    given = "a good film\na bad film\n"
    for threshold, expected in (("0", ["pos", "pos"]), ("1", ["neg", "neg"])):
        out = terminal.text("predict", "runs/a", "-", "--threshold", threshold, given=given)
        assert [line.split("\t")[0] for line in out.splitlines()] == expected
    out = terminal.text("evaluate", "runs/a", "more.csv", "--threshold", "0")
    assert "accuracy 0.750" in out  # three of four are pos


def test_several_labels_are_refused_where_they_cannot_be_used(terminal, films):
    done = terminal("compare", "classify", "films.csv", "--data.separator", "|")
    assert (done.status, done.err.count("\n")) == (1, 1)
    assert "cannot be compared yet" in done.err
    done = terminal("report", "runs/films", "--data", "films.csv")
    assert (done.status, done.err.count("\n")) == (1, 1)
    assert "a report does not support yet" in done.err
    done = terminal("fit", "classify", "films.jsonl", "--out", "runs/none")
    assert done.status == 1
    assert "use data.multi_label = true" in done.err
    done = terminal("fit", "classify", "reviews.csv", "--model.class-weight.nobody", "2")
    assert done.status == 1
    assert "there is no class 'nobody'; the classes are neg, pos" in done.err


def test_balanced_weights_and_plain_tables_of_one_label(terminal):
    out = terminal.text(
        "fit", "classify", "reviews.csv", "--model.class-weight", "balanced", *QUICK,
        "--model.threshold", "accuracy", "--model.no-calibrate", "--out", "runs/balanced",
    )  # fmt: skip
    assert "Calibrated" not in out
    assert re.search(r"Thresholds: pos 0\.\d{3}\.", out)
    config = (terminal.folder / "runs/balanced/config.toml").read_text()
    assert 'class_weight = "balanced"' in config
