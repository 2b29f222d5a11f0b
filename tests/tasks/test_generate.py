import copy
import itertools
import math
import re

import numpy as np
import pytest
import torch
from order import PERIODIC, SMALL_GENERATOR

from every import assert_near
from ostinato import Generator
from ostinato.data import tokenizer
from ostinato.decode import chain
from ostinato.errors import ConfigError, DataError
from ostinato.tasks.generate.learner import GenerateLearner
from ostinato.tasks.generate.measures import measure
from ostinato.tasks.generate.network import GenerateBatch
from ostinato.tasks.generate.settings import GenerateData
from tolerances import FLOAT32, ORACLE, SAME

QUICK = SMALL_GENERATOR | {"train": {"epochs": 1}}


def read(network, symbols, states=None):
    """Logits (T, B, V) after symbols (T, B), and the states."""
    return network(GenerateBatch(torch.as_tensor(symbols)), states)


def test_it_learns_what_repeats_itself(generator):
    assert generator.history_[-1]["nats"] < 0.01
    assert generator.sample("ab", 30, greedy=True) == PERIODIC[:32]
    assert generator.score(PERIODIC) > -0.01


def test_the_same_seed_draws_the_same_text(generator):
    draws = [generator.sample("ab", 60, temperature=20, seed=seed) for seed in (1, 1, 2)]
    assert draws[0] == draws[1] != draws[2]


def test_reading_step_by_step_is_reading_at_once(generator):
    text, state = "abccba", None
    for prompt in itertools.accumulate(text):
        symbols = torch.from_numpy(generator.vocabulary_.encode(prompt[-1:]))[None]
        with torch.inference_mode():
            logits, state = read(generator.network_, symbols, state)
        (drawn,) = generator.stream(prompt, 1)
        assert_near(drawn.probabilities[1:], logits[0, 0, 1:].softmax(-1), FLOAT32)


def test_each_symbol_is_drawn_given_all_before_it(generator):
    drawn = list(generator.stream("a", 12, temperature=9, seed=3))
    text = "a" + "".join(d.text for d in drawn)
    for k, d in enumerate(drawn, start=1):
        (alone,) = generator.stream(text[:k], 1, temperature=9)
        assert_near(d.probabilities, alone.probabilities, FLOAT32)


def test_what_is_drawn_from_is_shaped_as_asked(generator):
    def shaped(**options):
        return next(generator.stream("ab", 1, **options)).probabilities.astype(float)

    plain = shaped()
    assert plain[0] == 0
    assert plain.sum() == pytest.approx(1)
    assert_near(shaped(temperature=3.0), plain ** (1 / 3) / (plain ** (1 / 3)).sum(), FLOAT32)
    best = np.argsort(-plain)[:2]
    expected = np.where(np.isin(np.arange(4), best), plain, 0) / plain[best].sum()
    assert_near(shaped(top_k=2), expected, FLOAT32)
    assert (shaped(top_k=1) == shaped(greedy=True)).all()
    assert shaped(temperature=50, top_p=0.5).astype(bool).sum() == 2


def test_the_unknown_symbol_is_read_but_never_drawn():
    text = "".join(f"ab{chr(0x4E00 + k)}" for k in range(300))  # what follows b is seen once
    fitted = Generator("gru", **QUICK | {"data": {"min_count": 2}}).fit(text)
    assert fitted.vocabulary_.symbols == ["<unk>", "a", "b"]
    assert fitted.unknown("abzyz") == ["y", "z"]
    drawn = list(fitted.stream("z", 300, temperature=100))
    assert {d.text for d in drawn} == {"a", "b"}
    assert not any(d.probabilities[0] for d in drawn)


def test_a_first_word_is_known_without_the_space_that_it_always_had():
    words = Generator("gru", tokenizer="word", **QUICK).fit("to be or not to be\n" * 60)
    assert "be" not in words.vocabulary_
    assert words.unknown("be or bee") == [" bee"]
    inside, alone = (next(words.stream(prompt, 1)).probabilities for prompt in (" be", "be"))
    assert (inside == alone).all()
    assert words.sample("be", 2, seed=1).startswith("be")
    assert words.search("be", 2)[0][0].startswith("be")


@pytest.fixture(scope="session")
def worded():
    """Writes words; `[yes]` comes too seldom to be known."""
    text = (
        "Yes, (no) and no;\nit isn't so. " * 20 + "[yes]" + "Yes, (no) and no;\nit isn't so. " * 9
    )
    return Generator("rnn", tokenizer="word", **QUICK | {"data": {"min_count": 2}}).fit(text)


