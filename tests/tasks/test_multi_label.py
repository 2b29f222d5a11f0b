"""Texts with several labels, or none."""

import random

import numpy as np
import pandas
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, precision_recall_fscore_support

from every import assert_near
from ostinato import Classifier
from ostinato.data import split_blocks
from ostinato.errors import ConfigError, DataError
from ostinato.tasks.base.pooled.network import PooledBatch
from ostinato.tasks.classify.learner import ClassifyLearner
from ostinato.tasks.classify.network import ClassifyEnsemble
from tolerances import FLOAT32, SAME

WORDS = {"war": ["guns", "battle"], "love": ["kiss", "heart"], "space": ["rocket", "orbit"]}


def films(count: int, seed: int) -> tuple[list[str], list[list[str]]]:
    """Texts, each with a word for each of its labels."""
    draw, texts, labels = random.Random(seed), [], []
    for _ in range(count):
        chosen = [label for label in WORDS if draw.random() < 0.4]
        words = draw.choices(["a", "the", "old", "film"], k=4)
        for label in chosen:
            words.insert(draw.randrange(len(words) + 1), draw.choice(WORDS[label]))
        texts.append(" ".join(words))
        labels.append(chosen)
    return texts, labels


TEXTS, LABELS = films(200, seed=0)
SMALL = {
    "data": {"multi_label": True, "batch_tokens": 200},
    "model": {"embedding": 8, "hidden": 8, "dropout": 0.0},
    "train": {"epochs": 12, "lr": 0.03, "threads": 1},
}
QUICK = SMALL | {"train": {"epochs": 1}}


@pytest.fixture(scope="module")
def several() -> Classifier:
    return Classifier("gru", **SMALL).fit(*films(300, seed=1))


def test_it_learns_which_labels_a_text_has(several):
    assert several.classes_.tolist() == ["love", "space", "war"]
    assert several.score(TEXTS, LABELS) > 0.95
    assert several.predict(["kiss guns", "the old film"]).tolist() == [("love", "war"), ()]
    assert several.baseline_.predict(["kiss guns", "the old film"]) == [("love", "war"), ()]
    assert several.baseline_accuracy_ > 0.9
    assert several.baseline_micro_f1_ > 0.9


def test_each_label_has_a_probability_of_its_own(several):
    p, logits = several.predict_proba(TEXTS), several.decision_function(TEXTS)
    assert p.shape == logits.shape == (200, 3)
    assert_near(p, 1 / (1 + np.exp(-logits.astype(float))), FLOAT32)
    assert_near(np.exp(several.predict_log_proba(TEXTS)), p, FLOAT32)
    given = [{several.classes_[k] for k in range(3) if row[k] >= 0.5} for row in p]
    assert [set(labels) for labels in several.predict(TEXTS)] == given
    strict = several.predict(TEXTS, threshold=0.99)
    given = [{several.classes_[k] for k in range(3) if row[k] >= 0.99} for row in p.astype(float)]
    assert [set(labels) for labels in strict] == given


def test_the_measures_are_scikit_learns(several):
    wanted = [[*labels, "war"] if k % 5 == 0 else labels for k, labels in enumerate(LABELS)]
    found = several.evaluate(TEXTS, wanted)
    names = ["love", "space", "war"]
    y, p = (
        np.array([[name in labels for name in names] for labels in both]).astype(int)
        for both in (wanted, several.predict(TEXTS))
    )
    assert found.accuracy == several.score(TEXTS, wanted) == np.mean((y == p).all(1))
    by_label = precision_recall_fscore_support(y, p)
    assert found.f1 == pytest.approx(by_label[2].mean())
    right, given, there = (y & p).sum(), p.sum(), y.sum()
    assert found.micro_f1 == pytest.approx(2 * right / (given + there))
    for name, *numbers in zip(names, *by_label, strict=True):
        (line,) = (row.split() for row in found.report.splitlines() if row.split()[:1] == [name])
        assert line[1:] == [*(f"{x:.3f}" for x in numbers[:3]), str(numbers[3])]
    assert "samples avg" in found.report
    for k in range(3):
        both = [[(y[:, k] == t) & (p[:, k] == g) for g in (0, 1)] for t in (0, 1)]
        assert found.confusion[k].tolist() == np.sum(both, axis=2).tolist()


