"""The linear baseline, part by part, and whether it answers with the network."""

import math

import numpy as np
import pytest
import torch
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.preprocessing import normalize

from every import assert_near
from ostinato import Classifier
from ostinato.data import Examples, tokenizer
from ostinato.errors import ConfigError, RunError
from ostinato.tasks.base.pooled.baseline import LinearModel
from ostinato.tasks.base.pooled.convolutions import KERNELS, ConvolutionFeatures
from ostinato.tasks.base.pooled.ngrams import NGramFeatures
from ostinato.tasks.base.pooled.solvers import logistic, ridge
from ostinato.tasks.base.pooled.together import FEW, helps
from ostinato.tasks.base.summary import Message
from ostinato.tasks.classify.summary import trained
from ostinato.train import Run
from tolerances import FLOAT32, SAME

TEXTS = [
    "A fine film, a fine joy!", "dull  DULL\tfilm", "it's a joy", "naïve été 電影 film", "", "?",
]  # fmt: skip
QUICK = {"model": {"hidden": 2, "embedding": 2}, "train": {"epochs": 1, "threads": 1}}


def words(count, seed, labels="abc"):
    """Texts of drawn words, and one that says the label; the network has no time to learn it."""
    random = np.random.default_rng(seed)
    chosen = random.choice(list(labels), count)
    noise = [f"w{k}" for k in range(50)]
    texts = [" ".join([*random.choice(noise, 5), f"is{y}"]) for y in chosen]
    return texts, chosen.tolist()


def lists(count, seed):
    """The same with labels in lists."""
    texts, labels = words(count, seed)
    return texts, [[label] for label in labels]


def waves(count, seed):
    """Series of two kinds of rhythm; the network has no time to learn it."""
    random = np.random.default_rng(seed)
    labels = random.integers(2, size=count)
    steps = np.arange(40)
    waves = [np.sin(steps / (2 + y) + random.uniform(0, 6)) for y in labels]
    return [np.float32(w + random.normal(0, 0.1, 40))[:, None] for w in waves], labels.tolist()


@pytest.mark.parametrize("splits", ["word", "char"])
def test_features_of_texts_are_scikit_learns_tfidf_in_two_blocks(splits):
    found = NGramFeatures.fit(TEXTS, tokenizer(splits), 10**6)
    both = {"sublinear_tf": True, "norm": "l2"}
    by_word = TfidfVectorizer(
        tokenizer=tokenizer("word").split,
        token_pattern=None,
        lowercase=False,
        ngram_range=(1, 2),
        **both,
    )
    by_character = TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 4), **both)
    blocks = [v.fit(TEXTS).transform([*TEXTS, "a new film"]) for v in (by_word, by_character)]
    expected = normalize(sparse.hstack(blocks))
    x = found.matrix([*TEXTS, "a new film"])
    assert x.shape == expected.shape
    # columns stand in another order: the products of rows do not know it
    assert_near((x @ x.T).toarray(), (expected @ expected.T).toarray(), FLOAT32)
    assert found.of_words.sum() == blocks[0].shape[1]


def test_rare_and_too_many_ngrams_are_left_out():
    texts = [f"the film {k}x" for k in range(100)]
    kept = NGramFeatures.fit(texts, tokenizer("word"), 10**6)
    assert kept.of_words.sum() == 3  # the, film, "the film"
    few = NGramFeatures.fit(texts, tokenizer("word"), 5)
    assert len(few.numbers) == 5
    assert few.idf.max() == 1.0  # those that all texts have


