"""N-grams that answer with a language model: the mean of both, wherever one asks."""

import json
import math
import re
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from order import PERIODIC, SMALL_GENERATOR

from every import assert_near
from ostinato import Generator
from ostinato.errors import RunError
from ostinato.tasks.generate.baseline import fit_ngram
from ostinato.tasks.generate.ensemble import FACTS, RECENT, TENSORS, NGramMember, recent
from ostinato.tasks.generate.held_out import GenerateHeldOut
from ostinato.tasks.generate.measures import measure, nats_of
from ostinato.tasks.generate.network import GenerateBatch
from ostinato.train import Run
from tolerances import FLOAT32, SAME

TEXT = "".join(
    f"{a} {b} sees {a} no more; " for a in ("one", "two") for b in ("cat", "dog", "owl")
)  # fmt: skip
TEXT = (TEXT + TEXT[::-1]) * 6
PROMPT = "one cat sees "


@pytest.fixture(scope="module")
def both():
    """A network that has learned little, and n-grams."""
    train = {"epochs": 2, "threads": 1, "lr": 0.01}
    return Generator("gru", **SMALL_GENERATOR | {"train": train}).fit(TEXT)


def expected(generator, text):
    """P of what follows each symbol of a text (T, V): the mean, from both members by themselves."""
    symbols = generator.vocabulary_.encode(text)
    with torch.inference_mode():
        logits = generator.network_(GenerateBatch(torch.from_numpy(symbols)[:, None])).logits
    member, found = generator.model_.ngrams, []
    for t, ours in enumerate(logits[:, 0].double().softmax(-1).numpy(), start=1):
        ends = [np.array([*symbols[:t], k]) for k in range(len(ours))]
        theirs = np.array([member.ngrams.of_text(end)[-1] for end in ends])
        last = symbols[max(t - RECENT, 0) : t].tolist()
        cache = np.array([last.count(k) / len(last) for k in range(len(ours))])
        found.append(member.weights @ [ours, theirs, cache])
    return np.array(found)


def test_it_answers_where_it_helps(both, tmp_path):
    member = both.model_.ngrams
    assert member.together < 0.99 * member.network
    assert member.weights.sum() == pytest.approx(1)
    assert member.network == pytest.approx(both.best_["nats"], rel=FLOAT32)
    kinds = [part.kind for part in both.model_.parts()]
    assert kinds == ["embedding", "recurrent", "output", "ngrams"]
    alone = {"model": SMALL_GENERATOR["model"] | {"alone": True}}
    options = SMALL_GENERATOR | {"train": {"epochs": 1}}
    assert Generator("gru", **options | alone).fit(TEXT).model_.ngrams is None
    assert Generator("gru", baseline=False, **options).fit(TEXT).model_.ngrams is None


def test_a_network_that_says_more_answers_alone():
    text = np.tile([1, 2, 3], 100)
    _, said = fit_ngram(text, text, 4)
    perfect, poor = (np.full((1, 299), nats, np.float32) for nats in (1e-9, 0.5))
    assert NGramMember.fit(text, text, perfect, said, 4) is None
    assert NGramMember.fit(text, text, poor, said, 4).weights[0] < 0.1


def test_the_weight_is_the_best_one():
    ours, theirs = np.random.default_rng(0).random((2, 500))
    text, tried = np.arange(501) % 3, np.linspace(0.02, 0.98, 97)
    fitted = NGramMember.fit(text, text, -np.log(ours)[None], [theirs], 3)
    losses = {a: -np.log(a * ours + (1 - a) * theirs).mean() for a in tried}
    assert fitted.weights[0] == pytest.approx(min(losses, key=losses.get), abs=0.02)


@pytest.fixture(scope="module")
def cached():
    """What n-grams do not know: which of two words a paragraph is about."""
    draw = np.random.default_rng(0)
    topics = ["".join(draw.choice([*"abcdefgh"], 2)) for _ in range(60)]
    text = "".join(" ".join(draw.choice([a, "so", "it"], 60)) + "\n" for a in topics)
    train = {"epochs": 1, "threads": 1}
    return Generator("gru", tokenizer="word", **SMALL_GENERATOR | {"train": train}).fit(text), text


def test_a_cache_answers_too_where_words_come_again(cached):
    generator, text = cached
    member = generator.model_.ngrams
    assert member.weights[2] > 0.02
    symbols = generator.vocabulary_.encode(generator.tokenizer_.split(text[-1500:]))
    whole = np.concatenate(
        [nats[0, 0] for nats in nats_of(generator.network_, symbols, 1, 50, member)]
    )
    with torch.inference_mode():
        logits = generator.network_(GenerateBatch(torch.from_numpy(symbols)[:, None])).logits
    for t in (1, 5, 199, 201, 260):
        p = member.next(logits[t - 1, 0], member.read(symbols[:t].tolist())).exp()
        assert float(p.sum()) == pytest.approx(1, rel=FLOAT32)
        assert -math.log(p[symbols[t]]) == pytest.approx(whole[t - 1], rel=FLOAT32)
        pieces = member.read(symbols[3:t].tolist(), member.read(symbols[:3].tolist()))
        assert t < 3 or (pieces == member.read(symbols[:t].tolist())).all()


