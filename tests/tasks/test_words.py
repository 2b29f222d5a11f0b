"""What networks begin with: word vectors of a file, the layers of a language model."""

import json
import shutil

import numpy as np
import pytest
import torch
from names import SMALL_TAGGER, names
from order import SMALL, SMALL_GENERATOR, texts_by_distance, texts_by_order
from spelling import SMALL_TRANSDUCER, words_spelled

import ostinato
from every import assert_near
from ostinato import Classifier, Generator, Regressor, Tagger, Transducer
from ostinato.errors import ConfigError, DataError, RunError
from ostinato.train import Run
from tolerances import FLOAT32

TEXTS, LABELS = texts_by_order(60, seed=0)
WORDS = sorted({word for text in TEXTS for word in text.split()})
ONCE = {"train": {"epochs": 1}, "baseline": False}


def write(path, words, size=6, seed=0):
    """A file of vectors in GloVe's format, and what stands in it."""
    table = np.random.default_rng(seed).normal(size=(len(words), size)).round(4)
    rows = zip(words, table.tolist(), strict=True)
    path.write_text("".join(f"{word} {' '.join(map(str, v))}\n" for word, v in rows))
    return str(path), dict(zip(words, table, strict=True))


def small(**more):
    given = {k: v for k, v in SMALL.items() if k != "model"} | ONCE
    return given | {"data": SMALL["data"], "model": {"hidden": 8, **more}}


def test_every_word_starts_with_its_vector_and_the_run_needs_no_file(tmp_path):
    file, vectors = write(tmp_path / "v.txt", [*WORDS, "elsewhere", "Further"])
    run = tmp_path / "run"
    classifier = Classifier(**small(vectors=file, vectors_rate=0))
    classifier.fit(TEXTS, LABELS, run=Run.create(run))
    model, weight = classifier.model_, classifier.network_.embedding.weight.detach().numpy()
    assert model.settings.model.embedding == 6
    assert {"elsewhere", "further"} <= set(model.vocabulary.symbols)
    mine = np.stack([weight[model.vocabulary.encode([word])[0]] for word in [*WORDS, "elsewhere"]])
    theirs = np.stack([vectors[word] for word in [*WORDS, "elsewhere"]])
    theirs -= np.stack([*vectors.values()]).mean(0)
    scale = mine / theirs
    assert np.allclose(scale, scale[0, 0], rtol=1e-4)  # one factor for all: angles stay
    assert not weight[0].any()  # an unknown word begins with the mean
    (tmp_path / "v.txt").unlink()
    answers = ostinato.load(run).predict(TEXTS[:5])
    assert [answer.label for answer in answers] == classifier.predict(TEXTS[:5]).tolist()
    assert "vectors_sha256" in json.loads((run / "manifest.json").read_text())["data"]


def test_embeddings_learn_at_their_own_rate(tmp_path):
    file, _ = write(tmp_path / "v.txt", WORDS)
    options = (small(vectors=file, vectors_rate=rate) for rate in (0.0, 0.1, 1.0))
    fitted = [Classifier("gru", **each).fit(TEXTS, LABELS) for each in options]
    still, slow, quick = (each.network_.embedding.weight.detach() for each in fitted)
    assert 0 < (slow - still).abs().max() < (quick - still).abs().max() / 4


