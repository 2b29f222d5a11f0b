"""Titles of columns that a table was written with an apostrophe for are read without it."""

import pytest

from ostinato.data import read_labelled
from ostinato.data.readers.named import read_rows
from ostinato.data.tables.spreadsheet import marked


@pytest.mark.parametrize("title", ["=load", "+load", "-load", "@load", "'=load", "'tis", "load"])
def test_a_marked_title_is_the_name_it_was_written_for(title, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(f'"{marked(title)}",label\nfine day,good\ngrey day,bad\n')
    (row, *_) = read_rows(str(path))
    assert row.columns == {title: "fine day", "label": "good"}
    assert read_labelled(str(path), title)["train"].texts[0] == "fine day"
