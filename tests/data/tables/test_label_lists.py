"""Columns in which a text may have several labels, in every format."""

import json

import pytest

from ostinato.data import LabelColumn, Skipped, read_labelled
from ostinato.errors import DataError

ROWS = [("x", ["b", "a"]), ("y", []), ("z", ["c"])]
EXPECTED = [("a", "b"), (), ("c",)]
BARS = LabelColumn("label", multi_label=True, separator="|")


def table(separator):
    return "".join(f"{text}{separator}{'| '.join(labels)}\n" for text, labels in ROWS)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", "text,label\n" + table(",")),
        ("a.tsv", "text\tlabel\n" + table("\t")),
        ("a.jsonl", "".join(json.dumps({"text": t, "label": y}) + "\n" for t, y in ROWS)),
        ("b.jsonl", "".join(json.dumps({"text": t, "label": "|".join(y)}) + "\n" for t, y in ROWS)),
        ("c.jsonl", '{"text":"x","label":["a","b","a"]}\n{"text":"y","label":null}\n'
            '{"text":"z","label":"c"}\n'),
    ],
)  # fmt: skip
def test_all_formats_give_the_same(tmp_path, name, content):
    path = tmp_path / name
    path.write_text(content)
    found = read_labelled(str(path), label=BARS)["train"]
    assert list(found.texts) == ["x", "y", "z"]
    assert found.labels == EXPECTED


def test_parquet_and_folders(tmp_path):
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    texts, labels = (list(column) for column in zip(*ROWS, strict=True))
    parquet.write_table(arrow.table({"text": texts, "label": labels}), tmp_path / "a.parquet")
    found = read_labelled(str(tmp_path / "a.parquet"), label=LabelColumn("label", multi_label=True))
    assert found["train"].labels == EXPECTED
    (tmp_path / "films" / "a+b").mkdir(parents=True)
    (tmp_path / "films" / "a+b" / "one.txt").write_text("x")
    found = read_labelled(str(tmp_path / "films"), label=LabelColumn("kind", True, "+"))
    assert found["train"].labels == [("a", "b")]


def test_bad_rows_are_named_and_known_labels_checked(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"text":"x","label":["a"]}\n{"text":"y","label":[[1]]}\n')
    with pytest.raises(DataError, match="line 2: the label is a list, not a text"):
        read_labelled(str(path), label=BARS)
    skipped = Skipped()
    assert read_labelled(str(path), label=BARS, skip_bad_rows=skipped)["train"].labels == [("a",)]
    assert skipped.rows == [1]
    path.write_text('{"text":"x","label":["a", "q"]}\n')
    with pytest.raises(DataError, match="line 1: its label 'q' is not in the training data"):
        read_labelled(str(path), label=BARS, classes=["a", "b"])
    with pytest.raises(DataError, match=r"line 1: .*list.*use data\.multi_label = true"):
        read_labelled(str(path))


def test_texts_of_a_packaged_source_have_one_label(tmp_path):
    found = read_labelled("imdb", label=BARS)["train"]
    assert set(found.labels) == {("neg",), ("pos",)}
