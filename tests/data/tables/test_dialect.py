"""How files are written: line ends, encodings, delimiters, headers, and what of it is found out."""

import pytest

from ostinato.data import Dialect, LabelColumn, read_labelled, read_pairs, read_text, read_texts
from ostinato.data.files.numerals import Numerals
from ostinato.errors import DataError

TEXTS, LABELS = ["ein guter Film", "schlecht, und lang", "naïf"], ["pos", "neg", "pos"]


@pytest.fixture
def write(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def write(name: str, content: str | bytes) -> str:
        raw = content if isinstance(content, bytes) else content.encode()
        (tmp_path / name).write_bytes(raw)
        return name

    return write


def read(name, **options):
    found = read_labelled(name, **options)["train"]
    return found.texts, found.labels


def test_a_bare_carriage_return_ends_a_line_only_where_nothing_else_does(write):
    ours = "".join(f"ein{chr(13) if k == 5 else ' '}Hund {k}\n" for k in range(20))
    theirs = "".join(f"a dog {k}\r\n" for k in range(20))
    pairs = read_pairs([write("a.de", ours), write("a.en", theirs)])["train"]
    assert len(pairs) == 20
    assert (pairs.sources[5], pairs.targets[5]) == ("ein\nHund 5", "a dog 5")
    assert pairs.sources[19] == "ein Hund 19"
    assert read_texts(write("a.txt", "eins\nzwei\rdrei\nvier\r\n")) == [
        "eins",
        "zwei\ndrei",
        "vier",
    ]
    assert read_texts(write("a.txt", "eins\rzwei\rdrei")) == ["eins", "zwei", "drei"]
    assert read(write("a.csv", "text,label\na\rb,x\nc,y\n")) == (["a\nb", "c"], ["x", "y"])
    assert read(write("a.csv", 'text,label\n"a,\rb",x\n')) == (["a,\nb"], ["x"])
    assert read(write("a.csv", "text,label\ra,x\rb,y\r")) == (["a", "b"], ["x", "y"])
    assert read_text(write("a.txt", "x" * 2**18 + "\r\ny")) == "x" * 2**18 + "\ny"
    assert read_texts("a.txt") == ["x" * 2**18, "y"]


@pytest.mark.parametrize("delimiter", [*",;|", "\t"])
@pytest.mark.parametrize("said", ["", "sep={}\r\n", '"sep={}"\n'])
def test_the_delimiter_is_found_or_said(write, delimiter, said):
    rows = [("text", "label"), *zip(TEXTS, LABELS, strict=True)]
    lines = [f'"{x}"{delimiter}{y}' for x, y in rows]
    name = write("a.csv", said.format(delimiter) + "\r\n".join(lines))
    assert read(name) == read(name, dialect=Dialect(delimiter=delimiter)) == (TEXTS, LABELS)
    if delimiter != "\t":  # which is TSV, where no quotation mark is one
        assert read(write("unknown", (said.format(delimiter) + "\n".join(lines)).encode())) == (
            TEXTS,
            LABELS,
        )


def test_a_delimiter_that_is_given_or_fits_all_rows(write):
    name = write("a.csv", "text;n,label\na,b;1,x\n")
    with pytest.raises(DataError, match="no column 'text'; the columns are 'text;n', 'label'"):
        read(name)
    assert read(write("a.csv", "text:label\na, b:x\n"), dialect=Dialect(":")) == (["a, b"], ["x"])
    assert read(write("a.csv", "a\ttext, plain\tlabel\n1\tx, y\tpos\n"), text="text, plain")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_byte_order_marks(write, encoding):
    content = "text,label\r\n" + "\r\n".join(
        f'"{x}",{y}' for x, y in zip(TEXTS, LABELS, strict=True)
    )
    assert read(write("a.csv", content.encode(encoding))) == (TEXTS, LABELS)
    assert read_texts(write("b.txt", "ä\nö\n".encode(encoding))) == ["ä", "ö"]
    assert read_text("b.txt") == "ä\nö\n"


def test_an_encoding_that_is_given(write):
    name = write("a.csv", "text,label\ncafé ’s,pos\n".encode("cp1252"))
    with pytest.raises(DataError, match=r"a\.csv, line 2: not UTF-8; .*--data\.encoding cp1252"):
        read(name)
    assert read(name, dialect=Dialect(encoding="cp1252")) == (["café ’s"], ["pos"])
    with pytest.raises(DataError, match=r"line 2: not in the encoding ascii$"):
        read(name, dialect=Dialect(encoding="ascii"))
    with pytest.raises(DataError, match=r"line 3: not in the encoding utf-16"):
        read(write("b.csv", "text,label\na,b\n".encode("utf-16") + b"\0\xd8\n"))


@pytest.mark.parametrize("end", ["csv", "tsv"])
def test_a_table_without_a_header_has_numbers_for_names(write, end):
    mark = {"csv": ",", "tsv": "\t"}[end]
    name = write(f"a.{end}", f"pos{mark}a film\nneg{mark}a bore\n")
    found = read(name, text="2", label="1", dialect=Dialect(header=False))
    assert found == (["a film", "a bore"], ["pos", "neg"])


def test_names_differ_in_case_and_white_space_and_empty_rows_are_none(write):
    assert read(write("a.csv", " Text ,LABEL,\na,x,\n\n,,\nb,y,\n")) == (["a", "b"], ["x", "y"])
    with pytest.raises(DataError, match="more than one column 'text'"):
        read(write("a.csv", "Text,TEXT,label\na,b,x\n"))
    assert read(write("a.csv", "text,Text,label\na,b,x\n")) == (["a"], ["x"])


def test_an_index_without_a_name_is_passed_over(write):
    assert read(write("a.csv", ",text,label\n0,a,x\n1,b,y\n")) == (["a", "b"], ["x", "y"])


def test_a_name_that_is_mistyped_offers_files_near_by(write):
    write("reviews.csv", "text,label\na,b\n")
    for reader in (read_labelled, read_texts, lambda name: read_pairs([name, "reviews.csv"])):
        with pytest.raises(DataError, match=r"did you mean 'reviews\.csv'\?$"):
            reader("review.csv")


NUMBERS = {
    (None, "1234"): 1234, (None, "0,5"): 0.5, (None, "1.234,5"): 1234.5, (None, "1,234.5"): 1234.5,
    (None, "1,234,567"): 1234567, (None, "1 234,5"): 1234.5, (None, "-12,25"): -12.25,
    (None, "1\u00a0234"): 1234, (None, "1'234.5"): 1234.5, (",", "1.234"): 1234,
    (".", "1,234"): 1234, (",", "1,234"): 1.234, (".", "1.234"): 1.234,
    (None, "1,5e3"): 1500, (",", "7"): 7,
}  # fmt: skip


@pytest.mark.parametrize(("decimal", "text"), NUMBERS)
def test_decimal_marks_and_thousands(decimal, text):
    assert Numerals(decimal).read(text) == NUMBERS[decimal, text]


@pytest.mark.parametrize(
    "texts",
    [["1,234"], ["1.5", "2,5"], ["1.234", "2,5"], ["0,5", "2.5"], ["1,23,456"], [","], ["1 2"]],
)
def test_numbers_of_two_readings_or_none(texts):
    numerals = Numerals()
    for text in texts[:-1]:
        numerals.read(text)
    with pytest.raises(ValueError, match=r"--data\.decimal|could not convert"):
        numerals.read(texts[-1])


def test_targets_have_the_decimal_mark_of_their_table(write):
    name = write("a.csv", "text;stars\na;1,5\nb;1.234,0\n")
    label = LabelColumn("stars", numeric=True)
    assert read(name, label=label)[1] == ["1.5", "1234.0"]
    name = write("a.csv", 'text,stars\na,"1,234"\n')
    with pytest.raises(
        DataError, match=r"line 2: the stars '1,234' is 1234 or 1.234; give the dec"
    ):
        read(name, label=label)
    assert read(name, label=label, dialect=Dialect(decimal=","))[1] == ["1.234"]
