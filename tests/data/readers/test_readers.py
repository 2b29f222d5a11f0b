import csv
import io
import re
import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ostinato.data import Examples, Skipped, read_labelled, read_text, read_texts
from ostinato.errors import DataError


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Writes a file into the current folder and gives its name."""
    monkeypatch.chdir(tmp_path)

    def write(content: bytes | str, name: str = "films.csv") -> str:
        raw = content if isinstance(content, bytes) else content.encode()
        (tmp_path / name).write_bytes(raw)
        return name

    return write


def feed(monkeypatch, raw: bytes) -> None:
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(raw)))


GOOD = "text,label\ngood,pos\nbad,neg\n"
READ = {"train": Examples(["good", "bad"], ["pos", "neg"])}


@pytest.mark.parametrize(
    "content",
    [
        GOOD,
        "\ufeff" + GOOD,
        GOOD.replace("\n", "\r\n"),
        GOOD.replace("\n", "\r"),
        GOOD.removesuffix("\n"),
        GOOD.replace("\n", "\n\n"),
        "label,stars,text\npos,5,good\nneg,1,bad\n",
        '"text","label"\n"good","pos"\n"bad","neg"\n',
    ],
)
def test_a_labelled_file(write, content):
    assert read_labelled(write(content)) == READ


def test_columns_are_chosen_by_name(write):
    name = write("review,text,verdict\ngood,x,pos\nbad,y,neg\n")
    assert read_labelled(name, text="review", label="verdict") == READ


def test_fields_may_be_long_and_go_over_several_lines(write):
    long = "word " * 100_000
    name = write(f'text,label\n"one\r\ntwo, ""three""",pos\n{long},neg\n')
    assert read_labelled(name)["train"].texts == ['one\ntwo, "three"', long]


def test_standard_input(monkeypatch):
    feed(monkeypatch, GOOD.encode())
    assert read_labelled("-") == READ
    feed(monkeypatch, "Ä\r\nb\n".encode())
    assert read_text("-") == "Ä\nb\n"
    feed(monkeypatch, b"one\ntwo, three")
    assert read_texts("-") == ["one", "two, three"]
    feed(monkeypatch, b"text,label\ngood,\n")
    with pytest.raises(DataError, match=r"^standard input, line 2: the label is empty$"):
        read_labelled("-")


@pytest.mark.parametrize(
    ("content", "line", "what"),
    [
        ("text,sentiment\ngood,pos\n", 1, "no column 'label'; the columns are 'text', 'sentiment'"),
        ("text,label,label\ngood,pos,neg\n", 1, "more than one column 'label'"),
        ("text,label\ngood,pos\n ,neg\n", 3, "the text is empty"),
        ("text,label\ngood,pos\nbad,\n", 3, "the label is empty"),
        ("text,label\ngood,pos\nbad\n", 3, "1 field, but the header has 2"),
        ("text,label\ngood,pos\nbad,neg,1\n", 3, "3 fields, but the header has 2"),
        ('text,label\n"go\n\nod",pos\n\nbad,\n', 6, "the label is empty"),
        ('text,label\ngood,pos\n"b\nad\n","n\neg",\n', 3, "3 fields, but the header has 2"),
        ('text,label\ngood,pos\n"bad,neg\n', 3, "a quotation mark is not closed"),
        ('text,label\ngood,pos\n"ba"d,neg\n', 3, "',' expected after '\"'"),
        (b"text,label\ngood,pos\nb\xe4d,neg\n", 3, "not UTF-8"),
        (b"text,label\r\ngood,pos\r\nb\xed\xb2\x80d,neg\r\n", 3, "not UTF-8"),
        (GOOD.encode("utf-16-le"), 1, "a NUL byte"),
        ("text,label\rgood,pos\rb\0d,neg\r", 3, "a NUL byte"),
    ],
)
def test_an_error_names_file_and_line(write, content, line, what):
    name = write(content)
    with pytest.raises(DataError, match=f"^{name}, line {line}: {re.escape(what)}.*$"):
        read_labelled(name)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "the file is empty"),
        (b"\xef\xbb\xbf", "the file is empty"),
        (b"\n \r\n\n", "the file is empty"),
        (b"text,label\n", "no rows"),
    ],
)
def test_an_error_names_the_file(write, content, what):
    name = write(content)
    with pytest.raises(DataError, match=f"^{name}: {what}"):
        read_labelled(name)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.txt", b"\nx\n \n\n"),
        ("a.jsonl", b"".join(b'{"text": "%s"}\n' % each for each in (b"", b"x", b" ", b""))),
        ("a.csv", b'text,n\n"",1\nx,1\n" ",1\n,1\n'),
    ],
)
def test_texts_may_be_blank_where_it_is_said(tmp_path, name, content):
    file = tmp_path / name
    file.write_bytes(content)
    assert list(read_texts(str(file), blank=True)) == ["", "x", " ", ""]
    with pytest.raises(DataError, match=r"line [12]: the text is empty"):
        read_texts(str(file))
    file.write_bytes(b"")
    with pytest.raises(DataError, match="the file is empty"):
        read_texts(str(file), blank=True)


