"""Tagged sentences: read, written back, and refused where they are wrong."""

import gzip
import lzma
import random
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from damage import mutated
from ostinato.data import Skipped, Tagged, read_tagged
from ostinato.data.files.file import NumberedLine
from ostinato.data.sentences import Answer, Sentence
from ostinato.errors import OstinatoError

CONLL = """-DOCSTART- -X- O O

EU NNP I-NP I-ORG
rejects VBZ I-VP O

# a comment
Peter NNP I-NP I-PER
# NN I-NP O


-DOCSTART- -X- O O
"""
CONLLU = """# newdoc id = a
# text = Don't go
1-2\tDon't\t_\t_\t_\t_\t_\t_\t_\t_
1\tDo\tdo\tAUX\tVB\tMood=Imp\t3\taux\t3:aux\t_
2\tn't\tnot\tPART\tRB\t_\t3\tadvmod\t3:advmod\t_
3\tgo\tgo\tVERB\tVB\t_\t0\troot\t0:root\tSpaceAfter=No
3.1\tgone\tgo\tVERB\tVBN\t_\t_\t_\t3:conj\tCopyOf=3

# text = New York
1\tNew York\tNew York\tPROPN\tNNP\t_\t0\troot\t_\t_

"""
TEXT = "Well, NASA is fine.  Is it?\n\nShe said: “no” (once), i.e. never!\n"
FILES = {"a.conll": CONLL, "a.conllu": CONLLU, "a.txt": TEXT}


@pytest.fixture(params=FILES)
def file(request, tmp_path):
    path = tmp_path / request.param
    path.write_bytes(FILES[request.param].encode())
    return path


def answered(path, answers, **options):
    return "".join(read_tagged(str(path), **options).written(answers))


def own(path):
    """The tags that a file has, as an answer."""
    return [Answer(sentence.tags) for sentence in read_tagged(str(path)).sentences]


def test_what_is_read_is_written_back(file):
    assert answered(file, own(file)) == FILES[file.name]
    windows = FILES[file.name].replace("\n", "\r\n").encode()
    file.write_bytes(windows)
    assert answered(file, own(file)).encode() == windows
    marked = b"\xef\xbb\xbf" + windows
    file.write_bytes(marked)
    assert answered(file, own(file)).encode() == marked
    for pack in (gzip.compress, lzma.compress):
        file.write_bytes(pack(windows))
        assert answered(file, own(file)).encode() == windows


@pytest.mark.parametrize("end", ["", "\n", "\n\n", "\n\n\n# the end\n"])
def test_however_a_file_ends(end, tmp_path):
    path = tmp_path / "a.conll"
    path.write_text(f"a X{end}")
    read = read_tagged(str(path))
    assert read.tagged().words == [["a"]]
    assert "".join(read.written([Answer(["Y"])])) == f"a Y{end}"


def test_words_and_tags(tmp_path):
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    conll, conllu, text = (read_tagged(str(tmp_path / name)).tagged() for name in FILES)
    assert conll.words == [["EU", "rejects"], ["Peter", "#"]]
    assert conll.tags == [["I-ORG", "O"], ["I-PER", "O"]]
    assert conllu.words == [["Do", "n't", "go"], ["New York"]]
    assert conllu.tags == [["AUX", "PART", "VERB"], ["PROPN"]]
    assert text.words == ["well nasa is fine is it".split(), "she said no once i.e never".split()]
    assert text.tags == [
        "Title, UPPER lower lower. Title lower?".split(),
        "Title lower: lower lower lower. lower!".split(),
    ]


def test_columns_are_chosen(tmp_path):
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)

    def tags(name, **columns):
        return read_tagged(str(tmp_path / name), **columns).tagged().tags[0]

    assert tags("a.conll", tag="2") == tags("a.conll", tag="-3") == ["NNP", "VBZ"]
    assert tags("a.conllu", tag="XPOS") == ["VB", "RB", "VB"]
    assert read_tagged(str(tmp_path / "a.conllu"), word="lemma").tagged().words[0][0] == "do"
    assert read_tagged(str(tmp_path / "a.conll"), word="2").tagged().words[0][0] == "NNP"
    changed = answered(tmp_path / "a.conll", [Answer(["x", "y"])] * 2, tag="3")
    assert changed.splitlines()[2:4] == ["EU NNP x I-ORG", "rejects VBZ y O"]