@pytest.mark.parametrize("members", [1, 3])
@pytest.mark.parametrize("weighted", [None, "balanced"])
def test_the_loss_is_torchs_binary_cross_entropy(members, weighted):
    model = SMALL["model"] | {"members": members, "label_smoothing": 0.1, "class_weight": weighted}
    fitted = Classifier("rnn", **QUICK | {"model": model}, baseline=False).fit(TEXTS, LABELS)
    network = fitted.network_
    batch, targets = fitted.encode(TEXTS, LABELS)
    assert targets.tolist() == [
        [float(n in labels) for n in ["love", "space", "war"]] for labels in LABELS
    ]
    positive = targets.sum(0)
    weights = (len(TEXTS) - positive) / positive if weighted else None
    network.train()
    texts = (fitted.model_.sequences(TEXTS), targets)
    learner = ClassifyLearner(fitted.model_, texts, texts, weights)
    each = network.members if members > 1 else [network]
    with torch.no_grad():
        soft = 0.9 * targets + 0.05
        loss = torch.nn.BCEWithLogitsLoss(pos_weight=weights)
        expected = sum(loss(member(batch), soft) for member in each) / members
        assert_near(learner.loss(np.arange(200))[0], expected, FLOAT32)
        p = sum(member(batch).sigmoid() for member in each) / members
        judged = learner.validate()
        plain = torch.nn.BCELoss()(p, targets).item()
    assert judged["validation_loss"] == pytest.approx(plain, rel=1e-4)
    y = targets.numpy().astype(int)
    flat = average_precision_score(y.ravel(), p.numpy().ravel())
    assert judged["average_precision"] == pytest.approx(flat, rel=1e-4)
    given = p.numpy() >= 0.5
    assert judged["accuracy"] == np.mean((given == y).all(1))
    assert judged["micro_f1"] == pytest.approx(2 * (given & y).sum() / (given.sum() + y.sum()))
    logits = network(batch)
    assert_near(logits.sigmoid(), p, FLOAT32)


