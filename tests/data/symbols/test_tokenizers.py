import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostinato.data import tokenizer, train_on_beginning
from ostinato.errors import DataError, UnknownName


@given(st.text())
def test_characters_join_exactly(text):
    char = tokenizer("char")
    assert char.join(char.split(text)) == text
    assert all(len(token) == 1 for token in char.split(text))


@given(st.text() | st.text("ab'’ .,\n\t"))
def test_spaced_words_join_exactly(text):
    spaced = tokenizer("spaced")
    assert spaced.join(spaced.split(text)) == text


def test_spaced_words():
    split = tokenizer("spaced").split
    assert split("The Film's  'best',\n isn’t it?") == (
        ["The", " Film's", " ", " '", "best", "'", ",", "\n", " isn’t", " it", "?"]
    )
    assert split("") == []


@given(st.text() | st.text("ab'’.,()\"!- \n"))
def test_words_join_to_a_text_of_the_same_words(text):
    word = tokenizer("word")
    assert word.split(word.join(word.split(text))) == word.split(text)


@given(st.text())
def test_words_lose_nothing_but_white_space_and_case(text):
    tokens = tokenizer("word").split(text)
    assert bool(tokens) == bool(text.strip())
    assert not any(char.isspace() for token in tokens for char in token)


def test_words():
    split = tokenizer("word").split
    assert split("The Film's 'best', isn’t it?\n\n3.5/5") == (
        ["the", "film's", "'", "best", "'", ",", "isn’t", "it", "?", "3", ".", "5", "/", "5"]
    )
    assert split("cafe\u0301 CAFÉ") == ["café", "café"]
    assert split(" \n") == []


def test_joined_words_read_well():
    word = tokenizer("word")
    assert word.join(word.split("Well, (so) it is... Isn't it?")) == "well, (so) it is... isn't it?"


def test_an_unknown_tokenizer_is_refused():
    with pytest.raises(UnknownName, match="did you mean 'word'"):
        tokenizer("words")


TRAINING = ["the cat sat on the mat", "the café\n\n  the dog! the dog?", "it's the end"] * 5


@given(st.text() | st.text("theca fé'’.,!?\n😀<unk>"))
def test_subwords_join_exactly(text):
    assert "".join(BPE.split(text)) == BPE.join(BPE.split(text)) == text
    assert BPE.split(BPE.join(BPE.split(text))) == BPE.split(text)


def test_subwords_are_what_training_repeats():
    assert BPE.split("the dog") == ["the", " dog"]
    assert BPE.split("zzz") == ["z", "z", "z"]


def test_subwords_are_learnt_the_same_each_time_and_read_back_from_their_state():
    again = tokenizer("bpe").train(iter(TRAINING), 60)
    assert again.state == BPE.state
    back = tokenizer("bpe", BPE.state)
    assert back.split("the cat's 漢字") == BPE.split("the cat's 漢字")


def test_more_subwords_are_longer_ones():
    few = tokenizer("bpe").train(TRAINING, 30).split(TRAINING[0])
    assert len(few) > len(BPE.split(TRAINING[0]))


def test_subwords_without_training_and_a_damaged_state_are_refused():
    with pytest.raises(DataError, match="must be trained"):
        tokenizer("bpe").split("a")
    for state in ("", "{}", "null", BPE.state[:-5]):
        with pytest.raises(DataError, match="damaged"):
            tokenizer("bpe", state)


def test_what_learns_nothing_stays_as_it_is():
    for name in ("char", "word"):
        plain = tokenizer(name)
        assert plain.train(TRAINING, 10) is plain
        assert plain.state is None


def test_a_text_that_is_read_once_trains_on_its_part(monkeypatch):
    text = "abababab" * 10 + "xyxyxyxy" * 10
    for limit in (2**26, 100):
        monkeypatch.setattr("ostinato.data.symbols.tokenizing._BEGINNING", limit)
        chunks = iter([text[:30], text[30:90], text[90:]])
        trained, rest = train_on_beginning(tokenizer("bpe"), chunks, 20, 0.5)
        assert "".join(rest) == text
        assert len(trained.split("abab")) == 1
        assert trained.split("xyxy") == list("xyxy")


BPE = tokenizer("bpe").train(TRAINING, 60)


@given(st.text("ab<>'1 \t\n\u3000", max_size=20))
def test_words_of_a_tokenized_text_are_its_pieces_and_ends_of_lines(text):
    tokenized = tokenizer("tokenized")
    tokens = tokenized.split(text)
    assert tokens == [w for line in text.split("\n") for w in (*line.split(), "\n")][:-1]
    assert tokenized.split(tokenized.join(tokens)) == tokens