def test_answers_stand_where_they_should(tmp_path):
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    sure, beside = [0.5, 1.0, 0.25], {"beside": True}
    conll = tmp_path / "a.conll"
    lines = answered(conll, [Answer(["A", "B"], sure)] * 2).splitlines()
    assert lines[2] == "EU NNP I-NP A 0.5000"
    lines = answered(conll, [Answer(["A", "B"], sure, **beside)] * 2).splitlines()
    assert lines[3] == "rejects VBZ I-VP O B 1.0000"
    conllu = tmp_path / "a.conllu"
    lines = answered(conllu, [Answer(["A", "B", "C"], sure)] * 2).splitlines()
    assert lines[3] == "1\tDo\tdo\tA\tVB\tMood=Imp\t3\taux\t3:aux\tConfidence=0.5000"
    assert lines[5].endswith("\t0:root\tSpaceAfter=No|Confidence=0.2500")
    assert lines[2] == CONLLU.splitlines()[2]
    lines = answered(conllu, [Answer(["A", "B", "C"], **beside)] * 2).splitlines()
    assert lines[5] == CONLLU.splitlines()[5] + "|Tag=C"
    twice = [Answer(["A", "B", "C"], sure, **beside), Answer(["D"], [1.0], **beside)]
    once = answered(conllu, twice)
    conllu.write_text(once.replace("Tag=C|", "Tag=9|Tagset=x|"))
    assert answered(conllu, twice) == once.replace("Tag=C|", "Tagset=x|Tag=C|")
    tabs = tmp_path / "tabs.conll"
    tabs.write_text("New York\tLOC\n \t\n\nx\ty\n")
    assert answered(tabs, [Answer(["A"]), Answer(["B"])]) == "New York\tA\n \t\n\nx\tB\n"


def test_a_file_without_tags_gets_a_further_column(tmp_path):
    path = tmp_path / "words"
    path.write_text("the\ncat\n\nsat\n")
    read = read_tagged(str(path), format="conll", trained=2)
    assert read.tagged().tags == [["", ""], [""]]
    answers = [Answer(["D", "N"], [0.5, 0.5]), Answer(["V"], [1.0])]
    assert "".join(read.written(answers)) == "the D 0.5000\ncat N 0.5000\n\nsat V 1.0000\n"
    arrays = [Answer(each.tags, np.array(each.confidence)) for each in answers]
    assert list(read.written(arrays)) == list(read.written(answers))