@pytest.mark.parametrize("prompt", ["", "Yes", "(no", "so.\nno, no"])
def test_words_are_spaced_as_they_are_written(worded, prompt):
    drawn = [d.text for d in worded.stream(prompt, 50, temperature=2)]
    sample = worded.sample(prompt, 50, temperature=2)
    assert sample == prompt + "".join(drawn)
    assert set(drawn) <= set(worded.vocabulary_.symbols[1:])
    assert {"Yes", " isn't", ";", "\n", " (", "no", " no"} < set(worded.vocabulary_.symbols)


def test_a_space_at_the_end_of_a_prompt_is_that_of_the_next_word(worded):
    for seed in range(20):
        first, *rest = worded.stream("Yes, no ", 3, temperature=3, seed=seed)
        assert f" {first.text}" in worded.vocabulary_.symbols
        assert all(symbol.text in worded.vocabulary_.symbols for symbol in rest)
    known = worded.vocabulary_.symbols
    inside = next(worded.stream("Yes, no", 1)).probabilities
    after = next(worded.stream("Yes, no ", 1)).probabilities
    spaced = np.array([symbol[0] == " " for symbol in known])
    assert_near(after, np.where(spaced, inside, 0) / inside[spaced].sum(), FLOAT32)
    found = [text for text, _ in worded.search("Yes, no ", 2, beam=200, best=200)]
    assert len(found) == spaced.sum() * (len(known) - 1)
    assert all(re.match(r"Yes, no \S", text) for text in found)
    assert any(re.fullmatch(r"Yes, no \w+\n", text) for text in found)  # the second may be any


def test_of_words_the_unknown_count_as_one_symbol(worded):
    text = "Yes, yes [no] (no) and no;\nit isn't so."
    found, tokens = worded.evaluate(text), tokenizer("spaced").split(text)
    unknown = [token not in worded.vocabulary_ for token in tokens]
    assert found["unknown"] == pytest.approx(sum(unknown[1:]) / (len(tokens) - 1))
    assert found["bits_per_character"] == pytest.approx(found["bits"] * len(tokens) / len(text))
    assert found["perplexity"] == pytest.approx(math.exp(found["nats"]))


@pytest.mark.parametrize("cell", ["lstm", "gru", "projected_lstm"])
def test_native_reading_writes_the_same_text(cell):
    options = {"model": {"hidden": 24, "layers": 2, "projection": 5 * (cell == "projected_lstm")}}
    fitted = Generator(cell, **QUICK | options).fit("the cat sat on the mat.\n" * 40)
    assert fitted.network_.recurrent.level(training=False) == "native"
    settings = {"temperature": 1.5, "top_p": 0.95, "repetition_penalty": 1.1}
    text = fitted.sample("the", 400, **settings)
    natively = fitted.network_.stream()
    fitted.network_.recurrent.engine = "torch"
    plainly = fitted.network_.stream()
    for symbol in fitted.vocabulary_.encode(text).tolist():
        assert_near(natively.read([symbol]), plainly.read([symbol]), FLOAT32)
    assert_near(list(natively.states), list(plainly.states), FLOAT32)
    assert fitted.sample("the", 400, **settings) == text


def test_samplers_may_change_while_it_writes(generator):
    session, bold, safe = generator.session("ab"), chain(temperature=50.0), chain(greedy=True)
    for _ in range(20):
        session.draw(bold)
    best = session.logits().argmax()
    assert session.draw(safe).probabilities[best] == 1


def test_a_repetition_penalty_sees_the_prompt_and_what_was_drawn(generator):
    session = generator.session("ab")
    seen = []
    for _ in range(3):
        session.draw(lambda logits, before: seen.append(before.tolist()) or logits)
    a, b, c = generator.vocabulary_.encode("abc").tolist()
    assert seen == [[a, b], [a, b, c], [a, b, c, a]]


def test_a_text_stops_before_a_stop_string(generator):
    assert generator.sample("ab", 30, greedy=True, stop=["bcab", "x"]) == "abca"
    assert generator.sample("ab", 4, greedy=True, stop=["bcabx"]) == "abcabc"


def test_beam_search_finds_the_most_probable_text(generator):
    best, *others = generator.search("ab", 5, beam=8, best=8)
    assert best[0] == "abcabca"
    assert len({text for text, _ in [best, *others]}) == 8
    for text, nats in [best, *others]:
        symbols = torch.from_numpy(generator.vocabulary_.encode(text))[:, None]
        with torch.inference_mode():
            logits = read(generator.network_, symbols[:-1]).logits[:, 0].double()
            logits[:, 0] = -math.inf  # the unknown symbol is never written
            steps = logits.log_softmax(-1).gather(1, symbols[1:])
        assert nats == pytest.approx(steps[1:].sum().item(), abs=1e-4)
    (greedy,) = generator.search("c", 30, beam=1)
    assert greedy[0] == generator.sample("c", 30, greedy=True)
    assert generator.search("", 3)[0][0] == generator.search("a", 3)[0][0][1:]


