import itertools
import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from spelling import SMALL_TRANSDUCER, spelled, words_spelled

from every import assert_near
from ostinato import Transducer
from ostinato.data import Pairs
from ostinato.errors import ConfigError, DataError
from ostinato.tasks.transduce.codec import TextCodec
from ostinato.tasks.transduce.learner import TransduceLearner
from ostinato.tasks.transduce.network import TransduceBatch
from ostinato.tasks.transduce.settings import CodecSettings
from tolerances import FLOAT32, ORACLE, SAME

WORDS, SPELLED = words_spelled(60, seed=1)
QUICK = SMALL_TRANSDUCER | {"train": {"epochs": 1, "threads": 1}}


def quick(**changes):
    model = SMALL_TRANSDUCER["model"] | changes.pop("model", {})
    return Transducer("gru", **QUICK | {"model": model} | changes).fit(WORDS, SPELLED)


def test_it_learns_to_spell_words_it_has_not_seen(transducer):
    known = set(words_spelled(800, seed=0)[0])
    words = [w for w in words_spelled(200, seed=2)[0] if w not in known]
    assert len(words) > 20
    assert transducer.score(words, [spelled(w) for w in words]) > 0.97


def test_attention_looks_at_the_letter_that_is_spelled(transducer):
    ((found,),) = transducer.search(["abcde"])
    assert found.tokens == spelled("abcde").split()
    assert found.source == list("abcde")
    assert found.alignment.shape == (8, 5)
    assert_near(found.alignment.sum(1), np.ones(8), FLOAT32)
    assert transducer.predict(["abcde"]) == [found.text] == [spelled("abcde")]


def log_probability(transducer, source, tokens):
    """ln p of an output and its end, symbol by symbol."""
    network, side = transducer.network_, transducer.target_.vocabulary
    symbols = [*side.encode(tokens).tolist(), network.boundary]
    given = torch.tensor([[network.boundary, *symbols[:-1]]]).T
    values = torch.from_numpy(transducer.source_.encode([source])[0])[:, None]
    with torch.no_grad():
        lengths, steps = torch.tensor([len(values)]), torch.tensor([len(given)])
        logits = network(TransduceBatch(values, lengths, given, steps)).logits
    logits[:, 0] = -math.inf
    return sum(row.log_softmax(-1)[s].item() for row, s in zip(logits, symbols, strict=True))


@pytest.mark.parametrize("settings", [{}, {"attention": "none"}, {"input_feeding": True}], ids=str)
@pytest.mark.parametrize("alpha", [0.0, 0.6])
def test_a_wide_beam_is_enumeration(settings, alpha):
    """Over three symbols and outputs of two, all thirteen outputs."""
    words = ["a", "ab", "b", "bb", "ba", "aba"] * 3
    targets = ["X", "X Y", "Y", "Y Y", "Y X", "X Y Z"] * 3
    fitted = Transducer("lstm", **QUICK | {"model": SMALL_TRANSDUCER["model"] | settings})
    network = fitted.fit(words, targets).network_
    values = torch.from_numpy(fitted.source_.encode(["ab"])[0])[:, None]
    read = network(TransduceBatch(values, torch.tensor([2])))
    (found,) = network.search(read, 2, beam=40, best=40, alpha=alpha)
    known = fitted.target_.vocabulary.symbols[1:]
    expected = {}
    for n in range(3):
        for tokens in itertools.product(known, repeat=n):
            expected[tokens] = log_probability(fitted, "ab", tokens) / ((6 + n) / 6) ** alpha
    ended = {tuple(fitted.target_.vocabulary.decode(h.symbols)): h.score for h in found
             if len(h.symbols) < 3}  # fmt: skip
    assert ended.keys() == expected.keys()
    assert ended == pytest.approx(expected, abs=1e-5)
    assert [h.score for h in found] == sorted((h.score for h in found), reverse=True)


def test_a_beam_of_one_is_greedy(transducer):
    network = transducer.network_
    for word in WORDS[:10]:
        values = torch.from_numpy(transducer.source_.encode([word])[0])[:, None]
        first, memory, _ = network(TransduceBatch(values, torch.tensor([len(word)])))
        symbols = [network.boundary]
        with torch.inference_mode():
            while len(symbols) == 1 or symbols[-1] != network.boundary:
                readouts, _, _ = network.decoder(torch.tensor(symbols)[:, None], first, memory)
                logits = network.decoder.logits(readouts[-1, 0])
                logits[0] = -math.inf
                symbols.append(int(logits.argmax()))
        text = transducer.target_.decode(symbols[1:-1])
        assert transducer.predict([word], beam=1) == [text]


def test_the_best_come_first_with_probabilities_that_are_true(transducer):
    for own in transducer.search(["abc", "e"], beam=4, best=4, alpha=0.6):
        assert [h.score for h in own] == sorted((h.score for h in own), reverse=True)
        assert len({h.text for h in own}) == 4
        for h in own:
            nats = log_probability(transducer, "".join(h.source), h.tokens)
            assert h.log_probability == pytest.approx(nats, abs=1e-4)
            assert h.score == pytest.approx(nats / ((6 + len(h.tokens)) / 6) ** 0.6, abs=1e-4)


