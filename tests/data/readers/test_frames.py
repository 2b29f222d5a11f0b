"""Lists, arrays, Series, frames and Hugging Face's datasets, all read alike."""

import numpy as np
import pandas
import polars
import pytest

from ostinato import Classifier
from ostinato.data import Examples, examples_of, texts_of
from ostinato.errors import DataError

TEXTS, LABELS = ["good", "bad", "fine"], ["pos", "neg", "pos"]
READ = Examples(TEXTS, LABELS)
TABLE = {"label": LABELS, "stars": [5, 1, 4], "text": TEXTS}
SHIFTED = [7, 3, 5]  # an index that is not 0, 1, 2


class Rows:
    """What is needed of a `Dataset`, without the library."""

    def __init__(self, table, names=None):
        self.table, self.column_names = table, list(table)
        self.features = dict.fromkeys(table)
        if names:
            self.features["label"] = type("ClassLabel", (), {"names": names})

    def __getitem__(self, name):
        return self.table[name]


def tables():
    yield "pandas", pandas.DataFrame(TABLE, index=SHIFTED)
    yield "polars", polars.DataFrame(TABLE)
    yield "lazy polars", polars.LazyFrame(TABLE)
    yield "dict", TABLE
    yield "dataset", Rows(TABLE)
    yield "named classes", Rows(TABLE | {"label": [1, 0, 1]}, ["neg", "pos"])
    yield "dict of datasets", {"test": Rows(TABLE), "train": Rows(TABLE)}


@pytest.mark.parametrize("table", [pytest.param(t, id=name) for name, t in tables()])
def test_a_table_with_both_columns(table):
    assert examples_of(table) == READ
    assert list(texts_of(table)) == TEXTS


@pytest.mark.parametrize("series", [list, tuple, np.array, pandas.Series, polars.Series, iter])
def test_texts_and_labels_apart(series):
    assert examples_of(series(TEXTS), series(LABELS)) == READ
    assert list(texts_of(series(TEXTS))) == TEXTS


def test_a_series_with_its_own_index_and_type():
    texts = pandas.Series(TEXTS, index=SHIFTED, dtype=object)
    labels = pandas.Series(LABELS, index=[0, 1, 2]).astype("category")
    assert examples_of(texts, labels) == READ


def test_datasets_of_hugging_face():
    datasets = pytest.importorskip("datasets")
    features = datasets.Features(
        {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["neg", "pos"])}
    )
    made = datasets.Dataset.from_dict({"text": TEXTS, "label": [1, 0, 1]}, features=features)
    assert examples_of(made) == READ
    both = datasets.DatasetDict({"train": made.select([0, 1]), "test": made})
    assert examples_of(both) == READ.select([0, 1])
    assert examples_of(both, split="test") == READ
    assert list(texts_of(both)) == TEXTS


@pytest.mark.parametrize(
    ("labels", "read"),
    [
        ([1, 0, 1], ["1", "0", "1"]),
        (np.array([1.0, 0.0, 1.0]), ["1", "0", "1"]),
        ([True, False, True], ["True", "False", "True"]),
        ([" pos", "neg ", "pos"], LABELS),
        (["0.5 stars", "3.7", "pos"], ["0.5 stars", "3.7", "pos"]),
    ],
)
def test_labels_of_any_type(labels, read):
    assert examples_of(TEXTS, labels).labels == read


@pytest.mark.parametrize(
    ("texts", "labels", "says"),
    [
        (TEXTS, [0.5, 3.7, 1.0], "the label 0.5 is not an integer"),
        (TEXTS, ["pos", None, "pos"], "row 2: the label is missing"),
        (pandas.Series(["a", None, "b"]), LABELS, "row 2: the text is missing"),
        (TEXTS, pandas.Series([1.0, float("nan"), 0.0]), "row 2: the label is missing"),
        (["a", "", "b"], LABELS, "row 2: the text is empty"),
        (["a", 5, "b"], LABELS, "row 2: the text is a number, not a text"),
        (["a", "b\0", "b"], LABELS, "row 2: a NUL byte in the text"),
        ("good", LABELS, "texts must be a list of texts, not one text"),
        (TEXTS, "pos", "labels must be a list of labels, not one label"),
        (TEXTS, None, "labels are missing"),
        (5, LABELS, "a int is not a list of texts"),
        (pandas.DataFrame({"body": TEXTS}), None, "no column 'text'; the columns are 'body'"),
        ({"text": TEXTS}, None, "no column 'label'; the columns are 'text'"),
        ({f"c{k}": TEXTS for k in range(99)}, None, r"the columns are 'c0', [^…]{,120}, …$"),
    ],
)
def test_what_is_wrong_is_refused_with_its_row(texts, labels, says):
    with pytest.raises(DataError, match=says) as error:
        examples_of(texts, labels)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("table", [pandas.DataFrame, polars.DataFrame, dict])
def test_one_column_is_not_both(table):
    with pytest.raises(
        DataError, match=r"^column 'label' is used for two parts; it can only have one$"
    ):
        examples_of(table({"text": TEXTS, "label": LABELS}), text="label")


def test_an_estimator_takes_them_all():
    texts = [f"a {word} film {k}" for k in range(20) for word in ("good", "bad")]
    table = {"body": texts, "stars": ["pos", "neg"] * 20}
    options = {
        "data": {"text": "body", "label": "stars"},
        "model": {"hidden": 4, "engine": "torch"},
    }
    options["train"] = {"epochs": 1}
    plain = Classifier("gru", baseline=False, **options).fit(texts, table["stars"])
    expected = plain.predict_proba(texts)
    for frame in (pandas.DataFrame(table), polars.DataFrame(table)):
        fitted = Classifier("gru", baseline=False, **options).fit(frame)
        np.testing.assert_array_equal(fitted.predict_proba(frame), expected)
        np.testing.assert_array_equal(fitted.predict_proba(frame["body"]), expected)
        score = plain.score(texts, table["stars"])
        assert fitted.score(frame) == fitted.evaluate(frame).accuracy == score
        assert fitted.score(frame["body"], frame["stars"]) == score
    with pytest.raises(DataError, match="row 2: None is not a text"):
        plain.predict(["a", None])