def test_the_mean_of_sure_members_is_a_number():
    class Sure(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.rates = {}

        def forward(self, batch):
            return batch.values

    ensemble = ClassifyEnsemble([Sure(), Sure()], multi_label=True).eval()
    logits = torch.tensor([200.0, -200.0, 0.0])
    assert_near(ensemble(PooledBatch(logits, None)), logits, FLOAT32)


def test_a_run_folder_gives_it_back(several, tmp_path):
    several.save(tmp_path / "run")
    again = Classifier.load(tmp_path / "run")
    assert again.decision_ == several.decision_
    assert_near(again.predict_proba(TEXTS), several.predict_proba(TEXTS), SAME)
    assert again.predict(TEXTS).tolist() == several.predict(TEXTS).tolist()


@pytest.mark.parametrize("threshold", ["f1", "accuracy", 0.3])
def test_thresholds_are_of_each_label(threshold):
    model = SMALL["model"] | {"threshold": threshold}
    fitted = Classifier("rnn", **QUICK | {"model": model}, baseline=False).fit(TEXTS, LABELS)
    assert len(fitted.decision_.thresholds) == 3
    if threshold == 0.3:
        assert fitted.decision_.thresholds == (0.3,) * 3
    given = fitted.predict_proba(TEXTS).astype(float) >= fitted.decision_.thresholds
    found = [{fitted.classes_[k] for k in np.flatnonzero(row)} for row in given]
    assert [set(labels) for labels in fitted.predict(TEXTS)] == found


def test_labels_may_be_numbers_sets_arrays_texts_and_columns():
    numbers = {"war": 7, "love": 10, "space": 8}
    options = {"train": {"epochs": 1}, "model": SMALL["model"], "baseline": False}
    as_sets = [{numbers[y] for y in labels} for labels in LABELS]
    fitted = Classifier("rnn", data={"multi_label": True}, **options).fit(TEXTS, as_sets)
    assert fitted.classes_.tolist() == [7, 8, 10]
    given = fitted.predict(TEXTS, threshold=0)[0]
    assert given == (7, 8, 10)
    assert all(type(y) is int for y in given)
    p = fitted.predict_proba(TEXTS)
    arrays = [np.array(sorted(labels), dtype=int) for labels in as_sets]
    frame = pandas.DataFrame({"text": TEXTS, "label": pandas.Series(arrays, dtype=object)})
    again = Classifier("rnn", data={"multi_label": True}, **options).fit(frame)
    assert_near(again.predict_proba(TEXTS), p, SAME)
    joined = [" ; ".join(map(str, labels)) or None for labels in as_sets]
    text = Classifier("rnn", data={"separator": ";"}, **options).fit(TEXTS, joined)
    assert text.classes_.tolist() == ["10", "7", "8"]


def test_a_label_that_would_be_held_out_whole_is_trained_on():
    for seed in range(4):
        texts, labels = [*TEXTS[:50], "a unicorn"], [*LABELS[:50], ["rare"]]
        fitted = Classifier("rnn", **QUICK, seed=seed).fit(texts, labels)
        assert "unicorn" not in fitted.vocabulary_  # it came once, but it was counted
        assert fitted.baseline_.predict(["a unicorn"]) == [("rare",)]


def test_the_baseline_is_one_regression_for_each_label(several):
    fitted = several.baseline_.model
    order = np.concatenate(split_blocks([""] * 300, 0.1, 0))[:270]
    texts, labels = films(300, seed=1)
    x = fitted.features.matrix([texts[i] for i in order])
    for k, name in enumerate(["love", "space", "war"]):
        has = [name in labels[i] for i in order]
        regression = LogisticRegression(C=10, max_iter=1000).fit(x, has)
        p = regression.predict_proba(fitted.features.matrix(TEXTS))[:, 1]
        own = 1 / (1 + np.exp(-several.baseline_.logits(TEXTS)[:, k]))
        assert_near(own, p, 0.05)
    assert several.baseline_.parameters == 3 * (x.shape[1] + 1)


@pytest.mark.parametrize(
    ("labels", "says"),
    [
        ([["a"]] * 4, "two labels, not {'a': 4}"),
        ([["a", None]] * 4, "row 1: the label is missing"),
        ([["a", " "]] * 4, "row 1: the label is empty"),
        ([["a"], ["b"], [["c"]], []], "row 3: the label is a list, not a text"),
        ([["0.5"], ["1"], ["2"], []], "is not an integer"),
        (np.eye(4), r"an array of shape \(4, 4\) is not a list of labels"),
    ],
)
def test_bad_labels_are_refused_in_a_line(labels, says):
    with pytest.raises(DataError, match=says):
        Classifier("rnn", **QUICK).fit(TEXTS[:4], labels)


def test_lists_without_the_setting_are_refused_with_its_name():
    with pytest.raises(DataError, match=r"row 1: the label is a list.*data\.multi_label = true"):
        Classifier("rnn").fit(TEXTS, LABELS)


def test_an_unknown_label_is_refused_by_evaluate_and_wrong_for_score(several):
    films = ["the old kiss film", "the old guns film"]
    with pytest.raises(DataError, match=r"^text 2: its label 'new' is not .* love, space, war$"):
        several.evaluate(films, [["love"], ["war", "new"]])
    assert several.score(films, [["love"], ["war", "new"]]) == 0.5
    with pytest.raises(ConfigError, match="from 0 to 1"):
        several.predict(TEXTS, threshold=-1)