def test_an_error_is_one_line_even_for_an_odd_header(write):
    with pytest.raises(DataError) as error:
        read_labelled(write('"te\nxt",' + "x" * 10_000 + "\n"))
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 300


def test_a_name_that_is_nothing_lists_both_possibilities(write):
    for read in (read_labelled, read_text):
        with pytest.raises(DataError, match=r"imdv: no such file, and .* did you mean 'imdb'"):
            read("imdv")
        with pytest.raises(DataError, match=r"no such file, and .*known: adding, cmudict"):
            read("no/such/file.csv")


def test_a_file_wins_over_a_source_but_a_folder_does_not(write, tmp_path):
    assert read_text(write("mine", name="shakespeare")) == "mine"
    (tmp_path / "python-docs").mkdir()
    assert "assert" in read_text("python-docs")


@pytest.mark.parametrize("where", ["missing.csv", "missing.txt", "nul\0.txt", ".", "x" * 5000])
def test_what_cannot_be_read_is_named(write, where):
    for read in (read_labelled, read_text, read_texts):
        with pytest.raises(DataError, match=re.escape(where)):
            read(where)


def test_read_text_normalises_line_ends_and_nothing_else(write):
    name = write("\ufeff To be,\r\nor\rnot\u2028to\x0cbe \n\n", "play.txt")
    assert read_text(name) == " To be,\nor\rnot\u2028to\x0cbe \n\n"
    assert read_text(name, skip_bad_rows=Skipped()) == read_text(name)
    assert read_text(write("To be\ror\r", "old.txt")) == "To be\nor\n"


def test_read_texts_takes_a_column_or_lines(write):
    assert read_texts(write('id,text\n1,"a\nb"\n2,c\n', "new.CSV")) == ["a\nb", "c"]
    assert read_texts(write("id,body\n1,a\n"), text="body") == ["a"]
    assert read_texts(write("a,b\r\nc\u2028d\n", "new.txt")) == ["a,b", "c\u2028d"]
    with pytest.raises(DataError, match=r"^new\.txt, line 2: the text is empty$"):
        read_texts(write("a\n \nc\n", "new.txt"))


def outcome(raw: bytes) -> Examples | None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "fuzz.csv"
        path.write_bytes(raw)
        try:
            return read_labelled(str(path))["train"]
        except DataError as error:
            message = str(error)
    assert message.startswith(str(path))
    assert "\n" not in message
    return None


@given(
    st.binary()
    | st.lists(
        st.sampled_from(
            [b"text", b"label", b",", b"\n", b"\r", b'"', b"a", b"b", b" ", b"\0", b"\xff", b"\xc3"]
        )
    ).map(lambda parts: b"text,label\n" + b"".join(parts))
)
@example(b'text,label\n"a,b\nc,d\n')
@example(b"text,label\na,b\nc,d")
def test_any_bytes_are_read_rightly_or_refused(raw):
    found = outcome(raw)
    if found is not None:
        text = raw.decode("utf-8").replace("\r\n", "\n").replace("\r", BARE)
        rows = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))
        assert found.texts == [row["text"].replace(BARE, "\n") for row in rows]
        assert found.labels == [row["label"].replace(BARE, "\n").strip() for row in rows]


BARE = "\ue000"  # stands for a bare carriage return, which ends no line among others
filled = st.text(st.characters(codec="utf-8", exclude_characters="\0")).filter(str.strip)


@given(
    rows=st.lists(st.tuples(filled, filled.filter(lambda label: "." not in label)), min_size=1),
    style=st.sampled_from(  # the writer quotes only those line ends that are its own
        [("\r\n", csv.QUOTE_MINIMAL), *((end, csv.QUOTE_ALL) for end in ("\n", "\r\n", "\r"))]
    ),
    encoding=st.sampled_from(["utf-8", "utf-8-sig"]),
)
def test_what_csv_writes_is_read_back(rows, style, encoding):
    end, quoting = style
    if end == "\r":  # which ends lines where there is no other end
        rows = [(text.replace("\n", "\t"), label.replace("\n", "\t")) for text, label in rows]
        rows = [row for row in rows if all(map(str.strip, row))] or [("a", "b")]
    file = io.StringIO(newline="")
    csv.writer(file, lineterminator=end, quoting=quoting).writerows([("text", "label"), *rows])
    found = outcome(file.getvalue().encode(encoding))
    expected = [
        [re.sub("\r\n?", "\n", text), re.sub("\r\n?", "\n", label).strip()] for text, label in rows
    ]
    assert [list(row) for row in zip(found.texts, found.labels, strict=True)] == expected