@pytest.mark.parametrize("task", ["regress", "tag", "transduce"])
def test_the_other_tasks_start_with_vectors_too(task, tmp_path):
    run = tmp_path / "run"
    match task:
        case "regress":
            given = texts_by_distance(30, seed=0)
            file, vectors = write(
                tmp_path / "v.vec", sorted({w for t in given[0] for w in t.split()})
            )
            estimator = Regressor(**small(vectors=file))
            at, word = "embedding", next(iter(vectors))
        case "tag":
            given = names(20, seed=0)
            word = given[0][0][0]
            file, vectors = write(tmp_path / "v.vec", [word, "Quito"])
            options = SMALL_TAGGER | ONCE | {"model": {"vectors": file, "hidden": 8}}
            estimator, at, word = Tagger(**options), "embedding", "quito"
        case _:
            given = words_spelled(60, seed=0)
            file, vectors = write(tmp_path / "v.vec", list("abcdefghijklmnopqrstuvwxyz"))
            model = {"vectors": file, "target_vectors": file, "hidden": 8}
            estimator = Transducer(**SMALL_TRANSDUCER | {"model": model, "train": {"epochs": 1}})
            at, word = "encoder.embedding", "a"
    estimator.fit(*given, run=Run.create(run))
    network = estimator.network_.get_submodule(at)
    assert network.embedding_dim == 6
    if task == "tag":
        assert word in estimator.vocabulary_.symbols
    (tmp_path / "v.vec").unlink()
    assert ostinato.load(run).predict(given[0][:2])


@pytest.mark.parametrize(
    ("model", "says"),
    [
        ({"embedding": 5}, "model.embedding = 5, but .*v.txt .* has 6; leave model.embedding out"),
        ({"start": "ppmi"}, "start = ppmi and vectors: embeddings start in one way"),
        ({"vectors": "missing.vec"}, "missing.vec: cannot be read: No such file"),
        ({"vectors": "-"}, "from a file, not from standard input"),
    ],
)
def test_vectors_that_do_not_fit_are_refused(model, says, tmp_path):
    file, _ = write(tmp_path / "v.txt", WORDS)
    with pytest.raises((ConfigError, DataError), match=says):
        Classifier(**small(**{"vectors": file} | model)).fit(TEXTS, LABELS)


def test_vectors_of_few_words_are_used_and_it_is_said(tmp_path, caplog):
    file, _ = write(tmp_path / "v.txt", ["a"])
    Classifier("gru", **small(vectors=file)).fit(TEXTS, LABELS)
    assert "only 1 of the 6 words of the training texts have a vector" in caplog.text


def test_vectors_of_two_sizes_do_not_go_together(tmp_path):
    files = [write(tmp_path / f"{n}.vec", ["a", "b"], size=n)[0] for n in (4, 5)]
    model = {"vectors": files[0], "target_vectors": files[1]}
    with pytest.raises(
        ConfigError, match=r"vectors of 4 numbers, .*vectors of 5 numbers; they must"
    ):
        Transducer(**SMALL_TRANSDUCER | {"model": model, "train": {"epochs": 1}}).fit(
            *words_spelled(60, seed=0)
        )


@pytest.fixture(scope="module")
def language_model(tmp_path_factory):
    path = tmp_path_factory.mktemp("lm") / "run"
    options = SMALL_GENERATOR | ONCE | {"model": {"embedding": 5, "hidden": 7, "layers": 2}}
    Generator("gru", **options).fit("".join(f"{text}\n" for text in TEXTS), run=Run.create(path))
    return path


def test_a_classifier_starts_with_the_layers_of_a_language_model(language_model, tmp_path):
    language = ostinato.load(language_model)
    run = tmp_path / "run"
    model = {"pretrained": str(language_model), "pretrained_rate": 0}
    classifier = Classifier("gru", model=model, **ONCE)
    classifier.fit([f"{text} é" for text in TEXTS] * 2, LABELS * 2, run=Run.create(run))
    own, network = classifier.model_, classifier.network_
    assert own.settings.tokenizer == "char"
    assert own.vocabulary.symbols == [*language.vocabulary.symbols, "é"]
    wanted = language.network.embedding.weight
    assert torch.equal(network.embedding.weight[:-1], wanted)
    assert_near(network.embedding.weight[-1], wanted.mean(0), FLOAT32)
    for name, weight in language.network.recurrent.named_parameters():
        assert torch.equal(network.recurrent.get_parameter(name), weight)
    assert network.rates == dict.fromkeys(network.rates, 0)
    answers = ostinato.load(run).predict(TEXTS[:3])
    assert [answer.label for answer in answers] == classifier.predict(TEXTS[:3]).tolist()


