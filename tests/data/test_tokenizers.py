import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostinato.data import tokenizer
from ostinato.errors import UnknownName


@given(st.text())
def test_characters_join_exactly(text):
    char = tokenizer("char")
    assert char.join(char.split(text)) == text
    assert all(len(token) == 1 for token in char.split(text))


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
