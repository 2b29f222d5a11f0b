"""The same examples from every format, packed or not, by name, by beginning and by option."""

import gzip
import io
import json
import lzma
from types import SimpleNamespace

import pyarrow
import pyarrow.parquet
import pytest

from ostinato import registry
from ostinato.data import Examples, Skipped, read_chunks, read_labelled, read_text, read_texts
from ostinato.data.tables import formats
from ostinato.errors import DataError, UnknownName

TEXTS = ['a "good" film', "schlecht, und\tlang".replace("\t", " "), "très bon"]
LABELS = ["pos", "neg", "pos"]
READ = {"train": Examples(TEXTS, LABELS)}


def csv() -> bytes:
    rows = ["text,stars,label"]
    quoted = [text.replace('"', '""') for text in TEXTS]
    rows += [f'"{text}",3,{label}' for text, label in zip(quoted, LABELS, strict=True)]
    return "\n".join(rows).encode()


def tsv() -> bytes:
    rows = ["label\ttext", *(f"{y}\t{x}" for x, y in zip(TEXTS, LABELS, strict=True))]
    return "\r\n".join(rows).encode()


def jsonl() -> bytes:
    objects = [{"text": x, "more": [1], "label": y} for x, y in zip(TEXTS, LABELS, strict=True)]
    return "\n\n".join(map(json.dumps, objects)).encode()


def array() -> bytes:
    objects = [{"text": x, "more": [1], "label": y} for x, y in zip(TEXTS, LABELS, strict=True)]
    return json.dumps(objects, indent=1).encode()


def parquet(**columns) -> bytes:
    table = columns or {"label": LABELS, "text": TEXTS}
    file = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table(table), file)
    return file.getvalue()


MAKE = {"csv": csv, "tsv": tsv, "json": array, "jsonl": jsonl, "parquet": parquet}
PACK = {"": bytes, ".gz": gzip.compress, ".xz": lzma.compress}


@pytest.fixture
def feed(monkeypatch):
    def feed(raw: bytes) -> None:
        monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(raw)))

    return feed