def test_without_a_prompt_it_starts_at_a_line_or_from_the_most_frequent(generator):
    def first(fitted, prompt):
        return next(fitted.stream(prompt, 1)).probabilities

    assert_near(first(generator, ""), first(generator, generator.vocabulary_.symbols[1]), SAME)
    lines = Generator("gru", **QUICK).fit("aaab\n" * 40)
    assert_near(first(lines, ""), first(lines, "\n"), SAME)


def test_the_measures_by_hand(generator):
    text = "abcabbacab"
    symbols = torch.from_numpy(generator.vocabulary_.encode(text))[:, None]
    with torch.inference_mode():
        logits = read(generator.network_, symbols[:-1]).logits[:, 0].double()
    probability = (logits.exp() / logits.exp().sum(-1, keepdim=True)).gather(1, symbols[1:])
    nats = -probability.log().mean().item()
    bits = nats / math.log(2)
    expected = {"nats": nats, "bits": bits, "perplexity": math.exp(nats)}
    expected |= {"bits_per_character": bits, "unknown": 0}
    assert generator.evaluate(text) == pytest.approx(expected, rel=FLOAT32)


def test_how_a_text_is_cut_for_training_does_not_change_its_measures(generator):
    symbols = np.random.default_rng(0).integers(1, 4, 2000)
    shapes = GenerateData(streams=1, steps=500), GenerateData(streams=32, steps=7)
    one, other = (measure(generator.network_, symbols, 2000, shape) for shape in shapes)
    assert one["nats"] == pytest.approx(other["nats"], rel=FLOAT32)


def test_windows_carry_the_state_but_not_the_gradient(generator):
    symbols = generator.vocabulary_.encode(PERIODIC)
    network = generator.network_
    learner = GenerateLearner(generator.model_, symbols, symbols, len(PERIODIC))
    one, two = [tuple(map(torch.from_numpy, window)) for window in learner.batches(0)[:2]]
    learner.loss(one)
    after, terms, count = learner.loss(two)
    assert terms == count == two[1].numel()

    learner.state = ()
    alone, *_ = learner.loss(two)
    assert alone.item() != after.item()
    logits, _ = read(network, torch.cat([one[0], two[0]]))
    whole = torch.nn.functional.cross_entropy(logits[len(one[0]) :].flatten(0, 1), two[1].flatten())
    assert_near(after, whole, FLOAT32)

    def reaches(loss):
        return torch.autograd.grad(loss, network.embedding.weight)[0].norm()

    assert reaches(after) != reaches(whole)
    with torch.no_grad():
        _, state = read(network, one[0])
    logits, _ = read(network, two[0], state)
    cut = torch.nn.functional.cross_entropy(logits.flatten(0, 1), two[1].flatten())
    learner.state = ()
    learner.loss(one)
    assert_near(reaches(learner.loss(two)[0]), reaches(cut), FLOAT32)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_a_window_over_the_whole_text_is_backpropagation_through_time(cell):
    options = {"data": {"steps": 15, "streams": 2}, "model": {"embedding": 3, "hidden": 5}}
    fitted = Generator(cell, **options, train={"epochs": 1}).fit("abcab" * 20)
    network = fitted.network_.double()
    symbols = fitted.vocabulary_.encode("abcabbacbaccabab")
    learner = GenerateLearner(fitted.model_, symbols, symbols, len(symbols))
    ((inputs, targets),) = learner.batches(0)  # one window
    inputs, targets = torch.from_numpy(inputs), torch.from_numpy(targets)
    loss, *_ = learner.loss((inputs, targets))
    network.zero_grad()
    loss.backward()

    theirs = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU}[cell](3, 5, dtype=torch.float64)
    theirs.load_state_dict(network.recurrent.state_dict())
    embedding = network.embedding.weight.detach().clone().requires_grad_()
    state, whole = None, torch.zeros((), dtype=torch.float64)
    for symbol, target in zip(inputs, targets, strict=True):  # step by step, nothing cut
        output, state = theirs(embedding[symbol][None], state)
        logits = network.output(output[0])
        whole = whole + torch.nn.functional.cross_entropy(logits, target) / len(inputs)
    ours = dict(network.recurrent.named_parameters())
    weights = dict(theirs.named_parameters())
    expected = torch.autograd.grad(whole, [embedding, *weights.values()])
    assert_near(loss, whole, ORACLE)
    found = [network.embedding.weight, *(ours[name] for name in weights)]
    assert_near([weight.grad for weight in found], list(expected), ORACLE)


