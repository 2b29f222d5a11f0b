"""Temperature, calibration error, thresholds and class weights, beside the arithmetic of others."""

import math

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from order import SMALL, texts_by_order
from scipy.optimize import minimize
from sklearn.metrics import accuracy_score, f1_score
from sklearn.utils.class_weight import compute_class_weight

from every import assert_near
from ostinato import Classifier
from ostinato.errors import ConfigError, RunError
from ostinato.tasks.classify.calibration import error_of, fit_temperature, probabilities
from ostinato.tasks.classify.class_weights import class_weights
from ostinato.tasks.classify.decision import Decision
from ostinato.tasks.classify.learner import ClassifyLearner
from ostinato.tasks.classify.threshold import ENOUGH, best_threshold, best_thresholds
from ostinato.train import Run
from tolerances import FLOAT32, SAME

TEXTS, LABELS = texts_by_order(80, seed=4)
QUICK = SMALL | {"train": {"epochs": 2, "lr": 0.03}, "baseline": False}


def drawn(n, k, true_t, several, seed=0):
    """Logits, and labels that are drawn as if the logits were true_t times too large."""
    random = np.random.default_rng(seed)
    logits = 3 * random.standard_normal((n, k))
    if several:
        return logits, random.random((n, k)) < 1 / (1 + np.exp(-logits / true_t))
    p = np.exp(logits / true_t)
    p /= p.sum(1, keepdims=True)
    chosen = (p.cumsum(1) > random.random((n, 1))).argmax(1)
    return logits, np.arange(k) == chosen[:, None]


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize(("n", "k", "true_t"), [(400, 3, 2.5), (30, 2, 0.5), (7, 5, 1.0)])
def test_the_temperature_is_where_torch_and_scipy_find_the_least_loss(n, k, true_t, several):
    logits, truth = drawn(n, k, true_t, several)
    given_logits, targets = torch.tensor(logits), torch.tensor(truth)

    def loss(log_t):
        scaled = given_logits / math.exp(log_t[0])
        if several:
            nats = torch.nn.functional.binary_cross_entropy_with_logits(
                scaled, targets.double(), reduction="sum"
            )
        else:
            nats = torch.nn.functional.cross_entropy(
                scaled, targets.double().argmax(1), reduction="sum"
            )
        return nats.item() + log_t[0] ** 2 / 2

    starts = [minimize(loss, [s], method="Nelder-Mead", tol=1e-9) for s in (-2, 0, 2)]
    expected = math.exp(min(starts, key=lambda found: found.fun).x[0])
    found = fit_temperature(logits, truth, several)
    assert found == pytest.approx(expected, rel=1e-4)
    if n == 400:
        assert found == pytest.approx(true_t, rel=0.15)


def test_answers_that_are_all_right_or_all_wrong_have_a_temperature_still():
    logits = np.array([[2.0, -2.0]] * 3)
    right = np.array([[True, False]] * 3)
    assert 0.1 < fit_temperature(logits, right, False) < 1
    assert 1 < fit_temperature(logits, ~right, False) < 10


@given(st.integers(0, 2**20), st.booleans())
def test_a_temperature_changes_no_label(seed, several):
    logits, truth = drawn(20, 3, 1.5, several, seed)
    logits = logits.astype(np.float32)
    warm = Decision.fit(logits, truth, several)
    raw = probabilities(logits, several)
    found = probabilities(logits / np.float32(warm.temperature), several)
    assert np.array_equal(Decision().given(raw, several), warm.given(found, several))


def test_the_calibration_error_by_hand():
    # Confidences 0.9, 0.9 (one right), 0.6 (right), 0.55 (wrong); bins (0.8, 0.9] and (0.5, 0.6]:
    # 2/4 · |1/2 - 0.9| + 2/4 · |1/2 - 0.575| = 0.2375
    found = np.array([[0.9, 0.1], [0.1, 0.9], [0.6, 0.4], [0.45, 0.55]])
    truth = np.array([[1, 0], [1, 0], [1, 0], [1, 0]], dtype=bool)
    assert error_of(found, truth, False) == pytest.approx(0.2375)
    # Of two labels each answer is one of its own: yes (0.9) right, no (0.8) right, yes (0.9)
    # wrong, no (0.8) right: 2/4 · |1/2 - 0.9| + 2/4 · |1 - 0.8| = 0.3
    found = np.array([[0.9, 0.2], [0.9, 0.2]])
    truth = np.array([[1, 0], [0, 0]], dtype=bool)
    assert error_of(found, truth, True) == pytest.approx(0.3)