def test_lower_layers_learn_more_slowly(language_model):
    model = {"pretrained": str(language_model), "pretrained_rate": 0.5}
    network = Classifier("gru", model=model, **ONCE).fit(TEXTS, LABELS).network_
    rates = {name.rsplit("_", 1)[-1]: rate for name, rate in network.rates.items()}
    assert rates == {"embedding": 0.125, "l0": 0.25, "l1": 0.5}


@pytest.mark.parametrize(
    ("cell", "options", "says"),
    [
        ("lstm", {}, "cell = 'lstm', but .* was trained with 'gru'; use --cell gru"),
        ("gru", {"tokenizer": "word"}, "tokenizer = 'word', but .* with 'char'; leave"),
        ("gru", {"model": {"hidden": 9}}, "model.hidden = 9, but .* has 7; leave model.hidden out"),
        ("gru", {"model": {"bidirectional": True}}, "model.bidirectional = True, but .* has False"),
        ("gru", {"model": {"start": "ppmi"}}, "start = ppmi and pretrained: embeddings start in"),
    ],
)  # fmt: skip
def test_a_language_model_that_does_not_fit_is_refused(language_model, cell, options, says):
    model = {"pretrained": str(language_model)} | options.get("model", {})
    with pytest.raises(ConfigError, match=says):
        Classifier(cell, **ONCE | options | {"model": model}).fit(TEXTS, LABELS)


def test_only_a_run_of_a_language_model_is_one(classifier, tmp_path):
    classifier.save(tmp_path / "run")
    for path, says in (("run", "task 'classify'; model.pretrained takes"), ("none", "no finished")):
        other = Classifier("gru", model={"pretrained": str(tmp_path / path)}, **ONCE)
        with pytest.raises(RunError, match=says):
            other.fit(TEXTS, LABELS)


def test_a_tagger_reads_the_states_of_language_models(tmp_path):
    words, tags = names(30, seed=0)
    lines = "".join(" ".join(sentence) + "\n" for sentence in words)
    options = SMALL_GENERATOR | ONCE | {"model": {"embedding": 5, "hidden": 6}}
    for name, text in (("left", lines), ("right", lines[::-1])):
        Generator("lstm", **options).fit(text, run=Run.create(tmp_path / name))
    paths = {"pretrained": str(tmp_path / "left"), "pretrained_backward": str(tmp_path / "right")}
    tagger = Tagger("gru", **SMALL_TAGGER | ONCE | {"model": {"hidden": 8} | paths})
    tagger.fit(words, tags, run=Run.create(tmp_path / "run"))
    for path in paths.values():
        shutil.move(path, f"{path}-gone")

    sentence = words[0]
    (context,) = tagger.model_.sequences([sentence]).context
    assert context.shape == (len(sentence), 12)
    text = "\n" + " ".join(sentence)
    for name, read, columns in (
        ("left", text, slice(6)),
        ("right", "\n" + text[:0:-1], slice(6, 12)),
    ):
        language = ostinato.load(tmp_path / f"{name}-gone")
        symbols = language.encode([read]).symbols
        outputs, _ = language.network.recurrent(language.network.embedding(symbols))
        at = 0
        for row, word in enumerate(sentence):
            end = at + len(word) if name == "left" else len(text) - 1 - at
            assert_near(torch.from_numpy(context[row, columns]), outputs[end, 0], FLOAT32)
            at += len(word) + 1
    answers = ostinato.load(tmp_path / "run").predict(words[:4])
    assert [answer.tags for answer in answers] == tagger.predict(words[:4])


def test_a_tagger_reads_language_models_of_characters_alone(tmp_path):
    path = tmp_path / "lm"
    options = SMALL_GENERATOR | ONCE | {"tokenizer": "word"}
    Generator("gru", **options).fit("a few words\n" * 50, run=Run.create(path))
    tagger = Tagger("gru", **SMALL_TAGGER | ONCE | {"model": {"pretrained": str(path)}})
    with pytest.raises(ConfigError, match="of the tokenizer 'spaced'; a tagger reads one of char"):
        tagger.fit(*names(10, seed=0))
