"""What a store gives equals what a vocabulary encodes in memory, however the text is cut."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostinato import Classifier, Generator
from ostinato.data import Store, Vocabulary, read_labelled, streams, tokenizer
from ostinato.data.symbols import store
from ostinato.data.symbols.store import pieces
from ostinato.errors import DataError

LINES = ["to be, or not\nto be: ", "That is the question!\n", "ΑΣ ΟΔΟΣ\n", "cafe\u0301 ", "  \n"]
SMALL = {"hidden": 8, "engine": "torch"}  # nothing to compile
BPE = tokenizer("bpe").train(LINES, 60)
TOKENIZERS = {name: tokenizer(name).train([], 9) for name in ("char", "word", "spaced")}
TOKENIZERS |= {"bpe": BPE}
any_text = st.text(st.sampled_from("abAΣσ \n\t'’,.e\u0301é漢😀\u2028\x1c")) | st.text()
each_tokenizer = pytest.mark.parametrize("name", TOKENIZERS)


@pytest.fixture
def on_disk(monkeypatch):
    """Everything goes to the file, and in small blocks."""
    monkeypatch.setattr(store, "MEMORY", 0)
    monkeypatch.setattr(store, "_BLOCK", 3)
    monkeypatch.setattr(store, "_PIECE", 3)


@each_tokenizer
@given(st.lists(any_text), any_text)
def test_a_text_can_be_cut_where_a_tokenizer_says(name, chunks, last):
    kind = TOKENIZERS[name]
    text = "".join([*chunks, last])
    parts = list(pieces([*chunks, last], kind.cut))
    assert "".join(parts) == text
    assert [t for part in parts for t in kind.split(part)] == kind.split(text)


@each_tokenizer
@given(
    chunks=st.lists(any_text),
    size=st.none() | st.integers(1, 20),
    min_count=st.integers(1, 3),
    share=st.floats(0, 1),
)
@pytest.mark.usefixtures("on_disk")
def test_a_long_text_is_encoded_as_in_memory(name, chunks, size, min_count, share):
    kind = TOKENIZERS[name]
    tokens = kind.split("".join(chunks))
    end = round(len(tokens) * share)
    plain = Vocabulary.build([tokens[:end]], size, min_count)

    stored = Store(kind)
    stored.add_long(chunks)
    assert len(stored) == len(tokens)
    vocabulary = stored.vocabulary(size, min_count, end)
    assert vocabulary.symbols == plain.symbols
    symbols = stored.tokens(vocabulary)
    np.testing.assert_array_equal(np.asarray(symbols), plain.encode(tokens))
    assert np.asarray(symbols).dtype == np.int64
    np.testing.assert_array_equal(np.asarray(symbols[end:][1:]), plain.encode(tokens)[end:][1:])


@each_tokenizer
@given(texts=st.lists(any_text, min_size=1), keep=st.none() | st.integers(1, 5))
@pytest.mark.usefixtures("on_disk")
def test_many_texts_are_encoded_as_in_memory(name, texts, keep):
    kind = TOKENIZERS[name]
    lists = [kind.split(text) for text in texts]
    stored = Store(kind, keep=keep)
    for text in texts:
        stored.add(text)
    vocabulary = stored.vocabulary(10, 2)
    assert vocabulary.symbols == Vocabulary.build(lists, 10, 2).symbols
    rows = stored.rows(vocabulary)
    assert len(rows) == len(texts)
    for row, tokens in zip(rows, lists, strict=True):
        expected = vocabulary.encode(tokens[-(keep or len(tokens)) :] or [""])
        np.testing.assert_array_equal(np.asarray(row), expected)
        assert len(row) == len(expected)


@pytest.mark.parametrize("distinct", [255, 256, 65_535, 65_536])
def test_numbers_grow_wider_when_they_must(on_disk, monkeypatch, distinct):
    monkeypatch.setattr(store, "_BLOCK", 1000)
    monkeypatch.setattr(store, "_PIECE", 1000)
    characters = [chr(0x20 + k + 0x800 * (k >= 0xD7E0)) for k in range(distinct)]
    text = "".join(characters) * 2
    stored = Store(tokenizer("char"))
    stored.add_long([text[:70], text[70:]])
    vocabulary = stored.vocabulary()
    assert len(vocabulary) == distinct + 1
    symbols = np.asarray(stored.tokens(vocabulary))
    np.testing.assert_array_equal(symbols, vocabulary.encode(text))


@given(any_text.filter(lambda text: len(text) > 9), st.integers(1, 4), st.integers(1, 9))
@pytest.mark.usefixtures("on_disk")
def test_windows_of_a_store_are_those_of_an_array(text, batch, steps):
    stored = Store(tokenizer("char"))
    stored.add_long([text])
    vocabulary = stored.vocabulary()
    theirs = streams(stored.tokens(vocabulary), batch, steps)
    ours = streams(vocabulary.encode(text), batch, steps)
    assert len(theirs) == len(ours)
    for one, two in zip(theirs, ours, strict=True):
        np.testing.assert_array_equal(one, two)
    if len(ours) > 1:
        np.testing.assert_array_equal(theirs[1:][-1], ours[-1])


@each_tokenizer
def test_training_from_the_file_is_training_from_memory_to_the_last_bit(monkeypatch, name):
    text = "".join(LINES) * 40
    options = {"data": {"streams": 4, "steps": 10, "vocabulary": 60}, "train": {"epochs": 2}}

    def trained(given):
        fitted = Generator("gru", tokenizer=name, model=SMALL, **options).fit(given)
        losses = [(r["loss"], r["nats"]) for r in fitted.history_]
        return losses, [w.numpy().tobytes() for w in fitted.network_.state_dict().values()]

    memory = trained(text)
    monkeypatch.setattr(store, "MEMORY", 0)
    assert trained(text) == memory
    monkeypatch.setattr(store, "_PIECE", 7)
    assert trained(text[k : k + 5] for k in range(0, len(text), 5)) == memory


def test_classifying_from_the_file_is_classifying_from_memory(monkeypatch, tmp_path):
    table = tmp_path / "a.csv"
    rows = [f"it was {'good' if k % 2 else 'bad'} film {k},{k % 2}" for k in range(60)]
    table.write_text("\n".join(["text,label", *rows]))

    def trained():
        fitted = Classifier("gru", model=SMALL, train={"epochs": 2})
        fitted.fit(read_labelled(str(table))["train"])
        return [r["loss"] for r in fitted.history_], fitted.predict_proba(rows).tobytes()

    memory = trained()
    monkeypatch.setattr(store, "MEMORY", 0)
    monkeypatch.setattr("ostinato.data.tables.texts.MEMORY", 0)
    assert trained() == memory


def test_a_folder_without_place_is_one_clear_error(on_disk, tmp_path):
    stored = Store(tokenizer("char"), tmp_path / "missing")
    with pytest.raises(DataError, match="missing: no space for the tokens of a long text"):
        stored.add("abc")


def test_nothing_is_left_of_a_store(on_disk, tmp_path):
    stored = Store(tokenizer("char"), tmp_path)
    stored.add("abc" * 100)
    assert list(tmp_path.iterdir()) == []


def test_a_stretch_has_no_gaps(on_disk):
    stored = Store(tokenizer("char"))
    stored.add("abc")
    with pytest.raises(ValueError, match="no gaps"):
        stored.tokens(stored.vocabulary())[::2]