@given(st.lists(st.integers(0, 2), min_size=1, max_size=500), st.integers(0, 300))
def test_the_cache_by_hand(text, given_):
    given_ = min(given_, len(text) - 1)
    found = recent(np.array(text), given_, 3)
    for t in range(given_, len(text)):
        last = text[max(t - RECENT, 0) : t]
        expected = last.count(text[t]) / len(last) if last else 1 / 3
        assert found[t - given_] == pytest.approx(expected)


def test_a_session_draws_from_the_mean_of_both(both):
    session = both.session(PROMPT)
    for _ in range(3):
        text = PROMPT + "".join(both.vocabulary_.decode(session._seen)[len(PROMPT) :])
        p = expected(both, text)[-1]
        p[0] = 0  # the unknown symbol
        assert_near(session.logits().softmax(-1), p / p.sum(), FLOAT32)
        session.draw(lambda logits, seen: logits)
    again = both.session("owl")
    again.restore(session.saved())
    assert_near(again.logits(), session.logits(), SAME)


def test_predictions_and_measures_are_those_of_both(both):
    text = TEXT[300:340]
    p = expected(both, text)
    symbols = both.vocabulary_.encode(text)
    nats = -np.log(p[np.arange(len(p) - 1), symbols[1:]])
    (answer,) = both.model_.predict([text])
    assert_near(np.array(answer.nats), nats, FLOAT32)
    names = both.vocabulary_.symbols
    assert answer.following == {
        names[k]: pytest.approx(p[-1, k], rel=1e-4) for k in np.argsort(-p[-1])[:10]
    }
    found = both.evaluate(text)
    assert found["nats"] == pytest.approx(nats.mean(), rel=FLOAT32)
    assert found["bits"] == pytest.approx(nats.mean() / math.log(2), rel=FLOAT32)
    assert found["network_nats"] == pytest.approx(
        measure(both.network_, symbols, len(text), both.model_.settings.data)["nats"], rel=SAME
    )


def test_n_grams_know_what_stands_before_a_piece_of_a_text(both):
    symbols = both.vocabulary_.encode(TEXT[:300])
    member = both.model_.ngrams
    theirs = -np.log(member.ngrams.of_text(symbols)[1:])
    for streams, steps in ((1, 50), (3, 17), (4, 1000)):
        windows = [nats[2] for nats in nats_of(both.network_, symbols, streams, steps, member)]
        length = (len(symbols) - 1) // streams
        wanted = theirs[: streams * length].reshape(streams, length)
        assert_near(np.concatenate(windows, 1), wanted, FLOAT32)


def test_beam_search_finds_the_most_probable_text_of_both(both):
    for text, nats in both.search(PROMPT, 4, beam=6, best=3):
        p = expected(both, text)[len(PROMPT) - 1 : -1]
        p[:, 0] = 0
        symbols = both.vocabulary_.encode(text)[len(PROMPT) :]
        wanted = np.log(p[range(len(symbols)), symbols] / p.sum(1)).sum()
        assert nats == pytest.approx(wanted, abs=1e-4)


def test_it_is_kept_in_a_run(both, tmp_path):
    both.save(tmp_path / "run")
    again = Generator.load(tmp_path / "run")
    assert again.evaluate(TEXT) == both.evaluate(TEXT)
    assert again.sample(PROMPT, 40, seed=1) == both.sample(PROMPT, 40, seed=1)


@pytest.mark.parametrize(
    "change",
    [{"weights": [0.5, 0.5]}, {"weights": [math.nan] * 3}, {"weights": "a"}, {"alone": None}, None],
)
def test_what_is_damaged_is_refused(both, tmp_path, change):
    run, member = Run.create(tmp_path), both.model_.ngrams
    member.write(run)
    assert (
        NGramMember.of_run(run, len(both.vocabulary_)).weights.tolist() == member.weights.tolist()
    )
    if change:
        (tmp_path / FACTS).write_text(json.dumps(run.read_json(FACTS) | change))
    else:
        run.write_tensors(TENSORS, {"1.count": torch.tensor([1])})
    with pytest.raises(RunError, match=re.escape(FACTS if change else TENSORS)):
        NGramMember.of_run(run, len(both.vocabulary_))


def test_a_text_that_is_too_short_to_fit_a_weight_has_none(tmp_path):
    Generator("rnn", **SMALL_GENERATOR | {"train": {"epochs": 1}}).fit(PERIODIC[:20])


def test_the_held_out_end_of_a_text_is_not_counted_when_it_judges(both, tmp_path, monkeypatch):
    tail = "".join(np.random.default_rng(0).permutation(list(TEXT))[:400])
    member = both.model_.ngrams.counted_anew(both.vocabulary_.encode(TEXT + tail))
    monkeypatch.setattr(both.model_, "ngrams", member)
    knows, does_not = (GenerateHeldOut(tail, True, before).judge(both) for before in (None, TEXT))
    assert knows["nats"] < 0.5 * does_not["nats"]
    assert list(does_not["alone"]) == ["network", "n-grams"]
    assert knows["alone"]["network"] == does_not["alone"]["network"]
    # of a run's own text only the held-out part is read
    (tmp_path / "own.txt").write_text(TEXT)
    sha256 = GenerateHeldOut.trained_on((TEXT,))
    run = SimpleNamespace(manifest=SimpleNamespace(data={"sha256": sha256}))
    exam = GenerateHeldOut.read(str(tmp_path / "own.txt"), both, run)
    assert (exam.before + exam.text, len(exam.text)) == (TEXT, round(0.1 * len(TEXT)))