@pytest.mark.parametrize(
    "settings", [{}, {"attention": "additive"}, {"attention": "none"}, {"input_feeding": True}],
    ids=str,
)  # fmt: skip
def test_what_else_is_in_the_batch_does_not_matter(settings):
    fitted = quick(model=settings)
    fitted.network_.double()  # an untrained network is undecided: float32 would turn the scales
    some = ["a", "abcdeabcde", "", "edcb", "zz"]
    together = fitted.search(some, beam=3, best=2)
    for text, own in zip(some, together, strict=True):
        (alone,) = fitted.search([text], beam=3, best=2)
        assert [h.text for h in own] == [h.text for h in alone]
        assert [h.score for h in own] == pytest.approx([h.score for h in alone])
        for one, other in zip(own, alone, strict=True):
            if settings.get("attention") == "none":
                assert one.alignment is other.alignment is None
            else:
                assert_near(one.alignment, other.alignment, ORACLE)


def test_answers_are_plain_records(transducer):
    model, texts = transducer.model_, ["ab☃", "", "cde"]
    answers = model.predict(texts)
    assert [answer.source for answer in answers] == [list(text) for text in texts]
    for answer, own in zip(answers, transducer.search(texts), strict=True):
        assert json.loads(json.dumps(answer.to_json())) == own[0].to_json()
        assert len(own[0].to_json()["alignment"]) == len(answer.tokens)
    batch = model.encode(texts)
    decoded = model.decode(model.network(batch), batch)  # a batch knows symbols alone
    assert [each.source for each in decoded] == [["a", "b", "<unk>"], ["<unk>"], list("cde")]
    assert [each.text for each in decoded] == [answer.text for answer in answers]
    assert model.predict([]) == []


def test_unknown_symbols_have_an_answer_and_are_counted(transducer):
    assert transducer.unknown(["aßb", "ab", "ßß ü"]) == {"ß": 3, " ": 1, "ü": 1}
    found = transducer.predict(["ß", "", " ", "ü" * 40])
    assert len(found) == 4
    assert not any("<unk>" in text for text in found)


def test_a_source_longer_than_any_before_may_have_a_longer_output(transducer):
    longest = transducer.target_.longest
    assert transducer.model_.limit(6) == transducer.model_.limit(1) == longest
    assert transducer.model_.limit(12) == 2 * longest


def test_pairs_whose_source_is_held_out_are_not_trained_on_but_are_references():
    held = Pairs(["ab", "cc"], [spelled("ab"), spelled("cc")])
    fitted = Transducer("gru", **QUICK)
    fitted.fit([*WORDS, "ab", "cc"], [*SPELLED, "AY BEE", "Z"], validation=held)
    assert not {"ab", "cc"} & {w for w in WORDS if w not in fitted.references_.sources}
    assert fitted.references_.sources[-2:] == ["ab", "cc"]
    assert fitted.references_.targets[-2:] == ["AY BEE", "Z"]
    assert fitted.validation_ == held
    assert "Z" not in fitted.target_.vocabulary


def test_longer_pairs_are_not_trained_on_and_are_counted():
    limits = {"max_tokens": 6}
    fitted = Transducer("gru", **QUICK | {"data": limits}).fit(WORDS, SPELLED)
    held = set(fitted.validation_.sources)
    lengths = [len(t.split()) for w, t in zip(WORDS, SPELLED, strict=True) if w not in held]
    assert fitted.longer_ == sum(n > 6 for n in lengths) > 0
    with pytest.raises(DataError, match=r"all pairs are longer than data.max_tokens = 1"):
        Transducer("gru", **QUICK | {"data": {"max_tokens": 1}}).fit(
            ["ab"] * 5 + ["ba"] * 5, ["X Y"] * 10
        )


def learner_of(fitted, settings=None, words=WORDS, targets=SPELLED):
    model = replace(fitted.model_, settings=settings or fitted.model_.settings)
    model.network = fitted.network_
    pairs = model.pairs(Pairs(words, targets))
    return TransduceLearner(model, pairs, np.array(pairs.lengths), pairs)


def test_the_loss_of_a_batch_is_the_mean_over_its_symbols(transducer):
    learner = learner_of(transducer)
    whole, *parts = (learner.loss(np.arange(*ends)) for ends in ((10,), (0, 3), (3, 10)))
    symbols = sum(len(t.split()) + 1 for t in SPELLED[:10])
    assert whole[1] == parts[0][1] + parts[1][1] == symbols
    assert whole[2] == symbols + sum(map(len, WORDS[:10]))
    mean = sum(loss * terms for loss, terms, _ in parts) / symbols
    assert_near(whole[0], mean, FLOAT32)
    nats = sum(
        log_probability(transducer, w, t.split())
        for w, t in zip(WORDS[:10], SPELLED[:10], strict=True)
    )
    assert whole[0].item() == pytest.approx(-nats / symbols, abs=1e-3)  # unknown is left out there


def test_every_pair_is_in_one_batch_within_the_budget(transducer):
    learner = learner_of(transducer)
    batches = learner.batches(0)
    assert sorted(np.concatenate(batches)) == list(range(len(WORDS)))
    assert not all(map(np.array_equal, batches, learner.batches(1)))


