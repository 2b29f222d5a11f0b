import copy
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from order import SMALL, texts_by_order

from every import assert_near
from ostinato import Classifier
from ostinato.data import read_labelled, split_blocks
from ostinato.errors import NotFinite, RunError
from ostinato.tasks.classify import ensemble
from ostinato.tasks.classify.bayes import fit_naive_bayes_linear
from ostinato.tasks.classify.decision import Decision
from ostinato.tasks.classify.ensemble import LinearMember, Prior, pool, pool_weights
from ostinato.tasks.classify.settings import ClassifySettings
from ostinato.tasks.regress.ensemble import RegressMember
from ostinato.train import Run, read_toml
from tolerances import FLOAT32, SAME

TEXTS, LABELS = texts_by_order(200, seed=1)
WITH_LINEAR = SMALL | {
    "model": SMALL["model"] | {"linear": 2, "calibrate": False},
    "train": {"epochs": 1},
}
RECIPE = "imdb-best"


@pytest.fixture(scope="module")
def both() -> Classifier:
    """A network and a linear model."""
    return Classifier("gru", baseline=False, **WITH_LINEAR).fit(*texts_by_order(200, seed=0))


def test_weights_calibrate_who_is_too_sure_and_leave_out_who_knows_nothing():
    random = np.random.default_rng(0)
    truth = random.normal(size=(20_000, 3))
    p = np.exp(truth) / np.exp(truth).sum(1, keepdims=True)
    classes = (p.cumsum(1) < random.random((20_000, 1))).sum(1)
    weights = pool_weights([3 * truth, random.normal(size=(20_000, 3))], classes)
    assert_near(weights, np.array([1 / 3, 0.0]), 0.02)


def test_weights_have_bounds_where_members_are_always_right():
    sure = np.array([[9.0, 0.0], [0.0, 9.0]])
    weights = pool_weights([sure, -sure], np.array([0, 1]))
    assert ((weights >= 0) & (weights <= 5)).all()
    assert pool([sure, -sure], weights).argmax(1).tolist() == [0, 1]


def test_the_prior_of_weights_makes_members_alike_until_the_data_speak():
    random = np.random.default_rng(0)
    truth, noise = random.normal(size=(2, 3000, 3)) * [[[4.0]], [[1.0]]]
    p = np.exp(truth) / np.exp(truth).sum(1, keepdims=True)
    classes = (p.cumsum(1) < random.random((3000, 1))).sum(1)
    prior, spreads = Prior((0.25, 0.75), 50), np.array([4.0, 1.0])
    near = prior.weights(np.stack([truth, noise])) * spreads
    assert_near(near / near.sum(), np.array([0.25, 0.75]), 0.03)
    weights = pool_weights([truth, noise], classes, prior)
    assert weights[0] * spreads[0] > 5 * weights[1] * spreads[1]


@pytest.mark.parametrize("wrong", [0, 1])
def test_few_series_are_answered_by_both(wrong):
    """The network, whose epoch was chosen on them, is right and sure; so it is of any text."""
    classes = np.arange(12) % 2
    network, said = 9 * np.eye(2)[classes], np.eye(2)[classes]
    said[:wrong] = 40 * (1 - said[:wrong])
    member = LinearMember.of_baseline(Fitted, network, said, classes, series=True)
    assert member.accuracy == 1 - wrong / 12
    assert member.together >= member.accuracy
    assert LinearMember.of_baseline(Fitted, network, said, classes) is None


class Fitted:
    """Stands for a baseline: only its time is read."""

    seconds = 0.0


def test_what_is_larger_than_float32_holds_is_refused_with_the_answers(both):
    largest = np.finfo(np.float32).max
    sure = np.array([[largest, -largest]], np.float32)
    assert pool([sure], np.array([5.0]), multi_label=True).tolist() == [[np.inf, -np.inf]]
    assert RegressMember(None, 0.25).join(sure[0], -sure[0]).tolist() == (sure[0] / 2).tolist()
    model = copy.copy(both.model_)
    model.decision, model.classes = Decision(), ["a", "b"]
    model.linear = replace(both.linear_, weights=np.array([5.0, 5.0]))
    batch = SimpleNamespace(linear=torch.tensor([[np.nan, 0.0]]))
    with pytest.raises(NotFinite, match="its weights are damaged"):
        model.decode(torch.from_numpy(sure), batch)