@given(
    st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=30),
    st.sampled_from(["f1", "accuracy"]),
)
@example([(0.0, False), (5e-324, True)], "f1")
def test_no_other_threshold_is_better(pairs, measure):
    p, truth = (np.array(column) for column in zip(*pairs, strict=True))
    found = best_threshold(p, truth, measure)
    if truth.all() or not truth.any():
        assert found == 0.5
        return
    score = {"f1": f1_score, "accuracy": accuracy_score}[measure]
    every = {t: score(truth, p >= t) for t in [0.5, 1.1, 0.0, *p, *(p + 1e-9)]}
    assert score(truth, p >= found) >= max(every.values()) - 1e-12
    if every[0.5] == max(every.values()):
        assert found == 0.5


def test_the_threshold_is_half_way_between_neighbours():
    assert best_threshold([0.1, 0.3, 0.4, 0.45], [0, 0, 1, 1], "accuracy") == pytest.approx(0.35)
    assert best_threshold([0.2, 0.5], [0, 1], "f1") == 0.5  # from 0.5 on the label is given


def test_thresholds_are_given_where_they_can_be():
    p = np.array([[0.7, 0.3], [0.4, 0.6], [0.5, 0.5]], np.float32)
    two = Decision().at(0.3, 2, multi_label=False)
    assert two.given(p, False).tolist() == [[False, True]] * 3
    assert Decision().given(p, False).tolist() == [[True, False], [False, True], [True, False]]
    assert Decision().given(p, True).tolist() == [[True, False], [False, True], [True, True]]
    each = Decision(1.0, (0.6, 0.2))
    assert each.given(p, True).tolist() == [[True, True], [False, True], [False, True]]
    with pytest.raises(ConfigError, match="with 3 classes"):
        Decision().at(0.5, 3, multi_label=False)
    with pytest.raises(ConfigError, match=r"from 0 to 1, not 1\.5"):
        Decision().at(1.5, 2, multi_label=False)


def test_balanced_weights_are_scikit_learns_and_of_several_labels_torchs():
    labels = np.array([0] * 6 + [1] * 3 + [2])
    truth = labels[:, None] == np.arange(3)
    found = class_weights("balanced", ["a", "b", "c"], truth, multi_label=False)
    assert_near(
        found.numpy(),
        compute_class_weight("balanced", classes=np.arange(3), y=labels),
        FLOAT32,
    )
    # as PyTorch's documentation of pos_weight has it: 100 with, 300 without give 3
    truth = np.array([[True, False]] * 1 + [[False, False]] * 3)
    assert class_weights("balanced", ["a", "b"], truth, multi_label=True).tolist() == [3.0, 4.0]
    assert class_weights({"b": 2}, ["a", "b"], truth, False).tolist() == [1.0, 2.0]
    assert class_weights(None, ["a"], truth, False) is None
    with pytest.raises(ConfigError, match="no class 'x'; the classes are a, b"):
        class_weights({"x": 2}, ["a", "b"], truth, False)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_weights_act_in_training_alone_and_batches_add_up(smoothing):
    model = SMALL["model"] | {"class_weight": {"a": 5}, "label_smoothing": smoothing}
    fitted = Classifier("rnn", **QUICK | {"model": model}).fit(TEXTS, LABELS)
    batch, targets = fitted.encode(TEXTS, LABELS)
    weights = torch.tensor([5.0, 1.0])
    texts = (fitted.model_.sequences(TEXTS), targets)
    learner = ClassifyLearner(fitted.model_, texts, texts, weights)
    with torch.no_grad():
        logits = fitted.network_(batch)
        expected = torch.nn.CrossEntropyLoss(weights, label_smoothing=smoothing)(logits, targets)
        whole, *parts = (learner.loss(np.arange(*ends)) for ends in ((80,), (3,), (3, 80)))
        assert_near(whole[0], expected, FLOAT32)
        assert whole[1] == sum(5 if label == "a" else 1 for label in LABELS)
        together = sum(loss * terms for loss, terms, _ in parts) / sum(t for _, t, _ in parts)
        assert_near(together, expected, FLOAT32)
        plain = torch.nn.CrossEntropyLoss()(logits, targets)
    assert_near(learner.validate()["validation_loss"], plain.item(), FLOAT32)


