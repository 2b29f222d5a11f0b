"""Settings that nobody chose go by the data; those that somebody chose stay."""

import tomllib
from itertools import pairwise

import numpy as np
import pytest
from order import SMALL, SMALL_GENERATOR, texts_by_order

from ostinato import Classifier, Generator
from ostinato.tasks.base import defaults
from ostinato.tasks.base.defaults import ENDLESS, FEW, MOST_EPOCHS, UPDATES, Facts
from ostinato.tasks.classify.settings import ClassifySettings
from ostinato.tasks.generate.settings import GenerateSettings
from ostinato.tasks.tag.settings import TagSettings
from ostinato.tasks.transduce.settings import TransduceSettings
from ostinato.train import Run

RULES = {
    ClassifySettings: defaults.classified,
    TagSettings: lambda settings, facts: defaults.tagged(settings, facts, 9),
    TransduceSettings: lambda settings, facts: defaults.transduced(settings, facts, 30),
}
RANDOM = np.random.default_rng(0)


def updates(settings, facts):
    """Those of an epoch."""
    size = settings.data
    most = min(size.batch or facts.sequences, size.batch_tokens / np.mean(facts.lengths))
    return facts.sequences / most


@pytest.mark.parametrize("kind", RULES)
@pytest.mark.parametrize("count", [5, 60, 800, 40_000])
@pytest.mark.parametrize("length", [2, 150])
def test_an_epoch_has_enough_updates_and_training_too_or_there_is_no_time(kind, count, length):
    facts = Facts(RANDOM.integers(1, 2 * length, count).tolist(), held=count // 10)
    found = RULES[kind](kind(), facts)
    each, train = updates(found, facts), found.train
    assert each >= min(count / 8, 60)
    assert train.epochs <= MOST_EPOCHS
    assert 3 <= train.patience <= train.epochs
    enough = train.epochs * each >= UPDATES or train.epochs == MOST_EPOCHS
    assert enough or train.epochs * count * length > 1e7
    assert train.best_by == ("loss" if facts.held < FEW else "metric")


@pytest.mark.parametrize("kind", RULES)
def test_what_is_chosen_stays(kind):
    chosen = {
        "data": {"batch": 7, "batch_tokens": 90},
        "model": {"hidden": 6, "dropout": 0.25},
        "train": {"epochs": 2, "patience": 1, "lr": 0.5, "best_by": "loss"},
    }
    given = kind.parse(chosen, "here")
    for count in (10, 10_000):
        assert RULES[kind](given, Facts([5] * count, count)).chosen().items() >= (
            given.chosen().items()
        )


def test_tokens_that_are_chosen_say_how_large_a_batch_is():
    given = ClassifySettings.parse({"data": {"batch_tokens": 500}}, "here")
    assert defaults.classified(given, Facts([5] * 100, 10)).data.batch is None


def test_the_clock_alone_ends_a_training_of_so_many_seconds():
    timed = GenerateSettings.parse({"train": {"seconds": 9}}, "here")
    found = defaults.generated(timed, 10_000, 30).train
    assert (found.epochs, found.patience) == (ENDLESS, ENDLESS)
    both = GenerateSettings.parse({"train": {"seconds": 9, "patience": 2, "epochs": 4}}, "here")
    found = defaults.generated(both, 10_000, 30).train
    assert (found.epochs, found.patience) == (4, 2)


def test_a_language_model_of_many_words_is_tied_and_trained_on_some_of_them():
    found = defaults.generated(GenerateSettings(), 10**6, 10_000).model
    assert (found.tied, found.embedding, found.sampled_softmax) == (True, found.hidden, 1000)
    projected = GenerateSettings.parse({"model": {"projection": 48}}, "here")
    found = defaults.generated(projected, 10**6, 10_000).model
    assert (found.tied, found.embedding) == (True, 48)
    own = GenerateSettings.parse({"model": {"embedding": 48, "sampled_softmax": 0}}, "here")
    found = defaults.generated(own, 10**6, 10_000)
    assert (found.model.tied, found.model.embedding, found.model.sampled_softmax) == (False, 48, 0)
    sampled = defaults.generated(GenerateSettings(), 10**6, 10_000)
    assert sampled.train.epochs > found.train.epochs
    characters = defaults.generated(GenerateSettings(), 10**6, 100).model
    assert not characters.tied
    assert not characters.sampled_softmax


def test_a_language_model_has_dropout_where_it_reads_its_text_often():
    for seconds, dropout in ((None, 0.3), (600, 0.3), (5, 0.0)):
        given = GenerateSettings.parse({"train": {"seconds": seconds}}, "here")
        assert defaults.generated(given, 10**6, 100).model.dropout == dropout
    assert defaults.generated(GenerateSettings(), 10**7, 100).model.dropout == 0
    assert defaults.generated(GenerateSettings(), 10**7, 10_000).model.dropout == 0.1


def test_of_a_long_text_less_than_a_tenth_is_held_out():
    found = [defaults.held_out(GenerateSettings(), n).data.validation for n in (0, 400_000, 10**6)]
    assert found == [0.1, 0.1, 0.05]
    chosen = GenerateSettings.parse({"data": {"validation": 0.2}}, "")
    assert defaults.held_out(chosen, 10**6).data.validation == 0.2


@pytest.mark.parametrize("labels", [1, 9, 200, 1500, 100_000])
@pytest.mark.parametrize("words", [60, 15_000, 99_999, 100_000])
def test_a_linear_tagger_is_for_few_words_and_as_large_as_its_labels_allow(words, labels):
    facts = Facts([words // 2, words - words // 2], held=500)
    found = defaults.tagged(TagSettings(), facts, labels).model
    assert 5 * found.indicators * labels <= defaults.LINEAR
    assert found.start == ("ppmi" if words < defaults.FEW_WORDS else "random")
    if words == 100_000 or labels == 100_000:
        assert not found.indicators
    elif labels < 10:
        assert words < 2 * found.indicators or found.indicators == 2**15
    own = TagSettings.parse({"model": {"indicators": 7, "vectors": "glove.txt"}}, "here")
    chosen = defaults.tagged(own, facts, labels).model
    assert (chosen.indicators, chosen.start) == (7, "random")


def test_names_are_read_by_characters_and_sentences_by_words():
    names = ["".join(RANDOM.choice(list("abdeiklmnorstu"), 7)).title() for _ in range(300)]
    assert defaults.are_names(names)
    assert defaults.are_names([f"{one} {other}" for one, other in pairwise(names)][::2])
    assert not defaults.are_names(names[: FEW - 1])
    assert not defaults.are_names(["yes", "no", "not now"] * 100)
    assert not defaults.are_names([f"{name} is a name of somebody" for name in names])
    spelt = Classifier(data={"text": "name"}, model={"hidden": 4}, train={"epochs": 1})
    spelt.baseline = False
    spelt.fit(names, ["ab"[k % 2] for k in range(300)])
    assert spelt.model_.settings.tokenizer == "char"
    assert spelt.settings().tokenizer == "word"


def test_sentences_are_translated_in_subwords_and_phones_one_by_one():
    words = ["".join(RANDOM.choice(list("abdeiklmn"), 5)) for _ in range(900)]
    sentences = [" ".join(RANDOM.choice(words, 6)) for _ in range(300)]
    phones = [" ".join(RANDOM.choice(["AH", "B", "K", "T"], 5)) for _ in range(300)]
    dates = [f"{k % 28 + 1} may {1900 + k}" for k in range(300)]

    def chosen(sources, targets, **given):
        found = defaults.spelling(TransduceSettings.parse(given, "here"), sources, targets)
        return found.source.tokenizer, found.target.tokenizer

    assert chosen(sentences, sentences) == ("bpe", "bpe")
    assert chosen(words[:300], phones) == ("char", "white_space")
    assert chosen(dates, words[:300]) == ("char", "char")
    assert chosen(sentences, sentences, source={"tokenizer": "word"}) == ("word", "bpe")


def test_a_run_holds_what_was_chosen_and_all_that_followed(tmp_path):
    run = Run.create(tmp_path / "run")
    train = {"epochs": 2, "threads": 1}
    estimator = Classifier("gru", **SMALL | {"train": train}, baseline=False)
    estimator.fit(*texts_by_order(80, seed=0), run=run)
    written = tomllib.loads((run.path / "config.toml").read_text())
    settings = estimator.model_.settings
    assert written["data"].get("batch") == settings.data.batch
    assert written["train"]["patience"] == settings.train.patience == 3
    assert run.manifest.chosen == estimator.settings().chosen()
    assert run.manifest.chosen["train.epochs"] == 2
    assert "train.patience" not in run.manifest.chosen
    assert run.manifest.ending == estimator.ending_
    again = Classifier.load(run.path)
    assert again.model_.settings == again.settings() == settings


def test_only_what_is_given_counts_as_chosen():
    settings = GenerateSettings.parse({"model": {"hidden": 9}}, "here")
    named = Generator.of(settings).settings().chosen()
    assert named == {"cell": "lstm", "model.hidden": 9, "seed": 0}
    assert Generator(**SMALL_GENERATOR).settings().chosen().keys() == {"cell", "seed"} | {
        f"{part}.{name}" for part, inner in SMALL_GENERATOR.items() for name in inner
    }
