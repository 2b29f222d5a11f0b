"""Word vectors of files: every format alike, words matched by their forms, damage in one line."""

import gzip
import random
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from damage import TOKENS, mutated
from ostinato.data import read_vectors
from ostinato.errors import DataError

WORDS = {"the": [0.5, -1.0], "Film": [2.0, 0.25], "naïve": [1.5, 3.0]}
# As gensim wrote them; the C program of word2vec ends each row by a line end, fastText by a space.
BINARY = (
    b"3 2\nthe \x00\x00\x00?\x00\x00\x80\xbfFilm \x00\x00\x00@\x00\x00\x80>"
    b"na\xc3\xafve \x00\x00\xc0?\x00\x00@@"
)
GLOVE = "the 0.5 -1.0\nFilm 2.0 0.25\nnaïve 1.5 3.0\n".encode()
FORMS = {
    "glove": GLOVE,
    "word2vec text": b"3 2\n" + GLOVE,
    "fasttext": b"3 2\n" + GLOVE.replace(b"\n", b" \n"),
    "binary": BINARY,
    "binary with line ends": b"3 2\n"
    + b"".join(w.encode() + b" " + struct.pack("<2f", *v) + b"\n" for w, v in WORDS.items()),
    "gzip": gzip.compress(BINARY, mtime=0),
    "tabs, CRLF and a mark": b"\xef\xbb\xbf" + GLOVE.replace(b" ", b"\t").replace(b"\n", b"\r\n"),
    "no end": GLOVE[:-1],
}


@pytest.fixture
def read(tmp_path):
    def read(raw, words=("the", "Film", "naïve"), token=str, further=0):
        path = tmp_path / "vectors"
        path.write_bytes(raw)
        return read_vectors(str(path), words, token, further)

    return read


@pytest.mark.parametrize("form", FORMS)
def test_every_format_gives_the_same_vectors(read, form):
    found = read(FORMS[form])
    assert {word: vector.tolist() for word, vector in found.known.items()} == WORDS
    assert found.size == 2


def test_a_word_is_matched_as_written_then_in_small_letters_then_by_any_case_and_digit(read):
    lines = ["PARIS 1", "Paris 2", "1999 3", "1984 4", "us 5", "US 6", "Us 7"]
    raw = "\n".join(lines).encode()
    wanted = ["paris", "Paris", "1984", "0000", "US", "us", "uS", " Paris", "2", "rome"]
    known = {word: vector.item() for word, vector in read(raw, wanted).known.items()}
    assert known == {
        "paris": 1, "Paris": 2, "1984": 4, "0000": 3, "US": 6, "us": 5, "uS": 5, " Paris": 2,
    }  # fmt: skip


def test_further_words_are_those_at_the_beginning_as_the_model_reads_them(read):
    raw = b"A 1\nb 2\nNew_York 3\na 4\n<unk> 5\nc 6\n"
    token = {"A": "a", "b": "b", "a": "a", "<unk>": "<unk>", "c": "c"}.get
    found = read(raw, ["b"], token, further=5)
    assert found.further == ["a"]
    assert found.known["a"].item() == 4  # the word as it is written goes before A


def test_a_word_may_hold_spaces_and_what_ends_lines_elsewhere(read):
    raw = "a 1 2\n. . . 3 4\nx\x85y 5 6\nat name@site.org 7 8\nnb\xa0sp 9 10\n".encode()
    found = read(raw, ["a", ". . .", "x\x85y", "at name@site.org", "nb\xa0sp"])
    assert [vector[0] for vector in found.known.values()] == [1, 3, 5, 7, 9]


def test_of_a_word_that_comes_twice_the_first_counts_and_it_is_said(read, caplog):
    assert read(b"the 1\nthe 2\n\xff\xfe 3\n").known["the"].item() == 1
    assert "1 row of words that came before, and left out" in caplog.text
    assert "1 row of words that are no UTF-8, and left out" in caplog.text


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"", ": the file is empty"),
        (b"a text of words\nand another\n", "no word vectors, as text"),
        (b"text,label\nfine,1\n", "no word vectors, as text"),
        (b"the 1 2\nfilm 3\n", "line 2: 1 number after its word, where the other rows have 2"),
        (b"the 1 2\na 1 2\nfilm 3 4 5\n", "line 3: 3 numbers after its word, where the other"),
        (b"2 3\nthe 1 2\nfilm 3 4\n", "line 2: 2 numbers after its word, where the header says 3"),
        (b"the 1 nan\n", "line 1: the vector of 'the' has a number that is not finite"),
        (b"the 1 2\nFilm 3 inf\n", "line 2: the vector of 'Film' has a number"),
        (b"the 1 1e30\n", "line 1: the vector of 'the'"),
        (b"the 1 2\na 1 2\nFilm x 4\n", "line 3: 'x' is not a number"),
        (b"the 1 2\na 1 2\nFilm 1_0 4\n", "line 3: '1_0' is not a number"),
        (b"9 2\nthe 1 2\n", ": truncated: the header says 9 words, and there are 1"),
        (b"999999999999999 2\nthe 1 2\n", ": truncated: the header says 999,999,999,999,999 words"),
        (b"3 999999999999999\nthe 1 2\n", "line 1: vectors of 999,999,999,999,999 numbers; from 1"),
        (BINARY.replace(b"3 2", b"3 99999999", 1), "line 1: vectors of 99,999,999 numbers"),
        (BINARY.replace(b"3 2", b"3 0", 1), "line 1: vectors of 0 numbers"),
        (BINARY[:-1], ": truncated: the header says 3 words, and the file ends in word 3"),
        (BINARY.replace(b"3 2", b"999999999999 2", 1), "the file ends in word 4"),
        (BINARY.replace(b"3 2", b"2 2", 1), "there is more than the header says, 2 words"),
        (b"1 2\n\x01" + b"\x80" * 20_000, "word 1: damaged: the word does not end"),
        (BINARY.replace(b"\x00\x00\x80\xbf", b"\xff\xff\xff\xff"), "word 1: the vector of 'the'"),
        (gzip.compress(GLOVE * 99, mtime=0)[:-9], "the gzip data is truncated"),
        (b"un 1\ndeux 2\n", "none of its 2 words is in the training texts"),
        (b"\xba\x16\x4f\x2f\x0c\0\0\0", "fastText's own binary format; use its text form, .vec"),
        (b"PK\x03\x04 glove", "a zip archive; unpack it"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_refused_in_one_line(read, raw, says):
    with pytest.raises(DataError, match="vectors") as refused:
        read(raw)
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)


@given(
    raw=st.sampled_from(sorted(FORMS)).flatmap(
        lambda form: st.integers(0, 2**32).map(lambda s: mutated(FORMS[form], random.Random(s)))
    )
    | st.lists(st.sampled_from([*TOKENS, b"3 2\n", b"the ", b"1 ", b"\0\0\x80\xbf"])).map(b"".join)
)
def test_any_bytes(tmp_path_factory, raw):
    path = tmp_path_factory.getbasetemp() / "any"
    path.write_bytes(raw)
    try:
        found = read_vectors(str(path), ["the", "Film", "naïve"], str, 2)
    except DataError as error:
        said = str(error)
        assert (said.startswith(str(path)), "\n" in said) == (True, False)
        return
    for vector in found.known.values():
        assert vector.shape == (found.size,)
        assert np.isfinite(vector).all()
