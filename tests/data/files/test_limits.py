"""A small file takes neither all memory, nor the disk, nor for ever."""

import gzip
import io
import lzma
import time
import tracemalloc
import unicodedata

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostinato.data import (
    Columns,
    Skipped,
    Store,
    limited,
    read_chunks,
    read_labelled,
    read_pairs,
    read_series,
    read_tagged,
    read_texts,
    tokenizer,
)
from ostinato.data.files import file
from ostinato.data.symbols.scripts import composed
from ostinato.data.tables.formats import csv
from ostinato.errors import DataError

READERS = {
    "a.txt": (lambda p: read_texts(p), "a\n", ""),
    "b.txt": (lambda p: list(read_chunks(p)), "a\n", ""),
    "c.txt": (lambda p: read_tagged(p), "to be, or not\n", ""),
    "d.txt": (lambda p: read_tagged(p), "\n", "to be, or not to be\n"),
    "a.csv": (lambda p: read_labelled(p), "a,b\n", "text,label\n"),
    "b.csv": (lambda p: read_labelled(p), "\n", "text,label\na,b\n"),
    "c.csv": (lambda p: read_pairs([p]), "a,b\n", "source,target\n"),
    "d.csv": (lambda p: read_series(p, Columns(), skip_bad_rows=Skipped()), "7\n", "y\n"),
    "a.tsv": (lambda p: read_labelled(p), "a\tb\n", "text\tlabel\n"),
    "a.jsonl": (lambda p: read_labelled(p), '{"text": "a", "label": "b"}\n', ""),
    "a.conll": (lambda p: read_tagged(p), "a b\n\n", ""),
    "b.conll": (lambda p: read_tagged(p), "\n", "a b\n"),
    "a.ts": (lambda p: read_labelled(p), "1,2:a\n", ""),
}