def test_weights_bring_out_a_rare_class():
    texts = ["a fine film"] * 36 + ["a fine dull film"] * 4  # all are alike but for one word
    labels = ["yes"] * 36 + ["no", "yes"] * 2
    options = QUICK | {"train": {"epochs": 40, "lr": 0.03, "patience": 40, "average": 0.5}}

    def rare(**model):
        model = SMALL["model"] | {"calibrate": False} | model
        fitted = Classifier("rnn", **options | {"model": model}).fit(texts, labels)
        return fitted.predict_proba(["a fine dull film"])[0, 0]

    assert rare(class_weight={"no": 50, "yes": 1}) > rare() + 0.2


@pytest.mark.parametrize("threshold", [None, "f1", "accuracy", 0.8])
def test_what_was_decided_is_saved_and_used(threshold, tmp_path):
    texts, labels = texts_by_order(100, seed=6)
    model = SMALL["model"] | {"threshold": threshold}
    fitted = Classifier("rnn", **QUICK | {"model": model}).fit(texts, labels)
    p = fitted.predict_proba(texts)[:, 1]
    line = fitted.decision_.thresholds
    if threshold is None:
        assert line is None
        line = (0.5,)
    elif threshold == 0.8:
        assert line == (0.8,)
    expected = np.where(p.astype(float) >= line[0], "b", "a")
    assert fitted.predict(texts).tolist() == expected.tolist()
    assert fitted.score(texts, labels) == np.mean(expected == np.array(labels))
    moved = fitted.predict(texts, threshold=0.3).tolist()
    assert moved == np.where(p >= np.float32(0.3), "b", "a").tolist()
    at = fitted.evaluate(texts, labels, threshold=0.3)
    assert at.accuracy == np.mean(np.array(moved) == labels)
    fitted.save(tmp_path / "run")
    again = Classifier.load(tmp_path / "run")
    assert again.decision_ == fitted.decision_
    assert_near(again.predict_proba(texts), fitted.predict_proba(texts), SAME)


def test_a_temperature_is_what_the_probabilities_are_made_with():
    model = SMALL["model"] | {"calibrate": False}
    plain = Classifier("rnn", **QUICK | {"model": model}).fit(TEXTS, LABELS)
    warm = Classifier("rnn", **QUICK | {"model": model | {"calibrate": True}}).fit(TEXTS, LABELS)
    temperature = warm.decision_.temperature
    assert plain.decision_.temperature == 1 != temperature
    assert_near(
        warm.decision_function(TEXTS), plain.decision_function(TEXTS) / temperature, FLOAT32
    )
    assert warm.predict(TEXTS).tolist() == plain.predict(TEXTS).tolist()
    without, found = plain.evaluate(TEXTS, LABELS), warm.evaluate(TEXTS, LABELS)
    assert without.calibration_error == without.uncalibrated_error
    assert found.uncalibrated_error == pytest.approx(without.calibration_error, abs=1e-5)
    assert found.calibration_error != found.uncalibrated_error


def test_a_run_from_before_calibration_loads_as_it_was(tmp_path):
    model = SMALL["model"] | {"calibrate": False}
    fitted = Classifier("rnn", **QUICK | {"model": model}).fit(TEXTS, LABELS)
    fitted.save(tmp_path / "run")
    (tmp_path / "run" / "decision.json").unlink()
    with pytest.raises(RunError, match=r"decision\.json"):
        Classifier.load(tmp_path / "run")
    run = Run(tmp_path / "run")
    run.write("config.toml", run.read("config.toml").replace(b"calibrate = false\n", b""))
    again = Classifier.load(tmp_path / "run")
    assert_near(again.predict_proba(TEXTS), fitted.predict_proba(TEXTS), SAME)


def test_a_threshold_for_many_classes_is_refused_before_training():
    options = QUICK | {"model": {"threshold": "f1"}}
    with pytest.raises(ConfigError, match="with 3 classes"):
        Classifier("rnn", **options).fit(TEXTS[:9], ["x", "y", "z"] * 3)


def test_labels_that_few_texts_have_share_a_threshold():
    random = np.random.default_rng(0)
    truth = random.random((60, 6)) < [0.5, 0.05, 0.05, 0.05, 0.05, 0.97]
    p = np.clip(0.3 * truth + random.random((60, 6)) * 0.4, 0, 1)
    found = best_thresholds(p, truth, "f1")
    assert found[0] == best_threshold(p[:, 0], truth[:, 0], "f1")
    rare = np.flatnonzero((truth.sum(0) < ENOUGH) | (truth.sum(0) > 60 - ENOUGH))
    assert rare.tolist() == [1, 2, 3, 4, 5]
    shared = best_threshold(p[:, rare].ravel(), truth[:, rare].ravel(), "f1")
    assert {found[k] for k in rare} == {shared}
    assert best_thresholds(p[:3], truth[:3], "f1") == (0.5,) * 6