def test_a_restored_text_keeps_everything_else(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("well nasa  is (fine), \t is it: or “not”\n")
    tags = "Title, UPPER lower lower. Title lower lower UPPER?".split()
    assert answered(path, [Answer(tags)]) == "Well, NASA  is (fine.), \t Is it or “NOT?”\n"


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r\n"), max_size=60))
def test_any_text_is_written_back(line):
    from ostinato.data.sentences.formats.text import pieces

    for piece in pieces(NumberedLine(1, line)):
        low = [piece.plain()[a:b].lower() for a, b in piece.places]
        assert piece.words == low
        if piece.words and all(w[:1].isalpha() and w.isascii() for w in low):
            again = next(pieces(NumberedLine(1, piece.written(Answer(piece.tags)))))
            assert (again.words, again.tags) == (piece.words, piece.tags)
    assert "".join(piece.plain() for piece in pieces(NumberedLine(1, line))) == line


VAMONOS = """# text = Vámonos al mar
1-2\tVámonos\t_\t_\t_\t_\t_\t_\t_\t_
1\tVamos\tir\tVERB\t_\t_\t0\troot\t_\t_
2\tnos\tnosotros\t_\t_\tCase=Acc\t1\tobj\t_\t_
2.1\tcome\tcomer\tVERB\t_\t_\t_\t_\t1:conj\t_

0.1\t_\t_\t_\t_\t_\t_\t_\t0:exroot\t_
1\t10 000\t10 000\tNUM\t_\t_\t0\troot\t_\t_
"""


@pytest.mark.parametrize("name", ["a.conll", "a.bio", "a", "a.txt", "a.conllu"])
def test_ten_columns_with_ids_are_trees_whatever_the_name(name, tmp_path):
    path = tmp_path / name
    path.write_text(VAMONOS)
    for columns in ({}, {"word": "2", "tag": "4"}):
        read = read_tagged(str(path), **columns)
        assert read.format == "conllu"
        assert read.tagged().words == [["Vamos", "nos"], ["10 000"]]
        assert read.tagged().tags == [["VERB", ""], ["NUM"]]  # _ is not given
    assert read_tagged(str(path), tag="feats").tagged().tags[0] == ["_", "Case=Acc"]  # none
    # a run of before goes on reading such columns as it did
    before = {"usual": "conll", "trained": 10, "word": "2", "tag": "8"}
    if name == "a.conll":
        path.write_text("1\tVamos\t_\t_\t_\t_\t_\troot\t_\t_\n")
        assert read_tagged(str(path), **before).tagged().tags == [["root"]]


def test_columns_part_at_spaces_and_tabs_only(tmp_path):
    path = tmp_path / "a.conll"
    for gap in (" ", "\t", "  "):
        rows = ["10\xa0000", "a\u2009b", "c\u3000d", "e\x85\u2028f", "\ufeffg"]
        path.write_text("".join(f"{row}{gap}O\n" for row in rows), encoding="utf-8", newline="")
        assert read_tagged(str(path)).tagged().words == [rows]
        assert answered(path, [Answer(["X"] * 5)]) == path.read_text().replace("O\n", "X\n")


def test_comments_and_hashtags(tmp_path):
    path = tmp_path / "a.conll"
    path.write_text("#one O\ntwo O\n\n#three O\n# O\n")
    assert read_tagged(str(path)).tagged().words == [["#one", "two"], ["#three", "#"]]
    path.write_text("# s1\none O\n\n# s2\ntwo O\n# O\n\n#hash O\n")
    assert read_tagged(str(path)).tagged().words == [["one"], ["two", "#"], ["#hash"]]


BLIND = {"trained": 4, "known": ["O", "B-PER"], "usual": "conll"}


@pytest.mark.parametrize(
    ("given", "format", "words"),
    [
        ("1 cup salt\n", "lines", [["1", "cup", "salt"]]),
        ("1 cup salt", "lines", [["1", "cup", "salt"]]),
        ("one cup of salt\ntwo cups of sugar\n", "lines", None),
        ("well i am\n\nis it fine\n\ni am here\n", "lines", None),
        ("Ann left (in May).\n", "lines", [["Ann", "left", "(", "in", "May", ")", "."]]),
        ("Ann\nleft\n\nBo\n", "conll", [["Ann", "left"], ["Bo"]]),
        ("Ann\n", "conll", [["Ann"]]),
        ("Ann NN I-NP ?\n", "conll", [["Ann"]]),
        ("Ann NN I-NP B-PER\nleft VB O O\n", "conll", [["Ann", "left"]]),
        ("-DOCSTART-\n\nAnn NN I-NP\nleft VB O\n\nBo NN I-NP\n", "conll", None),
        (CONLLU, "conllu", None),
    ],
)
def test_what_is_to_be_tagged_may_be_sentences_words_or_columns(given, format, words, tmp_path):
    path = tmp_path / "new.txt"
    path.write_text(given)
    for options in (BLIND, BLIND | {"usual": "conllu"}):
        read = read_tagged(str(path), **options)
        assert read.format == format
        assert words is None or read.tagged().words == words
    if format == "lines":
        answers = [Answer(["X"] * len(s.words), [0.5] * len(s.words)) for s in read.sentences]
        rows = "".join(
            "".join(f"{word} X 0.5000\n" for word in sentence.words) + "\n"
            for sentence in read.sentences
        )
        assert "".join(read.written(answers)) == rows


def test_a_table_is_no_sentences(tmp_path):
    for name in ("a.csv", "a.jsonl", "A.CSV.gz"):
        (tmp_path / name).write_text(
            "text,label\nthis is a text of some words,pos\nand so on,neg\n"
        )
        for options in ({}, BLIND):
            with pytest.raises(
                OstinatoError, match="a table, but a tagger reads sentences in colu"
            ):
                read_tagged(str(tmp_path / name), **options)


def test_long_lines_are_read_in_pieces(tmp_path):
    from ostinato.data.sentences.formats.text import PIECE

    path = tmp_path / "a.txt"
    path.write_text("One two, three. " * PIECE)
    read = read_tagged(str(path))
    assert [len(s.words) for s in read.sentences] == [PIECE] * 3
    assert "".join(read.written(own(path))) == path.read_text()


WRONG = {
    "a.conll": [
        ("a X\nb\n", "line 2: 1 column, but the first word has 2"),
        ("a X\n\nb Y Z\n", "line 3: 3 columns"),
        ("a\nb\n", "line 1: there is no column 2 for data.tag, only 1"),
        ("a\n\nb\n", "line 1: column 1 of 1 for both words and tags"),
        (b"a X\nb\xff Y\n", "line 2: not UTF-8"),
        ("a\tX\n\tY\n", "line 2: an empty word"),
        ("a X\nb\0 Y\n", "line 2: a NUL byte"),
        ("1 a X\n2 b Y\n\n1 c X\n", "column 1 counts the words, it does not contain them"),
        ("0\ta\tX\n1-2\tb\tY\n1\tc\tX\n", "column 1 counts the words, it does not contain them"),
        ("", "no rows"),
        ("\n\n-DOCSTART- O\n", "no rows"),
    ],
    "a.conllu": [
        ("1\ta\tb\n", "line 1: 3 columns, but CoNLL-U has 10"),
        (CONLLU.replace("2\tn't", "4\tn't"), "line 5: the ID is 4, not 2"),
        (CONLLU.replace("2\tn't", "2\t"), "line 5: an empty FORM"),
        (CONLLU.replace("3.1", "3,1"), "line 7: the ID '3,1' is not one of CoNLL-U"),
        (CONLLU + "# text = none\n# more\n\n", "line 12: a sentence without words"),
        (CONLLU.replace("\n\n#", "\n#"), "line 9: the ID is 1, not 4; is a blank line"),
        ("", "no rows"),
    ],
    "a.txt": [(b"fine\n\xe9\n", "line 2: not UTF-8"), ("...\n", "no rows")],
}


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [pytest.param(n, c, s, id=f"{n} {s[:30]}") for n, rows in WRONG.items() for c, s in rows],
)
def test_what_is_wrong_is_told_with_its_place(name, content, says, tmp_path):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    columns = {"tag": "2"} if "data.tag" in says else {}
    with pytest.raises(OstinatoError) as error:
        read_tagged(str(path), **columns)
    assert re.match(rf"{re.escape(str(path))}(, |: ){re.escape(says)}", str(error.value))
    assert "\n" not in str(error.value)


