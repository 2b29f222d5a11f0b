"""A text that is read and continued symbol by symbol, with a state that can be saved."""

import pytest
import torch
from order import SMALL_GENERATOR

import ostinato
from every import assert_near
from ostinato import Generator
from ostinato.decode import chain
from ostinato.errors import ConfigError, DataError
from ostinato.train.tensors import packed, unpacked
from tolerances import FLOAT32, SAME

OPTIONS = {"temperature": 3.0, "repetition_penalty": 1.1}
TEXT = "the cat saw a mat. the rat sat.\n" * 20


def written(session, length):
    return "".join(drawn.text for drawn in session.generate(length, **OPTIONS))


@pytest.fixture(scope="module", params=["gru char", "lstm word", "projected_lstm char"])
def small(request):
    cell, tokenizer = request.param.split()
    model = {"hidden": 8, "layers": 2, "projection": 3 * (cell == "projected_lstm")}
    options = SMALL_GENERATOR | {"train": {"epochs": 1}, "model": model}
    return Generator(cell, tokenizer=tokenizer, **options).fit(TEXT)


@pytest.mark.parametrize("engine", ["auto", "torch"])
@pytest.mark.parametrize("prompt", ["", "the ", "the cat"])
def test_a_saved_session_is_continued_to_the_last_bit(small, engine, prompt):
    small.network_.recurrent.engine = engine
    session = small.model_.session(prompt, seed=3)
    for length in (0, 30):
        if length:
            written(session, length)
        saved = session.saved()
        expected = written(session, 30), session.logits()
        other = small.model_.session("cat", seed=9)
        other.restore(saved)
        assert written(other, 30) == expected[0]
        assert_near(other.logits(), expected[1], SAME)


def test_a_session_of_one_engine_is_continued_by_another(small):
    session = small.model_.session("the cat", seed=3)
    written(session, 20)
    saved, expected = session.saved(), written(session, 40)
    small.network_.recurrent.engine = "torch"
    other = small.model_.session()
    other.restore(saved)
    assert written(other, 40) == expected
    small.network_.recurrent.engine = "auto"


@pytest.mark.parametrize("engine", ["auto", "torch"])
def test_a_text_may_be_read_in_pieces(small, engine):
    small.network_.recurrent.engine = engine
    whole = small.model_.session("the cat saw a mat", seed=1)
    pieces = small.model_.session("the cat ", seed=1)
    for piece in ("saw", "", " a mat"):
        pieces.read(piece)
    assert_near(pieces.logits(), whole.logits(), FLOAT32)
    assert written(pieces, 9) == written(whole, 9)
    small.network_.recurrent.engine = "auto"


def test_what_may_follow_is_what_a_session_draws_from(small):
    (answer,) = small.model_.predict(["the cat"])
    logits, symbols = small.model_.session("the cat").logits(), small.vocabulary_.symbols
    known = {symbol: p for symbol, p in answer.following.items() if symbol != "<unk>"}
    chances = logits.softmax(-1)[[symbols.index(symbol) for symbol in known]]
    said = torch.tensor([*known.values()])  # of all symbols, the unknown one too, never drawn
    assert_near(said / said.sum(), chances / chances.sum(), FLOAT32)
    assert next(iter(known)) == symbols[int(logits.argmax())]
    assert answer.symbols == small.tokenizer_.split("the cat")
    assert len(answer.nats) == len(answer.symbols) - 1


def test_nats_of_a_text_are_those_of_its_measures(generator):
    text = "abcabbacab"
    (answer,) = generator.model_.predict([text])
    mean = sum(answer.nats) / len(answer.nats)
    assert mean == pytest.approx(generator.evaluate(text)["nats"], rel=1e-5)


def test_of_a_session_that_was_damaged_or_is_of_another_model_nothing_is_taken(small, generator):
    session = small.model_.session("the cat", seed=3)
    before = session.saved()
    tensors, notes = unpacked(before)
    first = tensors | {"states.0": tensors["states.0"][:1].clone()}
    short = tensors | {"random": torch.zeros_like(tensors["random"])[:9]}
    strange = tensors | {"seen": tensors["seen"] + 2**40}
    for wrong in (b"", before[:-1], generator.session().saved(), packed(first, notes),
                  packed(tensors), packed(short, notes), packed(strange, notes)):  # fmt: skip
        with pytest.raises(DataError, match=r"^no saved session of this model: \S"):
            session.restore(wrong)
        after = unpacked(session.saved())
        assert after[1] == notes
        assert_near(after[0], tensors, SAME)


def test_a_session_of_a_run(generator, tmp_path):
    generator.save(tmp_path / "run")
    session = ostinato.load(tmp_path / "run").session("ab", seed=1)
    assert session.draw(chain(greedy=True)).text == "c"
    assert written(session, 20) == written_by(generator, 20)
    with pytest.raises(ConfigError, match="seed must be at least 0"):
        generator.session("ab", -1)


def written_by(generator, length):
    session = generator.session("ab", 1)
    session.draw(chain(greedy=True))
    return written(session, length)