@pytest.mark.parametrize("text", ["", "a", "ab", "abc"])
def test_a_text_too_short_to_learn_from_is_refused(text):
    with pytest.raises(DataError, match=f"a text of {len(text)} tokens is too short"):
        Generator(**QUICK).fit(text)


@pytest.mark.parametrize("steps", [1, 7, 1000])
@pytest.mark.parametrize("length", [4 * 5, 90, 401])
def test_any_longer_text_will_do(length, steps):
    options = QUICK | {"data": {"steps": steps, "validation": 0.1}, "train": {"epochs": 3}}
    fitted = Generator("rnn", **options).fit("ab" * length)
    assert len(fitted.history_) == 3
    assert fitted.evaluate("ab")["nats"] > 0
    with pytest.raises(DataError, match="too short"):
        fitted.evaluate("a")


def test_a_text_in_which_nothing_is_known_is_refused():
    with pytest.raises(DataError, match=r"no token occurs data\.min_count = 500 times"):
        Generator(data={"min_count": 500}).fit(PERIODIC)


@pytest.mark.parametrize(
    ("option", "says"),
    [
        ({"length": 0}, "length must be at least 1, not 0"),
        ({"temperature": -1}, "temperature: -1 must be at least 0"),
        ({"temperature": math.nan}, "temperature: nan must be"),
        ({"top_k": 0}, "top_k: 0 must be at least 1"),
        ({"top_p": 1.5}, "top_p: 1.5 must be greater than 0 and at most 1"),
        ({"seed": -1}, "seed must be at least 0"),
        ({"seed": 2**63}, "seed must be at least 0 and less than 2"),
    ],
)
def test_options_out_of_range_are_refused_at_once(generator, option, says):
    with pytest.raises(ConfigError, match=f"^{says}"):
        generator.stream("ab", **option)


def test_an_output_layer_tied_to_the_embedding_is_the_embedding(tmp_path):
    model = {"embedding": 8, "hidden": 8, "tied": True, "embedding_dropout": 0.4}
    options = QUICK | {"model": model | {"variational_dropout": 0.2, "weight_dropout": 0.2}}
    tied = Generator("lstm", **options).fit(PERIODIC * 4)
    network = tied.network_
    names = {name for name, _ in network.named_parameters()}
    assert "output.bias" in names
    assert "output.weight" not in names
    assert sum(p.parameters for p in network.parts()) == sum(
        w.numel() for w in network.parameters()
    )
    outputs = torch.randn(3, 8)
    wanted = outputs @ network.embedding.weight.T + network.output.bias
    assert_near(network.output(outputs), wanted, SAME)
    tied.save(tmp_path / "run")
    again = Generator.load(tmp_path / "run")
    assert again.score("abcab") == tied.score("abcab")
    assert again.sample("ab", 20, seed=1) == tied.sample("ab", 20, seed=1)
    with torch.no_grad():
        again.network_.embedding.weight.mul_(2)
    assert_near(again.network_.head(outputs), 2 * wanted - network.output.bias, FLOAT32)


def test_an_embedding_of_another_size_cannot_be_tied():
    model = {"embedding": 8, "hidden": 9, "tied": True}
    with pytest.raises(ConfigError, match=r"set model\.embedding to 9, not 8"):
        Generator("lstm", **QUICK | {"model": model}).fit(PERIODIC)


def test_embedding_dropout_drops_whole_tokens_and_only_in_training(generator):
    network = copy.deepcopy(generator.network_).train()
    network.embedding_dropout = 0.5
    batch = GenerateBatch(torch.tensor([[1, 2, 3]] * 40).T.contiguous())
    plain = network.embedding(batch.symbols)
    torch.manual_seed(0)
    kept = network.embed(batch) / plain
    assert {0, 2} == set(kept.round(decimals=4).unique().tolist())
    assert_near(kept, kept[:, :1, :1].expand_as(kept), FLOAT32)  # the same token, the same fate
    assert_near(network.eval().embed(batch), plain, SAME)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_sampled_softmax_is_for_training_alone(precision):
    model = SMALL_GENERATOR["model"] | {"sampled_softmax": 1}
    train = SMALL_GENERATOR["train"] | {"precision": precision}
    options = SMALL_GENERATOR | {"model": model, "train": train}
    sampled = Generator("lstm", **options).fit(PERIODIC * 4)
    assert sampled.history_[-1]["nats"] < 0.05
    assert sampled.sample("ab", 30, greedy=True) == PERIODIC[:32]
