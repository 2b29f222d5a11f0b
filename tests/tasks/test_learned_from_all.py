"""A linear model that learned from the validation part in the end, and what is told of it."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from every import assert_near
from ostinato import Classifier, Regressor
from ostinato.data import LabelColumn, read_labelled, split_blocks
from ostinato.tasks.base.summary import learned_from
from ostinato.tasks.classify.baseline import fit_baseline
from ostinato.tasks.classify.held_out import ClassifyHeldOut
from ostinato.tasks.regress.held_out import RegressHeldOut
from ostinato.train import Run
from tolerances import SAME

QUICK = {"model": {"hidden": 2, "embedding": 2}, "train": {"epochs": 1, "threads": 1}}
SHARE = 0.3


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def noise(count=60, seed=0, sums=False):
    """Series, the sum of each or labels that nothing tells, and a file of both."""
    random = np.random.default_rng(seed)
    signals = random.normal(size=(count, 12)).round(3)
    labels = signals.sum(1).tolist() if sums else random.choice(["a", "b"], count).tolist()
    rows = [f"{','.join(map(str, x))}:{y}" for x, y in zip(signals, labels, strict=True)]
    head = "@targetLabel true" if sums else "@classLabel true a b"
    name = f"{seed}.ts"
    with open(name, "w", encoding="utf-8") as file:
        file.write("\n".join([head, "@data", *rows]) + "\n")
    return read_labelled(name, label=LabelColumn("target", numeric=sums))["train"]


def of_words(count=60):
    """Texts whose labels nothing tells, and a file of them."""
    random = np.random.default_rng(0)
    rows = [
        f"{' '.join(random.choice(list('pqrstuvw'), 9))},{y}"
        for y in random.choice(["a", "b"], count)
    ]
    with open("0.csv", "w", encoding="utf-8") as file:
        file.write("\n".join(["text,label", *rows]) + "\n")
    return read_labelled("0.csv")["train"]


def trained(kind, examples, run="run", **model):
    options = QUICK | {"model": QUICK["model"] | model, "data": {"validation": SHARE}}
    return kind("rnn", **options).fit(examples, run=Run.create(run))


def test_of_series_it_is_fitted_on_all_of_them():
    examples = noise()
    both = trained(Classifier, examples)
    kept, held = map(examples.select, split_blocks(examples.labels, SHARE, 0))
    mixed = kept.joined(held)
    whole = fit_baseline(mixed.texts, mixed.labels, ["a", "b"], None)
    said = both.linear_.model.logits(mixed.texts)
    assert_near(said, whole.logits(mixed.texts), SAME)
    # what is told is of the one that was fitted on the training part
    assert both.linear_.model.accuracy(held.texts, held.labels) == 1
    accuracy = both.baseline_.accuracy(held.texts, held.labels)
    assert both.linear_.accuracy == both.baseline_accuracy_ == accuracy < 0.8


@pytest.mark.parametrize("kind", ["series", "model.linear"])
def test_a_classifier_is_judged_by_its_own_data_as_before(kind):
    examples, model = (noise(), {}) if kind == "series" else (of_words(), {"linear": 2})
    name = "0.ts" if kind == "series" else "0.csv"
    both = trained(Classifier, examples, **model)
    loaded = Classifier.load("run")
    judge = ClassifyHeldOut.read(name, loaded, Run("run"))
    held = judge.examples
    assert loaded.score(held.texts, held.labels) > 0.9  # they were learned from
    found = judge.judge(loaded)
    assert judge.biased
    assert found["accuracy"] == both.together_.accuracy < 0.8
    assert loaded.score(held.texts, held.labels) > 0.9  # and it goes on answering so


def test_a_regressor_is_judged_by_its_own_data_as_before():
    both = trained(Regressor, noise(sums=True))
    loaded = Regressor.load("run")
    judge = RegressHeldOut.read("0.ts", loaded, Run("run"))
    known = loaded.evaluate(judge.examples.texts, judge.examples.labels).rmse
    found = judge.judge(loaded)["rmse"]
    assert found == pytest.approx(both.together_.rmse, rel=1e-5)
    assert found > 1.5 * known


def test_runs_from_before_are_as_they_were():
    """Their linear model knows the training part alone."""
    examples = noise()
    both = trained(Classifier, examples, "new")
    both.model_.linear = replace(both.linear_, model=both.baseline_)
    both.save("old")
    old = Classifier.load("old")
    assert_near(old.predict_proba(examples.texts), both.predict_proba(examples.texts), SAME)
    judge = ClassifyHeldOut.read("0.ts", old, Run("new"))
    assert judge.judge(old)["accuracy"] == old.score(judge.examples.texts, judge.examples.labels)


def test_a_validation_file_is_left_to_measure_by():
    examples, held = noise(), noise(20, 1)
    apart = Classifier("rnn", **QUICK, data={"validation": "1.ts"})
    apart.fit(examples, run=Run.create("run"))
    assert apart.linear_.model is apart.baseline_
    judge = ClassifyHeldOut.read("1.ts", apart, Run("run"))
    assert judge.biased
    assert judge.fingerprint() == held.fingerprint()
    assert judge.judge(apart)["accuracy"] == apart.together_.accuracy


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("sha256", "was trained on these data"), ("extra_sha256", "was trained on these data"),
        ("validation_sha256", "chose the best epoch"), ("vectors_sha256", None),
    ],
)  # fmt: skip
def test_data_that_were_learned_from_are_told(name, said):
    run = SimpleNamespace(manifest=SimpleNamespace(data={name: "a"}))
    assert [note.text for note in learned_from(run, "b")] == []
    assert [said in note.text for note in learned_from(run, "a")] == ([True] if said else [])