@pytest.fixture
def put(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def put(name: str, content: bytes | str) -> str:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        raw = content if isinstance(content, bytes) else content.encode()
        (tmp_path / name).write_bytes(raw)
        return name

    return put


def test_these_are_all_the_formats():
    assert set(registry.names(formats)) == {*MAKE, "text"}


@pytest.mark.parametrize("packing", PACK)
@pytest.mark.parametrize("kind", MAKE)
def test_a_table_of_any_format(put, feed, kind, packing):
    raw = PACK[packing](MAKE[kind]())
    assert read_labelled(put(f"Films.{kind.upper()}{packing}", raw)) == READ
    assert read_texts(f"Films.{kind.upper()}{packing}") == TEXTS
    assert read_labelled(put("nothing", raw)) == READ  # known by its beginning
    feed(raw)
    assert read_labelled("-") == READ
    feed(raw)
    assert read_texts("-") == TEXTS
    feed(raw)
    assert read_labelled("-", format=kind) == READ


@pytest.mark.parametrize("packing", PACK)
def test_plain_text(put, feed, packing):
    raw = PACK[packing](b"one\r\ntwo, three\n")
    name = put(f"a.txt{packing}", raw)
    assert read_text(name) == "".join(read_chunks(name)) == "one\ntwo, three\n"
    assert read_texts(name) == ["one", "two, three"]
    feed(raw)
    assert read_texts("-") == ["one", "two, three"]


@pytest.mark.parametrize("packing", PACK)
def test_a_folder_with_a_folder_for_each_class(put, tmp_path, packing):
    for k, text in enumerate(["good\r\nfilm", "fine"]):
        put(f"films/pos/{k}.txt{packing}", PACK[packing](text.encode()))
    put(f"films/neg/9.txt{packing}", PACK[packing](b"bad"))
    put("films/README.md", "not a text")
    put("films/pos/scores.feat", "not a text")
    put("films/.cache/x.txt", "hidden")
    found = Examples(["bad", "good\nfilm", "fine"], ["neg", "pos", "pos"])
    assert read_labelled("films") == {"train": found}


def test_a_name_that_is_no_format_is_refused(put):
    with pytest.raises(UnknownName, match="unknown format 'cvs'; did you mean 'csv'"):
        read_labelled(put("a.csv", csv()), format="cvs")


def test_labels_that_are_whole_numbers_are_the_same_however_they_are_written(put):
    names = [
        put("a.csv", "text,label\na,0.0\nb, 1.\n"),
        put("a.jsonl", '{"text":"a","label":0}\n{"text":"b","label":1.0}'),
        put("a.parquet", parquet(text=["a", "b"], label=[0.0, 1.0])),
    ]
    for name in names:
        assert read_labelled(name)["train"].labels == ["0", "1"]


GOOD = "text,label\ngood,pos\n"
BROKEN = [
    ("a.csv.gz", gzip.compress(csv(), mtime=0)[:-9], r"a\.csv\.gz.*: the gzip data is truncated"),
    (
        "a.csv.gz",
        gzip.compress(csv(), mtime=0)[:30] + b"xxxx" * 9,
        "the gzip data is (damaged|truncated)",
    ),
    ("a.csv.xz", lzma.compress(csv())[:-9], r"a\.csv\.xz.*: the xz data is truncated"),
    ("a.jsonl", '{"text":"a","label":"x"}\n{"text":"b",}', "line 2: not JSON: .* at character 13"),
    ("a.jsonl", '{"text":5,"label":"x"}', "line 1: the text is a number, not a text"),
    ("a.jsonl", '\n{"text":"a","label":["x"]}', "line 2: the label is a list, not a text"),
    ("a.jsonl", '{"text":"a","label":null}', "line 1: the label is missing"),
    ("a.jsonl", '{"text":"a","label":NaN}', "line 1: the label is missing"),
    ("a.jsonl", '["a","x"]', "line 1: not a JSON object"),
    ("a.jsonl", '{"text":"a","lable":"x"}', "line 1: no 'label'; the keys are 'text', 'lable'"),
    ("a.jsonl", r'{"text":"\ud800","label":"x"}', "line 1: not UTF-8 in the text"),
    ("a.jsonl", r'{"text":"a\u0000b","label":"x"}', "line 1: a NUL byte in the text"),
    ("a.jsonl", "[" * 100_000, "line 1: not JSON"),
    ("a.jsonl", '{"text":"a","label":' + "9" * 5000 + "}", "line 1: not JSON that can be read"),
    ("a.jsonl", "\n\n", r"^a\.jsonl: the file is empty$"),
    ("a.json", "\n\n", r"^a\.json: the file is empty$"),
    ("a.json", "[1, 2]", "row 1: not a JSON object"),
    ("a.json", '[{"text":"a","label":"x"},]', "after row 1: not JSON: Expecting value"),
    ("a.json", '[{"text":"a","label":"x"} {"text', "after row 1: not JSON: expected , or ]"),
    ("a.json", '[{"text":"a","label":"x"}', "after row 1: not JSON: the array is not closed"),
    ("a.json", '[{"text":"a"}]', "row 1: no 'label'; the keys are 'text'"),
    ("a.json", '{\n"text": {"0": "a"}}', r"^a\.json: one JSON object over several lines is no"),
    ("a.json", "text,label", r"^a\.json: neither an array of objects nor JSON Lines"),
    ("a.tsv", "text\tlabel\na\tx\tz\n", "line 2: 3 fields, but the header has 2"),
    ("a.tsv", "text\tlabel\na\tx\n\tx\n", "line 3: the text is empty"),
    ("a.tsv", b"text\tlabel\na\xff\tx\n", "line 2: not UTF-8"),
    ("a.tsv", "text\tlebal\na\tx\n", "line 1: no column 'label'; the columns are 'text', 'lebal'"),
    ("a.tsv", "", r"^a\.tsv: the file is empty$"),
    ("a.parquet", parquet(text=["a", None], label=["x", "y"]), "row 2: the text is missing"),
    ("a.parquet", parquet(text=[1, 2], label=["x", "y"]), "row 1: the text is a number, not a"),
    ("a.parquet", parquet(body=["a"], label=["x"]), r"^a\.parquet: no column 'text'; the columns"),
    ("a.parquet", parquet()[:-9], r"^a\.parquet: cannot be read as Parquet: "),
    ("a.parquet", csv(), r"^a\.parquet: cannot be read as Parquet: "),
    ("a.csv", "text,label\na,0.5\nb,3\nc,3.7\n", "line 2: the label 0.5 is not an integer"),
    ("a.csv", "text,label\na,1\nb,3e-1\n", "line 3: the label 3e-1 is not an integer"),
    ("a.csv", GOOD.encode("utf-16-le"), "line 1: a NUL byte"),
]


@pytest.mark.parametrize(("name", "content", "says"), BROKEN)
def test_what_is_wrong_is_one_line_with_file_and_row(put, name, content, says):
    with pytest.raises(DataError, match=says) as error:
        read_labelled(put(name, content))
    assert str(error.value).startswith(name)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ([], r"^films: no texts found"),
        (["pos/a.md"], r"^films: no texts found"),
        (["pos/a.txt", "neg/a.md"], r"^films/neg: no \.txt file"),
        (["pos/a.txt", "neg/a.txt/b"], r"^films, neg/a\.txt: cannot be read: Is a directory$"),
    ],
)
def test_a_folder_that_is_no_data_is_refused(put, tmp_path, files, says):
    (tmp_path / "films").mkdir()
    for name in files:
        put(f"films/{name}", "fine")
    with pytest.raises(DataError, match=says):
        read_labelled("films")