def test_bad_sentences_are_left_out_and_written_as_they_are(tmp_path):
    path = tmp_path / "a.conll"
    raw = b"a X\n\nb\nc Y\n\nd Z\n\ne\xff W\n"
    path.write_bytes(raw)
    skipped = Skipped()
    read = read_tagged(str(path), skip_bad_rows=skipped)
    assert read.tagged().words == [["a"], ["d"]]
    assert skipped.rows == [1, 3]
    assert skipped.summary() == (
        f"{path}: 2 bad rows skipped: line 3: 1 column, but the first word has 2; if the "
        "file has another format, use --format; line 8: not UTF-8"
    )
    written = "".join(read.written([Answer(["1"]), Answer(["2"])]))
    changed = raw.replace(b"X", b"1").replace(b"Z", b"2")
    assert written.encode("utf-8", "surrogateescape") == changed


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"tag": "0"}, "data.tag = '0': columns are numbers from 1"),
        ({"word": "form"}, "data.word = 'form': columns are numbers"),
        ({"tag": "7"}, "line 3: there is no column 7 for data.tag, only 4"),
        ({"tag": "uposs", "format": "conllu"}, "did you mean 'upos'"),
        ({"word": "UPOS", "format": "conllu"}, "a.conll: column 'upos' is used for two parts; it"),
        ({"format": "conl"}, "unknown format 'conl'; did you mean"),
        ({"tag": "1", "format": "text"}, "plain text has no columns"),
    ],
)
def test_wrong_columns_are_refused(options, says, tmp_path):
    (tmp_path / "a.conll").write_text(CONLL)
    with pytest.raises(OstinatoError, match=re.escape(says)):
        read_tagged(str(tmp_path / "a.conll"), **options)