def test_features_of_series_are_parts_of_steps_over_thresholds():
    random = np.random.default_rng(0)
    signals = [random.normal(3, 2, (length, 3)).astype(np.float32) for length in (9, 40, 20, 33)]
    found = ConvolutionFeatures.fit(signals, 0)
    x = found.matrix(signals)
    (signal,) = found.numbers.scaled(signals[2:3])
    scales, kernels, levels = found.thresholds.shape
    parts = x[2, : scales * kernels * levels].reshape(scales, levels, kernels)
    assert found.dilations.tolist() == sorted({*found.dilations.tolist()})
    for scale, level, kernel in [(0, 0, 0), (0, levels - 1, 83), (scales - 1, levels // 2, 40)]:
        d, own = int(found.dilations[scale]), found.channels[scale, :, kernel].numpy()
        y = [
            sum(
                KERNELS[kernel, j].item() * (signal[t + (j - 4) * d] @ own)
                for j in range(9)
                if 0 <= t + (j - 4) * d < len(signal)
            )
            for t in range(len(signal))
        ]
        above = np.mean(np.array(y) > found.thresholds[scale, kernel, level].item())
        assert parts[scale, level, kernel] == pytest.approx(above)
    ends = signal.mean(0), signal.std(0), signal[0], signal[-1], [math.log(20)]
    assert_near(x[2, -13:], np.float32(np.concatenate(ends)), FLOAT32)
    assert x.shape[1] == found.count
    assert_near(np.concatenate([found.matrix([s]) for s in signals]), x, SAME)


@pytest.mark.parametrize(("count", "least", "most"), [(4, 9_000, 10_000), (5_000, 1_500, 2_000)])
def test_of_many_series_there_are_fewer_features(count, least, most):
    random = np.random.default_rng(0)
    found = ConvolutionFeatures.fit(list(random.normal(size=(count, 9, 1)).astype(np.float32)), 0)
    assert least < found.thresholds.numel() <= most


def test_logistic_regression_is_scikit_learns():
    random = np.random.default_rng(0)
    x = normalize(random.normal(size=(300, 10))).astype(np.float32)
    for count in (2, 3):
        y = (x[:, :count] + random.normal(size=(300, count)) / 5).argmax(1)
        found = logistic(sparse.csr_matrix(x), y, count)
        model = LogisticRegression(C=10, tol=1e-8, max_iter=10_000).fit(x, y)
        assert_near(found.weights.T, np.float32(model.coef_), 0.05)
    missing = logistic(sparse.csr_matrix(x), y, 5)
    assert missing.weights.shape == (10, 5)
    assert not missing.weights[:, 3:].any()
    assert missing.biases[4] == pytest.approx(-math.log(300))
    none = logistic(sparse.csr_matrix((4, 0), dtype=np.float32), np.array([0, 0, 0, 1]), 2)
    assert none.biases == pytest.approx([math.log(1 / 3)])


@pytest.mark.parametrize("shape", [(30, 8), (12, 40)])
def test_ridge_regression_knows_what_it_would_say_without_an_example(shape):
    random = np.random.default_rng(0)
    x, y = random.normal(size=shape), random.normal(size=(shape[0], 2))
    x[:, 3] = 7.0  # says nothing
    found = ridge(x, y)
    z = (x - x.mean(0)) / np.where(x.std(0) > 0, x.std(0), 1)
    squares = np.linalg.svd(z)[1] ** 2
    squares = squares[squares > squares[0] * 1e-10]
    errors = {}
    for penalty in np.logspace(-2, 2, 9) * squares.mean():
        model, kept = Ridge(alpha=penalty), np.arange(shape[0])
        said = [model.fit(z[kept != k], y[kept != k]).predict(z[k : k + 1])[0] for k in kept]
        errors[((said - y) ** 2).mean()] = said, model.fit(z, y).predict(z)
    said, fitted = errors[min(errors)]
    assert_near(found.left_out, np.array(said), 1e-6)
    assert_near(x @ found.fitted.weights + found.fitted.biases, fitted, 1e-4)


def test_what_is_beyond_chance_decides_and_among_few_what_is_better():
    random = np.random.default_rng(0)
    noise = random.normal(size=FEW)
    alone = np.full(FEW, 1.0)
    assert helps(alone, alone - 0.5 + noise / 10)
    assert not helps(alone, alone - 0.01 + noise - noise.mean())
    assert helps(alone[1:], (alone - 0.01 + noise - noise[1:].mean())[1:])
    assert not helps(alone[1:], alone[1:])


@pytest.mark.parametrize(
    ("data", "options"),
    [
        (words, {}),
        (lambda *a: words(*a, labels="ab"), {"tokenizer": "char"}),
        (lists, {"data": {"multi_label": True}}),
        (waves, {}),
    ],
    ids=["words", "characters", "label lists", "series"],
)  # fmt: skip
def test_a_baseline_that_is_better_answers_too(data, options, tmp_path):
    (inputs, labels), (new, right) = data(150, 0), data(40, 1)
    both = Classifier("rnn", **QUICK, **options).fit(inputs, labels)
    assert both.linear_.is_baseline
    assert both.baseline_better_
    assert both.score(new, right) > 0.9
    alone = both.model_.without_linear()
    parts = both.alone(new, right)
    assert parts["network"] < 0.8 < parts["linear baseline"]
    w, v = both.linear_.weights
    network, said = (
        np.float64(each) for each in (alone.logits(new), both.linear_.model.logits(new))
    )
    network *= alone.decision.temperature
    if not both.model_.multi_label:
        network, said = (z - np.log(np.exp(z).sum(1))[:, None] for z in (network, said))
    joined = np.float32((w * network + v * said) / both.decision_.temperature)
    assert_near(both.model_.logits(new), joined, 1e-4)
    run = Run.create(tmp_path / "run")
    again = Classifier("rnn", **QUICK, **options).fit(inputs, labels, run=run)
    loaded = Classifier.load(tmp_path / "run")
    assert_near(loaded.predict_proba(new), again.predict_proba(new), SAME)
    assert_near(again.predict_proba(new), both.predict_proba(new), SAME)
    assert {"linear.json", "linear.safetensors"} <= {*run.manifest.files}
    assert loaded.alone(new, right) == parts


def test_the_network_answers_alone_where_that_is_asked_for():
    texts, labels = words(200, 0)
    both = Classifier("rnn", **QUICK).fit(texts, labels)
    alone = QUICK | {"model": QUICK["model"] | {"alone": True}}
    network = both.model_.without_linear().logits(texts) * both.decision_.temperature
    for options in (alone, QUICK | {"baseline": False}):
        single = Classifier("rnn", **options).fit(texts, labels)
        assert single.linear_ is None
        assert_near(single.model_.logits(texts) * single.decision_.temperature, network, FLOAT32)
    assert (both.baseline_ is None, single.baseline_ is None) == (False, True)


def test_a_network_that_knows_more_answers_alone():
    """The order of words, of which a linear model of words and pairs of neighbours knows little."""
    from order import SMALL, texts_by_order

    fitted = Classifier("gru", **SMALL).fit(*texts_by_order(300, seed=0))
    assert fitted.baseline_ is not None
    assert not fitted.baseline_better_
    assert fitted.linear_ is None


def test_a_baseline_that_is_ahead_by_chance_is_not_called_better():
    texts, labels = words(60, 0)
    labels = [str(label) for label in np.random.default_rng(2).permutation(labels)]
    fitted = Classifier("rnn", **QUICK).fit(texts, labels)
    assert fitted.baseline_accuracy_ > fitted.best_["accuracy"]
    assert not fitted.baseline_better_
    said = trained(fitted, Examples(texts, labels), None)
    assert not any(isinstance(each, Message) and "is better" in each.text for each in said)


def test_settings_that_contradict_each_other_are_refused():
    with pytest.raises(ConfigError, match=r"model\.alone and model\.linear: give one of them"):
        Classifier(model={"alone": True, "linear": 2}).fit(*words(20, 0))


@pytest.mark.parametrize("name", ["weights", "biases", "numbers", "idf", "of_words"])
def test_a_damaged_baseline_is_refused(name, tmp_path):
    features = NGramFeatures.fit(TEXTS, tokenizer("word"), 10)
    model = LinearModel(features, np.ones((10, 2), np.float32), np.zeros(2, np.float32))
    tensors = model.to_tensors()
    split = tokenizer("word")
    assert LinearModel.of_tensors(tensors, split, 2).scores(TEXTS).shape == (6, 2)
    with pytest.raises(ValueError, match="weights"):
        LinearModel.of_tensors(tensors, split, 3)
    for damaged in (tensors[name][:-1], tensors[name].double(), tensors[name].flip(0) * torch.nan):
        with pytest.raises(ValueError, match=r"\w"):
            LinearModel.of_tensors(tensors | {name: damaged}, split, 2)
    with pytest.raises(KeyError):
        LinearModel.of_tensors({k: v for k, v in tensors.items() if k != name}, split, 2)
    with pytest.raises(RunError):
        Classifier.load(tmp_path)