def test_a_bad_file_of_a_folder_is_named(put):
    put("films/neg/a.txt", "bad")
    put("films/pos/b.txt", b"go\nod\xff")
    with pytest.raises(
        DataError, match=r"^films, pos/b\.txt: line 2: not UTF-8; name its encoding"
    ):
        read_labelled("films")


def test_skipped_rows_are_counted_and_the_rest_is_read(put):
    skipped = Skipped()
    raw = b'text,label\ngood,pos\n ,neg\nb\xffd,neg\n"open,neg\nbad,neg\nx,y,z\n"a\nb",pos\n'
    found = read_labelled(put("a.csv", raw), skip_bad_rows=skipped)["train"]
    assert found == Examples(["good", "bad", "a\nb"], ["pos", "neg", "pos"])
    assert skipped.rows == [1, 2, 3, 5]
    assert skipped.summary() == (
        "a.csv: 4 bad rows skipped: line 3: the text is empty; line 4: not UTF-8; "
        "line 5: ',' expected after '\"'; …"
    )
    assert skipped.to_json() == {"rows": 4, "first": skipped.reasons}
    assert Skipped().summary() == ""


def test_one_open_quotation_mark_does_not_swallow_the_rest(put):
    skipped = Skipped()
    raw = 'text,label\n"open,pos\n' + "good,pos\n" * 1000
    assert len(read_labelled(put("a.csv", raw), skip_bad_rows=skipped)["train"]) == 1000
    assert skipped.reasons == ["line 2: a quotation mark is not closed"]


def test_bad_lines_of_a_text_are_left_out(put):
    skipped = Skipped()
    raw = b"one\ntw\xffo\nthree\n"
    assert read_text(put("a.txt", raw), skip_bad_rows=skipped) == "one\nthree\n"
    assert skipped.reasons == ["line 2: not UTF-8"]
    with pytest.raises(DataError, match=r"^a\.txt, line 2: not UTF-8; name its encoding: --data"):
        read_text("a.txt")


def test_where_no_row_is_good_skipping_does_not_help(put):
    for name, raw in {"a.jsonl": b"{}\n{}", "a.csv": b"text,label\na,\n"}.items():
        with pytest.raises(DataError, match=rf"^{name}: no valid row; line \d: "):
            read_labelled(put(name, raw), skip_bad_rows=Skipped())


def test_a_label_that_is_none_of_the_classes(put):
    name = put("a.csv", "text,label\na,x\nb,y\n")
    with pytest.raises(DataError, match=r"^a\.csv, line 3: its label 'y' is not .* has x, z$"):
        read_labelled(name, classes=["x", "z"])
    skipped = Skipped()
    assert len(read_labelled(name, classes=["x"], skip_bad_rows=skipped)["train"]) == 1
    assert skipped.rows == [1]


def test_a_missing_package_is_told_with_its_remedy(put, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(DataError, match=r"pip install 'pyarrow>=20'"):
        read_labelled(put("a.parquet", parquet()))


def test_texts_beyond_the_bound_of_memory_are_the_same(put, monkeypatch):
    name = put("a.csv", csv())
    monkeypatch.setattr("ostinato.data.tables.texts.MEMORY", 20)
    found = read_labelled(name)["train"]
    assert not isinstance(found.texts, list)
    assert list(found.texts) == TEXTS
    assert found.texts[-1] == found.texts[1:][-1] == TEXTS[-1]
    assert found.labels == LABELS
    assert found.fingerprint() == READ["train"].fingerprint()
    chosen = found.select([2, 0])
    assert list(chosen.texts) == [TEXTS[2], TEXTS[0]]
    assert list(chosen.select([1]).texts) == [TEXTS[0]]