def test_answers_are_the_pool_of_both(both):
    linear, texts = both.linear_, TEXTS[:50]
    network = both.model_.without_linear().logits(texts)
    symbols = [both.vocabulary_.encode(text.split()) for text in texts]
    product = np.exp(network - network.max(1, keepdims=True)).astype(float)
    product /= product.sum(1, keepdims=True)
    product **= linear.weights[0]
    product *= np.exp(linear.model.log_probabilities(symbols)) ** linear.weights[1]
    assert_near(both.predict_proba(texts), product / product.sum(1, keepdims=True), FLOAT32)


def test_weights_are_found_on_validation_texts(monkeypatch):
    seen = []

    def spy(members, classes, prior):
        assert prior is None
        seen.append((members, classes))
        return np.array([0.5, 0.25])

    monkeypatch.setattr(ensemble, "pool_weights", spy)
    fitted = Classifier("gru", baseline=False, **WITH_LINEAR).fit(TEXTS, LABELS)
    _, held = split_blocks(LABELS, fitted.settings().data.validation, 0)
    ((members, classes),) = seen
    assert [fitted.classes_[k] for k in classes] == [LABELS[i] for i in held]
    assert fitted.linear_.weights.tolist() == [0.5, 0.25]
    right = pool(members, np.array([0.5, 0.25])).argmax(1) == classes
    assert fitted.linear_.together == right.mean()
    assert fitted.linear_.accuracy == (members[1].argmax(1) == classes).mean()


def test_the_linear_model_is_fitted_once_more_on_validation_texts_too(both):
    texts, labels = texts_by_order(200, seed=0)
    order = np.concatenate(split_blocks(labels, both.settings().data.validation, 0))
    symbols = [both.vocabulary_.encode(texts[i].split()) for i in order]
    classes = np.searchsorted(both.classes_, [labels[i] for i in order])
    whole = fit_naive_bayes_linear(symbols, classes, 2, 2, len(both.vocabulary_))
    answers = both.linear_.model.log_probabilities(symbols)
    assert_near(answers, whole.log_probabilities(symbols), SAME)


def test_temperature_is_fitted_on_answers_to_texts_not_learnt_from(monkeypatch):
    said, fit = [], Decision.fit
    monkeypatch.setattr(Decision, "fit", lambda *given: said.append(given[0]) or fit(*given))
    pooled = []
    monkeypatch.setattr(ensemble, "pool", lambda *given: pooled.append(pool(*given)) or pooled[-1])
    model = WITH_LINEAR["model"] | {"calibrate": True}
    Classifier("gru", baseline=False, **WITH_LINEAR | {"model": model}).fit(TEXTS, LABELS)
    # of the first fit, on training texts alone
    assert all((said[0] == each).all() for each in pooled)


def test_loaded_it_answers_the_same_to_the_bit(both, tmp_path):
    both.save(tmp_path / "run")
    again = Classifier.load(tmp_path / "run")
    assert (again.decision_function(TEXTS) == both.decision_function(TEXTS)).all()
    assert not list(tmp_path.rglob("*.pkl"))


def test_a_damaged_file_is_named(both, tmp_path):
    both.save(tmp_path / "run")
    Run(tmp_path / "run").write_json("linear.json", {"weights": [1]})
    with pytest.raises(RunError, match=r"linear\.json: damaged"):
        Classifier.load(tmp_path / "run")
    (tmp_path / "run" / "linear.safetensors").unlink()
    with pytest.raises(RunError, match=r"linear\.safetensors"):
        Classifier.load(tmp_path / "run")


@pytest.mark.slow
def test_the_recipe_trains():
    values = read_toml(RECIPE)
    assert values["data"].pop("extra") == "film-sentences"  # too many for a test
    settings = ClassifySettings.parse(values, RECIPE)
    reviews = read_labelled("imdb")["train"]
    some = reviews.select(np.random.default_rng(0).permutation(len(reviews))[:200])
    fitted = Classifier.of(settings, baseline=False).fit(some)
    assert len(fitted.network_.members) == settings.model.members
    assert fitted.linear_.accuracy >= 0.5
    assert fitted.predict(some.texts[:3]).shape == (3,)