def test_validation_counts_the_errors_of_greedy_outputs(transducer):
    words = ["ab", "cd", "e"]
    targets = [spelled("ab"), spelled("cd").replace("S", "Z").replace("Z", "AY"), "EE EE"]
    found = learner_of(transducer, words=words, targets=targets).validate()
    assert transducer.predict(words, beam=1) == [spelled(w) for w in words]
    assert found["error_rate"] == pytest.approx(2 / 9)
    assert found["exact_match"] == pytest.approx(1 / 3)


def test_teacher_forcing_falls_epoch_by_epoch():
    model = SMALL_TRANSDUCER["model"] | {"teacher_forcing": 0.5}
    settings = Transducer(**QUICK | {"model": model, "train": {"epochs": 5}}).settings()
    fitted = quick()
    learner, seen = learner_of(fitted, settings), []
    for epoch in range(5):
        learner.batches(epoch)
        seen.append(learner.forcing)
    assert seen == pytest.approx([1, 0.875, 0.75, 0.625, 0.5])
    constant = settings.model_copy(
        update={"model": settings.model.model_copy(update={"forcing_schedule": "constant"})}
    )
    learner = learner_of(fitted, constant)
    learner.batches(0)
    assert learner.forcing == 0.5


@pytest.mark.parametrize(
    "settings",
    [
        {"teacher_forcing": 0.5, "forcing_schedule": "constant"},
        {"input_feeding": True, "attention": "additive", "layers": 2},
        {"tied": True, "bridge": "copy", "attention": "dot", "label_smoothing": 0.1},
        {"attention": "none", "bridge": "linear", "bidirectional": False},
    ],
    ids=str,
)
def test_every_wiring_trains_is_saved_and_loaded(settings, tmp_path):
    fitted = quick(model=settings | {"dropout": 0.2}, train={"epochs": 2, "average": 0.9})
    assert fitted.history_[1]["loss"] < fitted.history_[0]["loss"]
    fitted.save(tmp_path / "run")
    again = Transducer.load(tmp_path / "run")
    assert again.settings() == fitted.model_.settings
    assert again.predict(WORDS[:9]) == fitted.predict(WORDS[:9])
    assert_near(again.network_.state_dict(), fitted.network_.state_dict(), SAME)


@pytest.mark.parametrize(
    ("source", "target"), [("word", "char"), ("bpe", "bpe"), ("char", "word"), ("spaced", "spaced")]
)
def test_each_side_may_be_characters_words_or_subwords(source, target, tmp_path):
    texts = ["the dog runs", "a dog sits", "the cat runs", "a cat sits here"] * 4
    goals = ["der Hund läuft", "ein Hund sitzt", "die Katze läuft", "eine Katze sitzt hier"] * 4
    sides = {name: {"tokenizer": kind, "vocabulary": 60} for name, kind in
             {"source": source, "target": target}.items()}  # fmt: skip
    fitted = Transducer("gru", **QUICK | sides).fit(texts, goals)
    held = fitted.validation_
    for side, own, out in (
        (fitted.source_, texts, held.sources),
        (fitted.target_, goals, held.targets),
    ):
        assert side.longest == max(len(side.tokens(text)) for text in own if text not in out)
    fitted.save(tmp_path / "run")
    again = Transducer.load(tmp_path / "run")
    assert again.predict(texts[:4]) == fitted.predict(texts[:4])
    for goal in goals[:4]:
        known = fitted.target_
        text = known.tokenizer.join(known.tokens(goal))
        assert text == (goal.lower() if target == "word" else goal)


def test_numbers_out_of_range_are_refused(transducer):
    with pytest.raises(ConfigError, match="best: 9 must be at least 1 and at most the beam, 5"):
        transducer.search(["a"], best=9)
    with pytest.raises(ConfigError, match="multiple of 2"):
        Transducer(model={"hidden": 5}).settings()
    with pytest.raises(DataError, match="must be a list"):
        transducer.predict("abc")
    with pytest.raises(DataError, match="targets are missing"):
        Transducer().fit(["a"])
    with pytest.raises(DataError, match=r"no token occurs target.min_count = 900 times"):
        Transducer(target={"min_count": 900}).fit(WORDS, SPELLED)


def test_a_source_far_longer_than_any_before_is_refused(transducer):
    most = 10 * max(transducer.source_.longest, transducer.settings().data.max_tokens)
    with pytest.raises(
        DataError, match=rf"text 2 has {most + 1:,} tokens, more than the limit of {most:,}"
    ):
        transducer.predict(["a", "a" * (most + 1)])


def test_a_codec_says_how_it_splits():
    settings = CodecSettings(tokenizer="word")
    codec, _, _ = TextCodec.learn(["फिल्म ok"], settings, "source")
    written = codec.to_json()
    assert TextCodec.from_json(written, settings).tokens("फिल्म") == ["फिल्म"]
    before = TextCodec.from_json(written | {"tokenizer": None}, settings)
    assert before.tokens("मि") == ["म", "ि"]
