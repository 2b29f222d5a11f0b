"""Exams against the same thing done in the plainest way."""

import math

import numpy as np
import pytest
import torch

from ostinato.data import Examples
from ostinato.observe.gradient_flow import held_out_flow
from ostinato.tasks.classify.estimator import Classifier
from ostinato.tasks.classify.held_out import ClassifyHeldOut
from ostinato.tasks.classify.settings import ClassifySettings
from ostinato.tasks.generate.estimator import Generator
from ostinato.tasks.generate.held_out import GenerateHeldOut
from ostinato.tasks.generate.network import GenerateBatch
from ostinato.tasks.generate.settings import GenerateSettings

SMALL = {"hidden": 6, "embedding": 5}
TEXT = "to be, or not to be: that is the question.\n" * 30


@pytest.fixture(scope="module")
def classifier():
    texts = [f"a {word} film {k}" for k in range(12) for word in ("good", "bad")]
    labels = ["pos", "neg"] * 12
    model = Classifier("gru", model=SMALL, train={"epochs": 2, "lr": 0.02}, baseline=False)
    return model.fit(texts, labels)


@pytest.fixture(scope="module")
def generator():
    return Generator("lstm", model=SMALL | {"alone": True}, train={"epochs": 1}).fit(TEXT)


def test_texts_are_right_or_wrong(classifier):
    examples = Examples(["a good film", "bad", "a bad one", "fine"], ["pos", "neg", "pos", "neg"])
    judged = ClassifyHeldOut(examples).judge(classifier)
    probabilities = classifier.predict_proba(examples.texts)
    predicted = [classifier.classes_[k] for k in probabilities.argmax(1)]
    right = [int(p == y) for p, y in zip(predicted, examples.labels, strict=True)]
    assert judged["scores"] == right
    assert judged["accuracy"] == np.mean(right)
    assert judged["confidence"] == pytest.approx(probabilities.max(1).tolist(), abs=1e-6)
    assert np.trace(judged["confusion"]) == sum(right)


def test_blocks_of_a_text_one_symbol_after_the_other(generator):
    text = TEXT[:200]
    judged = GenerateHeldOut(text).judge(generator)
    symbols = generator.vocabulary_.encode(list(text))
    blocks = 200 // 32
    length = 199 // blocks
    assert len(judged["scores"]) == blocks
    with torch.no_grad():
        for k, score in enumerate(judged["scores"]):
            state, total = None, 0.0
            for i in range(k * length, (k + 1) * length):
                symbol = GenerateBatch(torch.tensor([[symbols[i]]]))
                logits, state = generator.network_(symbol, state)
                total -= logits[0, 0].log_softmax(-1)[symbols[i + 1]].item()
            assert score == pytest.approx(total / length, abs=1e-4)
    assert judged["nats"] == pytest.approx(np.mean(judged["scores"]))
    assert judged["bits"] == pytest.approx(judged["nats"] / math.log(2))


def test_baselines_are_judged_by_the_same_examples(classifier):
    exam = ClassifyHeldOut(Examples(["a good film", "a bad film"], ["pos", "neg"]))
    texts = [f"a {word} film {k}" for k in range(12) for word in ("good", "bad")]
    found = exam.baseline(ClassifySettings(), (texts, ["pos", "neg"] * 12))
    assert found["scores"] == [1, 1]
    assert found["accuracy"] == 1.0


def test_a_table_knows_what_it_has_seen(generator):
    exam = GenerateHeldOut(TEXT[:400])
    found = exam.baseline(GenerateSettings(), (TEXT,))
    assert len(found["scores"]) == len(exam.judge(generator)["scores"])
    assert found["nats"] < 0.2 < exam.judge(generator)["nats"]


def test_a_network_is_known_as_it_was_before_training(classifier):
    before = classifier.untrained()
    again = classifier.untrained()
    weights = zip(before.parameters(), again.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in weights)
    trained = classifier.network_.recurrent.weight_hh_l0
    assert not torch.equal(before.recurrent.weight_hh_l0, trained)


@pytest.mark.parametrize("task", ["classifier", "generator"])
def test_gradients_come_back(task, classifier, generator):
    if task == "classifier":
        model, exam = classifier, ClassifyHeldOut(Examples(["a good film"], ["pos"]))
        count, states = 3, {"h"}
    else:
        model, exam, count, states = generator, GenerateHeldOut(TEXT[:70]), 34, {"h", "c"}
    flow = held_out_flow(exam, model, model.network_)
    assert set(flow) == states
    assert len(flow["h"]) == count
    assert all(size > 0 for size in flow["h"])
