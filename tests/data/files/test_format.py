"""Every format keeps the one contract, and adding one is adding a file."""

import pytest

from ostinato import registry
from ostinato.data import read_labelled, read_tagged
from ostinato.data.files.bad import Bad
from ostinato.data.files.file import File
from ostinato.data.files.format import by_content, by_name, formats, named
from ostinato.data.sentences import formats as sentence_formats
from ostinato.data.sentences.sentence import TagColumns
from ostinato.data.series import ts
from ostinato.data.tables import formats as table_formats
from ostinato.data.tables.rows import Wanted, row
from ostinato.errors import OstinatoError, UnknownName

WANTED = {table_formats: Wanted(["text"], row), sentence_formats: TagColumns()}
ALL = [(named(package, k), w) for package, w in WANTED.items() for k in registry.names(package)]
ALL += [(ts, None)]


@pytest.mark.parametrize(("kind", "wanted"), ALL, ids=[kind.__name__ for kind, _ in ALL])
def test_a_format_knows_its_names_and_beginnings_and_reads_any_file(tmp_path, kind, wanted):
    assert kind.SUFFIXES or kind.__name__.endswith(".lines")  # which are asked for
    assert all(end.startswith(".") and end == end.lower() for end in kind.SUFFIXES)
    assert not kind.sniff(b"", wanted)
    assert not kind.sniff(b"\xff\x00\xfe", wanted)
    path = tmp_path / "any"
    path.write_bytes(b"text\n\xff\n1,2:a\n")
    refused = ""
    with File(str(path)) as file:
        try:
            records = list(kind.read(file, wanted))
        except OstinatoError as error:  # what concerns the whole file
            refused = str(error)
    if refused:
        assert refused.startswith(str(path))
        return
    assert all(isinstance(each.place, str) for each in records)
    bad = [each for each in records if getattr(each, "fault", None)]
    assert bad[0].place in ("line 1", "line 2")  # one line is no sentence of CoNLL-U either


@pytest.mark.parametrize("package", WANTED)
def test_no_two_formats_have_one_name_or_ending(package):
    ends = [end for kind in formats(package).values() for end in kind.SUFFIXES]
    assert len(set(ends)) == len(ends)
    with pytest.raises(UnknownName, match="unknown format 'cvs'"):
        named(package, "cvs")


def test_a_name_tells_the_format_before_its_first_bytes_do():
    known, wanted = formats(table_formats), WANTED[table_formats]
    assert by_name("a.TSV.gz", known) == "tsv"
    assert by_name("a.txt", known) == "text"
    assert by_name("a.txt", known, but=("text",)) is None
    assert by_content(b"text,label\n", wanted, known) == "csv"
    assert by_content(b"a text\n", wanted, known) is None


TABLE = """
from ostinato.data.files.bad import Bad

SUFFIXES = (".pipes",)

def sniff(head, wanted):
    return head.startswith(b"%pipes")

def read(file, wanted):
    for line in file.good_lines():
        if isinstance(line, Bad):
            yield line
        elif not line.text.startswith("%"):
            fields = line.text.strip().split("|")
            yield wanted.check(line.place, dict(zip(wanted.columns, fields)))
"""

SENTENCES = """
from ostinato.data.sentences.formats.conll import ColumnSentence

SUFFIXES = (".slashes",)

def sniff(head, wanted):
    return False

def read(file, wanted):
    for line in file.lines():
        pairs = [token.split("/") for token in line.text.split()]
        words, tags = map(list, zip(*pairs))
        yield ColumnSentence(line.place, words, tags, lines=[line.text])
"""


def test_a_format_is_added_by_adding_a_file(tmp_path, monkeypatch):
    for package, name, code in (
        (table_formats, "pipes", TABLE),
        (sentence_formats, "slashes", SENTENCES),
    ):
        folder = tmp_path / name
        folder.mkdir()
        (folder / f"{name}.py").write_text(code)
        monkeypatch.setattr(package, "__path__", [*package.__path__, str(folder)])
    table = b"%pipes\ngood|pos\nbad|neg\n"
    for name in ("a.pipes", "unknown"):
        (tmp_path / name).write_bytes(table)
        assert read_labelled(str(tmp_path / name))["train"].labels == ["pos", "neg"]
    (tmp_path / "a.pipes").write_bytes(table + b"\xff|neg\n")
    with pytest.raises(OstinatoError, match=r"a\.pipes, line 4: not UTF-8"):
        read_labelled(str(tmp_path / "a.pipes"))
    (tmp_path / "a.slashes").write_text("Ann/B-PER sings/O\n")
    read = read_tagged(str(tmp_path / "a.slashes"))
    assert (read.format, read.tagged().tags) == ("slashes", [["B-PER", "O"]])


def test_what_is_bad_says_where():
    assert str(Bad("line 3", "not UTF-8")) == "line 3: not UTF-8"
    assert str(Bad("", "truncated")) == "truncated"


@pytest.mark.parametrize("written", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_counts_more_than_an_encoding_that_is_given(tmp_path, written):
    """As of a file that is given to a run whose training file was written in another way."""
    (tmp_path / "a.txt").write_bytes("café\nthé\n".encode(written))
    with File(str(tmp_path / "a.txt"), "cp1252") as file:
        assert [line.text.strip() for line in file.good_lines()] == ["café", "thé"]