@pytest.mark.parametrize("packing", [gzip, lzma])
@pytest.mark.parametrize("name", READERS)
def test_far_more_than_a_packed_file_holds_is_refused(tmp_path, monkeypatch, name, packing):
    monkeypatch.setattr(file, "UNCHECKED", 5_000)
    read, line, head = READERS[name]
    plain, packed = tmp_path / name, tmp_path / f"{name}.{'gz' if packing is gzip else 'xz'}"
    raw = (head + line * (30_000 // len(line))).encode()
    packed.write_bytes(packing.compress(raw))
    with pytest.raises(DataError, match=rf"{packed}: .* more than 100 times its size; .*--max"):
        read(str(packed))
    with limited(expansion=10**5):
        read(str(packed))
    plain.write_bytes(raw)
    with limited(expansion=1):
        read(str(plain))  # a plain file is as large as it is


def parquet(path, columns, **options) -> str:
    pyarrow.parquet.write_table(pyarrow.table(columns), path, compression="zstd", **options)
    return str(path)


def test_a_parquet_dictionary_is_held_once_and_counted(tmp_path):
    texts = pyarrow.DictionaryArray.from_arrays([0] * 2000, ["ab " * 500_000])
    path = parquet(tmp_path / "a.parquet", {"text": texts, "label": ["a", "b"] * 1000})
    assert (tmp_path / "a.parquet").stat().st_size < 10_000
    before = pyarrow.default_memory_pool().max_memory()
    tracemalloc.start()
    with pytest.raises(DataError, match="--max-expansion"):
        read_labelled(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 50e6
    assert pyarrow.default_memory_pool().max_memory() - before < 200e6


def test_a_parquet_file_that_says_it_is_huge_is_not_read(tmp_path):
    lists = pyarrow.array([np.zeros(4_000_000, np.int64)], pyarrow.list_(pyarrow.int64()))
    path = parquet(tmp_path / "a.parquet", {"text": ["a"], "label": lists})
    with pytest.raises(DataError, match="--max-expansion"):
        read_labelled(path)


def test_parquet_gives_texts_numbers_and_gaps_as_they_are(tmp_path):
    texts = ["b", None, "ä", "b", ""] * 700
    numbers = [1.5, None, 2.0, 0.0, -1.0] * 700
    path = parquet(tmp_path / "a.parquet", {"text": texts, "n": numbers, "l": [["x"], []] * 1750})
    from ostinato.data.readers.named import read_rows

    rows = [row.columns for row in read_rows(path)]
    assert [row["text"] for row in rows] == texts
    assert [row["n"] for row in rows] == numbers
    assert [row["l"] for row in rows] == [["x"], []] * 1750


def test_a_packed_parquet_leaves_the_temporary_folder_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(file, "UNCHECKED", 5_000)
    packed = tmp_path / "a.parquet.gz"
    packed.write_bytes(gzip.compress(b"PAR1\x15" + bytes(5_000_000) + b"PAR1"))
    written = []
    temporary = file.tempfile.TemporaryFile
    monkeypatch.setattr(
        file.tempfile, "TemporaryFile", lambda: written.append(temporary()) or written[-1]
    )
    with pytest.raises(DataError, match="--max-expansion"):
        read_labelled(str(packed))
    assert all(copy.closed for copy in written)


LONG = "x" * 2000
TOO_LONG = {  # how, what stands in the file, the line and what is too long
    "a.csv": (read_labelled, f"text,label\na,b\n{LONG},c\n", "line 3: a line of more than 1,000"),
    "b.csv": (read_labelled, f"text,label\n{LONG},c\n", "line 2: a line"),
    "c.csv": (
        read_labelled,
        'text,label\na,b\n"c,d\n' + "e,f\n" * 400,
        "line 3: a record of more than 1,000 characters; ",
    ),
    "a.jsonl": (read_labelled, f'{{"text": "{LONG}", "label": "a"}}\n', "line 1: a line"),
    "a.txt": (read_texts, f"a\n{LONG}\n", "line 2: a line"),
    "a.conll": (read_tagged, "a b\n\n" + "a b\n" * 400, "line 2: a sentence"),
    "b.conll": (read_tagged, "a b\n" + "\n" * 1200, "line 2: a sentence"),
    "a.conllu": (read_tagged, "# x\n" * 400, "line 1: a sentence"),
    "a.ts": (read_labelled, f"{'1,' * 800}1:a\n", "line 1: a line"),
}


@pytest.mark.parametrize("name", TOO_LONG)
def test_a_row_that_is_too_long_is_named(tmp_path, name):
    read, text, what = TOO_LONG[name]
    (tmp_path / name).write_text(text)
    with limited(row=1000), pytest.raises(DataError, match=f"{name}, {what}.*--max-row"):
        read(str(tmp_path / name))


def test_a_text_of_a_folder_and_one_of_parquet_are_rows_too(tmp_path):
    for name, text in {"a": "x" * 2000, "b": "y"}.items():
        (tmp_path / "texts" / name).mkdir(parents=True)
        (tmp_path / "texts" / name / "1.txt").write_text(text)
    with limited(row=1000), pytest.raises(DataError, match=r"a/1\.txt: a text of .*--max-row"):
        read_labelled(str(tmp_path / "texts"))
    path = parquet(tmp_path / "a.parquet", {"text": ["a", LONG], "label": ["x", "y"]})
    with limited(row=1000), pytest.raises(DataError, match=r"row 2: a text of .*--max-row"):
        read_labelled(path)


def test_a_text_without_white_space_is_not_held_whole():
    store = Store(tokenizer("word"))
    with limited(row=1000), pytest.raises(DataError, match=r"a piece without .*--max-row"):
        store.add_long(["x" * 500] * 5)
    store.add_long(["x" * 500] * 5)


def test_reading_goes_on_behind_a_quotation_mark_that_is_not_closed(tmp_path):
    (tmp_path / "a.csv").write_text('text,label\na,b\n"c,d\n' + "e,f\n" * 400)
    skipped = Skipped()
    with limited(row=1000):
        read = read_labelled(str(tmp_path / "a.csv"), skip_bad_rows=skipped)["train"]
    assert (len(read), skipped.rows) == (401, [1])


def test_marks_that_are_not_closed_do_not_take_their_number_squared(tmp_path, monkeypatch):
    monkeypatch.setattr(csv, "_AGAIN", 1000)
    (tmp_path / "a.csv").write_text("text,label\n" + 'a""",""",c\n' * 300)
    with pytest.raises(DataError, match="too many quotation marks are not closed"):
        read_labelled(str(tmp_path / "a.csv"), skip_bad_rows=Skipped())


def test_blank_lines_take_hardly_any_memory(tmp_path):
    path = tmp_path / "a.txt"
    for raw in (b"\n" * 50_000, b"a\n" + b"\n" * 50_000):
        path.write_bytes(raw)
        tracemalloc.start()
        if raw[:1] == b"a":
            skipped = Skipped()
            assert read_texts(str(path), skip_bad_rows=skipped) == ["a"]
            assert len(skipped.places) == 50_000
        else:
            with pytest.raises(DataError, match="the file is empty"):
                read_texts(str(path), skip_bad_rows=Skipped())
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 3e6  # 8 bytes each, and the buffers


def test_a_wide_header_is_read_in_its_length(tmp_path):
    names = [f"c{k}" for k in range(60_000)]
    (tmp_path / "a.csv").write_text(",".join(names) + "\n" + ",".join("1" for _ in names) + "\n")
    began = time.process_time()
    read_series(str(tmp_path / "a.csv"), Columns())
    assert time.process_time() - began < 10


MARKS = [chr(c) for c in range(0x300, 0x2000) if unicodedata.category(chr(c))[0] == "M"]
MARKS += ["\u0344", "\u0f73", "\u0f81", "\U0001d165", "\u3099", "!", "…", "☃"]


@given(st.text(st.sampled_from([*"aeé가ǭ ", *MARKS])), st.text(st.sampled_from(MARKS), min_size=40))
def test_composing_is_that_of_unicode(text, marks):
    for each in (text, marks, text + marks + text):
        assert composed(each) == unicodedata.normalize("NFC", each)


def test_composing_takes_the_length_of_a_text():
    began = time.process_time()
    assert len(tokenizer("word").split("a" + "\u0301\u0316" * 200_000)) == 1
    assert time.process_time() - began < 10


def test_subwords_are_learnt_in_the_length_of_a_word():
    pytest.importorskip("tokenizers")
    began = time.process_time()
    tokenizer("bpe").train(["a" * 300_000], 50)
    tokenizer("bpe").train(["a b"], 10**13)  # asks for no memory that it does not need
    assert time.process_time() - began < 10


def test_a_first_line_beyond_the_field_limit_of_python(monkeypatch):
    class Input:
        buffer = io.BytesIO(b"x" * 200_000 + b",label\ny,z\n")

    monkeypatch.setattr("sys.stdin", Input)
    assert read_texts("-") == ["x" * 200_000 + ",label", "y,z"]
