import pickle
import unicodedata

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


SIGNS = "aBé\u0301\u200d\u200c 👍🏽🇫🇷❤️’'\".,(\n\u200b这首，。กำา\u0e33"
SIGNS += "ក្ខ\u17d2မင်\u1039भि्\xadא\uff9eｶ\U0001e944"
STATES = [None, "null", *(f'{{"version": 2, "apart": {apart}}}' for apart in ("true", "false"))]


@pytest.mark.parametrize("state", STATES)
@given(st.text() | st.text(SIGNS) | st.text("ab'’.,()\"!- \n"))
def test_words_lose_nothing_and_are_the_same_words_when_joined(state, text):
    spaced, word = tokenizer("spaced", state), tokenizer("word", state)
    assert spaced.join(spaced.split(text)) == text
    words = word.split(text)
    assert word.split(word.join(words)) == words
    assert bool(words) == bool(text.replace("\u200b", " ").strip()) or state == "null"
    assert not any(char.isspace() for token in words for char in token)


@pytest.mark.parametrize(
    "text",
    [
        "यह फिल्म बहुत अच्छी है", "আমি খুব খুশি হয়েছি", "தமிழ் மொழி இனிது", "မြန်မာ စာ ကောင်း",
        "ดีมาก ครับ", "ພາສາ ລາວ", "ភាសា ខ្មែរ", "السَّلامُ عَلَيْكُم", "می‌روم خانه", "שָׁלוֹם עֲלֵיכֶם",
        'צה"ל ג׳ירפה', "ශ්‍රී ලංකා", "👨‍👩‍👧‍👦 👍🏽 🇫🇷 ❤️‍🔥 🏴󠁧󠁢󠁥󠁮󠁧󠁿 1️⃣",
        "col·lecció o‘zbek l’eau rock’n’roll", "soft\xadly", "𞤀𞤣𞤤𞤢𞤥 𞤆𞤵𞤤𞤢𞤪",
    ],
)  # fmt: skip
def test_a_word_is_letters_with_their_marks(text):
    for name in ("word", "spaced"):
        made = tokenizer(name)
        words = made.split(text)
        assert [word.strip() for word in words] == text.lower().split() or name == "spaced"
        assert [word.strip() for word in words] == text.split() or name == "word"
        assert made.join(words) == (text if name == "spaced" else text.lower())


def test_decomposed_letters_are_the_same_words():
    vietnamese = "Tiếng Việt rất hay, được chứ? Ångström"
    for form in ("NFD", "NFC"):
        text = unicodedata.normalize(form, vietnamese)
        assert tokenizer("word").split(text) == tokenizer("word").split(vietnamese)
        assert len(tokenizer("spaced").split(text)) == 9


def test_letters_of_scripts_without_spaces_are_tokens_where_texts_have_none():
    texts = {
        "这首歌真好听，iPhone 15 真好": "这 首 歌 真 好 听 ， iphone 15 真 好",
        "コーヒーがおいしいです": "コ ー ヒ ー が お い し い で す",
        "หนังเรื่องนี้ดีมาก": "ห นั ง เ รื่ อ ง นี้ ดี ม า ก",
        "ภาพยนตร์น้ำดี": "ภ า พ ย น ต ร์ น้ำ ดี",
    }
    for text, expected in texts.items():
        trained = tokenizer("word").train([text] * 3, 100)
        assert trained.split(text) == tokenizer("word").split(text) == expected.split()
        assert trained.join(trained.split("真好 真好 hm")) == "真好真好 hm"
        assert tokenizer("word", trained.state).split("真好") == ["真", "好"]
        assert pickle.loads(pickle.dumps(trained)).split("真好") == ["真", "好"]
    for spaced in ("这 首 歌 真 好听", "ผม ชอบ หนัง เรื่อง นี้", "it is"):
        assert tokenizer("word").train([spaced], 100).split(spaced) == spaced.split()


def test_runs_that_stored_no_tokenizer_split_as_they_did():
    """Runs of before have words that end at every mark."""
    for name, words in {
        "word": ["फ", "ि", "ल", "्", "म", "cafe", "\u0301", "l’eau", "👍", "🏽", "好听"],
        "spaced": ["फ", "ि", "ल", "्", "म", " cafe", "\u0301", " l’eau", " 👍", "🏽", " 好听"],
    }.items():
        before = tokenizer(name, "null")
        text = "फिल्म cafe\u0301 l’eau 👍🏽 好听"
        if name == "word":
            words[5:7] = ["café"]
        assert before.split(text) == words
        assert before.train([text], 9).split(text) == words
        assert pickle.loads(pickle.dumps(before)).split(text) == words
        assert before.state is None
        for state in ('{"version": 3}', '{"version": 2, "apart": 1}', "[]", "2"):
            with pytest.raises(DataError, match="the tokenizer is damaged, or of another version"):
                tokenizer(name, state)


def test_spaced_words():
    split = tokenizer("spaced").split
    assert split("The Film's  'best',\n isn’t it?") == (
        ["The", " Film's", " ", " '", "best", "'", ",", "\n", " isn’t", " it", "?"]
    )
    assert split("") == []


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
    for name in ("char", "white_space"):
        plain = tokenizer(name)
        assert plain.train(TRAINING, 10) is plain
        assert plain.state is None


def test_a_text_that_is_read_once_trains_on_its_part(monkeypatch):
    text = "abababab" * 10 + "xyxyxyxy" * 10
    for limit in (2**26, 100):
        monkeypatch.setattr("ostinato.data.symbols.tokenizers.bpe.Subwords.sees", limit)
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