@pytest.mark.parametrize(
    ("name", "content", "format"),
    [
        ("x", CONLL, "conll"),
        ("x", CONLLU, "conllu"),
        ("x.txt", CONLL.replace("# a comment\n", ""), "conll"),
        ("x.txt", TEXT, "text"),
        ("x.txt.gz", gzip.compress(TEXT.encode(), mtime=0), "text"),
        ("x.CONLLU", CONLLU, "conllu"),
        ("x", "one sentence\nof text", "conll"),
        ("x", "a line of seven words, or eight\nand another line, this one is of eight.\n", "text"),
        ("x", "EU NNP\nrejects VBZ\nGerman JJ\n", "conll"),
        ("x", "a b c d e f g h\n1 2 3 4 5 6 7\n1 2 3 4 5 6 7 8\n1 2 3 4 5 6 7 8", "conll"),
    ],
)
def test_a_format_is_known_by_name_or_beginning(name, content, format, tmp_path):
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    try:
        assert read_tagged(str(tmp_path / name)).format == format
    except OstinatoError as error:
        assert format == "conll" and "--format" in str(error)  # noqa: PT017, PT018


def test_a_fingerprint_tells_words_tags_and_order_apart():
    def of(*sentences):
        return Tagged(*map(list, zip(*sentences, strict=True))).fingerprint()

    a, b, c = (["x"], ["A"]), (["y"], ["B"]), (["x"], ["B"])
    assert len({of(a, b), of(b, a), of(a, c), of(c, b)}) == 4
    assert of((["x", "y"], ["A", "B"])) != of(a, b)
    assert of(a) == of(a)


def test_a_packaged_source_is_a_text():
    read = read_tagged("python-docs")
    assert read.format == "text"
    assert len(read.sentences) > 1000
    with pytest.raises(OstinatoError, match="contains texts"):
        read_tagged("python-docs", format="conll")


@pytest.mark.parametrize("seed", range(4))
def test_damaged_files_are_read_or_refused_in_one_line(seed, tmp_path):
    draw, names = random.Random(seed), [*FILES, "b.conll", "numbers", "new"]
    texts = [*FILES.values(), VAMONOS, "1 a X\n2 b Y\n\n" * 3, "1 cup of salt, (or two).\n\nBo\n"]
    for _ in range(60):
        k = draw.randrange(len(names))
        path = tmp_path / names[k]
        path.write_bytes(mutated(texts[k].encode(), draw))
        for options in ({}, BLIND):
            skipped = draw.choice([None, Skipped()])
            try:
                read = read_tagged(str(path), skip_bad_rows=skipped, **options)
            except OstinatoError as error:
                assert "\n" not in str(error)  # noqa: PT017
                continue
            written = "".join(read.written([Answer(each.tags) for each in read.sentences]))
            as_it_was = not options and read.format in ("conll", "conllu")
            if as_it_was and all(all(each.tags) for each in read.sentences):
                assert written.removeprefix(read.mark) == "".join(map(Sentence.plain, read.pieces))
